"""A recorder's folder with 100,000 clips: memory, idle CPU, scan time, and the first new clip.

    python -m benchmarks.folder_scan [--files 100000] [--idle-s 30] [--dir DIR]

Two weeks of four cameras, in a folder for each hour, as a Dahua recorder uploads them. Each way
of watching runs in a process of its own, against a ledger in sqlite as the agent has it:

    restart     every file is known; `notify` and `poll`
    first start no file is known, and all of them are to be opened
    watchdog    its PollingObserver on the same tree, which knows only what it holds in memory

Memory is resident memory against the moment before the watcher is made. Idle CPU is user and
system seconds of all its threads while nothing happens, plus the share of a full scan every ten
minutes. The new clip is written while the watcher works; `found after` counts from its last
byte. Wanted: at most 30 MiB, 1 % of a core, 10 s.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

import clips
from watchdog.events import FileSystemEventHandler
from watchdog.observers.polling import PollingObserver

from edge_agent.clock import SystemClock
from edge_agent.domain import CameraId
from edge_agent.recorders.find import FolderWatcher, FoundClip, Refused
from edge_agent.runtime.stop import StopToken

MIB = 2**20
CAMERAS = 4
HOURS = 14 * 24
FILES_PER_LINK = 30_000  # ext4 allows 65,000 names of a file
RESCAN_S = 600.0

WANTED_MIB = 30.0
WANTED_IDLE_SHARE = 0.01
WANTED_FOUND_S = 10.0


@dataclass(frozen=True)
class Figures:
    """What one way of watching cost."""

    name: str
    growth_mib: float
    ready_s: float  # until the first scan was done
    scan_cpu_s: float | None
    idle_share: float
    found_after_s: float | None


class SqliteLedger:
    """As the agent keeps it: a row for each file, asked for by its path."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS files "
            "(path BLOB PRIMARY KEY, size_bytes INT, mtime_ns INT) WITHOUT ROWID"
        )

    def known(self, path: Path) -> tuple[int, int] | None:
        query = "SELECT size_bytes, mtime_ns FROM files WHERE path = ?"
        row: tuple[int, int] | None = self._db.execute(query, (os.fsencode(path),)).fetchone()
        return row

    def keep(self, path: Path, size_bytes: int, mtime_ns: int) -> None:
        row = (os.fsencode(path), size_bytes, mtime_ns)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", row)

    def keep_tree(self, root: Path) -> None:
        self._db.execute("BEGIN")
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                found = path.stat()
                self.keep(path, found.st_size, found.st_mtime_ns)
        self._db.execute("COMMIT")


