"""Which detector for so many cameras: the best one that the box can afford. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.detect.automatic import PREFERENCE
from edge_agent.geometry import FrameSize, Letterbox
from edge_agent.tools.trial.cost import Cost

#: People that are this much smaller in the input than at the model's own size make it another
#: model: measured, but not recommended.
MIN_DETAIL = 0.6
#: How AP goes with detail. yolox-nano keeps .95 of its AP at .62 of its own detail, and lwpd wins
#: .02 to .06 at 1.3 times its own (benchmarks/models.md).
_AP_POWER = 0.1
_MAX_DETAIL = 1.3
#: How high a standing person must be in the input to be confirmed, more or less: of those of 24
#: to 32 px yolox-nano and lwpd confirm .8 to .9, of 16 to 24 px .5 to .8, of fewer hardly any
#: (PETS, benchmarks/models.md).
PERSON_PX = 24.0
#: What cameras send: the detail of an input is how large it shows such a picture.
_CAMERA = FrameSize(1280, 720)


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the box at its busiest: every camera sees something at once.

    One inference per analysed picture (its regions share it). Decoding and motion
    come on top, and while nothing moves there is none.
    """

    cameras: int = 4
    fps: float = 5.0
    core_share: float = 0.5  # of one core
    person_frac: float = 0.0  # height of people at their farthest, as a share of the frame's

    @property
    def inferences_per_s(self) -> float:
        return self.cameras * self.fps

    @property
    def budget_ms(self) -> float:
        """CPU time that one inference may take."""
        return 1000 * self.core_share / self.inferences_per_s

    def share_of(self, cost: Cost) -> float:
        """Of one core, while all cameras see something."""
        return cost.cpu_ms * self.inferences_per_s / 1000


@dataclass(frozen=True, slots=True)
class Advice:
    """`affordable` False: nothing fits, `cost` is merely the cheapest. None: nothing is here."""

    cost: Cost | None
    affordable: bool
    reason: str


def advise(costs: Sequence[Cost], load: Load) -> Advice:
    """The most accurate one within the budget, as far as accuracy is known."""
    if not costs:
        return Advice(None, False, "no detector is installed")
    far_seeing = [c for c in costs if not load.person_frac or smallest_frac(c) <= load.person_frac]
    if not far_seeing:
        reason = f"none fits: people of {load.person_frac:.0%} of the height are too small for all"
        return Advice(None, False, reason)
    within = [c for c in far_seeing if c.cpu_ms <= load.budget_ms and detail_of(c) >= MIN_DETAIL]
    if not within:
        cheapest = min(far_seeing, key=lambda cost: cost.cpu_ms)
        times = load.budget_ms / cheapest.cpu_ms
        reason = (
            f"none fits: the cheapest is enough for {load.cameras * times:.1f} cameras, or for "
            f"{load.fps * times:.1f} pictures a second of each"
        )
        return Advice(cheapest, False, reason)
    best = max(within, key=_worth)
    return Advice(best, True, _reason(best))


def detail_of(cost: Cost) -> float:
    """How large people are in the input, compared with the model's own size."""
    own = Letterbox.fit(_CAMERA, cost.own_size).scale
    return Letterbox.fit(_CAMERA, cost.size).scale / own


def smallest_frac(cost: Cost) -> float:
    """Height of the smallest person found in a whole 16:9 frame, as a share of the frame's.

    Crops around what moves show people up to twice as large as they are in the frame.
    """
    return PERSON_PX / Letterbox.fit(_CAMERA, cost.size).content.height


def expected_ap(cost: Cost) -> float | None:
    """As measured at the model's own size, estimated at others; None: never measured."""
    ap = cost.model.manifest.ap
    return None if ap is None else ap * min(detail_of(cost), _MAX_DETAIL) ** _AP_POWER


def _worth(cost: Cost) -> tuple[float, int, float, float]:
    """Accuracy, then the order of preference, then detail, then cheapness."""
    name = cost.model.manifest.name
    rank = PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE)
    return expected_ap(cost) or 0.0, -rank, detail_of(cost), -cost.cpu_ms


def _reason(cost: Cost) -> str:
    ap = expected_ap(cost)
    if ap is None:
        return "by the order of preference: how good it is was never measured"
    how = "measured" if cost.size == cost.own_size else "estimated from its own size"
    return f"the most accurate one within the budget (AP {ap:.2f}, {how})"
