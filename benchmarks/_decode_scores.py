"""What a run saw of what was planted: recall, delay, start times, false alarms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scenes.activity import Transit
from benchmarks.scenes.encode import Clip
from edge_agent.geometry import BBox

#: A picture belongs to a visit with this tolerance: less than half of the body shows then.
EDGE_S = 0.3
#: A visit that lasts this much longer than the time between keyframes is always on one.
SURE_BEYOND_GOP_S = 0.2
#: Alarms this long after a visit or a change of light are its own: trailing shadows, exposure.
AFTER_VISIT_S, AFTER_CHANGE_S, BEFORE_S = 6.0, 20.0, 1.0
#: Motion with shorter pauses is one alarm.
BURST_GAP_S = 4.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """What became of one planted visit."""

    transit: Transit
    delay_s: float | None  # from the visit's start to the stream's moment when it was known
    start_error_s: float | None  # of the motion event that tells of it

    @property
    def seen(self) -> bool:
        return self.delay_s is not None


def _box(transit: Transit, at_s: float, fps: float) -> BBox | None:
    """Where the person is in the picture of that moment."""
    index = round(at_s * fps) - math.ceil(transit.start_s * fps)
    index = min(max(index, 0), len(transit.boxes) - 1)
    box = BBox(*transit.boxes[index])
    return box if box.area_frac > 0 else None


def _shows(look: dict[str, Any], transit: Transit, fps: float) -> bool:
    """Does a motion box or a track of this picture lie on the person?"""
    if not transit.start_s - EDGE_S <= look["at_s"] <= transit.end_s + EDGE_S:
        return False
    box = _box(transit, look["at_s"], fps)
    if box is None:
        return False
    around = box.scaled(1.3)
    found = [*look["moving"], *look["people"]]
    return any(BBox(*each).intersection_frac(around) > 0 for each in found)


def sightings(clip: Clip, run: dict[str, Any]) -> list[Sighting]:
    """One for each visit of the clip, in order."""
    found = []
    for i, transit in enumerate(clip.transits):
        shown = [look for look in run["looks"] if _shows(look, transit, clip.fps)]
        delay_s = min((look["known_s"] for look in shown), default=None)
        before_s = clip.transits[i - 1].end_s + BEFORE_S if i else 0.0
        earliest_s = max(transit.start_s - 2.0, before_s)
        starts = [
            start_s
            for start_s, _ in [*run["motion_starts"], *run["person_starts"]]
            if earliest_s <= start_s <= transit.end_s
        ]
        found.append(
            Sighting(
                transit,
                None if delay_s is None else delay_s - transit.start_s,
                min(starts) - transit.start_s if starts else None,
            )
        )
    return found


def explained(clip: Clip, at_s: float) -> bool:
    """Is there a planted reason for an alarm at that moment?"""
    visits = ((t.start_s - BEFORE_S, t.end_s + AFTER_VISIT_S + clip.gop_s) for t in clip.transits)
    changes = ((s - BEFORE_S, s + AFTER_CHANGE_S) for s in clip.changes_s)
    return any(low <= at_s <= high for low, high in (*visits, *changes))


def false_wakes(clip: Clip, run: dict[str, Any], since_s: float = 0.0) -> int:
    """How often the gate woke for nothing that was planted."""
    count, before = 0, 0
    for tally in run["tallies"]:
        rose, before = tally["wakes"] - before, tally["wakes"]
        if rose > 0 and tally["known_s"] >= since_s and not explained(clip, tally["known_s"]):
            count += rose
    return count


def false_bursts(clip: Clip, run: dict[str, Any], since_s: float = 0.0) -> int:
    """How often motion was seen where none was planted."""
    last_s = -math.inf
    count = 0
    for look in run["looks"]:
        at_s = look["at_s"]
        if not look["moving"] or at_s < since_s or explained(clip, at_s):
            continue
        count += at_s - last_s > BURST_GAP_S
        last_s = at_s
    return count


def decoded_frac(run: dict[str, Any], since_s: float = 0.0) -> float:
    """Share of the packets that were decoded from a moment of the stream on."""
    tallies = [t for t in run["tallies"] if t["known_s"] >= since_s]
    if len(tallies) < 2:
        return math.nan
    packets = tallies[-1]["packets"] - tallies[0]["packets"]
    return (tallies[-1]["decoded"] - tallies[0]["decoded"]) / packets if packets else math.nan


def alone_decoded_frac(clip: Clip, run: dict[str, Any], since_s: float = 0.0) -> float:
    """The same while nothing planted explains it: what leaves, rain and noise cost."""
    decoded = packets = 0
    for before, now in itertools.pairwise(t for t in run["tallies"] if t["known_s"] >= since_s):
        if not (explained(clip, before["known_s"]) or explained(clip, now["known_s"])):
            decoded += now["decoded"] - before["decoded"]
            packets += now["packets"] - before["packets"]
    return decoded / packets if packets else math.nan


def quantile(values: Iterable[float], part: float) -> float:
    """NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


def seen_of(found: Sequence[Sighting]) -> str:
    return f"{sum(s.seen for s in found)}/{len(found)}"


def long_enough(found: Sequence[Sighting], gop_s: float) -> list[Sighting]:
    return [s for s in found if s.transit.length_s >= gop_s + SURE_BEYOND_GOP_S]
