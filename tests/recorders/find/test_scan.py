"""Scans against what is known: shortcuts that miss nothing, and new folders looked at twice."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from watched_folder import Ledger

from edge_agent.clock import ManualClock
from edge_agent.recorders.find.rounds import NEW_FOLDER_AGAIN_S, ScanRounds
from edge_agent.recorders.find.scan import COARSE_S, ScanResult, TreeScanner


class Tree:
    """A scanner over files that need not be clips."""

    def __init__(self, root: Path, *, folder_times: bool = True, pending: Container[object] = ()):
        self.root, self.ledger, self.clock = root, Ledger(), ManualClock()
        self.scanner = TreeScanner(
            str(root),
            self.ledger,
            wanted=lambda _: True,
            pending=pending,
            folder_times=folder_times,
        )

    def scan(self, *, full: bool = False, room: int = 100) -> ScanResult:
        result = ScanResult()
        for _ in self.scanner.scan(result, room=room, full=full, at_s=self.clock.mono_s):
            pass
        return result

    def learn(self, result: ScanResult) -> list[str]:
        """All that was found becomes known."""
        for seen in result.newest:
            self.ledger.rows[Path(seen.path)] = (seen.size_bytes, seen.mtime_ns)
        return sorted(Path(seen.path).name for seen in result.newest)


def add_unnoticed(folder: Path, name: str) -> None:
    """Within the same tick of the file system's clock, so that the folder's mtime stays."""
    before = folder.stat()
    (folder / name).touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_file_that_came_in_the_tick_of_the_listing_is_not_missed(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    (tmp_path / "a.mp4").touch()
    assert tree.learn(tree.scan()) == ["a.mp4"]
    tree.scan()
    add_unnoticed(tmp_path, "b.mp4")
    assert tree.learn(tree.scan()) == ["b.mp4"]


def test_folder_is_skipped_once_its_tick_is_over(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    (tmp_path / "a.mp4").touch()
    tree.learn(tree.scan())
    tree.clock.advance(COARSE_S)
    tree.scan()
    asked = tree.ledger.asked
    assert not tree.scan().newest
    assert tree.ledger.asked == asked
    (tmp_path / "b.mp4").touch()
    assert tree.learn(tree.scan()) == ["b.mp4"]


def test_folder_is_skipped_when_another_shows_that_its_tick_is_over(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    for name in ("2026-11-23", "2026-11-24"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").touch()
    os.utime(tmp_path / "2026-11-23", (1e9, 1e9))
    tree.learn(tree.scan())
    tree.scan()
    tree.ledger.asked = 0
    tree.scan()
    assert tree.ledger.asked == 1  # the newest folder only


def test_folder_times_that_lie_are_not_used(tmp_path: Path) -> None:
    tree = Tree(tmp_path, folder_times=False)
    (tmp_path / "a.mp4").touch()
    tree.learn(tree.scan())
    tree.clock.advance(60)
    tree.scan()
    add_unnoticed(tmp_path, "b.mp4")
    assert tree.learn(tree.scan()) == ["b.mp4"]


def test_newest_are_kept_where_there_is_no_room_for_all(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    for index in range(9):
        (tmp_path / f"{index}.mp4").touch()
        os.utime(tmp_path / f"{index}.mp4", (1e9 + index, 1e9 + index))
    result = tree.scan(room=3)
    assert result.left_out == 6
    assert tree.learn(result) == ["6.mp4", "7.mp4", "8.mp4"]
    assert tree.learn(tree.scan(room=3)) == ["3.mp4", "4.mp4", "5.mp4"]


def test_large_folder_gives_others_their_turn(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    for index in range(1_000):
        (tmp_path / f"{index}.mp4").touch()
    steps = tree.scanner.scan(ScanResult(), room=10, full=True, at_s=tree.clock.mono_s)
    assert sum(1 for _ in steps) >= 4


def test_unreadable_folder_is_told_and_the_rest_is_scanned(tmp_path: Path, monkeypatch) -> None:
    tree = Tree(tmp_path)
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").touch()
    scandir = os.scandir

    def refusing(path: str):  # root may read everything
        if path.endswith("bad"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = tree.scan()
    assert tree.learn(result) == ["a.mp4"]
    assert result.unreadable == [(str(tmp_path / "bad"), "Permission denied")]


def test_new_folder_is_looked_into_again(tmp_path: Path) -> None:
    """What came into it before the kernel watched it was not told of."""
    tree = Tree(tmp_path)
    rounds = ScanRounds(tree.scanner, tree.clock, rescan_s=600.0, poll_s=5.0)
    found: list[str] = []

    def run() -> None:
        while rounds.wait_s(pending=0) == 0:
            ended = rounds.advance(pending=0)
            found.extend(tree.learn(ended.result) if ended else [])

    run()
    (tmp_path / "new").mkdir()
    rounds.look_into(str(tmp_path / "new"))
    run()
    (tmp_path / "new/a.mp4").touch()
    run()
    assert not found
    tree.clock.advance(NEW_FOLDER_AGAIN_S)
    run()
    assert found == ["a.mp4"]
    assert rounds.full_scans == 1
