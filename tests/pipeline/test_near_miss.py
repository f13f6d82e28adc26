"""Who counts as seen and not told."""

from __future__ import annotations

from random import Random

import pytest
import untold
from untold import Walker

from edge_agent.config import PersonConfig
from edge_agent.domain import Detection, Region, RuleHit, Track
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.pipeline.near_miss import MOST_SIGHTINGS, Faint, NearMiss, NearMissWatch

BOX = BBox(0.4, 0.3, 0.1, 0.3)
EVERYWHERE = (Region(FULL_FRAME),)
#: The camera runs for a while.
BEGUN_S = 100.0


class Watched:
    """A watch that is shown one picture after the other, at 5 fps."""

    def __init__(self) -> None:
        self.watch = NearMissWatch(PersonConfig(), floor=0.1, thresholds=(0.2, 0.5))
        self.over: list[NearMiss] = []
        self._count = 0

    def show(self, times: int, *found: Detection, told: BBox | None = None) -> None:
        for _ in range(times):
            at_s = BEGUN_S + self._count / 5
            self._count += 1
            hits = []
            if told is not None:
                track = Track(99, told, 0.9, 0.9, 0.9, at_s, at_s, 5)
                hits.append(RuleHit(track, at_s, (), ()))
            faint = Faint(EVERYWHERE, found)
            moving = [Region(each.bbox) for each in found]
            self.over += self.watch.update(faint, EVERYWHERE, moving, hits, (at_s, 0))

    def end(self) -> list[NearMiss]:
        return [*self.over, *self.watch.close()]


@pytest.mark.parametrize(
    ("score", "looks", "is_one"),
    [(0.15, 2, False), (0.15, 3, True), (0.3, 1, False), (0.3, 2, True), (0.6, 1, True)],
)
def test_weaker_people_must_be_seen_more_often(score: float, looks: int, is_one: bool) -> None:
    watched = Watched()
    watched.show(looks, Detection(BOX, score))
    watched.show(60)
    assert len(watched.end()) == is_one


def test_a_person_who_is_told_while_seen_is_none() -> None:
    watched = Watched()
    watched.show(5, Detection(BOX, 0.8))
    watched.show(1, Detection(BOX, 0.8), told=BOX)
    watched.show(60, Detection(BOX, 0.8))
    assert watched.end() == []


def test_a_piece_of_who_comes_in_and_is_told_a_moment_later_is_none() -> None:
    sliver = BBox(0.38, 0.4, 0.02, 0.1)
    for told, count in ((BOX, 0), (None, 1)):
        watched = Watched()
        watched.show(3, Detection(sliver, 0.3))
        watched.show(13)
        watched.show(5, told=told)
        assert len(watched.end()) == count


def test_a_broken_track_of_somebody_just_told_is_none() -> None:
    watched = Watched()
    watched.show(5, told=BOX)
    watched.show(5, Detection(BOX.scaled(0.9), 0.8))
    assert watched.end() == []


@pytest.mark.parametrize(("pause", "is_one"), [(10, False), (20, True)])
def test_who_comes_where_somebody_was_told_three_seconds_ago_is_the_same(
    pause: int, is_one: bool
) -> None:
    watched = Watched()
    watched.show(5, told=BOX)
    watched.show(pause)
    watched.show(5, Detection(BOX, 0.8))
    watched.show(60)
    assert len(watched.end()) == is_one


@pytest.mark.parametrize(("pause", "is_one"), [(14, False), (15, True)])
def test_who_is_told_three_seconds_later_is_the_same(pause: int, is_one: bool) -> None:
    watched = Watched()
    watched.show(1, Detection(BOX, 0.8))
    watched.show(pause)
    watched.show(1, told=BOX)
    watched.show(60)
    assert len(watched.end()) == is_one


def test_eight_seconds_later_they_are_over_and_not_before() -> None:
    watched = Watched()
    watched.show(5, Detection(BOX, 0.8))
    watched.show(40)
    assert watched.over == []
    watched.show(1)
    assert len(watched.over) == 1


def test_near_misses_come_when_they_are_surely_over_and_only_once() -> None:
    watched = Watched()
    watched.show(5, Detection(BOX, 0.8))
    watched.show(60)
    assert len(watched.over) == 1
    assert watched.watch.close() == ()


def test_somebody_who_stays_for_ever_takes_bounded_memory() -> None:
    watched = Watched()
    watched.show(MOST_SIGHTINGS + 50, Detection(BOX, 0.8))
    (miss,) = watched.end()
    assert len(miss.sightings) == MOST_SIGHTINGS


def test_nobody_asks_for_a_second_look_at_idle_pictures_but_once_a_second() -> None:
    watch = NearMissWatch(PersonConfig(), floor=0.1, thresholds=(0.2, 0.5))
    asked = [bool(watch.look_at((), (), i / 5)) for i in range(50)]
    assert sum(asked) == 10


def test_a_gap_of_motion_is_no_new_near_miss() -> None:
    recording = untold.walk(Walker(scores=(0.3, 0.4)), Random(1))
    assert len(untold.ask(recording, untold.CAMERA).whys) == 1
