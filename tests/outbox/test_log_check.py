"""What lies in the write-ahead log of a box that was killed, damaged: told, not forgotten.

And what lies in the place of a file of ours and is none makes way.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from damaged_outbox import LIMITS, TOPICS, Accepted, fill, later, missing, told_after
from mqtt_box import draft, new_event_id

from edge_agent.clock import ManualClock
from edge_agent.domain import Phase
from edge_agent.outbox import Outbox, commit_together, log_check
from edge_agent.outbox.database import DATABASE, connect_sqlite
from edge_agent.outbox.opening import open_database
from edge_agent.recorders.ledger import LedgerReader, LedgerUpkeep, LeftOutFile, LeftOutState
from edge_agent.recorders.ledger.rows import note_left_out

LOG = "outbox.db-wal"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Accepted]:
    """A box that was killed with its newest commits in the log only."""
    folder = tmp_path_factory.mktemp("killed")
    live = folder / "live"
    live.mkdir()
    owed = fill(live, ManualClock(), events=10)
    clock, more = later(), []
    with Outbox.open(live, limits=LIMITS, clock=clock, guest=LedgerUpkeep(lambda: 0.0)) as outbox:
        for _ in range(6):
            event_id = new_event_id(clock)
            more += outbox.append([draft(TOPICS, clock, phase=Phase.START, event_id=event_id)])
            clock.advance(1.0)
        shutil.copytree(live, folder / "left")
    return folder / "left", Accepted(owed.rows + tuple(more))


def _flipped(log: Path) -> None:
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)


def _newest_flipped(log: Path) -> None:
    data = bytearray(log.read_bytes())
    data[-100] ^= 1
    log.write_bytes(data)


def _cut(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])


def _noise(log: Path) -> None:
    log.write_bytes(os.urandom(5000))


def _folder(log: Path) -> None:
    log.unlink()
    log.mkdir()


def _pipe(log: Path) -> None:
    log.unlink()
    os.mkfifo(log)


def _nowhere(log: Path) -> None:
    log.unlink()
    log.symlink_to("/nowhere/at/all")


def _foreign(log: Path) -> None:
    """Of another database, with pages of the same size: SQLite puts them over ours."""
    path = log.with_name("other.db")
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA page_size=512")
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE t(x)")
        other.executemany("INSERT INTO t VALUES(?)", [(bytes(300),)] * 50)
        other.commit()
        shutil.copy(f"{path}-wal", log)


@pytest.mark.parametrize(
    "spoil",
    [_flipped, _newest_flipped, _cut, _noise, Path.unlink, _folder, _pipe, _nowhere, _foreign],
)
def test_commits_that_a_damaged_log_lost_are_announced(
    killed: tuple[Path, Accepted], tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    source, owed = killed
    shutil.copytree(source, tmp_path / "copy")
    spoil(tmp_path / "copy" / LOG)
    assert missing(owed, *told_after(tmp_path / "copy", later())) == []


def test_after_a_power_cut_a_log_that_ends_early_lost_nothing_that_was_told(
    killed: tuple[Path, Accepted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index reached the card, and a commit of recorders' clips alone did not yet."""
    source, owed = killed
    state_dir = tmp_path / "copy"
    shutil.copytree(source, state_dir)
    log = state_dir / LOG

    def opened() -> Outbox:
        return Outbox.open(state_dir, limits=LIMITS, clock=later(), guest=LedgerUpkeep(lambda: 0.0))

    with opened() as outbox:
        assert commit_together(outbox, (), lambda database: None) is not None
        flushed = log.read_bytes()
        left_out = LeftOutFile(None, Path("/clips/x"), 1, 1, LeftOutState.REFUSED, "broken", 0.0)
        also = lambda database: note_left_out(database, [left_out])  # noqa: E731
        assert commit_together(outbox, (), also) is not None
        assert len(log.read_bytes()) > len(flushed)
        shutil.copytree(state_dir, tmp_path / "left")
    (tmp_path / "left" / LOG).write_bytes(flushed)
    state_dir = tmp_path / "left"
    monkeypatch.setattr(log_check, "boot_id", lambda: "ffffffff")
    with opened() as outbox:
        assert outbox.epoch == owed.rows[-1].position.epoch
        assert outbox.last_seq == owed.rows[-1].position.seq
        assert not outbox.take_alarms()


