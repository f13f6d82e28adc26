"""`edge-agent replay CLIP...`: what the agent would have told about a recording."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent.cli.numbers import number, picture_size
from edge_agent.cli.why import clip_time, drawn_untold, print_untold, print_untold_json
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, Config, FileSource, load_to_decide
from edge_agent.domain import Event, Label, Phase
from edge_agent.errors import (
    EXIT_FAILED,
    EXIT_OK,
    ConfigError,
    ConfigProblem,
    MediaError,
)
from edge_agent.foreign_text import printable
from edge_agent.geometry import BBox, FrameSize

if TYPE_CHECKING:
    from edge_agent.agent.clip_player import ClipPlayer, PayloadWriter, PlayedClip, PlayedFrame

_DEFAULT_FPS = 5.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "replay",
        help="run clips through the pipeline and show the events",
        description="Runs recordings through the same pipeline as `run`, as fast as it goes. "
        "Nothing is stored or sent.",
    )
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help="use these settings: a folder, agent.toml, or one camera's file; broker and source "
        "may be missing (default: built-in settings)",
    )
    parser.add_argument(
        "--camera", metavar="ID", help="whose settings to use, when there are several cameras"
    )
    parser.add_argument(
        "--model", metavar="FILE|NAME", help="an ONNX file with its manifest, or a name of models/"
    )
    parser.add_argument(
        "--input-size", type=picture_size, metavar="WxH", help="of the detector, if it takes others"
    )
    parser.add_argument(
        "--fps", type=number(0.5, 30), help="pictures analysed per second (default: 5)"
    )
    parser.add_argument(
        "--gate",
        action="store_true",
        help="decode as `run` does: keyframes only while nothing happens",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the payloads the ward would get, one a line"
    )
    parser.add_argument(
        "--annotate", type=Path, metavar="OUT.mp4", help="write the clip with what was seen in it"
    )
    parser.add_argument(
        "--why",
        action="store_true",
        help="also show who was seen and not told, which setting held them back, and the "
        "smallest change that would have told them",
    )
    parser.set_defaults(func=_replay)


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """What the clips are replayed with."""

    camera: CameraConfig
    model: str
    size: FrameSize | None  # of the detector's input; None: its own
    threads: int
    cameras: int  # that share the box
    fps: float
    zone: ZoneInfo
    ward: str
    box: str
    cfg_sha: str | None


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.annotate and len(arguments.clips) > 1:
        print("edge-agent: --annotate takes one clip at a time", file=sys.stderr)
        return 2
    settings = settings_of(arguments)

    from edge_agent.agent.clip_player import ClipPlayer, PayloadWriter
    from edge_agent.contract import Sender
    from edge_agent.detect import OnnxDetector, find_model
    from edge_agent.pipeline.stages import thresholds

    model = find_model(settings.model, cameras=settings.cameras).at(settings.size)
    detector = OnnxDetector.open(model, threads=settings.threads)
    clock = SystemClock()
    player = ClipPlayer(
        detector,
        default_fps=settings.fps,
        zone=settings.zone,
        clock=clock,
        gate=arguments.gate,
    )
    sender = Sender(
        settings.ward,
        settings.box,
        cfg_sha=settings.cfg_sha,
        model_name=detector.manifest.name,
        replay=True,
    )
    show = _JsonLines(PayloadWriter(sender, clock)) if arguments.json else _table
    failed = [clip for clip in arguments.clips if not _one(clip, player, settings, arguments, show)]
    if not arguments.json:
        candidate, confirm = thresholds(settings.camera.person, detector)
        print(f"{model.in_words()}: candidates from {candidate:.2f}, told from {confirm:.2f}")
    return EXIT_FAILED if failed else EXIT_OK


def _one(
    clip: Path,
    player: ClipPlayer,
    settings: PlaySettings,
    arguments: argparse.Namespace,
    show: Callable[[Path, PlayedClip, float], None],
) -> bool:
    """One clip; False when it cannot be read to its end, which does not stop the others."""
    camera_id = settings.camera.id if arguments.config else id_of(clip)
    camera = _replaced(settings.camera, id=camera_id)
    begun_s = time.process_time()
    try:
        # Why somebody was not told is known at the end; what is drawn is played again.
        asked = _asked(clip, player, camera) if arguments.why and arguments.annotate else None
        untold = drawn_untold(asked.untold, camera) if asked and asked.untold else None
        with (
            progress_bar(clip) as advance,
            _annotation(arguments.annotate, camera, settings, untold) as draw,
        ):

            def watch(step: PlayedFrame) -> None:
                advance(step.progress)
                draw(step)

            result = player.play(clip, camera, watch, why=arguments.why and asked is None)
        result = asked or result
    except MediaError as error:
        print(printable(f"edge-agent: {error}", keep="\n"), file=sys.stderr)
        return False
    show(clip, result, time.process_time() - begun_s)
    if result.untold:
        if arguments.json:
            print_untold_json(clip, result.untold, camera)
        else:
            print_untold(result.untold, camera, settings.zone.key)
    if result.fault:
        print(printable(f"edge-agent: {result.fault}"), file=sys.stderr)
    return result.fault is None


# --- settings -------------------------------------------------------------------------


def settings_of(arguments: argparse.Namespace) -> PlaySettings:
    """Of --config, --camera, --model, --input-size and --fps. Raises ConfigError."""
    if arguments.config is None:
        camera = CameraConfig(id="replay", source=FileSource(path=""))
        return PlaySettings(
            camera,
            arguments.model or "auto",
            arguments.input_size,
            1,
            1,
            arguments.fps or _DEFAULT_FPS,
            ZoneInfo("UTC"),
            "replay",
            "replay",
            None,
        )
    from edge_agent.config import short_sha

    config = load_to_decide(arguments.config).config
    camera = _camera(config, arguments)
    return PlaySettings(
        camera,
        arguments.model or config.detector.model,
        arguments.input_size or (None if arguments.model else config.detector.input_px),
        config.detector.threads,
        len(config.cameras),
        arguments.fps or camera.fps or config.analysis.fps,
        ZoneInfo(config.box.timezone),
        config.box.ward,
        config.box.id,
        short_sha(config),
    )


def _camera(config: Config, arguments: argparse.Namespace) -> CameraConfig:
    ids = [camera.id for camera in config.cameras]
    if arguments.camera is None and len(ids) == 1:
        chosen = config.cameras[0]
    else:
        found = [camera for camera in config.cameras if camera.id == arguments.camera]
        if not found:
            problem = f"is {arguments.camera!r}" if arguments.camera else "is missing"
            fix = "give one of: " + (", ".join(ids) or "(no camera is configured)")
            raise ConfigError([ConfigProblem("command line", "--camera", problem, fix)])
        chosen = found[0]
    # --fps on the command line outranks the file's.
    return _replaced(chosen, fps=arguments.fps) if arguments.fps else chosen


def _replaced(camera: CameraConfig, **changes: object) -> CameraConfig:
    import msgspec

    return msgspec.structs.replace(camera, **changes)


def id_of(clip: Path) -> str:
    """A camera id made of the clip's name."""
    text = re.sub(r"[^a-z0-9_-]+", "-", clip.stem.lower()).strip("-_")[:32]
    return text or "clip"


