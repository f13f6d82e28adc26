"""The folder of the outbox goes, comes back, or is another one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from outbox_drafts import open_outbox, single

from edge_agent.clock import ManualClock
from edge_agent.contract import GapRange
from edge_agent.errors import StateDirLocked
from edge_agent.outbox import OutboxReader, outbox_stat
from edge_agent.outbox.writable import why_not_writable


def test_a_folder_that_was_removed_is_made_anew_and_what_was_in_it_announced(
    tmp_path: Path,
) -> None:
    clock = ManualClock(mono_s=100.0)
    folder = tmp_path / "state"
    folder.mkdir()
    with open_outbox(folder, clock) as outbox:
        old = outbox.append([single(clock)])[0]
        shutil.rmtree(folder)
        outbox.look()
        assert outbox.failing, "told within the second"
        assert outbox.append([single(clock)]) == ()
        clock.advance(5.0)
        (row,) = outbox.append([])
        assert (row.position.seq, row.row_id) == (1, 2), "row ids go on for the publisher"
        assert not outbox.failing
        with OutboxReader(folder) as reader:
            (gap,) = reader.gaps().gaps
            assert (gap.epoch, gap.reason) == (old.position.epoch, "storage")
            assert gap.ranges == (GapRange(1, None),)
            assert reader.undelivered(0, 10) == (row,)
        with pytest.raises(StateDirLocked):
            open_outbox(folder, clock)


def test_a_disk_that_is_mounted_again_is_gone_on_with(tmp_path: Path) -> None:
    clock = ManualClock(mono_s=100.0)
    folder, away = tmp_path / "state", tmp_path / "away"
    folder.mkdir()
    with open_outbox(folder, clock) as outbox:
        (first,) = outbox.append([single(clock)])
        folder.rename(away)
        folder.mkdir()  # the mount point
        outbox.look()
        clock.advance(5.0)
        (second,) = outbox.append([single(clock)])
        assert second.position.epoch != first.position.epoch
        folder.rename(tmp_path / "point")
        away.rename(folder)
        outbox.look()
        assert outbox.failing
        clock.advance(5.0)
        (third,) = outbox.append([single(clock)])
        assert third.position.epoch == first.position.epoch
        with OutboxReader(folder) as reader:
            gaps = [(gap.epoch, gap.ranges) for gap in reader.gaps().gaps]
            assert gaps == [(second.position.epoch, (GapRange(1, None),))]


def test_nobody_makes_a_folder_where_its_disk_is_gone(tmp_path: Path) -> None:
    clock = ManualClock(mono_s=100.0)
    folder = tmp_path / "disk" / "state"
    folder.mkdir(parents=True)
    with open_outbox(folder, clock) as outbox:
        shutil.rmtree(tmp_path / "disk")
        for _ in range(3):
            outbox.look()
            clock.advance(5.0)
            assert outbox.append([single(clock)]) == ()
        assert outbox.waiting == 3
        assert not folder.parent.exists()
        folder.mkdir(parents=True)
        clock.advance(5.0)
        assert len(outbox.append([])) == 3


@pytest.mark.parametrize("mask", ["0000", "0022", "0077", "0777"])
def test_nobody_else_reads_a_file_whatever_the_umask(tmp_path: Path, mask: str) -> None:
    script = (
        "import os, sys, pathlib, time\n"
        f"os.umask(0o{mask})\n"
        "from outbox_drafts import open_outbox, single\n"
        "from edge_agent.clock import ManualClock\n"
        "c = ManualClock()\n"
        "o = open_outbox(pathlib.Path(sys.argv[1]), c)\n"
        "o.append([single(c)])\n"
        "o.look()\n"
        "files = pathlib.Path(sys.argv[1]).iterdir()\n"
        "print(*(f'{file.name}={file.stat().st_mode & 0o777:o}' for file in files))"
    )
    helpers = Path(__file__).parents[1] / "helpers"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(helpers)},
    )
    modes = dict(each.split("=") for each in done.stdout.split())
    assert {"outbox.db", "outbox.db-wal", "outbox.db-shm", "agent.pid"} <= modes.keys()
    assert set(modes.values()) == {"600"}, modes


def test_files_of_an_agent_that_let_others_read_are_closed_to_them(tmp_path: Path) -> None:
    open_outbox(tmp_path).close()
    (tmp_path / "outbox.db").chmod(0o644)
    with open_outbox(tmp_path):
        assert stat.S_IMODE((tmp_path / "outbox.db").stat().st_mode) == 0o600


def test_stat_counts_what_was_sent_a_moment_ago(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([single(clock) for _ in range(10)])
        outbox.mark_sent(row.row_id for row in rows[:7])
        outbox.look()
        assert (outbox_stat(tmp_path).sent, outbox_stat(tmp_path).unsent) == (7, 3)
    assert (outbox_stat(tmp_path).sent, outbox_stat(tmp_path).unsent) == (7, 3), "stored by then"


def test_a_pid_that_is_another_process_says_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock)])
        for text in ("1", "999999999", "x", ""):
            (tmp_path / "agent.pid").write_text(text)
            assert outbox_stat(tmp_path).unsent == 1


def test_why_a_folder_cannot_be_written_says_who_does_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert why_not_writable(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    assert "is its disk mounted" in why_not_writable(tmp_path / "none")

    def read_only(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    assert "mount it for writing" in why_not_writable(tmp_path)
    monkeypatch.setenv("INVOCATION_ID", "a service")
    assert f"ReadWritePaths={tmp_path}" in why_not_writable(tmp_path)
