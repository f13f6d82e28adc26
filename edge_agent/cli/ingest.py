"""`edge-agent ingest`: clips of recorders. `ingest status` looks, `ingest FOLDER --once` works."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.cli.signals import stopped_by_signals
from edge_agent.cli.zone_here import zone_here
from edge_agent.clock import SystemClock, rfc3339
from edge_agent.config import (
    DEFAULT_CONFIG_DIR,
    BoxConfig,
    CameraConfig,
    Config,
    DetectorConfig,
    FolderSource,
    IngestConfig,
    MqttConfig,
    load_config,
)
from edge_agent.config.time_zones import BadZone, zone_called
from edge_agent.errors import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    ConfigError,
    ConfigProblem,
    MediaError,
)
from edge_agent.foreign_text import printable, printable_json

if TYPE_CHECKING:
    from edge_agent.contract import EventMessage
    from edge_agent.recorders.ingest.once import OnceResult

_SHOWN_REFUSALS = 20
_SHOWN_CLIPS = 50
_CLIP_STATES = ("waiting", "done", "failed", "gone")
_STATES = ("waiting", "done", "failed", "gone", "refused", "too_old", "nobody")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "ingest",
        help="recorder folders: how far they are, or analyse one now",
        description="`ingest status` tells what became of the files of all recorder folders; it "
        "reads only, also while the agent runs. `ingest FOLDER --once` analyses all clips of a "
        "folder that are not analysed yet, and ends. With --config its events go into the outbox "
        "of the (stopped) agent, which delivers them at its next start; without, they are shown "
        "and forgotten.",
    )
    parser.add_argument("what", metavar="status|FOLDER", help="or a folder (./status if so named)")
    parser.add_argument("--once", action="store_true", help="analyse the folder now, then end")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--config", type=Path, metavar="PATH", help="folder of agent.toml, or agent.toml itself"
    )
    where.add_argument("--state-dir", type=Path, metavar="DIR", help="status: the state directory")
    parser.add_argument("--camera", metavar="ID", help="whose settings to use for FOLDER")
    parser.add_argument("--template", help="how the files are named; see edge-agent probe FOLDER")
    parser.add_argument("--channel", help="analyse only this channel of the tree")
    parser.add_argument("--time-zone", metavar="ZONE", help="of the recorder, as Asia/Ho_Chi_Minh")
    parser.add_argument(
        "--gate", action="store_true", help="decode keyframes only while nothing happens"
    )
    parser.add_argument("--model", metavar="FILE|NAME", help="an ONNX file, or a name of models/")
    parser.add_argument("--json", action="store_true", help="as JSON: figures, or the payloads")
    parser.set_defaults(func=_ingest)


def _ingest(arguments: argparse.Namespace) -> int:
    if arguments.what == "status":
        if arguments.once:
            return _usage("`ingest status` only looks: leave --once out, or write ./status")
        return _status(arguments)
    if not arguments.once:
        return _usage(
            f"give --once to analyse {arguments.what} now; `edge-agent run` watches the folders "
            "of its cameras by itself"
        )
    return _once(arguments)


def _usage(text: str) -> int:
    print(f"edge-agent: {text}", file=sys.stderr)
    return EXIT_USAGE


# --- status -----------------------------------------------------------------------------


def _status(arguments: argparse.Namespace) -> int:
    from edge_agent.recorders.ledger import LedgerReader

    state_dir = arguments.state_dir
    if state_dir is None:
        config = load_config(arguments.config or DEFAULT_CONFIG_DIR).config
        state_dir = Path(config.box.state_dir)
    with LedgerReader(state_dir) as reader:
        cameras = _by_camera(reader.counts(), reader.newest_done_s())
        refused = [
            {"camera": one.camera or "", "file": _shown(one.path), "reason": one.reason}
            for one in reader.refused(_SHOWN_REFUSALS)
        ]
    if arguments.json:
        print(printable_json({"cameras": cameras, "refused": refused}, indent=2))
        return EXIT_OK
    if not cameras:
        print("no file of a recorder was found yet")
        return EXIT_OK
    rows = [[name, *(str(row.get(key, "-")) for key in _COLUMNS)] for name, row in cameras.items()]
    _print_table(("camera", *_COLUMNS), rows)
    for one in refused:
        print(printable(f"  {one['camera'] or '-'}: {one['file']}: {one['reason']}"))
    return EXIT_OK


_COLUMNS = (*_STATES, "newest_done")


def _by_camera(
    counts: Mapping[tuple[str, str], int], newest_s: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    cameras: dict[str, dict[str, Any]] = {}
    for (camera, state), count in sorted(counts.items()):
        row = cameras.setdefault(camera or "(nobody)", dict.fromkeys(_STATES, 0))
        row[state] = count
        if camera in newest_s:
            row["newest_done"] = rfc3339(newest_s[camera])
    return cameras


def _shown(path: Path) -> str:
    from edge_agent.recorders.find import shown_path

    return shown_path(path)


# --- once -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Figures:
    """Of one batch."""

    result: OnceResult
    cpu_s: float
    wall_s: float


def _once(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.what)
    if arguments.time_zone:
        _check_zone(arguments.time_zone)
    if not folder.is_dir():
        print(f"edge-agent: {folder} is no folder", file=sys.stderr)
        return EXIT_FAILED
    if arguments.config is not None:
        config = _configured(load_config(arguments.config).config, folder, arguments)
        return _run_once(config, arguments, trial=False)
    with tempfile.TemporaryDirectory(prefix="edge-agent-ingest-") as state_dir:
        return _run_once(_built_in(folder, state_dir, arguments), arguments, trial=True)


def _run_once(config: Config, arguments: argparse.Namespace, *, trial: bool) -> int:
    from edge_agent.recorders.ingest.once import IngestOnce
    from edge_agent.runtime import StopToken

    stop = StopToken()
    cpu_s, wall_s = time.process_time(), time.monotonic()
    with stopped_by_signals(stop):
        result = IngestOnce(config, SystemClock(), replay=trial).run(stop)
    figures = _Figures(result, time.process_time() - cpu_s, time.monotonic() - wall_s)
    payloads = _payloads(config, result)
    if arguments.json:
        for payload in payloads:
            print(payload.decode())
    else:
        _tell(payloads, figures, stored=not trial)
        _tell_files(result)
    if stop.stopped:
        print("edge-agent: stopped; what is left waits for the next time", file=sys.stderr)
        return EXIT_FAILED
    if not any(result.states.get(state) for state in _CLIP_STATES):
        print("edge-agent: no file there is a clip of these cameras", file=sys.stderr)
        return EXIT_FAILED
    if waiting := result.states.get("waiting"):
        print(f"edge-agent: {waiting} clips still wait: run it again", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _configured(config: Config, folder: Path, arguments: argparse.Namespace) -> Config:
    """The cameras of this folder; or the one that --camera names, for a folder of nobody."""
    here = [
        camera
        for camera in config.cameras
        if isinstance(camera.source, FolderSource)
        and Path(camera.source.path).resolve() == folder.resolve()
        and arguments.camera in (None, camera.id)
    ]
    chosen = here or [one for one in config.cameras if one.id == arguments.camera]
    if not chosen:
        ids = ", ".join(camera.id for camera in config.cameras) or "(no camera is configured)"
        problem = f"no camera has the folder {folder}"
        fix = f"say with --camera whose settings to use: {ids}"
        raise ConfigError([ConfigProblem("command line", "FOLDER", problem, fix)])
    cameras = tuple(_with_source(camera, folder, arguments) for camera in chosen)
    detector = config.detector
    if arguments.model:
        detector = msgspec.structs.replace(detector, model=arguments.model)
    return msgspec.structs.replace(
        config, cameras=cameras, detector=detector, ingest=IngestConfig(cpu_frac=1)
    )


def _built_in(folder: Path, state_dir: str, arguments: argparse.Namespace) -> Config:
    name = arguments.time_zone or zone_here()
    cameras = tuple(
        _with_source(camera, folder, arguments, trial=True)
        for camera in _proposed(folder, name, arguments)
    )
    return Config(
        box=BoxConfig(ward="replay", id="replay", state_dir=state_dir, timezone=name),
        mqtt=MqttConfig(host="localhost"),
        detector=DetectorConfig(model=arguments.model or "auto"),
        ingest=IngestConfig(cpu_frac=1),
        cameras=cameras,
    )


def _proposed(folder: Path, name: str, arguments: argparse.Namespace) -> list[CameraConfig]:
    """The cameras that `probe` finds there, unless the command line says how to read the names;
    `name` is their zone's."""
    from edge_agent.recorders.find.proposal import probe_folder

    if arguments.template or arguments.channel:
        source = FolderSource(path=str(folder), time_zone=name)
        return [CameraConfig(id=arguments.camera or "clips", source=source)]
    try:
        report = probe_folder(folder.absolute(), zone_name=name, zone=zone_called(name))
    except MediaError:
        return [CameraConfig(id=arguments.camera or "clips", source=FolderSource(path=str(folder)))]
    one = len(report.cameras) == 1
    return [
        CameraConfig(
            id=(arguments.camera or "clips") if one else camera_id,
            source=FolderSource(
                path=str(folder),
                template=report.template,
                channel=None if one else channel,
                time_zone=report.zone_name,
            ),
        )
        for channel, camera_id in report.cameras
        if arguments.camera in (None, camera_id) or one
    ]