def make_tree(root: Path, files: int) -> None:
    """Links to a few small clips: what counts is the number of names."""
    source = clips.render(root.parent / "source.mp4", clips.Clip(frames=5))
    begin = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    each = files // (CAMERAS * HOURS) + 1
    made = 0
    for hour in range(HOURS):
        at = begin + dt.timedelta(hours=hour)
        for camera in range(CAMERAS):
            folder = root / f"cam{camera}/{at:%Y-%m-%d}/001/dav/{at:%H}"
            folder.mkdir(parents=True)
            for index in range(min(each, files - made)):
                if made % FILES_PER_LINK == 0:
                    original = root.parent / f"source{made}.mp4"
                    original.write_bytes(source.read_bytes())
                    os.utime(original, (at.timestamp(), at.timestamp()))
                first = at + dt.timedelta(seconds=index * 3600 // each)
                name = f"{first:%H.%M.%S}-{first + dt.timedelta(seconds=2):%H.%M.%S}[M][0@0][0].mp4"
                os.link(original, folder / name)
                made += 1
    # As if each folder had been made in its own hour, not all within seconds.
    for hour, (folder, _, _) in enumerate(os.walk(root, topdown=False)):
        at_s = begin.timestamp() + 3600 * hour
        os.utime(folder, (at_s, at_s))


def watch(root: Path, ledger_path: Path, method: str, idle_s: float, name: str) -> Figures:
    """In a process of its own."""
    ledger, clock, stop = SqliteLedger(ledger_path), SystemClock(), StopToken()
    cameras = {f"cam{camera}": CameraId(f"cam{camera}") for camera in range(CAMERAS)}
    arrived: dict[str, float] = {}

    def found(clip: FoundClip) -> None:
        ledger.keep(clip.path, clip.size_bytes, clip.mtime_ns)
        if "new" in clip.path.name:
            arrived[clip.path.name] = time.monotonic()

    def refused(file: Refused) -> None:
        raise AssertionError(file.reason)

    process = psutil.Process()
    # What the agent has anyway is in memory before: libav, and one opened clip.
    before_mib = process.memory_info().rss / MIB
    watcher = FolderWatcher(
        root, "dahua", cameras, dt.UTC, ledger, clock, method=method, rescan_s=RESCAN_S
    )
    began_s = time.monotonic()
    thread = threading.Thread(target=watcher.run, args=(stop, found, refused))
    thread.start()
    while watcher.status().scans == 0:
        time.sleep(0.05)
    ready_s = time.monotonic() - began_s
    idle_share = idle_cpu_share(process, idle_s)
    new = root / f"cam0/2026-11-20/001/dav/10/10.00.00-10.00.02[{name}new].mp4"
    new.parent.mkdir(parents=True, exist_ok=True)
    data = next(root.glob("cam0/*/001/dav/*/*.mp4")).read_bytes()
    new.write_bytes(data)
    complete_s = time.monotonic()
    while new.name not in arrived and time.monotonic() < complete_s + 60:
        time.sleep(0.05)
    growth_mib = process.memory_info().rss / MIB - before_mib
    scan_cpu_s = watcher.status().last_scan_cpu_s
    stop.stop()
    thread.join()
    share = idle_share + (scan_cpu_s or 0.0) / RESCAN_S
    found_after_s = arrived[new.name] - complete_s if new.name in arrived else None
    new.unlink()
    return Figures(name, growth_mib, ready_s, scan_cpu_s, share, found_after_s)


def watch_polling_observer(root: Path, interval_s: float, idle_s: float, name: str) -> Figures:
    process = psutil.Process()
    before_mib = process.memory_info().rss / MIB
    observer = PollingObserver(timeout=interval_s)
    observer.schedule(FileSystemEventHandler(), str(root), recursive=True)
    began_s = time.monotonic()
    observer.start()
    ready_s = time.monotonic() - began_s
    # At least one rescan, which holds both snapshots.
    cpu_s, began_s = sum(process.cpu_times()[:2]), time.monotonic()
    peak_mib = before_mib
    while time.monotonic() < began_s + max(idle_s, 3 * interval_s):
        peak_mib = max(peak_mib, process.memory_info().rss / MIB)
        time.sleep(0.1)
    share = (sum(process.cpu_times()[:2]) - cpu_s) / (time.monotonic() - began_s)
    observer.stop()
    observer.join()
    return Figures(name, peak_mib - before_mib, ready_s, None, share, None)


def idle_cpu_share(process: psutil.Process, seconds: float) -> float:
    before_s, began_s = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before_s) / (time.monotonic() - began_s)


def apart(function: object, *arguments: object) -> Figures:
    """In a fresh process, so that none inherits another's memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--idle-s", type=float, default=30.0)
    parser.add_argument("--dir", type=Path, help="where the tree is made; a real disk")
    arguments = parser.parse_args()
    if arguments.dir:
        arguments.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        root = folder / "recorder"
        make_tree(root, arguments.files)
        SqliteLedger(folder / "known.db").keep_tree(root)
        idle_s = arguments.idle_s
        rows = [
            apart(watch, root, folder / "known.db", "notify", idle_s, "restart, notify"),
            apart(watch, root, folder / "known.db", "poll", idle_s, "restart, poll"),
            apart(watch, root, folder / "empty.db", "notify", 5.0, "first start, notify"),
            apart(watch_polling_observer, root, 5.0, idle_s, "watchdog, polling each 5 s"),
        ]
    print("| | memory, MiB | ready, s | full scan, CPU s | CPU idle | found after, s |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        idle = "(at work)" if row.name.startswith("first") else f"{row.idle_share:.2%}"
        print(
            f"| {row.name} | {row.growth_mib:.1f} | {row.ready_s:.1f} "
            f"| {shown(row.scan_cpu_s, '.2f')} | {idle} | {shown(row.found_after_s, '.1f')} |"
        )
    ours = rows[:3]
    kept = (
        all(row.growth_mib <= WANTED_MIB for row in ours)
        and all(row.idle_share <= WANTED_IDLE_SHARE for row in ours[:2])
        and all((row.found_after_s or 1e9) <= WANTED_FOUND_S for row in ours)
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
