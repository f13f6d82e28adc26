"""The health stage: does this camera still see what it is there to see?

    pixels -> look -> faults of this look -> a fault that holds for 40 s is raised,
              and cleared once it has hardly held for 20 s

A few looks decide nothing: rain, headlights, somebody at the lens and a lorry pass by.
While all is well each second look is a glance: it has all but the view, and that is looked at,
too, where the coarse contours changed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence

import cv2
import msgspec
import numpy as np

from edge_agent.domain import U8, Pixels, SampledPixels
from edge_agent.health.faults import (
    ASPECT_OF,
    Aspect,
    Fault,
    Suspicion,
    covered_in_other_light,
    seen_alone,
    seen_beside,
)
from edge_agent.health.look import (
    Glance,
    PictureFigures,
    Sharpness,
    look_closer,
    still_tiles,
    take_glance,
)
from edge_agent.health.reference import Beside, Reference
from edge_agent.health.reference_state import ReferenceState
from edge_agent.health.vote import HealthChange, Vote

#: So often a picture is looked at; keyframes of an idle camera come about as often.
LOOK_EVERY_S = 1.0
#: While all is well: it costs an idle camera, and is soon enough for a fault that has to last.
CALM_LOOK_EVERY_S = 8.0
#: The view of a calm camera is looked at this often at least: what no glance shows has to last for
#: 40 s afterwards, and is to be told within a minute.
_VIEW_EVERY_S = 17.0
#: Correlation of the coarse contours with the usual ones: with a larger fall no glance is enough;
#: what is found well all the same becomes as usual within some looks.
_AS_ALIKE, _FOLLOWS = 0.05, 0.25
#: A camera that is turned in the first minute is being set up: its new view is believed after this.
_YOUNG_GIVES_WAY_S = 300.0
#: Two looks further apart than this have nothing to do with each other.
_GAP_S = 30.0
#: Colour costs a conversion, so it is looked at this seldom.
_COLOUR_EVERY_S, _CALM_COLOUR_EVERY_S = 10.0, 24.0
#: A picture is grey where B, G and R differ by less than this, levels, but for so much of it: a
#: coloured caption. Grey paint or cloth before the lens leaves colour beside it.
_GREY_LEVELS, _CAPTION = 6, 0.02
#: But a coloured thing before a camera that shows grey is not daylight, which colours nearly all.
_COLOUR_LEVELS, _MOST = 2, 0.75
#: By so much green outdoes blue and red where chroma was lost.
_GREEN_LEVELS = 60


class WatchState(msgspec.Struct, frozen=True, array_like=True):
    """What is kept: references by light. Faults are found anew within a minute."""

    references: dict[str, ReferenceState]


class PictureHealth:
    """Implements `pipeline.HealthStage` for one camera. Owned by one thread, deterministic."""

    def __init__(self, ignored: Collection[Fault] = ()) -> None:
        self.ignored = frozenset(ignored)
        self._references: dict[str, Reference] = {}
        self._votes = {aspect: Vote() for aspect in Aspect}
        self._before: U8 | None = None  # the sample of the look before
        #: Beside what the view was found well, and how alike it was of late.
        self._viewed: tuple[Reference, float] | None = None
        self._glanced, self._unlearned_s = False, 0.0  # at the look before, and for how long
        self._looked_s = self._coloured_s = -math.inf
        self._light = "colour"
        self._green_frac = 0.0
        self._doubtful = self._calm = self._coloured_in_doubt = False
        self._sharp: Sharpness | None = None
        self._sharp_of: Reference | None = None
        self._sharp_is_old = False  # of the look before

    @property
    def raised(self) -> tuple[Fault, ...]:
        """What is wrong now."""
        return tuple(vote.raised for vote in self._votes.values() if vote.raised is not None)

    @property
    def looked_s(self) -> float:
        """When it was looked at last."""
        return self._looked_s

    @property
    def doubtful(self) -> bool:
        """Whether the newest look showed a fault, raised or not."""
        return self._doubtful

    @property
    def night_view(self) -> bool:
        """Whether the picture is grey, as under infrared light."""
        return self._light == "grey"

    def update(self, pixels: Pixels, at_s: float) -> Sequence[HealthChange]:
        """Look, if it is time to; at most once in `LOOK_EVERY_S`, seldom while all is well."""
        dt_s = at_s - self._looked_s
        if dt_s < (CALM_LOOK_EVERY_S if self._calm else LOOK_EVERY_S) or (
            len(self.ignored) == len(Fault) and not self.raised
        ):
            return ()
        luma = pixels.luma()
        glance = take_glance(luma)
        gap = dt_s > _GAP_S
        still = 0.0
        if self._before is not None and not gap:
            still = still_tiles(glance.sample, self._before)
        self._looked_s, self._before = at_s, glance.sample
        self._see_colour(pixels, at_s)
        look = None if self._is_as_before(glance, dt_s) else look_closer(glance)
        reference = self._references[self._light] if look is None else self._reference(look)
        smear = max(0.0, glance.smear_frac - reference.smear_frac)
        suspicions = seen_alone(glance, still, self._green_frac, smear)
        suspicions[Aspect.VIEW] = Suspicion(None)
        beside = None
        if look is not None:
            beside = reference.beside(look)
            self._see_sharpness(reference, luma)
            if all(suspicions[each].fault is None for each in (Aspect.LIGHT, Aspect.CODING)):
                suspicions[Aspect.VIEW] = self._view(look, beside)
        if gap:
            for vote in self._votes.values():
                vote.looks.clear()
        changes = [
            change
            for aspect, suspicion in suspicions.items()
            for change in self._votes[aspect].cast(self._minded(suspicion), at_s)
        ]
        fine = all(suspicion.fault is None for suspicion in suspicions.values())
        self._doubtful = not fine or bool(self.raised)
        self._calm = not self._doubtful and not reference.young
        self._glanced = look is None
        if look is None or beside is None:
            self._unlearned_s += dt_s
            return changes
        if fine:
            self._find_well(reference, look)
        if fine and not gap and not self.raised:
            reference.learn(look, beside, self._sharp, dt_s + self._unlearned_s)
        elif self._gives_way(reference, at_s):
            self.accept()
        self._unlearned_s = 0.0
        return changes

    def _find_well(self, reference: Reference, look: PictureFigures) -> None:
        alike = reference.coarse_alike(look)
        if self._viewed is not None and self._viewed[0] is reference:
            alike = self._viewed[1] + (alike - self._viewed[1]) * _FOLLOWS
        self._viewed = reference, alike

    def _is_as_before(self, glance: Glance, dt_s: float) -> bool:
        """Whether the view need not be looked at: it was, at the look before, and is as alike."""
        if self._viewed is None or not self._calm or self._glanced or 2 * dt_s > _VIEW_EVERY_S:
            return False
        reference, alike = self._viewed
        if reference is not self._references.get(self._light) or not reference.fits(glance):
            return False
        return reference.coarse_alike(glance) >= alike - _AS_ALIKE

    def _view(self, look: PictureFigures, beside: Beside) -> Suspicion:
        reference = self._reference(look)
        if reference.young:  # what covers a lens makes the picture grey, too
            for other in self._references.values():
                if other is not reference and not other.young and other.fits(look):
                    return covered_in_other_light(other.compare(look, other.beside(look), None))
        if reference.known:
            return seen_beside(reference.compare(look, beside, self._sharp))
        return Suspicion(None)

    def _see_sharpness(self, reference: Reference, luma: U8) -> None:
        """In doubt at every other look: it changes slowly, and costs as much as half of a look.
        `_sharp` is of the reference's places; None: it has none yet."""
        if not reference.places:
            self._sharp = None
        elif self._calm or self._sharp_of is not reference or self._sharp_is_old:
            self._sharp, self._sharp_of = reference.sharpness(luma), reference
            self._sharp_is_old = False
        else:
            self._sharp_is_old = True

    def _gives_way(self, reference: Reference, at_s: float) -> bool:
        """Whether a move of the first minute is old enough to be meant."""
        view = self._votes[Aspect.VIEW]
        if view.raised is not Fault.MOVED or not reference.young:
            return False
        return at_s - view.since_s >= _YOUNG_GIVES_WAY_S

    def _minded(self, suspicion: Suspicion) -> Suspicion:
        return Suspicion(None) if suspicion.fault in self.ignored else suspicion

    def go_on(self, raised: Mapping[Fault, float]) -> None:
        """The film goes on at moment 0, a look after the newest one, with these faults raised,
        each since a moment of the new timeline."""
        shift_s = self._looked_s + LOOK_EVERY_S
        if math.isfinite(shift_s):
            self._looked_s -= shift_s
            self._coloured_s -= shift_s
        for aspect, vote in self._votes.items():
            if math.isfinite(shift_s):
                vote.looks = deque((when - shift_s, each) for when, each in vote.looks)
            vote.raised, vote.since_s = None, math.nan
            for fault, since_s in raised.items():
                if ASPECT_OF[fault] is aspect:
                    vote.raised, vote.since_s = fault, since_s

    def close(self, at_s: float) -> Sequence[HealthChange]:
        """The source is gone: nobody can say whether its faults go on."""
        changes = [
            HealthChange(vote.raised, False, vote.since_s, at_s, 0.0, 0.0)
            for vote in self._votes.values()
            if vote.raised is not None
        ]
        self._votes = {aspect: Vote() for aspect in Aspect}
        self._before, self._looked_s = None, -math.inf
        self._viewed, self._glanced = None, False
        return changes

    def accept(self) -> None:
        """What is seen now is as it should be: learn it anew."""
        self._references.clear()
        self._sharp = self._sharp_of = None

    def state(self) -> bytes:
        """The references of this camera, some 60 kB each."""
        known = {
            light: reference.state()
            for light, reference in tuple(self._references.items())
            if reference.known
        }
        return msgspec.msgpack.encode(WatchState(known))

    def restore(self, data: bytes) -> None:
        """Raises ValueError or msgspec.MsgspecError for what is no such state."""
        state = msgspec.msgpack.decode(data, type=WatchState)
        self._references = {
            light: Reference.restored(each) for light, each in state.references.items()
        }

    def _reference(self, look: PictureFigures) -> Reference:
        reference = self._references.get(self._light)
        if reference is None or not reference.fits(look):
            reference = self._references[self._light] = Reference.begun(look)
        return reference

    def _see_colour(self, pixels: Pixels, at_s: float) -> None:
        due_s = _CALM_COLOUR_EVERY_S if self._calm else _COLOUR_EVERY_S
        news = self._doubtful and not self._coloured_in_doubt  # green, or another light?
        if at_s - self._coloured_s < due_s and not news:
            return
        self._coloured_s, self._coloured_in_doubt = at_s, self._doubtful
        few = pixels.sample_bgr() if isinstance(pixels, SampledPixels) else pixels.bgr()[::8, ::8]
        blue, green, red = cv2.split(few)
        others = cv2.max(blue, red)
        spread = cv2.subtract(cv2.max(others, green), cv2.min(cv2.min(blue, red), green))
        if self._light == "colour":
            grey = np.count_nonzero(spread >= _GREY_LEVELS) < _CAPTION * spread.size
            self._light = "grey" if grey else "colour"
        elif np.count_nonzero(spread > _COLOUR_LEVELS) > _MOST * spread.size:
            self._light = "colour"
        lost = cv2.subtract(green, others) > _GREEN_LEVELS
        self._green_frac = np.count_nonzero(lost) / spread.size