def _with_source(
    camera: CameraConfig, folder: Path, arguments: argparse.Namespace, *, trial: bool = False
) -> CameraConfig:
    source = camera.source
    if not isinstance(source, FolderSource):
        source = FolderSource(path=str(folder))
    changes = {
        "template": arguments.template or source.template,
        "channel": arguments.channel or source.channel,
        "time_zone": source.time_zone if trial else arguments.time_zone or source.time_zone,
        "gate": "auto" if arguments.gate else source.gate,
    }
    source = msgspec.structs.replace(source, path=str(folder.absolute()), **changes)
    return msgspec.structs.replace(camera, source=source, enabled=True)


def _check_zone(name: str) -> None:
    try:
        zone_called(name)
    except BadZone as error:
        problem = ConfigProblem("command line", "--time-zone", str(error), error.fix)
        raise ConfigError([problem]) from None


def _payloads(config: Config, result: OnceResult) -> list[bytes]:
    from edge_agent.outbox import OutboxReader

    count = result.last_seq - result.first_seq + 1
    with OutboxReader(Path(config.box.state_dir)) as reader:
        rows = reader.rows_between(result.epoch, result.first_seq, result.last_seq, max(count, 1))
    return [row.payload for row in rows] if count else []


def _tell(payloads: Sequence[bytes], figures: _Figures, *, stored: bool) -> None:
    from edge_agent.contract import decode_event

    result = figures.result
    states = ", ".join(f"{result.states[key]} {key}" for key in _STATES if result.states.get(key))
    print(
        f"{states or 'no clips'}; {result.frames} pictures analysed, {result.looks} looked at by "
        f"the detector; {figures.cpu_s:.1f} s of CPU in {figures.wall_s:.1f} s"
    )
    last: dict[str, EventMessage] = {}
    for payload in payloads:
        message = decode_event(payload)
        last[message.event.event_id] = message
    rows = sorted(_row(message) for message in last.values())
    if rows:
        _print_table(("from", "to", "camera", "label", "score", "ended"), rows)
    if stored:
        print(f"{len(payloads)} messages wait in the outbox for the next `edge-agent run`")


