"""`edge-agent why`: why nobody was told last night, from the running agent's own ring."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR, CameraConfig, Config, FolderSource, load_config
from edge_agent.errors import EXIT_OK, ConfigError, ConfigProblem, OperatorError

if TYPE_CHECKING:
    from edge_agent.agent.untold_ring import MinuteRow, Settings, Told, WindowRow
    from edge_agent.pipeline.why import Why

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_MOST_S = 7 * _DAY_S
#: Around the moment that somebody complains of: people's watches and memories differ.
_BEFORE_S, _AFTER_S = 600.0, 600.0
#: Each minute is listed in a span of this; of a longer one the sums.
_LISTED_S = 2 * _HOUR_S
#: Rows that are further apart than this have a hole between them.
_HOLE_S = 100.0
_UNITS = {"m": 60.0, "h": _HOUR_S, "d": _DAY_S}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "why",
        help="why nobody was told, asked of the last seven days",
        description="Who was seen and not told, which setting held them back, the smallest change "
        "that would have told them, and what each minute was like. From numbers that the running "
        "agent keeps for seven days; it is not asked itself. The newest minutes are missing: they "
        "are written every five.",
    )
    parser.add_argument("--camera", required=True, metavar="ID", help="of the configuration")
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at",
        metavar="TIME",
        help='ten minutes before and after: 22:14 (the last one), or "2026-11-26 22:14"; in the '
        "box's time zone",
    )
    when.add_argument(
        "--last", type=span, metavar="SPAN", default=_DAY_S, help="90m, 24h (default) or 7d"
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="of the agent (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.set_defaults(func=_why)


def span(text: str) -> float:
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= _MOST_S:
        raise argparse.ArgumentTypeError(f"needs minutes, hours or days up to 7d, not {text!r}")
    return seconds


@dataclass(frozen=True, slots=True)
class _Asked:
    camera: str
    begin_s: float
    end_s: float
    zone: ZoneInfo

    def local(self, utc_s: float) -> dt.datetime:
        return dt.datetime.fromtimestamp(utc_s, self.zone)


@dataclass(frozen=True, slots=True)
class _Answer:
    first_utc_s: float
    last_utc_s: float
    camera: CameraConfig  # as it was set then
    why: Why


def _why(arguments: argparse.Namespace) -> int:
    from edge_agent.agent.untold_ring import FOLDER, read_ring

    config = load_config(arguments.config).config
    asked = _asked(config, arguments)
    state_dir = Path(config.box.state_dir)
    try:
        told = read_ring(state_dir, asked.camera, asked.begin_s, asked.end_s)
    except OSError as error:
        raise OperatorError(
            f"{state_dir / FOLDER}: {error.strerror}; it is the agent's and root's: sudo "
            "edge-agent why"
        ) from error
    answers: list[_Answer] = []
    damaged = told.damaged
    for row, settings in told.windows:
        try:
            answers += _answers(row, settings)
        except (ValueError, struct.error):
            damaged += 1
    answers.sort(key=lambda answer: answer.first_utc_s)
    if arguments.json:
        for line in _objects(told, answers, damaged, asked):
            print(json.dumps(line, ensure_ascii=False))
    else:
        for text in _lines(told, answers, damaged, asked):
            print(text)
    return EXIT_OK


def _asked(config: Config, arguments: argparse.Namespace) -> _Asked:
    """Raises ConfigError for what cannot be asked."""
    cameras = {camera.id: camera for camera in config.cameras}
    if arguments.camera not in cameras:
        fix = "give one of: " + (", ".join(cameras) or "(no camera is configured)")
        raise ConfigError([_problem("--camera", f"is {arguments.camera!r}", fix)])
    if isinstance(cameras[arguments.camera].source, FolderSource):
        fix = "its clips are still there: edge-agent replay --why --config PATH CLIP"
        raise ConfigError([_problem("--camera", "is a recorder's folder", fix)])
    zone, now_s = ZoneInfo(config.box.timezone), SystemClock().read().utc_s
    if arguments.at is None:
        return _Asked(arguments.camera, now_s - arguments.last, now_s + 1, zone)
    at_s = moment_of(arguments.at, now_s, zone)
    if at_s is None:
        fix = 'give a time of day, as 22:14, or "2026-11-26 22:14", within the last seven days'
        raise ConfigError([_problem("--at", f"is {arguments.at!r}", fix)])
    return _Asked(arguments.camera, at_s - _BEFORE_S, at_s + _AFTER_S, zone)


def _problem(key: str, found: str, fix: str) -> ConfigProblem:
    return ConfigProblem("command line", key, found, fix)


def moment_of(text: str, now_s: float, zone: ZoneInfo) -> float | None:
    """UTC seconds of a local time; of a time of day alone the last one; None: there is none."""
    now = dt.datetime.fromtimestamp(now_s, zone)
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            time = dt.time.fromisoformat(text if text.index(":") == 2 else f"0{text}")
            days: Sequence[dt.date] = [now.date() - dt.timedelta(days=back) for back in range(3)]
        else:
            given = dt.datetime.fromisoformat(text)
            time, days = given.time(), [given.date()]
            if given.tzinfo is not None:
                return _within(given.timestamp(), now_s)
    except ValueError:
        return None
    # Where clocks are set back the same time comes twice, where they are set forward never.
    moments = [
        dt.datetime.combine(day, time, zone).replace(fold=fold).timestamp()
        for day in days
        for fold in (0, 1)
    ]
    return _within(max((m for m in moments if m <= now_s), default=now_s + 1), now_s)


def _within(moment_s: float, now_s: float) -> float | None:
    return moment_s if now_s - _MOST_S - _DAY_S <= moment_s <= now_s else None


def _answers(row: WindowRow, settings: Settings) -> Iterator[_Answer]:
    """The smallest changes are looked for now. Raises as `whys_of`."""
    from edge_agent.pipeline.untold_watch import OwnThresholds, whys_of

    own = OwnThresholds(settings.own_candidate, settings.own_confirm)
    for why in whys_of(row.moments, settings.camera, own):
        begin_s = row.utc_s - row.first_s
        yield _Answer(begin_s + why.miss.first_s, begin_s + why.miss.last_s, settings.camera, why)


# --- in words ---------------------------------------------------------------------------


def _lines(told: Told, answers: Sequence[_Answer], damaged: int, asked: _Asked) -> Iterator[str]:
    from edge_agent.cli.why import line_of

    begin, end = asked.local(asked.begin_s), asked.local(asked.end_s)
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%d %b %H:%M}"
    yield f"{asked.camera}: {begin:%d %b %H:%M} to {last}, {asked.zone.key}"
    if not told.minutes and not answers:
        yield "  no record: the agent did not run, or is younger than that"
    for answer in answers:
        first, gone = asked.local(answer.first_utc_s), asked.local(answer.last_utc_s)
        day = f"{first:%d %b} " if begin.date() != end.date() else ""
        when = f"{day}{first:%H:%M:%S}-{gone:%H:%M:%S}"
        yield "  " + line_of(answer.why, answer.camera, when)
    if told.minutes and not answers:
        yield "  nobody was seen who was not told"
    listed = asked.end_s - asked.begin_s <= _LISTED_S
    yield from _listed(told.minutes, asked) if listed else _summed(told.minutes, asked)
    left_out = sum(row.left_out for row in told.minutes)
    if left_out:
        yield f"  {left_out} more times somebody may have been seen; the ring had no room for them"
    if damaged:
        yield f"  {damaged} records were damaged and are left out"


def _listed(minutes: Sequence[MinuteRow], asked: _Asked) -> Iterator[str]:
    """Minutes that are alike in one line, and holes."""
    from edge_agent.agent.minute_reason import in_words

    for begin_s, end_s, row in _stretches(minutes):
        words = "no record: the agent did not run" if row is None else in_words(row) or "told"
        yield f"  {asked.local(begin_s):%H:%M}-{asked.local(end_s):%H:%M}  {words}"


def _summed(minutes: Sequence[MinuteRow], asked: _Asked) -> Iterator[str]:
    """How many minutes of each kind, and each stretch in which nothing could be seen."""
    from edge_agent.agent.minute_reason import Reason, in_words

    counts = Counter(row.reason for row in minutes)
    if counts:
        kinds = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        yield f"  {len(minutes)} minutes: {kinds}"
    blind = (Reason.NO_CAMERA, Reason.OVERLOADED, Reason.GATE)
    for begin_s, end_s, row in _stretches(minutes):
        if row is None or row.reason in blind:
            words = "no record: the agent did not run" if row is None else in_words(row)
            yield f"  {asked.local(begin_s):%d %b %H:%M}-{asked.local(end_s):%H:%M}  {words}"


def _stretches(
    minutes: Sequence[MinuteRow],
) -> Iterator[tuple[float, float, MinuteRow | None]]:
    """Begin, end and all of it as one row; None: a hole."""
    begin_s, whole = 0.0, None
    end_s = 0.0
    for row in minutes:
        hole = whole is not None and row.utc_s - end_s > _HOLE_S - 60
        if whole is not None and (hole or not _are_alike(whole, row)):
            yield begin_s, end_s, whole
            whole = None
        if hole:
            yield end_s, row.utc_s, None
        if whole is None:
            begin_s, whole = row.utc_s, row
        else:
            whole = _joined(whole, row)
        end_s = row.utc_s + 60.0
    if whole is not None:
        yield begin_s, end_s, whole


def _are_alike(one: MinuteRow, other: MinuteRow) -> bool:
    return one.reason == other.reason and one.keyframes_only == other.keyframes_only


def _joined(one: MinuteRow, other: MinuteRow) -> MinuteRow:
    return msgspec.structs.replace(
        one,
        pictures=one.pictures + other.pictures,
        looks=one.looks + other.looks,
        moved=one.moved + other.moved,
        dropped=one.dropped + other.dropped,
        left_out=one.left_out + other.left_out,
        changed_frac=max(one.changed_frac, other.changed_frac),
        best_score=max(one.best_score, other.best_score),
    )


# --- for programs -----------------------------------------------------------------------


def _objects(
    told: Told, answers: Sequence[_Answer], damaged: int, asked: _Asked
) -> Iterator[dict[str, Any]]:
    from edge_agent.cli.why import why_object

    for answer in answers:
        first, gone = asked.local(answer.first_utc_s), asked.local(answer.last_utc_s)
        found = {"camera": asked.camera, "from": first.isoformat(), "to": gone.isoformat()}
        yield {"untold": found | why_object(answer.why)}
    for row in told.minutes:
        plain = {name: getattr(row, name) for name in row.__struct_fields__ if name != "utc_s"}
        yield {"minute": {"from": asked.local(row.utc_s).isoformat(), **plain}}
    if damaged:
        yield {"damaged": damaged}
