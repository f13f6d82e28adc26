"""How good settings are, measured by labels, and how sure that is. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from edge_agent.tools.tuning.decision import ToldEvent
from edge_agent.tools.tuning.labels import Interval

#: An event of a visit may begin this much before its label, or end after it.
_SLACK_S = 2.0
#: 95 %, two-sided.
_Z = 1.959964
#: Of so many visits a difference says something.
_FEW, _MANY = 10, 30


@dataclass(frozen=True, slots=True)
class VisitScore:
    """`visits` were labelled, `seen` of them told; `right` of `events` are of a visit.

    `delays_s`: from a visit's begin to its message, of those that were told.
    """

    visits: int
    seen: tuple[bool, ...]
    events: int
    right: int
    delays_s: tuple[float, ...]

    @property
    def recall(self) -> float:
        return sum(self.seen) / self.visits if self.visits else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.events if self.events else 1.0

    @property
    def f1(self) -> float:
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0

    @property
    def delay_s(self) -> float | None:
        """The median; None where nobody was told."""
        return median(self.delays_s) if self.delays_s else None

    def plus(self, other: VisitScore) -> VisitScore:
        """Of both clips."""
        return VisitScore(
            self.visits + other.visits,
            self.seen + other.seen,
            self.events + other.events,
            self.right + other.right,
            self.delays_s + other.delays_s,
        )


NOTHING = VisitScore(0, (), 0, 0, ())


def scored(told: Sequence[ToldEvent], visits: Sequence[Interval]) -> VisitScore:
    """Of one clip."""
    first = [min((e.told_s for e in told if _is_of(e, visit)), default=None) for visit in visits]
    return VisitScore(
        len(visits),
        tuple(each is not None for each in first),
        len(told),
        sum(any(_is_of(event, visit) for visit in visits) for event in told),
        tuple(
            max(0.0, at_s - visit.from_s)
            for at_s, visit in zip(first, visits, strict=True)
            if at_s is not None
        ),
    )


def _is_of(event: ToldEvent, visit: Interval) -> bool:
    return event.start_s <= visit.to_s + _SLACK_S and event.end_s >= visit.from_s - _SLACK_S


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Between which shares the true one lies, 95 times of 100 (Wilson, 1927)."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`index`: of the recommended settings. `level`: none, low, medium or high.

    `kind` and `numbers` are the reason for a page that says it in the reader's language.
    """

    index: int
    level: str
    kind: str
    numbers: Mapping[str, float]

    @property
    def reason(self) -> str:
        """In English."""
        visits = int(self.numbers.get("visits", 0))
        labelled = "one visit is" if visits == 1 else f"{visits} visits are"
        return _REASONS[self.kind].format(labelled=labelled, **self.numbers)


_REASONS = {
    "stays": "nothing tried is better than what holds now",
    "few": "only {labelled} labelled; {few} are few, {many} say much",
    "alone": "the best on {visits} visits; nothing to compare it with",
    "compared": "{better} visits or false alarms better, {worse} worse (sign test: p = {p:.2f})",
}


def recommended(scores: Sequence[VisitScore], current: int | None) -> Recommendation:
    """The best of them; `current`: the settings that hold now, which stay where none is better.

    Of equals the one in the middle of them: what is on the edge falls off it tomorrow.
    """
    best = max(_rank(score) for score in scores)
    equal = [i for i, score in enumerate(scores) if _rank(score) == best]
    if current in equal:
        return Recommendation(current, "none", "stays", {})
    chosen = equal[len(equal) // 2]
    return Recommendation(
        chosen, *_confidence(scores[chosen], scores[current] if current is not None else None)
    )


def _rank(score: VisitScore) -> tuple[float, float, float]:
    return round(score.f1, 6), round(score.recall, 6), -round(score.delay_s or 0.0, 1)


def _confidence(
    chosen: VisitScore, current: VisitScore | None
) -> tuple[str, str, Mapping[str, float]]:
    if chosen.visits < _FEW:
        return "low", "few", {"visits": chosen.visits, "few": _FEW, "many": _MANY}
    if current is None:
        return "medium", "alone", {"visits": chosen.visits}
    better = sum(b and not a for a, b in zip(current.seen, chosen.seen, strict=True))
    worse = sum(a and not b for a, b in zip(current.seen, chosen.seen, strict=True))
    better += max(0, (current.events - current.right) - (chosen.events - chosen.right))
    worse += max(0, (chosen.events - chosen.right) - (current.events - current.right))
    p = _sign_test(better, worse)
    found = {"better": better, "worse": worse, "p": p}
    if p > 0.05:
        return "low", "compared", found
    return ("high" if chosen.visits >= _MANY else "medium"), "compared", found


def _sign_test(better: int, worse: int) -> float:
    """How often a fair coin does that or better."""
    n = better + worse
    return sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n if n else 1.0
