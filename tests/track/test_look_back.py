"""Whom a keyframe showed first is followed back to where they came in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import Detection, Track
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.track import Tracker

Place = Callable[[float], BBox | None]  # where somebody is at a moment
KEY_S, NEXT_S = 10.0, 10.2
STANDING = BBox(0.6, 0.3, 0.08, 0.4)


def walking(at_s: float) -> BBox | None:
    """Comes in by the left edge at 7.4 s."""
    return BBox(0.1 * (at_s - 7.4), 0.4, 0.06, 0.3) if at_s > 7.35 else None


def standing(at_s: float) -> BBox | None:
    return STANDING


def hidden_for(seconds: float) -> Place:
    return lambda at_s: None if 8.5 < at_s < 8.5 + seconds else walking(at_s)


def seen(*people: Place, at_s: float, tracker: Tracker) -> list[Detection]:
    """What a detector finds in the regions that the tracker asks for."""
    regions = tracker.look_back_at(at_s)
    boxes = [box for person in people if (box := person(at_s)) is not None]
    return [
        Detection(box, 0.9)
        for box in boxes
        if any(box.intersection_frac(r.bbox) > 0.9 * box.area_frac for r in regions)
    ]


def recalled(tracker: Tracker, *people: Place, backwards: bool = False) -> list[Track]:
    """Keyframes at 6 and 10 s; then what lies between them; then the next picture."""
    for at_s in (6.0, KEY_S):
        boxes = [box for person in people if (box := person(at_s)) is not None]
        tracker.update([Detection(box, 0.9) for box in boxes], [FULL_FRAME], at_s)
    moments = [round(6.2 + i / 5, 1) for i in range(19)]
    for at_s in reversed(moments) if backwards else moments:
        tracker.look_back(seen(*people, at_s=at_s, tracker=tracker), at_s)
    return list(tracker.update([], [], NEXT_S))


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(PersonConfig(), high_score=0.5)


@pytest.mark.parametrize("backwards", [False, True])
def test_begins_when_they_came_in(tracker: Tracker, backwards: bool) -> None:
    (track,) = recalled(tracker, walking, backwards=backwards)
    assert track.first_s == pytest.approx(7.4)
    assert track.first_bbox.x == pytest.approx(0.0, abs=1e-6)
    assert track.seen_s == KEY_S


def test_who_was_known_before_the_keyframe_is_not_looked_for(tracker: Tracker) -> None:
    tracker.update([Detection(STANDING, 0.9)], [FULL_FRAME], 6.0)
    tracker.update([Detection(STANDING, 0.9)], [FULL_FRAME], KEY_S)
    assert tracker.look_back_at(8.0) == []


def test_who_stood_there_before_is_not_taken_for_the_newcomer(tracker: Tracker) -> None:
    def beside(at_s: float) -> BBox | None:
        """Steps out from behind the one who stands there, half a second before the keyframe."""
        return BBox(0.55, 0.3, 0.08, 0.4) if at_s > 9.5 else None

    tracks = {round(t.first_s, 1) for t in recalled(tracker, standing, beside)}
    assert tracks == {6.0, 9.6}


@pytest.mark.parametrize(("hidden_s", "first_s"), [(0.4, 7.4), (1.2, 9.8)])
def test_short_gaps_are_bridged_long_ones_are_not(
    tracker: Tracker, hidden_s: float, first_s: float
) -> None:
    (track,) = recalled(tracker, hidden_for(hidden_s))
    assert track.first_s == pytest.approx(first_s, abs=0.21)


def test_a_weak_detection_begins_nobody_but_leads_to_who_is_sure(tracker: Tracker) -> None:
    """A post that scores a little stands where they came by; before that they are half hidden."""
    tracker.update([], [FULL_FRAME], 6.0)
    tracker.update([Detection(STANDING, 0.9)], [FULL_FRAME], KEY_S)
    for i in range(19):
        at_s = 6.2 + i / 5
        score = 0.9 if at_s > 9.5 or 8.3 < at_s < 8.7 else 0.2
        tracker.look_back([Detection(STANDING, score)], at_s)
    (track,) = tracker.update([], [], NEXT_S)
    assert track.first_s == pytest.approx(8.4)


def test_two_newcomers_do_not_share_a_past(tracker: Tracker) -> None:
    def follower(at_s: float) -> BBox | None:
        """Seen first at the keyframe, close behind the one who walks."""
        box = walking(at_s)
        return BBox(box.x - 0.07, 0.4, 0.06, 0.3) if box and at_s > 9.95 else None

    tracks = recalled(tracker, walking, follower)
    assert sorted(round(track.first_s, 1) for track in tracks) == [7.4, 10.0]


def test_a_clip_that_ends_there_takes_it_along(tracker: Tracker) -> None:
    tracker.update([], [FULL_FRAME], 6.0)
    tracker.update([Detection(STANDING, 0.9)], [FULL_FRAME], KEY_S)
    tracker.look_back([Detection(STANDING, 0.9)], 9.8)
    after = Tracker(PersonConfig(), high_score=0.5)
    after.restore(tracker.state(), 10.0)
    (track,) = after.update([Detection(STANDING, 0.9)], [FULL_FRAME], 0.2)
    assert track.first_s == pytest.approx(-0.2)


def test_nothing_of_it_is_left_for_the_next_one(tracker: Tracker) -> None:
    tracker.update([], [FULL_FRAME], 6.0)
    tracker.update([Detection(BBox(0.1, 0.4, 0.06, 0.3), 0.9)], [FULL_FRAME], KEY_S)
    tracker.look_back([Detection(STANDING, 0.9)], 9.8)
    tracker.update([], [], NEXT_S)
    tracker.update([Detection(STANDING, 0.9)], [FULL_FRAME], 10.4)
    _, later = tracker.update([], [], 10.6)
    assert later.first_s == 10.4
