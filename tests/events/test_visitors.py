"""Tracker, rules and events together, on drawn scenes seen through a detector's crops."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edge_agent.config.schema import MotionConfig, PersonConfig
from edge_agent.domain import (
    CameraId,
    Detection,
    EndReason,
    Event,
    EventId,
    Lighting,
    Motion,
    Phase,
    Region,
)
from edge_agent.events import EventBook
from edge_agent.geometry import BBox
from edge_agent.rules import RuleEngine
from edge_agent.track import Tracker

Path = Callable[[float], BBox | None]  # where somebody is at a moment; None: not to be seen
CONFIG = PersonConfig()


def detect(
    people: Sequence[BBox], searched: Sequence[BBox], noise: np.random.Generator
) -> list[Detection]:
    """What a detector says: jittery boxes, cut by the crop's edge, one look in ten missed."""
    found = []
    for person, region in itertools.product(people, searched):
        x1, y1 = max(person.x, region.x, 0.0), max(person.y, region.y, 0.0)
        x2, y2 = min(person.x2, region.x2, 1.0), min(person.y2, region.y2, 1.0)
        if x2 <= x1 or y2 <= y1 or (x2 - x1) * (y2 - y1) < 0.4 * person.area_frac:
            continue
        if noise.random() < 0.1:
            continue
        dx, dy, dw, dh = noise.normal(0, 0.03, 4) * (person.w, person.h, person.w, person.h)
        box = BBox.from_corners(x1 + dx, y1 + dy, x2 + dx + dw, y2 + dy + dh)
        found.append(Detection(box, float(noise.uniform(0.55, 0.9))))
    return found


def replay(paths: Sequence[Path], seconds: float, fps: float = 5.0, seed: int = 1) -> list[Event]:
    """Motion regions follow who moved since the last frame; the tracker asks for the rest."""
    noise = np.random.default_rng(seed)
    tracker = Tracker(CONFIG, high_score=0.5)
    rules = RuleEngine(CONFIG, confirm_threshold=0.5)
    numbers = itertools.count(1)
    book = EventBook(
        CameraId("front"), MotionConfig(), CONFIG, lambda *_: EventId(f"event-{next(numbers)}")
    )
    events: list[Event] = []
    before: list[BBox | None] = [None] * len(paths)
    for index in range(round(seconds * fps)):
        at_s = index / fps
        now = [path(at_s) for path in paths]
        moved = [
            Region(box.scaled(1.4).clipped())
            for box, last in zip(now, before, strict=True)
            if box is not None and box != last
        ]
        searched = [region.bbox for region in tracker.look_at(moved, at_s)]
        found = detect([box for box in now if box is not None], searched, noise)
        tracks = tracker.update(found, searched, at_s)
        hits = rules.update(tracks, at_s, 0)
        events += book.update(hits, Motion((), 0.0, Lighting.STEADY), at_s)
        before = now
    return [*events, *book.close_all(EndReason.RESTART, seconds)]


def spans(events: Sequence[Event]) -> list[tuple[float, float]]:
    return [
        (event.start_s, event.end_s)
        for event in events
        if event.phase is Phase.END and event.end_s is not None
    ]


def crossing(start_s: float, seconds: float, *, back: bool = False, y: float = 0.3) -> Path:
    """Walks through the whole picture, entering and leaving by its edges."""

    def path(at_s: float) -> BBox | None:
        share = (at_s - start_s) / seconds
        x = 1.15 * (1 - share if back else share) - 0.1
        bbox = BBox(x, y, 0.1, 0.4)
        return bbox if 0 <= share < 1 and bbox.clipped().area_frac > 0.3 * 0.04 else None

    return path


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_person_who_comes_and_stands_still_for_five_minutes_is_one_event(
    fps: float, seed: int
) -> None:
    def path(at_s: float) -> BBox | None:
        return BBox(min(0.05 + 0.1 * at_s, 0.5), 0.3, 0.1, 0.4) if at_s < 310 else None

    events = replay([path], 330.0, fps, seed)
    ((start_s, end_s),) = spans(events)
    assert start_s <= 1.0
    assert end_s == pytest.approx(310.0, abs=2.0)
    assert events[-1].end_reason is EndReason.GONE


@pytest.mark.parametrize("seed", range(5))
def test_visitors_2_9_s_apart_through_the_same_door_are_an_event_each(seed: int) -> None:
    visits = [crossing(2.0 + 12.9 * number, 10.0) for number in range(4)]
    found = spans(replay(visits, 60.0, seed=seed))
    assert len(found) == 4
    for number, (start_s, end_s) in enumerate(found):
        assert start_s == pytest.approx(2.0 + 12.9 * number, abs=1.5)
        assert end_s == pytest.approx(12.0 + 12.9 * number, abs=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_two_people_crossing_are_two_events(seed: int) -> None:
    people = [crossing(1.0, 12.0), crossing(1.5, 12.0, back=True, y=0.33)]
    assert len(spans(replay(people, 20.0, seed=seed))) == 2


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_behind_a_pillar_is_one_event(seed: int) -> None:
    walk = crossing(1.0, 14.0)
    assert len(spans(replay([lambda t: None if 7.0 <= t < 8.4 else walk(t)], 25.0, seed=seed))) == 1


def test_a_replay_is_deterministic() -> None:
    people = [crossing(1.0, 12.0), crossing(1.5, 12.0, back=True)]
    assert replay(people, 20.0) == replay(people, 20.0)
