"""`edge-agent why`: why nobody was told last night, from the running agent's own ring."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from edge_agent.cli.complaint_unwritten import Unwritten, unwritten
from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR, Config, FolderSource, load_config
from edge_agent.errors import EXIT_OK, ConfigError, ConfigProblem, OperatorError
from edge_agent.foreign_text import printable_json
from edge_agent.language import LANGUAGES, speak
from edge_agent.tools.tuning.words import closing_lines, is_unexplained

if TYPE_CHECKING:
    from edge_agent.agent.untold_ring import RingContents, Settings, WindowRow
    from edge_agent.pipeline.together import Case

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_MOST_S = 7 * _DAY_S
#: Around the moment that somebody complains of: people's watches and memories differ.
_BEFORE_S, _AFTER_S = 600.0, 600.0
#: Each minute is listed in a span of this; of a longer one the sums.
_LISTED_S = 2 * _HOUR_S
_UNITS = {"m": 60.0, "h": _HOUR_S, "d": _DAY_S}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "why",
        help="why nobody was told, asked of the last seven days",
        description="Who was seen and not told, which setting held them back, the smallest change "
        "that would have told them, and what each minute was like. From numbers that the running "
        "agent keeps for seven days; the newest minutes are written every five.",
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
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
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
    unwritten: Unwritten | None
    recorded: bool  # clips of a recorder's folder

    @property
    def hole(self) -> str:
        """Why there may be no record of a time."""
        return "no clip of it was analysed" if self.recorded else "the agent did not run"

    def local(self, utc_s: float) -> dt.datetime:
        return dt.datetime.fromtimestamp(utc_s, self.zone)


@dataclass(frozen=True, slots=True)
class _Answer:
    first_utc_s: float
    last_utc_s: float
    case: Case  # with the settings of then


def _why(arguments: argparse.Namespace) -> int:
    from edge_agent.agent.untold_ring import FOLDER, read_ring
    from edge_agent.tools.tuning.sentences import said

    speak("en" if arguments.json else arguments.lang)
    config = load_config(arguments.config).config
    asked = _asked(config, arguments)
    state_dir = Path(config.box.state_dir)
    try:
        told = read_ring(state_dir, asked.camera, asked.begin_s, asked.end_s, later=asked.recorded)
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
            print(printable_json(line))
    else:
        for text in _lines(told, answers, damaged, asked):
            print(said(text))
    return EXIT_OK


def _asked(config: Config, arguments: argparse.Namespace) -> _Asked:
    """Raises ConfigError for what cannot be asked."""
    cameras = {camera.id: camera for camera in config.cameras}
    if arguments.camera not in cameras:
        fix = "give one of: " + (", ".join(cameras) or "(no camera is configured)")
        raise ConfigError([_problem("--camera", f"is {arguments.camera!r}", fix)])
    recorded = isinstance(cameras[arguments.camera].source, FolderSource)
    zone, now_s = ZoneInfo(config.box.timezone), SystemClock().read().utc_s
    waiting = None
    if not recorded:  # whose minutes come when their clip does
        waiting = unwritten(arguments.config, config.box.state_dir, arguments.camera)
    name = arguments.camera
    if arguments.at is None:
        return _Asked(name, now_s - arguments.last, now_s, zone, waiting, recorded)
    at_s = moment_of(arguments.at, now_s, zone)
    if at_s is None:
        fix = 'give a time of day, as 22:14, or "2026-11-26 22:14", within the last seven days'
        raise ConfigError([_problem("--at", f"is {arguments.at!r}", fix)])
    begin_s, end_s = at_s - _BEFORE_S, min(now_s, at_s + _AFTER_S)
    return _Asked(name, begin_s, end_s, zone, waiting, recorded)


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
    """The smallest changes are looked for now. Raises as `cases_of`."""
    from edge_agent.pipeline.untold_watch import OwnThresholds, cases_of

    own = OwnThresholds(settings.own_candidate, settings.own_confirm)
    begin_s = row.utc_s - row.first_s
    for case in cases_of(row.moments, settings.camera, own, row.profile):
        miss = case.why.miss
        yield _Answer(begin_s + miss.first_s, begin_s + miss.last_s, case)


# --- in words ---------------------------------------------------------------------------


def _lines(
    told: RingContents, answers: Sequence[_Answer], damaged: int, asked: _Asked
) -> Iterator[str]:
    from edge_agent.cli.complaint_minutes import listed_minutes, summed_minutes
    from edge_agent.cli.why import line_of
    from edge_agent.pipeline.together import together

    begin, end = asked.local(asked.begin_s), asked.local(asked.end_s)
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%d %b %H:%M}"
    yield f"{asked.camera}: {begin:%d %b %H:%M} to {last}, {asked.zone.key}"
    for answer in answers:
        if is_unexplained(answer.case.why):
            continue
        first, gone = asked.local(answer.first_utc_s), asked.local(answer.last_utc_s)
        day = f"{first:%d %b} " if begin.date() != end.date() else ""
        when = f"{day}{first:%H:%M:%S}-{gone:%H:%M:%S}"
        yield "  " + line_of(answer.case.why, answer.case.camera, when)
    whys = [answer.case.why for answer in answers]
    several = together([answer.case for answer in answers if answer.case.why.changes])
    for line in closing_lines(whys, several, asked.camera, asked.zone.key):
        yield "  " + line
    if told.minutes and not answers:
        yield "  nobody was seen who was not told"
    listed = asked.end_s - asked.begin_s <= _LISTED_S
    local = asked.local
    yield from (
        listed_minutes(told.minutes, local, asked.hole)
        if listed
        else summed_minutes(told.minutes, local, asked.hole)
    )
    yield from _missing(told, asked)
    left_out = sum(row.left_out for row in told.minutes)
    if left_out:
        times = "once more" if left_out == 1 else f"{left_out} more times"
        yield f"  {times} somebody may have been seen; the ring had no room for it"
    if damaged:
        records = "1 record was" if damaged == 1 else f"{damaged} records were"
        yield f"  {records} damaged and left out"


def _missing(told: RingContents, asked: _Asked) -> Iterator[str]:
    """What is not written yet, and what was never kept."""
    waiting = asked.unwritten
    begin_s = max(asked.begin_s, waiting.from_s) if waiting else asked.end_s
    if waiting and begin_s < asked.end_s:
        when = "once the box's clock is set"
        if waiting.next_s is not None:
            when = f"the next at {asked.local(waiting.next_s):%H:%M}"
        first, last = asked.local(begin_s), asked.local(asked.end_s)
        yield f"  {first:%H:%M}-{last:%H:%M}  not written yet: {when}"
    elif not told.minutes and not told.windows:
        yield f"  no record: {asked.hole}"


# --- for programs -----------------------------------------------------------------------


def _objects(
    told: RingContents, answers: Sequence[_Answer], damaged: int, asked: _Asked
) -> Iterator[dict[str, Any]]:
    from edge_agent.cli.why import change_object, why_object
    from edge_agent.pipeline.together import together

    for answer in answers:
        first, gone = asked.local(answer.first_utc_s), asked.local(answer.last_utc_s)
        found = {"camera": asked.camera, "from": first.isoformat(), "to": gone.isoformat()}
        yield {"untold": found | why_object(answer.case.why, answer.case.camera)}
    for each in together([answer.case for answer in answers if answer.case.why.changes]):
        yield {"together": change_object(each.change) | {"asked": each.asked, "told": each.told}}
    for row in told.minutes:
        plain = {name: getattr(row, name) for name in row.__struct_fields__ if name != "utc_s"}
        yield {"minute": {"from": asked.local(row.utc_s).isoformat(), **plain}}
    if (waiting := asked.unwritten) and max(asked.begin_s, waiting.from_s) < asked.end_s:
        next_s = waiting.next_s
        yield {
            "not_written": {
                "from": asked.local(max(asked.begin_s, waiting.from_s)).isoformat(),
                "to": asked.local(asked.end_s).isoformat(),
                "next": None if next_s is None else asked.local(next_s).isoformat(),
            }
        }
    if damaged:
        yield {"damaged": damaged}
