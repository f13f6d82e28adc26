"""Reconnects, infrared switches, lamps and reloads with a detector that errs at each of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import (
    U8,
    CameraId,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Phase,
    Pixels,
    Region,
)
from edge_agent.events import Governor
from edge_agent.geometry import BBox, FrameSize
from edge_agent.pipeline import CameraPipeline
from edge_agent.pipeline.stages import Extras, build_pipeline
from edge_agent.pipeline.usual import UsualWatch

CAMERA = CameraId("gate")
FPS = 4
SIZE = FrameSize(160, 90)
GHOST = BBox(0.7, 0.2, 0.1, 0.5)
#: The detector errs for so long after each unrest, on every picture.
ERRS_S = 1.5
#: Then somebody comes, for so long, and the next unrest follows.
COMES_S, STAYS_S, CYCLE_S = 5.0, 4.0, 15.0


class Picture:
    def __init__(self, luma: U8) -> None:
        self._luma = luma

    @property
    def size(self) -> FrameSize:
        return SIZE

    def luma(self) -> U8:
        return self._luma

    def bgr(self) -> U8:
        return np.dstack([self._luma] * 3)


class World:
    """A yard whose light changes, and a detector that takes the change for somebody."""

    candidate_threshold, confirm_threshold = 0.3, 0.5

    def __init__(self, *, governed: bool, budget: int = 0) -> None:
        rng = np.random.default_rng(3)
        self._day = rng.integers(60, 190, (SIZE.height, SIZE.width)).astype(np.uint8)
        self._night = rng.integers(20, 240, (SIZE.height, SIZE.width)).astype(np.uint8)
        self._lamp = np.zeros_like(self._day)
        self._lamp[:, : SIZE.width * 45 // 100] = 60
        self._is_night = self._is_lit = False
        self.at_s, self._errs_until_s, self.person = 1000.0, 0.0, False
        self._ids = itertools.count()
        new_id = lambda label, at_s: EventId(f"{label}-{next(self._ids)}")  # noqa: E731
        self._new_id = new_id
        self.governor = Governor(CAMERA, new_id, budget) if governed else None
        self.events: list[Event] = []
        self.pipeline = self._built()

    def _built(self) -> CameraPipeline:
        camera = CameraConfig(id=CAMERA, source=FileSource(path=""))
        extras = Extras()
        if self.governor is not None:
            extras = Extras(governor=self.governor, usual=UsualWatch(CAMERA, self._new_id))
        return build_pipeline(camera, self, self._new_id, extras)

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        found = []
        if self.person:
            found.append(Detection(self._where, 0.9))
        if self.at_s < self._errs_until_s:
            found.append(Detection(GHOST, 0.8))
        return found

    @property
    def _where(self) -> BBox:
        return BBox(0.1 + 0.05 * ((self.at_s - self._came_s) % 5), 0.2, 0.12, 0.6)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            self.at_s += 1 / FPS
            luma = (self._night if self._is_night else self._day).copy()
            if self._is_lit:
                luma = np.clip(luma.astype(np.int16) + self._lamp, 0, 255).astype(np.uint8)
            if self.person:
                box = self._where
                left, right = (round(x * SIZE.width) for x in (box.x, box.x + box.w))
                luma[
                    round(box.y * SIZE.height) : round((box.y + box.h) * SIZE.height), left:right
                ] = 255
            analysis = self.pipeline.update(Frame(CAMERA, self.at_s, Picture(luma)))
            self.events += analysis.events

    def unrest(self, kind: str) -> None:
        if kind == "reconnect":
            self.events += self.pipeline.close(EndReason.CAMERA_LOST, self.at_s)
            self.at_s += 3.0
        elif kind == "infrared":
            self._is_night = not self._is_night
        elif kind == "lamp":
            self._is_lit = not self._is_lit
        elif kind == "reload":
            state = self.pipeline.carry_over()
            self.pipeline = self._built()
            self.pipeline.resume(state, offset_s=0.0)
            self.pipeline.forget_background()  # its masks were edited
            if self.governor is not None:
                self.governor.unsettle(self.at_s)
        self._errs_until_s = self.at_s + ERRS_S

    def cycle(self, kind: str) -> None:
        """An unrest, then somebody who is really there."""
        self.unrest(kind)
        self.run(COMES_S)
        self._came_s, self.person = self.at_s, True
        self.run(STAYS_S)
        self.person = False
        self.run(CYCLE_S - COMES_S - STAYS_S)

    def starts(self) -> Counter[str]:
        """People told, by who they were."""
        begun = [e for e in self.events if (e.label, e.phase) == (Label.PERSON, Phase.START)]
        return Counter("ghost" if event.bbox and event.bbox.x > 0.6 else "real" for event in begun)


CYCLES = {"reconnect": 50, "infrared": 50, "lamp": 50, "reload": 10}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CYCLES)
def test_no_unrest_is_a_person_and_nobody_is_missed_afterwards(kind: str) -> None:
    world = World(governed=True)
    world.run(20.0)
    for _ in range(CYCLES[kind]):
        world.cycle(kind)
    assert world.starts() == {"real": CYCLES[kind]}


@pytest.mark.parametrize("kind", CYCLES)
def test_without_the_governor_each_would_be_told(kind: str) -> None:
    world = World(governed=False)
    world.run(20.0)
    for _ in range(3):
        world.cycle(kind)
    assert world.starts()["ghost"] >= 2


@pytest.mark.parametrize("kind", CYCLES)
def test_who_was_there_through_it_is_told_after_it(kind: str) -> None:
    """Somebody sets off the lamp, or stands there when the camera comes back."""
    world = World(governed=True)
    world.run(20.0)
    world.unrest(kind)
    world._came_s, world.person = world.at_s, True
    world.run(6.0)
    assert world.starts() == {"real": 1}
    (start,) = (e for e in world.events if (e.label, e.phase) == (Label.PERSON, Phase.START))
    assert start.at_s - world._came_s < 4.0


def test_a_light_that_flickers_for_ever_holds_off_half_of_the_time_at_most() -> None:
    world = World(governed=True)
    world.run(20.0)
    for _ in range(30):
        world._is_lit = not world._is_lit
        world._came_s, world.person = world.at_s, True
        world.run(1.5)
    assert world.starts()["real"] >= 1


def test_an_open_event_goes_on_through_all_of_it() -> None:
    world = World(governed=True)
    world.run(20.0)
    world._came_s, world.person = world.at_s, True
    world.run(4.0)
    world.unrest("infrared")
    world.run(3.0)
    people = [event for event in world.events if event.label is Label.PERSON]
    assert [event.phase for event in people][:1] == [Phase.START]
    assert Phase.END not in [event.phase for event in people]
