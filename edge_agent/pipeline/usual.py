"""How many people a camera usually tells of, by hour of the week; what is far from it is an event.

`silent`   nobody for so long that it is no chance: turned away, covered at the edge, too dark
`busy`     many more than usual: a crowd, or something that is taken for people

Deterministic; owned by the analysis thread. Two weeks teach it an hour; older ones fade.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from edge_agent.domain import CameraId, EndReason, Event, Health, Label, Phase, Severity
from edge_agent.events import NewEventId

HOURS = 7 * 24
_HOUR_S = 3600.0
#: An hour counts when the camera saw most of it.
_SEEN_S = 3000.0
#: Keyframes alone come every few seconds; a longer gap was not watched.
_LONGEST_STEP_S = 12.0
#: How much a week weighs a week later: after a season the old ways are forgotten.
_FADES = 0.9
#: Weights of an hour that was seen in two weeks.
_KNOWN_WEIGHT = 1.85
#: A single hour of a week is known from few weeks: the same hour of all days counts as so many.
_LIKE_OTHER_DAYS = 4.0
#: Nobody where so many people were to be expected is no chance. Each person who comes begins a new
#: wait, some 40,000 a year: one of them in 160,000 (Poisson: exp(-12)) may be as long by chance.
#: People come in groups, so it is multiplied by how much their number varies.
_SURE = 12.0
_LEAST_SILENCE_S = 3 * _HOUR_S
#: So many standard deviations above what is usual in an hour, and never fewer people than this.
_BUSY_SIGMAS, _CALM_SIGMAS, _LEAST_BUSY = 6.0, 2.0, 20


class _Hour(msgspec.Struct, array_like=True):
    """Faded sums over the weeks."""

    weight: float = 0.0
    people: float = 0.0
    squares: float = 0.0

    def learn(self, people: int) -> None:
        self.weight = self.weight * _FADES + 1
        self.people = self.people * _FADES + people
        self.squares = self.squares * _FADES + people * people


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    hours: list[_Hour]


class UsualWatch:
    """Of one camera, over all its pipelines."""

    def __init__(self, camera: CameraId, new_id: NewEventId) -> None:
        self.paused = False  # the time of day is not known
        self._camera, self._new_id = camera, new_id
        self._hours = [_Hour() for _ in range(HOURS)]
        self._spread = 1.0  # variance of an hour's people as a multiple of their mean
        self._at_s = float("-inf")
        self._slot = -1
        self._seen_s, self._people = 0.0, 0  # of this hour
        self._expected, self._quiet_s = 0.0, 0.0  # since somebody came
        self._came_s: deque[float] = deque()  # within an hour
        self._usual: float | None = None  # people in this hour
        self._usual_before: float | None = None  # and in the one before
        self._open: dict[str, Event] = {}

    def update(self, events: Sequence[Event], at_s: float, weekminute: int) -> list[Event]:
        """Each frame, with what it led to. `weekminute`: since Monday 00:00, local time."""
        step_s = min(max(at_s - self._at_s, 0.0), _LONGEST_STEP_S)
        self._at_s = at_s
        if self.paused:
            return []
        slot = weekminute // 60 % HOURS
        if slot != self._slot:
            self._turn(slot)
        people = sum(_comes(event) for event in events)
        self._people += people
        self._seen_s += step_s
        self._came_s.extend([at_s] * people)
        while self._came_s and at_s - self._came_s[0] > _HOUR_S:
            self._came_s.popleft()
        usual = self._usual
        if people:
            self._expected = self._quiet_s = 0.0
        elif usual is not None:
            self._expected += usual * step_s / _HOUR_S
            self._quiet_s += step_s
        return [*self._silent(at_s), *self._busy(at_s)]

    def close(self, reason: EndReason, at_s: float) -> list[Event]:
        """No pictures come: nobody can say whether it goes on."""
        self._at_s = float("-inf")
        ended = [self._end(kind, reason, at_s) for kind in list(self._open)]
        self._came_s.clear()
        self._expected = self._quiet_s = 0.0
        return ended

    def state(self) -> bytes:
        """What was learned: some 4 kB."""
        return msgspec.msgpack.encode(_Kept(self._hours))

    def restore(self, data: bytes) -> None:
        """Raises ValueError or msgspec.MsgspecError for what is no such state."""
        kept = msgspec.msgpack.decode(data, type=_Kept)
        numbers = [n for hour in kept.hours for n in (hour.weight, hour.people, hour.squares)]
        if len(kept.hours) != HOURS or not all(0 <= number < 1e12 for number in numbers):
            raise ValueError("no state of what is usual")
        self._hours = kept.hours
        self._spread = self._measured_spread()

    def _turn(self, slot: int) -> None:
        """An hour ends. A silence must not become what is usual."""
        if self._slot >= 0 and self._seen_s >= _SEEN_S and "silent" not in self._open:
            self._hours[self._slot].learn(self._people)
            self._spread = self._measured_spread()
        self._slot, self._seen_s, self._people = slot, 0.0, 0
        self._usual, self._usual_before = self._mean(slot), self._mean((slot - 1) % HOURS)

    def _mean(self, slot: int) -> float | None:
        """People in this hour of the week; None: not known yet."""
        hour = self._hours[slot]
        if hour.weight < _KNOWN_WEIGHT:
            return None
        alike = self._hours[slot % 24 :: 24]
        mean = sum(each.people for each in alike) / sum(each.weight for each in alike)
        return (hour.people + _LIKE_OTHER_DAYS * mean) / (hour.weight + _LIKE_OTHER_DAYS)

    def _measured_spread(self) -> float:
        expected = squares = 0.0
        for slot, hour in enumerate(self._hours):
            mean = self._mean(slot)
            if mean is not None:
                people = hour.people / hour.weight
                squares += hour.squares / hour.weight - 2 * mean * people + mean * mean
                expected += mean
        return max(1.0, squares / expected) if expected > 0 else 1.0

    def _silent(self, at_s: float) -> list[Event]:
        if not self._expected and "silent" in self._open:
            return [self._end("silent", EndReason.GONE, at_s)]
        sure = self._expected >= _SURE * self._spread and self._quiet_s >= _LEAST_SILENCE_S
        if "silent" in self._open or not sure:
            return []
        detail = {
            "silent_h": round(self._quiet_s / _HOUR_S, 1),
            "usual_people": round(self._expected, 1),
            "usual_per_h": round(self._usual or 0.0, 2),
        }
        return [self._start("silent", detail, at_s)]

    def _busy(self, at_s: float) -> list[Event]:
        if self._usual is None or self._usual_before is None:
            return []
        usual = max(self._usual, self._usual_before)  # the last sixty minutes are of both
        people, sigma = len(self._came_s), math.sqrt(self._spread * (usual + 1))
        if "busy" in self._open:
            calm = people <= usual + _CALM_SIGMAS * sigma
            return [self._end("busy", EndReason.GONE, at_s)] if calm else []
        limit = max(_LEAST_BUSY, usual + _BUSY_SIGMAS * sigma)
        if people <= limit:
            return []
        detail = {
            "people_in_1h": people,
            "usual_per_h": round(usual, 2),
            "limit_per_h": round(limit, 1),
        }
        return [self._start("busy", detail, at_s)]

    def _start(self, kind: str, detail: Mapping[str, Any], at_s: float) -> Event:
        start = Event(
            event_id=self._new_id(Label.HEALTH, at_s),
            camera=self._camera,
            label=Label.HEALTH,
            phase=Phase.START,
            rev=0,
            at_s=at_s,
            start_s=at_s,
            end_s=None,
            score=0.0,
            top_score=0.0,
            bbox=None,
            health=Health(kind, Severity.WARNING, detail),
        )
        self._open[kind] = start
        return start

    def _end(self, kind: str, reason: EndReason, at_s: float) -> Event:
        start = self._open.pop(kind)
        at_s = max(at_s, start.at_s)
        return replace(start, phase=Phase.END, rev=1, at_s=at_s, end_s=at_s, end_reason=reason)


def _comes(event: Event) -> bool:
    """Somebody new."""
    person = event.label is Label.PERSON and event.phase is Phase.START
    return person and event.continues is None
