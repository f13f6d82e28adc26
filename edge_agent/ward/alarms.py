"""Complaints about one thing are one complaint: counted, with its first and its last moment.

A box that sends nonsense, by a fault or by ill will, sends it for days: it must fill neither
the log nor the database nor the screen.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

#: The same trouble of the same box is told again after this long, with how often it came.
TELL_EVERY_S = 60.0
#: After so long without, it is a new trouble: a row of its own.
QUIET_S = 3600.0
#: Boxes and kinds remembered at a time; more are told as if they were new.
_MOST = 4096


@dataclass(frozen=True, slots=True)
class WardAlarm:
    """Something a person should look at. `count` times since it was told last."""

    source: str
    kind: str
    text: str
    count: int = 1


@dataclass(slots=True)
class _Told:
    at_s: float
    untold: int = 0


class AlarmDamper:
    """Says which alarms to tell, and how often each came meanwhile. Seconds are monotonic."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()

    def tell(self, alarm: WardAlarm, now_s: float) -> WardAlarm | None:
        """The alarm with its count; None: it was told a moment ago, and is only counted."""
        key = (alarm.source, alarm.kind)
        told = self._told.get(key)
        if told is not None and now_s - told.at_s < TELL_EVERY_S:
            told.untold += 1
            return None
        count = 1 + (told.untold if told is not None else 0)
        self._told[key] = _Told(now_s)
        self._told.move_to_end(key)
        if len(self._told) > _MOST:
            self._told.popitem(last=False)
        return WardAlarm(alarm.source, alarm.kind, alarm.text, count)
