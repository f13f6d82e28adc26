"""The power is cut at 50 random points: what `append` returned must be there afterwards.

Once with a VFS that keeps only what was synced (and a random part of what was not), once with a
real ext4 on a loop device whose image is copied without a sync. The same test must show loss
with synchronous=NORMAL, or it would prove nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest
from outbox_drafts import draft, open_outbox, single, sqlite_error, stored, ulid

from edge_agent.clock import ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.domain import Label, Phase
from edge_agent.outbox import Outbox

CUTS = 50
APPENDS = 240


@dataclass
class Disk:
    """What is on the platter (`durable`), and what only the page cache has (`pending`)."""

    durable: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)
    on_operation: Callable[[], None] = lambda: None

    def write(self, name: str, offset: int, data: bytes | None) -> None:
        self.pending.setdefault(name, []).append((offset, data))
        self.on_operation()

    def sync(self, name: str) -> None:
        self.on_operation()
        _apply(self.durable.setdefault(name, bytearray()), self.pending.pop(name, []))
        self.on_operation()

    def delete(self, name: str) -> None:
        self.durable.pop(name, None)
        self.pending.pop(name, None)

    def after_a_cut(self, rng: random.Random) -> dict[str, bytes]:
        """What a restart may find: of the unsynced writes a random part, in any order."""
        found = {}
        for name, content in self.durable.items():
            image = bytearray(content)
            share = rng.choice((0.0, 0.0, 0.5, 1.0))
            _apply(image, [op for op in self.pending.get(name, []) if rng.random() < share])
            found[name] = bytes(image)
        return found


def _apply(image: bytearray, operations: list[tuple[int, bytes | None]]) -> None:
    for offset, data in operations:
        if data is None:
            del image[offset:]
            continue
        if len(image) < offset:
            image.extend(bytes(offset - len(image)))
        image[offset : offset + len(data)] = data


class DroppingVfs(apsw.VFS):
    """SQLite's own file layer, watched."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.disk, self.vfs_name = disk, name
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return DroppingFile(self.disk, name, flags)

    def xDelete(self, name: str, sync_dir: bool) -> None:  # noqa: N802
        super().xDelete(name, sync_dir)
        self.disk.delete(Path(name).name)


class DroppingFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk, self._name = disk, Path(path or "temporary").name

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._disk.write(self._name, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._disk.write(self._name, size, None)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._disk.sync(self._name)


class ApswConnection:
    """apsw behind the outbox's Connection; `synchronous` overrides the one it asks for."""

    def __init__(self, path: Path, vfs: str, synchronous: str) -> None:
        self._inner = apsw.Connection(str(path), vfs=vfs)
        self._synchronous = synchronous
        # A Python VFS has no shared memory, which WAL needs unless one process owns the file.
        self._inner.execute("PRAGMA locking_mode=EXCLUSIVE")

    def execute(self, sql: str, parameters: Any = (), /) -> list[Any]:
        if sql.startswith("PRAGMA synchronous="):
            sql = f"PRAGMA synchronous={self._synchronous}"
        try:
            return list(self._inner.execute(sql, parameters))
        except apsw.Error as error:
            raise sqlite_error(getattr(error, "extendedresult", sqlite3.SQLITE_ERROR)) from error

    def close(self) -> None:
        self._inner.close()


@dataclass
class Promise:
    """What the outbox had accepted, and what the server had acknowledged, at one moment."""

    accepted: dict[int, str] = field(default_factory=dict)  # seq: message_id
    acked: int = 0

    def copy(self) -> Promise:
        return Promise(dict(self.accepted), self.acked)


def work(outbox: Outbox, clock: ManualClock, promise: Promise, appends: int) -> Iterator[None]:
    """A busy day: groups of 1 to 10, events that stay open, PUBACKs and watermarks."""
    rng = random.Random(4)
    event = ulid()
    for number in range(appends):
        drafts = [single(clock, Label.MOTION) for _ in range(rng.choice((0, 0, 0, 3, 9)))]
        phase = (Phase.START, Phase.UPDATE, Phase.END)[number % 3]
        drafts.append(draft(clock, Label.PERSON, phase, event_id=event))
        event = ulid() if phase is Phase.END else event
        rows = outbox.append(drafts)
        promise.accepted.update({row.position.seq: row.message_id for row in rows})
        yield
        outbox.mark_sent(row.row_id for row in rows)
        if rng.random() < 0.2:
            promise.acked = max(promise.acked, max(promise.accepted) - rng.randrange(20))
            outbox.acknowledge(outbox.epoch, promise.acked)
        clock.advance(rng.choice((0.5, 5.0, 20.0)))


def lost_after(folder: Path, epoch: str, promise: Promise) -> int:
    """How many accepted, unacknowledged messages are missing after a restart in `folder`."""
    with open_outbox(folder) as outbox:
        if outbox.epoch != epoch:
            return len(promise.accepted)
        assert not outbox.take_alarms()
        assert outbox.last_seq >= 0
    found = dict(stored(folder))
    unacked = {s: m for s, m in promise.accepted.items() if s > promise.acked}
    present = [seq for seq in found if seq > promise.acked]
    assert present == list(range(min(present), max(present) + 1)) if present else True
    return sum(found.get(seq) != message_id for seq, message_id in unacked.items())


def cut_with_vfs(tmp_path: Path, synchronous: str) -> list[int]:
    """Messages lost at each of the cuts."""
    rng, disk, promise = random.Random(1), Disk(), Promise()
    vfs = DroppingVfs(f"dropping-{synchronous}", disk)
    live = tmp_path / "live"
    live.mkdir()
    clock = ManualClock()
    cuts: list[tuple[dict[str, bytes], Promise]] = []
    # The small quota makes the log be checkpointed every 480 pages, so that cuts fall there too.
    outbox = open_outbox(
        live,
        clock,
        limits=OutboxConfig(max_mb=2, max_disk_frac=1.0),
        connect=lambda path, _: ApswConnection(path, vfs.vfs_name, synchronous),
    )
    chance = CUTS / (APPENDS * 4)

    def maybe_cut() -> None:
        if rng.random() < chance and len(cuts) < CUTS:
            cuts.append((disk.after_a_cut(rng), promise.copy()))

    disk.on_operation = maybe_cut
    for _ in work(outbox, clock, promise, APPENDS):
        maybe_cut()
    epoch = outbox.epoch
    while len(cuts) < CUTS:
        cuts.append((disk.after_a_cut(rng), promise.copy()))
    disk.on_operation = lambda: None
    outbox.close()
    vfs.unregister()
    lost = []
    for number, (files, promised) in enumerate(cuts):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        shutil.copy(live / "outbox.epoch", folder)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        lost.append(lost_after(folder, epoch, promised))
        shutil.rmtree(folder)
    return lost


def test_no_accepted_message_is_lost_when_unsynced_writes_vanish(tmp_path: Path) -> None:
    assert cut_with_vfs(tmp_path, "FULL") == [0] * CUTS


def test_the_same_cuts_lose_messages_with_synchronous_normal(tmp_path: Path) -> None:
    assert sum(cut_with_vfs(tmp_path, "NORMAL")) > 0


# --- a real file system -----------------------------------------------------------------


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=20)


