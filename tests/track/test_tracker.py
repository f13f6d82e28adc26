"""People keep their identity through stillness, occlusion, crossings and bad crops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import Detection, Region, Track
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.track import Tracker

Path = Callable[[float], BBox | None]  # where somebody is at a moment; None: hidden


def tracker(**person: float) -> Tracker:
    return Tracker(PersonConfig(**person), high_score=0.5)  # type: ignore[arg-type]


def standing(x: float = 0.4, y: float = 0.3, score: float = 0.9) -> Detection:
    return Detection(BBox(x, y, 0.1, 0.4), score)


def walk(start_x: float, speed: float, y: float = 0.3) -> Path:
    return lambda at_s: BBox(start_x + speed * at_s, y, 0.06, 0.3)


def hidden_between(path: Path, begin_s: float, end_s: float) -> Path:
    return lambda at_s: None if begin_s <= at_s < end_s else path(at_s)


def follow(
    subject: Tracker, people: Sequence[Path], seconds: float, fps: float = 5.0
) -> list[dict[int, Track]]:
    """The tracks of each frame, by person (index into `people`), matched by position."""
    rows = []
    for index in range(round(seconds * fps) + 1):
        at_s = index / fps
        boxes = [path(at_s) for path in people]
        detections = [Detection(box, 0.9) for box in boxes if box is not None]
        tracks = subject.update(detections, [FULL_FRAME], at_s)
        rows.append(
            {
                person: max(tracks, key=lambda track: track.bbox.iou(box))
                for person, box in enumerate(boxes)
                if box is not None
            }
        )
    return rows


def ids(rows: list[dict[int, Track]], person: int) -> set[int]:
    return {row[person].track_id for row in rows if person in row}


@pytest.mark.parametrize("fps", [1.5, 2.0, 5.0, 10.0])
def test_a_person_standing_still_for_five_minutes_is_one_track_looked_at_every_second(
    fps: float,
) -> None:
    subject = tracker()
    person = standing().bbox
    looked_s = 0.0
    for index in range(round(300 * fps) + 1):
        at_s = index / fps
        searched = [region.bbox for region in subject.look_at((), at_s)] if index else [FULL_FRAME]
        seen = any(person.intersection_frac(box) >= person.area_frac - 1e-9 for box in searched)
        if seen:
            assert at_s - looked_s <= 1.0 + 1e-6
            looked_s = at_s
        tracks = subject.update([standing()] if seen else [], searched, at_s)
        assert [track.track_id for track in tracks] == [1]
    assert looked_s > 299.0


def test_a_missed_look_now_and_then_loses_nobody() -> None:
    subject = tracker()
    for index in range(300):
        found = [] if index % 4 else [standing()]
        tracks = subject.update(found, [FULL_FRAME], index / 5)
        assert [track.track_id for track in tracks] == [1]


def test_nobody_is_lost_while_nobody_looks() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    elsewhere = BBox(0.8, 0.8, 0.2, 0.2)
    for second in range(1, 30):
        assert len(subject.update([], [elsewhere], float(second))) == 1
    subject.update([standing()], [FULL_FRAME], 30.0)
    assert [track.looks for track in subject.update([], [], 30.2)] == [2]


def test_one_failed_look_after_a_long_blindness_is_not_enough_to_drop_somebody() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    assert subject.update([], [FULL_FRAME], 30.0)
    assert subject.update([], [FULL_FRAME], 30.8)
    assert not subject.update([], [FULL_FRAME], 31.2)


@pytest.mark.parametrize(("lost_after_s", "gone_s"), [(1.0, 1.0), (2.0, 2.0), (5.0, 5.0)])
def test_who_is_looked_for_and_not_found_is_dropped(lost_after_s: float, gone_s: float) -> None:
    subject = tracker(lost_after_s=lost_after_s)
    subject.update([standing()], [FULL_FRAME], 0.0)
    alive_s = max(
        at_s for at_s in (i / 5 for i in range(50)) if subject.update([], [FULL_FRAME], at_s)
    )
    assert alive_s == pytest.approx(gone_s - 0.2)


def test_due_looks_alone_find_out_that_somebody_left() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    times = [i / 5 for i in range(1, 30)]
    alive = [t for t in times if subject.update([], [r.bbox for r in subject.look_at((), t)], t)]
    assert 1.6 <= max(alive) <= 2.8


def test_a_missing_person_is_looked_for_at_once_again() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    looks = []
    for tenth in range(2, 18, 2):
        due = [region.bbox for region in subject.look_at((), tenth / 10)]
        if due:
            looks.append(tenth / 10)
        subject.update([], due, tenth / 10)
    assert looks == pytest.approx([0.2, 0.6, 1.0, 1.4])


def test_only_a_sure_detection_begins_a_track() -> None:
    subject = tracker()
    assert subject.update([standing(score=0.49)], [FULL_FRAME], 0.0) == []
    assert len(subject.update([standing(score=0.5)], [FULL_FRAME], 0.2)) == 1


def test_what_was_never_confirmed_is_looked_at_seldom() -> None:
    subject = tracker()
    looks = []
    for index in range(300):
        due = [region.bbox for region in subject.look_at((), index / 5)] if index else [FULL_FRAME]
        looks += [index / 5] if due else []
        score = 0.6 if index % 25 == 0 else 0.3  # never three sure looks within 2 s
        subject.update([standing(score=score)] if due else [], due, index / 5)
    assert sum(at_s >= 10.2 for at_s in looks) <= 13  # one per 4 s


def still_scores(score: float, seconds: float, moving: Sequence[Region] = ()) -> list[float]:
    """The moments at which somebody is tracked who was sure once and keeps this score."""
    subject = tracker()
    alive = []
    for index in range(round(seconds * 5)):
        at_s = index / 5
        due = [region.bbox for region in subject.look_at(moving if index else [], at_s)]
        due = due if index else [FULL_FRAME]
        found = [standing(score=0.9 if index < 3 else score)] if due else []
        alive += [at_s] if subject.update(found, due, at_s) else []
    return alive


@pytest.mark.parametrize("score", [0.2, 0.35, 0.49])
def test_what_could_not_have_begun_a_track_does_not_keep_it_alive(score: float) -> None:
    assert 2.0 <= max(still_scores(score, 60.0)) <= 6.0


def test_a_ghost_was_seen_last_when_the_person_was() -> None:
    subject = tracker()
    for index in range(5):
        subject.update([standing()], [FULL_FRAME], index / 5)
    for index in range(5, 20):
        (track,) = subject.update([standing(score=0.3)], [FULL_FRAME], index / 5)
    assert track.seen_s == 0.8


def test_who_keeps_still_and_is_sure_now_and_then_stays() -> None:
    subject = tracker()
    for index in range(3000):
        sure = index % 17 == 0  # every 3.4 s
        (track,) = subject.update([standing(score=0.6 if sure else 0.3)], [FULL_FRAME], index / 5)
    assert track.track_id == 1


def test_who_is_hardly_recognised_but_moves_stays() -> None:
    moving = [Region(BBox(0.42, 0.35, 0.06, 0.2))]
    assert max(still_scores(0.3, 60.0, moving)) == pytest.approx(59.8)


def test_people_passing_by_do_not_keep_a_ghost_alive() -> None:
    subject = tracker()
    alive = []
    for index in range(100):
        at_s = index / 5
        passing = Detection(BBox(0.04 * (index % 20), 0.25, 0.1, 0.45), 0.9)
        subject.look_at([Region(passing.bbox.scaled(1.2))], at_s)
        found = [standing(score=0.9 if index < 3 else 0.2), passing]
        tracks = subject.update(found, [FULL_FRAME], at_s)
        here = [track for track in tracks if track.bbox.iou(standing().bbox) > 0.8]
        alive += [at_s] if any(track.track_id == 1 for track in here) else []
    assert max(alive) <= 8.0


def test_a_ghost_is_not_taken_over_by_whoever_walks_up_to_it() -> None:
    subject = tracker()
    for index in range(12):
        subject.update([standing(score=0.9 if index < 3 else 0.3)], [FULL_FRAME], index / 5)
    found = [standing(score=0.3), standing(x=0.47)]
    tracks = subject.update(found, [FULL_FRAME], 2.4)
    assert len(tracks) == 2


def test_time_in_which_nobody_looks_is_no_doubt() -> None:
    subject = tracker()
    for index in range(5):
        subject.update([standing()], [FULL_FRAME], index / 5)
    for second in (8.0, 16.0, 24.0):
        assert subject.update([standing(score=0.3)], [FULL_FRAME], second)
    assert subject.update([standing()], [FULL_FRAME], 32.0)[0].track_id == 1


def test_the_region_of_a_look_shows_the_person_with_surroundings() -> None:
    subject = tracker()
    subject.update([standing(0.0, 0.6)], [FULL_FRAME], 0.0)
    (region,) = subject.look_at((), 1.0)
    assert region.bbox.x == 0.0
    assert region.bbox.x2 > 0.12
    assert region.bbox.y < 0.5
    assert region.bbox.y2 == 1.0


def test_moving_pieces_of_a_tracked_person_become_one_region_with_all_of_them() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    head, foot = Region(BBox(0.42, 0.3, 0.05, 0.05)), Region(BBox(0.46, 0.66, 0.06, 0.05))
    (region,) = subject.look_at([head, foot], 0.2)
    assert region.bbox.intersection_frac(standing().bbox) == pytest.approx(0.04)
    assert region.bbox.intersection_frac(foot.bbox) == pytest.approx(foot.bbox.area_frac)


def test_motion_elsewhere_is_looked_at_as_it_is_beside_who_is_due() -> None:
    subject = tracker()
    for index in range(3):
        subject.update([standing()], [FULL_FRAME], index / 5)
    car = Region(BBox(0.8, 0.1, 0.1, 0.1))
    assert subject.look_at([car], 0.6) == [car]
    assert subject.look_at([car], 1.4) == [car, *subject.look_at((), 1.4)]
    assert len(subject.look_at((), 1.4)) == 1


def test_two_people_in_one_moving_region_are_both_seen_whole() -> None:
    subject = tracker()
    subject.update([standing(0.3), standing(0.6)], [FULL_FRAME], 0.0)
    between = Region(BBox(0.35, 0.4, 0.3, 0.1))
    boxes = [region.bbox for region in subject.look_at([between], 0.2)]
    for person in (standing(0.3).bbox, standing(0.6).bbox):
        assert max(person.intersection_frac(box) for box in boxes) == pytest.approx(0.04)


def test_crops_of_pieces_neither_split_nor_shrink_a_tracked_person() -> None:
    subject = tracker()
    for index in range(10):
        subject.update([standing()], [FULL_FRAME], index / 5)
    head, legs = BBox(0.4, 0.3, 0.1, 0.15), BBox(0.4, 0.5, 0.1, 0.2)
    for index in range(10, 30):
        found = [Detection(head, 0.8), Detection(legs, 0.7)]
        (track,) = subject.update(found, [head.scaled(1.1), legs.scaled(1.1)], index / 5)
    assert track.bbox.iou(standing().bbox) > 0.95
    assert track.looks == 30


def test_a_person_who_falls_into_pieces_for_one_look_stays_one() -> None:
    subject = tracker()
    for index in range(10):
        subject.update([standing()], [FULL_FRAME], index / 5)
    pieces = [Detection(BBox(0.4, y, 0.1, 0.13), 0.8) for y in (0.3, 0.43, 0.56)]
    assert len(subject.update(pieces, [FULL_FRAME], 2.0)) == 1


def test_who_sits_down_in_full_view_becomes_smaller() -> None:
    subject = tracker()
    sitting = BBox(0.4, 0.48, 0.1, 0.22)
    for index in range(10):
        subject.update([standing()], [FULL_FRAME], index / 5)
    for index in range(10, 20):
        (track,) = subject.update([Detection(sitting, 0.8)], [FULL_FRAME], index / 5)
    assert track.bbox.iou(sitting) > 0.9


@pytest.mark.parametrize("fps", [5.0, 10.0])
@pytest.mark.parametrize("hidden_s", [0.4, 1.0, 1.6])
def test_a_walker_behind_a_pillar_stays_the_same(fps: float, hidden_s: float) -> None:
    path = hidden_between(walk(0.1, 0.08), 3.0, 3.0 + hidden_s)
    assert ids(follow(tracker(), [path], 8.0, fps), 0) == {1}


@pytest.mark.parametrize("fps", [5.0, 10.0])
def test_two_people_crossing_keep_their_identities(fps: float) -> None:
    people = [walk(0.1, 0.08), walk(0.8, -0.09, y=0.33)]
    rows = follow(tracker(), people, 8.0, fps)
    assert [len(ids(rows, person)) for person in (0, 1)] == [1, 1]
    assert ids(rows, 0) != ids(rows, 1)


def test_one_hidden_by_the_other_while_crossing_is_found_again() -> None:
    front, behind = walk(0.1, 0.08), walk(0.8, -0.08)
    people = [front, hidden_between(behind, 4.0, 4.8)]
    rows = follow(tracker(), people, 8.0)
    assert [len(ids(rows, person)) for person in (0, 1)] == [1, 1]


def test_a_runner_is_followed_from_the_first_step() -> None:
    rows = follow(tracker(), [lambda t: BBox(0.05 + 0.35 * t, 0.3, 0.1, 0.5)], 2.0)
    assert ids(rows, 0) == {1}


def test_weak_detections_keep_a_track_alive_for_a_while_but_do_not_drag_it_away() -> None:
    subject = tracker()
    for index in range(10):
        subject.update([standing()], [FULL_FRAME], index / 5)
    for index in range(10, 28):
        tracks = subject.update([standing(score=0.3)], [FULL_FRAME], index / 5)
    assert [(track.track_id, track.looks) for track in tracks] == [(1, 28)]
    tracks = subject.update([standing(x=0.52, score=0.3)], [FULL_FRAME], 5.6)
    assert [track.looks for track in tracks if track.track_id == 1] == [28]


def test_a_track_does_not_shrink_onto_a_post_that_scores_a_little() -> None:
    subject = tracker()
    for index in range(10):
        subject.update([standing()], [FULL_FRAME], index / 5)
    heights = [max(0.4 * 0.8**step, 0.08) for step in range(1, 40)]
    for index, height in enumerate(heights, start=10):
        post = Detection(BBox(0.4, 0.3, 0.1, height), 0.2)
        tracks = subject.update([post], [FULL_FRAME], index / 5)
    assert tracks == []


def test_a_sure_detection_is_not_lost_to_a_weak_one() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    found = [standing(score=0.3), standing(x=0.45, score=0.9)]
    tracks = subject.update(found, [FULL_FRAME], 0.2)
    assert next(track for track in tracks if track.track_id == 1).score == 0.9


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(Detection(BBox(0.401, 0.302, 0.1, 0.4), 0.8), id="double"),
        pytest.param(Detection(BBox(0.4, 0.5, 0.1, 0.2), 0.8), id="legs"),
        pytest.param(Detection(BBox(0.4, 0.3, 0.05, 0.4), 0.8), id="half cut by a crop"),
    ],
)
def test_crops_that_show_a_person_twice_make_one_track(extra: Detection) -> None:
    subject = tracker()
    for index in range(20):
        tracks = subject.update([standing(), extra], [FULL_FRAME], index / 5)
        assert len(tracks) == 1
    assert tracks[0].bbox.iou(standing().bbox) > 0.9


@pytest.mark.parametrize(
    ("scores", "confidence"),
    [
        ([0.9], 0.0),
        ([0.9, 0.8], 0.0),
        ([0.9, 0.8, 0.7], 0.7),
        ([0.9, 0.8, 0.3, 0.85], 0.8),
        ([0.9, 0.9, 0.9] + [0.6] * 11, 0.6),  # the good looks are older than the window
    ],
)
def test_confidence_is_the_nth_best_score_of_the_window(
    scores: list[float], confidence: float
) -> None:
    subject = tracker(confirm_looks=3, confirm_window_s=2.0)
    for index, score in enumerate(scores):
        (track,) = subject.update([standing(score=score)], [FULL_FRAME], index / 5)
    assert track.confidence == confidence
    assert track.top_score == max(scores)
    assert (track.first_s, track.looks) == (0.0, len(scores))


def test_the_same_input_gives_the_same_tracks() -> None:
    people = [walk(0.1, 0.08), walk(0.8, -0.09), walk(0.3, 0.0, y=0.6)]
    assert follow(tracker(), people, 6.0) == follow(tracker(), people, 6.0)


def test_ids_are_never_used_again() -> None:
    subject = tracker()
    subject.update([standing()], [FULL_FRAME], 0.0)
    for index in range(1, 20):
        subject.update([], [FULL_FRAME], index / 5)
    (track,) = subject.update([standing()], [FULL_FRAME], 4.0)
    assert (track.track_id, track.first_bbox) == (2, standing().bbox)
