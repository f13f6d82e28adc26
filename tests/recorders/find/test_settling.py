"""Bookkeeping of files that may still be written: order, bounds, patience."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.recorders.find.scan import SeenFile
from edge_agent.recorders.find.settling import ABANDONED_S, RETRY_S, Settling


def seen(name: str, mtime_ns: int = 0) -> SeenFile:
    return SeenFile(mtime_ns, name, 10)


def due(settling: Settling, now_s: float) -> list[str]:
    """Look at all that is due; nothing changed."""
    paths = []
    while (found := settling.take_due(now_s)) is not None:
        paths.append(found.path)
        if settling.looked(found, now_s):
            settling.drop(found.path)
    return paths


def test_newest_of_the_due_files_comes_first_however_long_others_wait() -> None:
    settling = Settling()
    for index in range(5):
        settling.add(seen(f"old{index}", index), 0.0)
    settling.add(seen("new", 100), 1.0)
    found = settling.take_due(10.0)
    assert found is not None
    assert found.path == "new"
    assert due(settling, 10.0) == ["new", "old4", "old3", "old2", "old1", "old0"]
    assert len(settling) == 6


def test_change_begins_the_wait_anew() -> None:
    settling = Settling(look_s=2.0)
    settling.add(seen("a"), 0.0)
    assert settling.take_due(1.9) is None
    assert not settling.looked(seen("a"), 2.0)
    grown = replace(seen("a"), size_bytes=11)
    assert not settling.looked(grown, 4.0)
    assert not settling.looked(grown, 6.0)
    assert settling.looked(grown, 8.0)


def test_full_book_lets_the_oldest_go() -> None:
    settling = Settling(limit=3)
    for name, mtime_ns in (("b", 2), ("c", 3), ("d", 4), ("a", 1), ("e", 5)):
        settling.add(seen(name, mtime_ns), 0.0)
    assert settling.room == 0
    assert due(settling, 2.0) == ["e", "d", "c"]


def test_file_seen_again_keeps_its_state() -> None:
    settling = Settling(look_s=2.0)
    settling.add(seen("a"), 0.0)
    assert not settling.looked(seen("a"), 2.0)
    settling.add(seen("a"), 3.0)
    assert settling.looked(seen("a"), 4.0)


def test_failure_is_retried_ever_later_and_then_ends() -> None:
    settling = Settling()
    settling.add(seen("a"), 0.0)
    now_s = 4.0
    for wait_s in RETRY_S:
        assert not settling.failed("a", now_s, age_s=10.0)
        assert settling.take_due(now_s + wait_s - 0.1) is None
        now_s += wait_s
        assert settling.take_due(now_s) is not None
    assert settling.failed("a", now_s, age_s=10.0)
    settling.add(seen("b"), 0.0)
    assert settling.failed("b", 4.0, age_s=ABANDONED_S)


def test_heaps_stay_bounded_whatever_is_written_to() -> None:
    settling = Settling(limit=10)
    for round_ in range(2_000):
        settling.add(seen(f"{round_ % 5}"), float(round_))
        settling.looked(SeenFile(round_, f"{round_ % 5}", round_), float(round_))
    assert len(settling._due) + len(settling._ready) <= 140


def test_recorder_that_goes_on_after_rests_is_waited_for() -> None:
    settling = Settling(look_s=2.0)
    for rest_s in (10.0, 8.0):
        assert settling.patience_s == 0
        settling.grew(rest_s)
    assert settling.patience_s == 15
    seen = SeenFile(1, "a.ts", 10)
    settling.add(seen, 0.0)
    opened_s = next(s for s in range(1, 60) if settling.take_due(s) and settling.looked(seen, s))
    assert 15 <= opened_s <= 17
    settling.grew(3600.0)  # another recording under its name
    assert settling.patience_s == 15
