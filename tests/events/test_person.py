"""Person events: one per person, told when it matters, held together over gaps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest

from edge_agent.config.schema import MotionConfig, PersonConfig
from edge_agent.domain import (
    BestFrame,
    CameraId,
    EndReason,
    Event,
    EventId,
    Label,
    Lighting,
    Motion,
    Phase,
    RuleHit,
    SnapshotRef,
    SnapshotState,
    Track,
)
from edge_agent.events import EventBook
from edge_agent.geometry import BBox, FrameSize

CAMERA = CameraId("front")
STILL = Motion((), 0.0, Lighting.STEADY)
HERE = BBox(0.4, 0.3, 0.1, 0.4)
FPS = 5


def book(**person: float) -> EventBook:
    numbers = itertools.count(1)
    config = PersonConfig(**person)  # type: ignore[arg-type]
    return EventBook(CAMERA, MotionConfig(), config, lambda *_: EventId(f"event-{next(numbers)}"))


def hit(
    track_id: int,
    seen_s: float,
    *,
    bbox: BBox = HERE,
    first_s: float = 0.0,
    score: float = 0.9,
    zones: tuple[str, ...] = (),
    entered: tuple[str, ...] = (),
    since_s: float | None = None,
    first_bbox: BBox | None = None,
) -> RuleHit:
    track = Track(track_id, bbox, score, score, score, first_s, seen_s, 5, first_bbox or bbox)
    return RuleHit(track, first_s if since_s is None else since_s, zones, entered or zones)


def shifted(dx: float, dy: float = 0.0) -> BBox:
    return BBox(HERE.x + dx, HERE.y + dy, HERE.w, HERE.h)


class Scene:
    """Feeds a book frame by frame and keeps what it says."""

    def __init__(self, **person: float) -> None:
        self.book = book(**person)
        self.events: list[Event] = []

    def run(self, begin_s: float, end_s: float, *people: RuleHit, fps: float = FPS) -> None:
        """These people are seen in every frame of [begin, end)."""
        for index in range(round((end_s - begin_s) * fps)):
            at_s = begin_s + index / fps
            seen = [
                hit(
                    each.track.track_id,
                    at_s,
                    bbox=each.track.bbox,
                    first_s=each.track.first_s,
                    score=each.track.score,
                    zones=each.zones_current,
                    entered=each.zones_entered,
                    since_s=each.since_s,
                    first_bbox=each.track.first_bbox,
                )
                for each in people
            ]
            self.at(at_s, seen)

    def at(self, at_s: float, hits: Sequence[RuleHit]) -> list[Event]:
        said = list(self.book.update(hits, STILL, at_s))
        self.events += said
        return said

    def of(self, phase: Phase) -> list[Event]:
        return [event for event in self.events if event.phase is phase]


def ids(events: Iterable[Event]) -> list[str]:
    return [str(event.event_id) for event in events]


def test_one_visit_is_a_start_and_an_end_under_one_id() -> None:
    scene = Scene()
    scene.run(1.0, 4.0, hit(1, 0.0, first_s=0.4))
    scene.run(4.0, 12.0)
    start, end = scene.events
    assert (start.phase, start.rev, start.at_s, start.start_s, start.end_s) == (
        Phase.START,
        0,
        1.0,
        0.4,
        None,
    )
    assert (end.phase, end.rev, end.start_s, end.end_reason) == (
        Phase.END,
        1,
        0.4,
        EndReason.GONE,
    )
    assert end.end_s == pytest.approx(3.8)
    assert ids([start]) == ids([end])
    assert start.label is Label.PERSON
    assert (start.camera, start.bbox, start.count, end.count) == (CAMERA, HERE, 1, 0)


@pytest.mark.parametrize(
    ("lost_after_s", "cooldown_s", "told_after_s"),
    [(2.0, 2.0, 4.0), (2.0, 0.0, 4.0), (1.0, 6.0, 8.0)],
)
def test_the_end_is_told_after_hold_and_confirm_window(
    lost_after_s: float, cooldown_s: float, told_after_s: float
) -> None:
    scene = Scene(lost_after_s=lost_after_s, cooldown_s=cooldown_s)
    scene.run(0.0, 1.0, hit(1, 0.0))
    scene.run(1.0, 20.0)
    (end,) = scene.of(Phase.END)
    assert end.end_s == pytest.approx(0.8)
    assert end.at_s - 0.8 == pytest.approx(told_after_s, abs=0.21)


# --- cool-down and repair -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap_s", "events"),
    [
        pytest.param(0.4, 1, id="a flicker"),
        pytest.param(1.9, 1, id="within the hold"),
        pytest.param(2.3, 2, id="just after it"),
        pytest.param(2.9, 2, id="the next visitor through the same door"),
        pytest.param(30.0, 2, id="much later"),
    ],
)
def test_a_new_track_at_the_same_place_continues_only_within_the_hold(
    gap_s: float, events: int
) -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    began_s = 4.8 + gap_s
    scene.run(5.0, began_s + 0.4)  # confirmed two looks after it began
    scene.run(began_s + 0.4, began_s + 5.0, hit(2, 0.0, first_s=began_s))
    assert len(scene.of(Phase.START)) == events


@pytest.mark.parametrize(
    ("overlap_s", "events"),
    [
        pytest.param(0.8, 1, id="the second piece of a broken track"),
        pytest.param(1.4, 2, id="somebody beside them all that time"),
    ],
)
def test_pieces_of_a_track_may_overlap_by_a_second(overlap_s: float, events: int) -> None:
    """Two tracks too far apart to be one in the same picture, near enough to follow each other."""
    scene = Scene()
    began_s = 5.0 - overlap_s
    scene.run(0.0, 5.2, hit(1, 0.0))
    scene.run(5.2, 8.0, hit(2, 0.0, first_s=began_s, bbox=shifted(0.08)))
    assert len(scene.of(Phase.START)) == events


def test_a_longer_cool_down_joins_longer_gaps() -> None:
    scene = Scene(cooldown_s=10.0)
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.run(5.0, 13.0)
    scene.run(13.0, 15.0, hit(2, 0.0, first_s=12.6))
    assert len(scene.of(Phase.START)) == 1


@pytest.mark.parametrize(
    ("bbox", "events"),
    [
        pytest.param(shifted(0.15), 1, id="a step on"),
        pytest.param(shifted(0.5), 2, id="across the picture"),
        pytest.param(BBox(0.42, 0.4, 0.03, 0.1), 2, id="four times smaller"),
    ],
)
def test_only_somebody_nearby_and_alike_continues_an_event(bbox: BBox, events: int) -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.run(5.0, 6.0)
    scene.run(6.0, 8.0, hit(2, 0.0, first_s=5.6, bbox=bbox))
    assert len(scene.of(Phase.START)) == events


def test_where_a_track_began_counts_not_where_it_was_confirmed() -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.run(5.0, 6.5)
    walked_on = hit(2, 0.0, first_s=5.2, bbox=shifted(0.5), first_bbox=shifted(0.02))
    scene.run(6.5, 8.0, walked_on)
    assert len(scene.of(Phase.START)) == 1


def test_an_identity_switch_while_the_old_track_still_coasts_is_repaired() -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    for at_s in (5.0, 5.2, 5.4):
        scene.at(at_s, [hit(1, 4.8)])
    for at_s in (5.6, 5.8, 6.0):
        scene.at(at_s, [hit(1, 4.8), hit(2, at_s, first_s=5.2, bbox=shifted(0.06))])
    scene.run(6.2, 9.0, hit(2, 0.0, first_s=5.2, bbox=shifted(0.06)))
    scene.run(9.0, 15.0)
    assert len(scene.of(Phase.START)) == len(scene.of(Phase.END)) == 1
    assert scene.of(Phase.END)[0].end_s == pytest.approx(8.8)


def test_a_person_tracked_twice_at_once_is_one_event_and_counts_once() -> None:
    scene = Scene()
    scene.run(0.0, 2.0, hit(1, 0.0))
    double = hit(2, 0.0, first_s=0.4, bbox=shifted(0.005))
    scene.run(2.0, 20.0, hit(1, 0.0), double)
    assert ids(scene.of(Phase.START)) == ["event-1"]
    assert {event.count for event in scene.events} == {1}


def test_doubles_that_are_confirmed_in_the_same_frame_are_one_event() -> None:
    scene = Scene()
    scene.run(0.0, 2.0, hit(1, 0.0), hit(2, 0.0, bbox=shifted(0.005)))
    assert len(scene.of(Phase.START)) == 1


def test_two_who_entered_as_one_silhouette_become_two_events_when_they_part() -> None:
    scene = Scene()
    scene.run(0.0, 2.0, hit(1, 0.0))
    scene.run(2.0, 4.0, hit(1, 0.0), hit(2, 0.0, first_s=1.0, bbox=shifted(0.01)))
    scene.run(4.0, 8.0, hit(1, 0.0), hit(2, 0.0, first_s=1.0, bbox=shifted(0.3)))
    first, second = scene.of(Phase.START)
    assert first.start_s == 0.0
    assert second.start_s == pytest.approx(4.0)
    assert second.count == 2
    assert second.bbox == shifted(0.3)


def test_two_people_have_two_events_with_the_count_of_the_moment() -> None:
    scene = Scene()
    one, other = hit(1, 0.0), hit(2, 0.0, first_s=5.0, bbox=shifted(0.4))
    scene.run(0.0, 5.0, one)
    scene.run(5.0, 15.0, one, other)
    scene.run(15.0, 30.0, other)
    starts, ends = scene.of(Phase.START), scene.of(Phase.END)
    assert [event.count for event in starts] == [1, 2]
    assert (ids(ends), ends[0].count) == (ids(starts[:1]), 1)
    update = next(event for event in scene.of(Phase.UPDATE) if ids([event]) == ids(starts[:1]))
    assert (update.count, update.at_s) == (2, 10.0)


def test_two_people_crossing_stay_two_events() -> None:
    scene = Scene()
    for index in range(50):
        at_s, x = index / FPS, index / 50
        left = hit(1, at_s, bbox=BBox(0.9 * x, 0.3, 0.1, 0.4))
        right = hit(2, at_s, bbox=BBox(0.9 - 0.9 * x, 0.32, 0.1, 0.4))
        scene.at(at_s, [left, right])
    assert len(scene.of(Phase.START)) == 2
    assert not scene.of(Phase.END)


def test_whoever_comes_back_into_a_zone_after_the_end_has_a_new_event() -> None:
    scene = Scene()
    scene.run(0.0, 2.0, hit(1, 0.0, zones=("door",)))
    scene.run(2.0, 20.0)
    scene.run(20.0, 21.0, hit(1, 0.0, zones=("door",), since_s=19.8))
    first, second = scene.of(Phase.START)
    assert (first.start_s, second.start_s) == (0.0, 19.8)


# --- updates ------------------------------------------------------------------------------


def test_a_person_who_stands_still_for_two_hours_is_split_but_not_updated() -> None:
    scene = Scene()
    scene.run(0.0, 7250.0, hit(1, 0.0), fps=1)
    assert [event.phase for event in scene.events] == [
        Phase.START,
        Phase.END,
        Phase.START,
        Phase.END,
        Phase.START,
    ]


def test_updates_come_every_10_s_in_the_first_minute_then_every_60_s() -> None:
    scene = Scene()
    for second in range(7200):
        scene.at(float(second), [hit(1, float(second), bbox=shifted(0.004 * (second % 100)))])
    first = [event.at_s for event in scene.of(Phase.UPDATE) if ids([event]) == ["event-1"]]
    assert first[:8] == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 180.0]
    gaps = {after - before for before, after in itertools.pairwise(first[5:])}
    assert gaps == {60.0}
    assert len(scene.of(Phase.UPDATE)) == 2 * (6 + 58)


def test_revisions_count_up_without_a_gap() -> None:
    scene = Scene()
    for second in range(100):
        scene.at(float(second), [hit(1, float(second), bbox=shifted(0.004 * second))])
    scene.run(100.0, 110.0)
    assert [event.rev for event in scene.events] == list(range(len(scene.events)))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param(hit(1, 0.0), False, id="nothing"),
        pytest.param(hit(1, 0.0, bbox=shifted(0.005, 0.01)), False, id="a breath"),
        pytest.param(hit(1, 0.0, bbox=shifted(0.06)), True, id="half a width aside"),
        pytest.param(hit(1, 0.0, score=0.94), False, id="a little surer"),
        pytest.param(hit(1, 0.0, score=0.95), True, id="surer"),
        pytest.param(hit(1, 0.0, score=0.5), False, id="less sure"),
        pytest.param(hit(1, 0.0, zones=("yard",)), True, id="a zone"),
    ],
)
def test_an_update_needs_news(changed: RuleHit, told: bool) -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.run(5.0, 30.0, changed)
    assert bool(scene.of(Phase.UPDATE)) is told


def test_news_after_a_quiet_time_is_told_at_once() -> None:
    scene = Scene()
    scene.run(0.0, 33.0, hit(1, 0.0))
    scene.run(33.0, 34.0, hit(1, 0.0, zones=("door",)))
    assert [event.at_s for event in scene.of(Phase.UPDATE)] == [33.0]


def test_zones_are_gathered_over_the_event_and_none_is_current_at_the_end() -> None:
    scene = Scene()
    scene.run(0.0, 2.0, hit(1, 0.0, zones=("street",)))
    scene.run(2.0, 4.0, hit(1, 0.0, zones=("yard",), entered=("street", "yard")))
    scene.run(4.0, 10.0)
    (end,) = scene.of(Phase.END)
    assert (end.zones_current, end.zones_entered) == ((), ("street", "yard"))


# --- split and close ----------------------------------------------------------------------


def test_after_an_hour_the_event_is_split_and_continued() -> None:
    scene = Scene()
    scene.run(0.0, 3610.0, hit(1, 0.0, zones=("yard",), entered=("street", "yard")), fps=1)
    start, end, carried_on = scene.events
    assert (end.end_reason, end.end_s, end.zones_current) == (EndReason.SPLIT, 3600.0, ("yard",))
    assert (carried_on.phase, carried_on.rev, carried_on.start_s) == (Phase.START, 0, 3600.0)
    assert carried_on.continues == start.event_id != carried_on.event_id
    assert (carried_on.zones_entered, carried_on.count) == (("yard",), 1)
    scene.run(3610.0, 3620.0)
    assert scene.events[-1].event_id == carried_on.event_id
    assert scene.events[-1].continues == start.event_id


def test_an_event_never_ends_before_it_starts() -> None:
    scene = Scene()
    scene.run(0.0, 3599.0, hit(1, 0.0), fps=1)
    scene.at(3600.0, [hit(1, 3598.0)])  # not seen when it is split
    scene.run(3601.0, 3610.0, fps=1)
    assert [(event.start_s, event.end_s) for event in scene.of(Phase.END)] == [
        (0.0, 3600.0),
        (3600.0, 3600.0),
    ]


@pytest.mark.parametrize(
    "reason", [EndReason.RESTART, EndReason.CAMERA_LOST, EndReason.PAUSED, EndReason.TIMEOUT]
)
def test_closing_ends_every_event_where_it_was_last_seen(reason: EndReason) -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.run(5.0, 6.0, hit(2, 0.0, first_s=5.0, bbox=shifted(0.4)))
    closed = scene.book.close_all(reason, 9.0)
    assert [(event.end_s, event.end_reason) for event in closed] == [
        (pytest.approx(4.8), reason),
        (pytest.approx(5.8), reason),
    ]
    assert scene.book.close_all(reason, 9.5) == []


def test_who_is_still_there_after_a_pause_begins_a_new_event_not_before_it() -> None:
    scene = Scene()
    scene.run(0.0, 5.0, hit(1, 0.0))
    scene.book.close_all(EndReason.PAUSED, 5.0)
    scene.run(9.0, 10.0, hit(1, 0.0))
    assert [(event.event_id, event.start_s) for event in scene.of(Phase.START)] == [
        ("event-1", 0.0),
        ("event-2", 5.0),
    ]


# --- best frame ---------------------------------------------------------------------------

REF = SnapshotRef("0" * 64, 1000, FrameSize(640, 360), SnapshotState.STORED)


def test_the_first_frame_is_a_best_frame_and_only_better_ones_follow() -> None:
    scene = Scene()
    far, near, cut = BBox(0.4, 0.3, 0.05, 0.2), HERE, BBox(0.0, 0.3, 0.1, 0.4)
    told = []
    for at_s, bbox in enumerate([far, far, near, cut, far]):
        scene.at(float(at_s), [hit(1, float(at_s), bbox=bbox)])
        told.append(list(scene.book.best_frames(float(at_s))))
    assert told == [
        [BestFrame(EventId("event-1"), far, 0.9)],
        [],
        [BestFrame(EventId("event-1"), near, 0.9)],
        [],
        [],
    ]


def test_a_frame_without_a_look_is_nobodys_best() -> None:
    scene = Scene()
    scene.at(0.0, [hit(1, 0.0, bbox=BBox(0.4, 0.3, 0.05, 0.2))])
    scene.at(0.2, [hit(1, 0.0)])
    assert scene.book.best_frames(0.2) == []


def test_the_picture_travels_with_later_messages_and_a_split_begins_another() -> None:
    scene = Scene()
    scene.run(0.0, 1.0, hit(1, 0.0))
    assert scene.book.attach_snapshot(EventId("event-1"), REF)
    scene.run(1.0, 3600.0, hit(1, 0.0), fps=1)
    assert [event.snapshot for event in scene.events] == [None, REF]
    scene.run(3600.0, 3601.0, hit(1, 0.0), fps=1)
    assert [event.snapshot for event in scene.events[2:]] == [REF, None]
    assert [best.event_id for best in scene.book.best_frames(3600.0)] == ["event-2"]
    assert not scene.book.attach_snapshot(EventId("event-1"), REF)
