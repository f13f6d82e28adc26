"""Says of a replayed clip who was not told, what held them back, and what would have told them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.geometry import BBox
from edge_agent.tools.tuning.sentences import said
from edge_agent.tools.tuning.words import (
    changes_of,
    closing_lines,
    is_unexplained,
    keys_of,
    reason_text,
    weektime,
)

if TYPE_CHECKING:
    from edge_agent.pipeline.change import Change
    from edge_agent.pipeline.minutes import UnlookedMinute
    from edge_agent.pipeline.untold import Untold
    from edge_agent.pipeline.why import Why


def print_untold(untold: Untold, camera: CameraConfig, time_zone: str) -> None:
    """One line each, after the table of events, in the person's language."""
    if not untold.whys and not untold.minutes:
        print(said("  nobody was seen who was not told"))
    for why in untold.whys:
        if not is_unexplained(why):
            print(said("  " + line_of(why, camera)))
    for line in closing_lines(untold.whys, untold.together, "CAMERA", time_zone):
        print(said("  " + line))
    for minute in untold.minutes:
        print(said("  " + _minute_line(minute)))


def print_untold_json(clip: Path, untold: Untold, camera: CameraConfig) -> None:
    """One object a line, after the payloads; none of them is a payload (they have `data`)."""
    for why in untold.whys:
        print(json.dumps({"untold": {"clip": clip.name, **why_object(why, camera)}}))
    for minute in untold.minutes:
        found = msgspec.to_builtins(minute)
        print(json.dumps({"not_looked_at": {"clip": clip.name, **found}}))


def drawn_untold(untold: Untold, camera: CameraConfig) -> dict[float, list[tuple[BBox, str]]]:
    """What is drawn at each moment: where they were, their score, and what held them back."""
    drawn: dict[float, list[tuple[BBox, str]]] = {}
    for why in untold.whys:
        reason = " + ".join(keys_of(why, camera)) or "not looked at"
        for seen in why.miss.sightings:
            drawn.setdefault(seen.at_s, []).append((seen.bbox, f"{seen.score:.2f} {reason}"))
    return drawn


def line_of(why: Why, camera: CameraConfig, when: str = "") -> str:
    """`untold 0:04.0-0:10.0  best 0.85  ...`; `when` in place of the recording's own time."""
    miss = why.miss
    when = when or f"{clip_time(miss.first_s)}-{clip_time(miss.last_s)}"
    profile = f"{why.profile}  " if why.profile else ""
    return f"untold {when}  {profile}best {miss.best.score:.2f}  {reason_text(why, camera)}"


def _minute_line(minute: UnlookedMinute) -> str:
    begin = clip_time(minute.begin_s)
    changed = f"{minute.moved} of {minute.pictures} pictures moved, at most "
    changed += f"{minute.most_changed_frac:.5f} of the picture changed"
    return (
        f"not looked at {begin}-{clip_time(minute.begin_s + 60)}  {minute.held_back_by} ({changed})"
    )


def why_object(why: Why, camera: CameraConfig) -> dict[str, Any]:
    """For programs."""
    measured = why.measured
    return {
        "from_s": round(why.miss.first_s, 3),
        "to_s": round(why.miss.last_s, 3),
        "looked_at": any(sighting.looked for sighting in why.miss.sightings),
        "best_score": round(measured.best_score, 3),
        "nth_score": round(measured.nth_score, 3),
        "looks": measured.looks,
        "candidate_threshold": measured.candidate_threshold,
        "confirm_threshold": measured.confirm_threshold,
        "height_frac": round(measured.height_frac, 3),
        "foot": [round(value, 3) for value in measured.foot],
        "time": weektime(measured.weekminute),
        "held_back_by": keys_of(why, camera),
        "changes": [change_object(change) for change in changes_of(why, camera)],
        **({"profile": why.profile} if why.profile else {}),
    }


def change_object(change: Change) -> dict[str, Any]:
    found = msgspec.to_builtins({"key": change.key, "from": change.before, "to": change.value})
    assert isinstance(found, dict)
    return found


def clip_time(seconds: float) -> str:
    """`2:03.4` on the clip's own time."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