def test_a_box_that_was_killed_goes_on_in_its_epoch(
    killed: tuple[Path, Accepted], tmp_path: Path
) -> None:
    source, owed = killed
    shutil.copytree(source, tmp_path / "copy")
    with Outbox.open(tmp_path / "copy", limits=LIMITS, clock=later()) as outbox:
        assert outbox.epoch == owed.rows[-1].position.epoch
        assert not outbox.take_alarms()


@pytest.mark.parametrize("name", ["outbox.db", "outbox.db-shm", "outbox.epoch"])
def test_what_is_no_file_makes_way(
    killed: tuple[Path, Accepted], tmp_path: Path, name: str
) -> None:
    source, owed = killed
    shutil.copytree(source, tmp_path / "copy")
    path = tmp_path / "copy" / name
    for _ in range(2):  # what was put aside before makes way, too
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / "file").touch()
        assert missing(owed, *told_after(tmp_path / "copy", later())) == []


def test_a_damaged_file_is_put_aside_also_onto_a_folder(
    killed: tuple[Path, Accepted], tmp_path: Path
) -> None:
    source, owed = killed
    shutil.copytree(source, tmp_path / "copy")
    (tmp_path / "copy" / "outbox.db.corrupt").mkdir()
    (tmp_path / "copy" / "outbox.db.corrupt" / "file").touch()
    (tmp_path / "copy" / "outbox.db").write_bytes(b"x" * 5000)
    assert missing(owed, *told_after(tmp_path / "copy", later())) == []


def test_a_lost_table_of_the_ledger_is_noticed_at_the_start(
    killed: tuple[Path, Accepted], tmp_path: Path
) -> None:
    source, owed = killed
    shutil.copytree(source, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "outbox.db") as database:
        database.execute("DROP TABLE file")
    assert missing(owed, *told_after(tmp_path / "copy", later())) == []


# --- the locks of this process ------------------------------------------------------------

#: Where SQLite's connections meet: bytes of the database, and of the index (sqlite.org: os_unix.c).
_SHARED = (2**30 + 2, 510)
_ALIVE = (128, 1)


def _others_see_us(folder: Path) -> bool:
    """Whether another process finds the database and its index in use."""
    places = {"outbox.db": _SHARED, "outbox.db-shm": _ALIVE}
    for name, (start, length) in places.items():
        code = (
            "import fcntl, sys\n"
            f"with open({str(folder / name)!r}, 'r+b') as file:\n"
            f"    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {length}, {start})\n"
        )
        locked = [sys.executable, "-c", code]
        done = subprocess.run(locked, check=False, capture_output=True, text=True)
        if "BlockingIOError" not in done.stderr:
            return False
    return True


def test_a_look_at_the_log_of_a_killed_box_keeps_our_locks(
    killed: tuple[Path, Accepted], tmp_path: Path
) -> None:
    """Else `edge-agent status` cuts the index off under the running agent, which dies of it."""
    shutil.copytree(killed[0], tmp_path / "state")
    with Outbox.open(tmp_path / "state", limits=LIMITS, clock=later()) as outbox:
        outbox.append([draft(TOPICS, later(), phase=Phase.START, event_id=new_event_id(later()))])
        assert _others_see_us(tmp_path / "state")


def test_an_outbox_that_is_opened_again_keeps_the_locks_of_its_readers(tmp_path: Path) -> None:
    with Outbox.open(tmp_path, limits=LIMITS, clock=later()), LedgerReader(tmp_path) as reader:
        reader.counts()
        open_database(tmp_path / DATABASE, connect_sqlite).close()
        assert _others_see_us(tmp_path)