def _tell_files(result: OnceResult) -> None:
    """What the time of each clip is taken from, and why files were left out."""
    rows = [
        [
            _moment(clip.start_s),
            str(clip.camera),
            clip.time_source + (", DISPUTED" if clip.disputed else ""),
            _shown(Path(clip.path.name)) + (f": {clip.reason}" if clip.reason else ""),
        ]
        for clip in result.clips[-_SHOWN_CLIPS:]
    ]
    if rows:
        _print_table(("recorded", "camera", "time by", "file"), rows)
    if len(result.clips) > _SHOWN_CLIPS:
        print(f"  and {len(result.clips) - _SHOWN_CLIPS} earlier ones")
    for one in result.left_out:
        print(f"  left out: {_shown(one.path)}: {one.reason}")


def _row(message: EventMessage) -> list[str]:
    event, envelope = message.event, message.envelope
    end_s = envelope.end_utc_s
    return [
        _moment(envelope.start_utc_s),
        "-" if end_s is None else _moment(end_s),
        str(event.camera),
        str(event.label),
        f"{event.top_score:.2f}" if event.label == "person" else "-",
        str(event.end_reason or "open"),
    ]


def _moment(utc_s: float) -> str:
    """In UTC, to a tenth of a second."""
    moment = dt.datetime.fromtimestamp(round(utc_s, 1), dt.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-5] + "Z"


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(printable("  " + "  ".join(cells).rstrip()))
