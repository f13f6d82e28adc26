"""`edge-agent tune CLIP...`: what other settings would tell of a recording."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.complaint import span
from edge_agent.cli.numbers import number, picture_size
from edge_agent.cli.replay import PlaySettings, progress_bar, settings_of
from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR, CameraConfig, load_to_decide
from edge_agent.errors import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    ConfigError,
    ConfigProblem,
    MediaError,
    OperatorError,
)
from edge_agent.foreign_text import printable, printable_json
from edge_agent.language import LANGUAGES, speak

if TYPE_CHECKING:
    from edge_agent.agent.clip_player import ClipPlayer
    from edge_agent.tools.tuning.candidates import Candidate
    from edge_agent.tools.tuning.experiment import Experiment, TuningOutcome
    from edge_agent.tools.tuning.recording import SharedLooks
    from edge_agent.tools.tuning.scenes import Scenes


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "tune",
        help="what other settings would tell of a recording",
        description="Decodes and infers each clip once, and decides about it with other settings: "
        "events gained and lost, each with its reason. Nothing is stored or sent.",
    )
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP")
    parser.add_argument(
        "--recent",
        type=span,
        metavar="SPAN",
        help="the footage that this box kept of the camera, as 24h (docs/zones.md)",
    )
    parser.add_argument("--config", type=Path, metavar="A", help="what holds now; as for replay")
    parser.add_argument("--camera", metavar="ID", help="whose settings, of several cameras")
    parser.add_argument("--against", type=Path, metavar="B", help="other settings, a file as A")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other settings, as person.confirm_threshold=0.4 zones[door].dwell_s=3",
    )
    parser.add_argument(
        "--sweep",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUES",
        help="every combination of motion.sensitivity=0.5:2:0.25 (from:to:step) and "
        "person.confirm_looks=2,3,4",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="when somebody was there: TOML or CSV with from and to, or a MOT gt.txt; gives "
        "precision, recall, delay and a recommended setting",
    )
    parser.add_argument(
        "--report", type=Path, metavar="OUT.html", help="one page to look at, also offline"
    )
    parser.add_argument("--json", action="store_true", help="one document, the same for the same")
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.add_argument("--model", metavar="FILE|NAME", help="as for replay")
    parser.add_argument("--input-size", type=picture_size, metavar="WxH", help="as for replay")
    parser.add_argument("--fps", type=number(0.5, 30), help="as for replay (default: 5)")
    parser.set_defaults(func=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    speak("en" if arguments.json else arguments.lang)
    if arguments.against and (arguments.set or arguments.sweep):
        print("edge-agent: --against takes neither --set nor --sweep", file=sys.stderr)
        return EXIT_USAGE
    if arguments.recent is not None:
        arguments.config = arguments.config or DEFAULT_CONFIG_DIR
    settings = settings_of(arguments)
    if arguments.recent is not None:
        arguments.clips += _footage(arguments, settings.camera.id)
    elif not arguments.clips:
        print("edge-agent: name a CLIP, or give --recent SPAN", file=sys.stderr)
        return EXIT_USAGE
    a, trials = _candidates(arguments, settings)

    from edge_agent.agent.clip_player import ClipPlayer
    from edge_agent.detect import OnnxDetector, find_model
    from edge_agent.tools.tuning.experiment import Experiment
    from edge_agent.tools.tuning.labels import read_labels

    labels = read_labels(arguments.labels) if arguments.labels else None
    model = find_model(settings.model, cameras=settings.cameras).at(settings.size)
    detector = OnnxDetector.open(model, threads=settings.threads)

    def player(shared: SharedLooks) -> ClipPlayer:
        clock = SystemClock()
        return ClipPlayer(shared, default_fps=settings.fps, zone=settings.zone, clock=clock)

    experiment = Experiment(detector, player, a, trials, labels)
    scenes = _scenes() if arguments.report else None
    failed = [clip for clip in arguments.clips if not _one(clip, experiment, scenes)]
    if experiment.outcome.recordings:
        _show(experiment.outcome, arguments)
        if scenes is not None:
            from edge_agent.tools.tuning.report import write_report

            write_report(arguments.report, experiment.outcome, scenes, detector)
    return EXIT_FAILED if failed else EXIT_OK


def _footage(arguments: argparse.Namespace, camera: str) -> list[Path]:
    """What the box kept of the camera since then. Raises OperatorError where there is nothing."""
    from edge_agent.media.footage import recent_footage

    state_dir = Path(load_to_decide(arguments.config).config.box.state_dir)
    since_utc_s = SystemClock().read().utc_s - arguments.recent
    found = [each.path for each in recent_footage(state_dir, camera, since_utc_s)]
    if not found:
        raise OperatorError(
            f"{state_dir}: no footage of {camera} since then that this user may read; [tuning] "
            f"keep = true keeps some, and edge-agent record {camera} keeps a walk test"
        )
    return found


def _scenes() -> Scenes:
    from edge_agent.tools.tuning.scenes import Scenes

    return Scenes()


def _one(clip: Path, experiment: Experiment, scenes: Scenes | None) -> bool:
    """False when it cannot be read to its end, which does not stop the others."""
    try:
        with progress_bar(clip) as advance:
            if scenes is not None:
                scenes.begin()

            def watch(step: object) -> None:
                from edge_agent.agent.clip_player import PlayedFrame

                assert isinstance(step, PlayedFrame)
                advance(step.progress)
                if scenes is not None:
                    scenes.see(step)

            experiment.add(clip, watch)
    except MediaError as error:
        print(printable(f"edge-agent: {error}", keep="\n"), file=sys.stderr)
        return False
    fault = experiment.outcome.recordings[-1].result.fault
    if fault:
        print(printable(f"edge-agent: {fault}"), file=sys.stderr)
    return fault is None


def _candidates(
    arguments: argparse.Namespace, settings: PlaySettings
) -> tuple[Candidate, list[Candidate]]:
    from edge_agent.tools.tuning.candidates import Candidate, swept, with_changes

    a = Candidate(str(arguments.config or "built-in settings"), settings.camera)
    if arguments.against:
        other = settings_of(argparse.Namespace(**{**vars(arguments), "config": arguments.against}))
        camera = _fitting(other.camera, a.camera, arguments.against)
        return a, [Candidate(str(arguments.against), camera)]
    base = with_changes(a.camera, arguments.set) if arguments.set else a
    if arguments.sweep:
        trials = swept(base.camera, arguments.sweep)
        if arguments.set:
            trials = [replace(each, name=f"{base.name} {each.name}") for each in trials]
        return a, trials
    return a, [base] if arguments.set else []


def _fitting(camera: CameraConfig, a: CameraConfig, path: Path) -> CameraConfig:
    """B with A's name and source. Raises ConfigError where B would see other pictures."""
    import msgspec

    odd = [name for name in ("fps", "privacy_masks") if getattr(camera, name) != getattr(a, name)]
    if camera.source.rotate != a.source.rotate:
        odd.append("source.rotate")
    if odd:
        fix = "one pass decides about the same pictures: replay each of them alone instead"
        raise ConfigError([ConfigProblem(str(path), odd[0], "is another than A's", fix)])
    return msgspec.structs.replace(camera, id=a.id, source=a.source)


def _show(outcome: TuningOutcome, arguments: argparse.Namespace) -> None:
    from edge_agent.cli.tune_view import document, lines

    if arguments.json:
        print(printable_json(document(outcome)))
        return
    from edge_agent.tools.tuning.sentences import said

    for line in lines(outcome):
        print(printable(said(line)))