@dataclass
class LoopDisk:
    """An ext4 in a file. Copying the file without a sync is what a power cut leaves."""

    folder: Path

    def make(self) -> None:
        image = self.folder / "image"
        with image.open("wb") as file:
            file.truncate(12 * 2**20)
        _run("mkfs.ext4", "-q", "-F", image)
        self.mount(image, self.folder / "live")

    def mount(self, image: Path, point: Path) -> None:
        point.mkdir(exist_ok=True)
        _run("mount", "-o", "loop", image, point)

    def unmount(self, point: Path) -> None:
        _run("umount", point)


@pytest.fixture
def loop_disk(tmp_path: Path) -> Iterator[LoopDisk]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = LoopDisk(tmp_path)
    try:
        disk.make()
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"loop mounts are not allowed here: {error}")
    yield disk
    disk.unmount(tmp_path / "live")


def cut_on_ext4(disk: LoopDisk, connect: dict[str, Any]) -> list[int]:
    live, after, rng = disk.folder / "live", disk.folder / "after", random.Random(2)
    promise, clock = Promise(), ManualClock()
    outbox = open_outbox(live, clock, **connect)
    points = set(rng.sample(range(2, CUTS * 3), CUTS))
    lost = []
    try:
        for number, _ in enumerate(work(outbox, clock, promise, CUTS * 3)):
            if number not in points:
                continue
            image = disk.folder / "cut"
            shutil.copyfile(disk.folder / "image", image)
            disk.mount(image, after)
            try:
                lost.append(lost_after(after, outbox.epoch, promise))
            finally:
                disk.unmount(after)
    finally:
        outbox.close()
    return lost


@pytest.mark.slow
def test_no_accepted_message_is_lost_on_a_real_file_system(loop_disk: LoopDisk) -> None:
    assert cut_on_ext4(loop_disk, {}) == [0] * CUTS


@pytest.mark.slow
def test_the_real_file_system_loses_messages_with_synchronous_normal(loop_disk: LoopDisk) -> None:
    from edge_agent.outbox import connect_sqlite

    class Normal:
        def __init__(self, path: Path, read_only: bool) -> None:
            self._inner = connect_sqlite(path, read_only)

        def execute(self, sql: str, parameters: Any = (), /) -> Any:
            sql = sql.replace("synchronous=FULL", "synchronous=NORMAL")
            return self._inner.execute(sql, parameters)

        def close(self) -> None:
            self._inner.close()

    assert sum(cut_on_ext4(loop_disk, {"connect": Normal})) > 0
