"""`_gap` goes out on each connection, again on change, until the watermark has passed."""

from __future__ import annotations

from shelf import EPOCH, ShelfGaps

from edge_agent.contract import Gap, GapRange, Unsequenced
from edge_agent.publish.announcements import Announcements

LOST = Gap("01KAQZ0000ZZ5Y0T7M2N9R6XBD", "corrupt", (GapRange(1, None),))
SHED = Gap(EPOCH, "quota", (GapRange(3, 5),))


def drain(announcements: Announcements) -> list[Gap]:
    gaps = []
    while (gap := announcements.peek()) is not None:
        announcements.take()
        gaps.append(gap)
    return gaps


def test_each_gap_is_announced_once_per_revision() -> None:
    announcements = Announcements()
    announcements.update(ShelfGaps(1, (LOST, SHED)))
    assert drain(announcements) == [LOST, SHED]
    announcements.update(ShelfGaps(1, (LOST, SHED)))
    assert drain(announcements) == []
    announcements.update(ShelfGaps(2, (SHED,)))
    assert drain(announcements) == [SHED]


def test_the_recorder_hears_when_all_of_a_revision_arrived() -> None:
    announcements = Announcements()
    announcements.update(ShelfGaps(7, (LOST, SHED)))
    revisions = []
    while announcements.peek() is not None:
        revisions.append(announcements.take())
    assert [announcements.acknowledged(revision) for revision in revisions] == [False, True]
    assert not announcements.acknowledged(6), "an older revision says nothing"


def test_they_are_sent_again_until_the_watermark_passes() -> None:
    announcements = Announcements()
    announcements.update(ShelfGaps(1, (SHED,)))
    drain(announcements)
    assert announcements.outstanding(EPOCH, 4)
    assert not announcements.outstanding(EPOCH, 5)
    announcements.send_again()
    assert drain(announcements) == [SHED]
    announcements.update(ShelfGaps(1, ()))  # the outbox heard the watermark
    announcements.send_again()
    assert drain(announcements) == []


def test_a_lost_epoch_and_unnumbered_losses_are_owed_whatever_the_watermark() -> None:
    unnumbered = Gap(EPOCH, "storage", unsequenced=Unsequenced(3, 1.0, 2.0))
    for gap in (LOST, unnumbered):
        announcements = Announcements()
        announcements.update(ShelfGaps(1, (gap,)))
        assert announcements.outstanding(EPOCH, 10**6)