# --- while it runs --------------------------------------------------------------------


@contextmanager
def progress_bar(clip: Path) -> Iterator[Callable[[float | None], None]]:
    """A bar on stderr, when somebody looks at it."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(clip.name, total=1.0)
        yield lambda progress: bar.update(task, completed=progress or 0.0)


def _asked(clip: Path, player: ClipPlayer, camera: CameraConfig) -> PlayedClip:
    with progress_bar(clip) as advance:
        return player.play(clip, camera, lambda step: advance(step.progress), why=True)


@contextmanager
def _annotation(
    out: Path | None,
    camera: CameraConfig,
    settings: PlaySettings,
    untold: Mapping[float, Sequence[tuple[BBox, str]]] | None,
) -> Iterator[Callable[[PlayedFrame], None]]:
    if out is None:
        yield lambda step: None
        return
    from edge_agent.tools.annotate import AnnotatedClip

    with AnnotatedClip(
        out,
        fps=settings.fps,
        zones=camera.zones,
        ignored=camera.ignore_zones,
        untold=untold,
    ) as annotated:

        def draw(step: PlayedFrame) -> None:
            annotated.add(step.frame.pixels.bgr(), step.analysis, step.frame.captured_s)

        yield draw


# --- what came out --------------------------------------------------------------------


class _JsonLines:
    """Payloads on stdout, nothing else."""

    def __init__(self, writer: PayloadWriter) -> None:
        self._writer = writer

    def __call__(self, clip: Path, result: PlayedClip, cpu_s: float) -> None:
        for payload in self._writer.payloads(result):
            print(payload.decode())


def _table(clip: Path, result: PlayedClip, cpu_s: float) -> None:
    speed = f", {result.duration_s / cpu_s:.0f}x real time on one core" if cpu_s > 0 else ""
    print(
        f"{printable(clip.name)}: {clip_time(result.duration_s)} min, {result.decoded} pictures "
        f"decoded, {result.frames} analysed, "
        f"{result.looks} looked at by the detector{speed}"
    )
    rows = [_row(events) for events in _by_event(result.events)]
    if not rows:
        print("  no events")
        return
    header: tuple[str, ...] = ("label", "from", "to", "score", "zones", "ended")
    if any(event.profile for event in result.events):
        header += ("profile",)
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))  # noqa: B905 - see header
        print("  " + "  ".join(cells).rstrip())


def _by_event(events: Sequence[Event]) -> list[list[Event]]:
    """Messages grouped by event, in the order in which the events began."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.event_id, []).append(event)
    return sorted(groups.values(), key=lambda group: group[0].start_s)


def _row(messages: Sequence[Event]) -> tuple[str, ...]:
    last = messages[-1]
    ended = last.phase is Phase.END
    return (
        last.label.value,
        clip_time(last.start_s),
        clip_time(last.end_s) if last.end_s is not None else "-",
        f"{last.top_score:.2f}" if last.label is Label.PERSON else "-",
        ",".join(last.zones_entered) or "-",
        str(last.end_reason) if ended and last.end_reason else "open",
        messages[0].profile or "-",
    )
