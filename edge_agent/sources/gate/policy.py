"""Can this stream be gated? Decided from its keyframes, while it runs.

Looking at keyframes only, a visit is seen for sure when it lasts longer than the time between
two of them. Recall of visits that take 0.8 to 1.2 s was measured at 100 % for keyframes each
second, 88 % for 2 s and 81 % for 4 s; above that, or where a "smart codec" stretches the
interval as long as nothing moves, keyframes say too little and everything is decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from edge_agent.sources.gate.words import PacketFact

GOOD_KEY_INTERVAL_S = 1.5
POOR_KEY_INTERVAL_S = 4.0
_SLACK_S = 0.15
#: Longer than the usual interval by this factor: the camera varies it.
_VARIES = 1.8
_MEASURED_INTERVALS = 3
_REMEMBERED_INTERVALS = 8
#: One long interval counts for so long: smart codecs shorten it while something moves, and a
#: lost keyframe does not disable the gate for good.
FULL_FOR_S = 300.0
#: A step in the camera's clock, not an interval between keyframes.
_JUMP_S = 60.0

_FIX = "set the camera's I-frame interval to 1 s and switch its smart codec (H.264+, H.265+) off"


class Policy(StrEnum):
    MEASURING = "measuring"
    KEYS = "keyframes"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How a stream is treated, why, and what to set at the camera ('' when all is well)."""

    policy: Policy
    reason: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.policy}: {self.reason}{advice}"


MEASURING = GatePlan(Policy.MEASURING, "the stream is being measured")
PICTURELESS = GatePlan(
    Policy.FULL,
    "a keyframe alone gave no picture: damaged on its way, or the camera refreshes little by "
    "little (intra refresh)",
    "set the camera's I-frame interval to 1 s and switch intra refresh off",
)
SWITCHED_OFF = GatePlan(Policy.FULL, 'every packet is decoded, because gate = "off"')


def plan_for(intervals_s: Sequence[float], *, all_intra: bool = False) -> GatePlan:
    """The plan for a stream with these times between keyframes."""
    if all_intra:
        return GatePlan(Policy.KEYS, "every packet is a keyframe; one a second is looked at")
    longest_s, usual_s = max(intervals_s), median(intervals_s)
    if longest_s <= GOOD_KEY_INTERVAL_S + _SLACK_S:
        return GatePlan(Policy.KEYS, f"a keyframe every {usual_s:.1f} s")
    if longest_s > POOR_KEY_INTERVAL_S + _SLACK_S:
        return GatePlan(Policy.FULL, f"a keyframe only every {longest_s:.1f} s", _FIX)
    if longest_s > _VARIES * usual_s:
        return GatePlan(
            Policy.FULL, f"the time between keyframes varies up to {longest_s:.1f} s", _FIX
        )
    return GatePlan(
        Policy.KEYS,
        f"a keyframe every {usual_s:.1f} s; visits shorter than that may be missed",
        "an I-frame interval of 1 s would be better",
    )


class GopWatch:
    """Measures a stream's keyframes and keeps its plan up to date. Fed every packet."""

    def __init__(self) -> None:
        self._intervals_s: deque[float] = deque(maxlen=_REMEMBERED_INTERVALS)
        self._lengths: deque[int] = deque(maxlen=_REMEMBERED_INTERVALS)
        self._key_s: float | None = None
        self._since_key = 0
        self._full: tuple[float, GatePlan] | None = None  # since when on the stream's time
        self.plan = MEASURING

    @property
    def all_intra(self) -> bool:
        return len(self._lengths) >= _MEASURED_INTERVALS and max(self._lengths) == 1

    def add(self, fact: PacketFact) -> None:
        if self._key_s is not None and not -2.0 <= fact.pts_s - self._key_s < _JUMP_S:
            self._key_s = None  # the camera set its clock
        if fact.is_key:
            self._key(fact.pts_s)
        self._since_key += 1
        if self._key_s is not None:
            overdue_s = fact.pts_s - self._key_s
            if overdue_s > POOR_KEY_INTERVAL_S + _SLACK_S:
                self._hold(fact.pts_s, plan_for([overdue_s]))
        self._settle(fact.pts_s)

    def pictureless(self, pts_s: float) -> None:
        """The keyframe at `pts_s` could not be decoded alone."""
        self._hold(pts_s, PICTURELESS)
        self.plan = PICTURELESS

    def _key(self, pts_s: float) -> None:
        if self._key_s is not None:
            self._intervals_s.append(pts_s - self._key_s)
            self._lengths.append(self._since_key)
            if len(self._intervals_s) >= _MEASURED_INTERVALS:
                plan = plan_for(self._intervals_s, all_intra=self.all_intra)
                if plan.policy is Policy.FULL:
                    self._hold(pts_s, plan)
                self.plan = plan
        self._key_s, self._since_key = pts_s, 0

    def _hold(self, pts_s: float, plan: GatePlan) -> None:
        self._full = (pts_s, plan)

    def _settle(self, pts_s: float) -> None:
        if self._full is None:
            return
        since_s, plan = self._full
        if 0 <= pts_s - since_s < FULL_FOR_S:
            self.plan = plan
        else:
            self._full = None
