"""When a tree is scanned, and how much of the machine that may take.

Full scans: at the start, every 10 minutes, and whenever notifications may have been lost.
Quick scans, which skip folders that did not change: every few seconds, where nothing notifies.
New folders: at once, and again shortly after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.clock import Clock, thread_cpu_s
from edge_agent.recorders.find.scan import ScanResult, TreeScanner

#: Scans take at most these shares of a core, while nothing comes and while something does, and
#: this share of the time: a file server answers slowly.
MAX_CPU_SHARE = 0.008
MAX_CPU_SHARE_BUSY = 0.05
MAX_TIME_SHARE = 0.2

#: A new folder is looked into at once, and again after this: files that came before the kernel
#: watched it were not told of.
NEW_FOLDER_AGAIN_S = 2.0

#: Folders waiting to be looked into. When more come, everything is scanned.
MAX_NEW_FOLDERS = 1_000

#: Unknown files that one scan hands over.
SCAN_ROOM = 2_000


@dataclass(frozen=True, slots=True)
class Round:
    """A scan that ended."""

    result: ScanResult
    full: bool  # the whole tree, without shortcuts


@dataclass(slots=True)
class _UnderWay:
    steps: Iterator[None]
    result: ScanResult
    full: bool
    begin_s: float
    cpu_s: float = 0.0


class ScanRounds:
    """The scans of one tree, one step at a time. One owner."""

    def __init__(
        self, scanner: TreeScanner, clock: Clock, *, rescan_s: float, poll_s: float
    ) -> None:
        self._scanner = scanner
        self._clock = clock
        self._rescan_s, self._poll_s = rescan_s, poll_s
        self.polling = False  # quick scans too
        self._scan: _UnderWay | None = None
        self._folder_scan: _UnderWay | None = None
        self._new_folders: deque[tuple[float, str, bool]] = deque()  # due, path, once more
        self._full_due_s = float("-inf")
        self._quick_due_s = float("-inf")
        self._not_before_s = float("-inf")
        self._quick_cpu_s = 0.0  # what the last quick scan took
        self._more = False  # files were left out for want of room
        self.full_scans = 0
        self.last: ScanResult | None = None  # the newest full one
        self.last_s: float | None = None
        self.last_cpu_s: float | None = None

    @property
    def settled(self) -> bool:
        """All that was there when last asked has been handed over."""
        quiet = self._scan is None and self._folder_scan is None and not self._new_folders
        overdue = self._full_due_s <= self._clock.mono_s()
        return quiet and self.full_scans > 0 and not self._more and not overdue

    def want_full(self) -> None:
        """Scan everything soon; a scan under way may have passed the place already."""
        self._full_due_s = self._not_before_s = float("-inf")

    def look_into(self, folder: str) -> None:
        """A folder that just came."""
        if len(self._new_folders) >= MAX_NEW_FOLDERS:
            self.want_full()
            return
        self._new_folders.append((self._clock.mono_s(), folder, True))

    def advance(self, *, pending: int) -> Round | None:
        """One step of what is due; `pending` files are not complete yet.

        Raises OSError when the root cannot be listed.
        """
        now_s = self._clock.mono_s()
        self._begin_folder(now_s)
        if self._folder_scan is not None:
            return self._step_folder(self._folder_scan)
        self._begin_scan(now_s, pending)
        return self._step(self._scan) if self._scan is not None else None

    def wait_s(self, *, pending: int) -> float:
        """Until something is due; 0 while a scan is under way."""
        if self._scan is not None or self._folder_scan is not None:
            return 0.0
        due_s = max(self._not_before_s, min(self._full_due_s, self._quick_s(pending)))
        if self._new_folders:
            due_s = min(due_s, self._new_folders[0][0])
        return max(0.0, due_s - self._clock.mono_s())

    def _quick_s(self, pending: int) -> float:
        if self._more and pending < SCAN_ROOM // 2:
            return float("-inf")
        return self._quick_due_s if self.polling else float("inf")

    def _begin_folder(self, now_s: float) -> None:
        if self._folder_scan is not None or not self._new_folders:
            return
        due_s, folder, again = self._new_folders[0]
        if due_s > now_s:
            return
        self._new_folders.popleft()
        if again:
            self._new_folders.append((now_s + NEW_FOLDER_AGAIN_S, folder, False))
        self._folder_scan = self._under_way(now_s, full=True, top=folder)

    def _begin_scan(self, now_s: float, pending: int) -> None:
        if self._scan is not None or now_s < self._not_before_s:
            return
        full = now_s >= self._full_due_s
        if not full and now_s < self._quick_s(pending):
            return
        self._scan = self._under_way(now_s, full=full or self._more)
        self._full_due_s = now_s + self._rescan_s if self._scan.full else self._full_due_s

    def _under_way(self, now_s: float, *, full: bool, top: str = "") -> _UnderWay:
        result = ScanResult()
        steps = self._scanner.scan(
            result, room=SCAN_ROOM, full=full, at_s=self._clock.mono_s, top=top
        )
        return _UnderWay(steps, result, full, now_s)

    def _step_folder(self, scan: _UnderWay) -> Round | None:
        try:
            next(scan.steps)
        except StopIteration:
            self._folder_scan = None
            if scan.result.left_out:
                self._more = True
            return Round(scan.result, full=False)
        except OSError:
            self._folder_scan = None  # gone again
        return None

    def _step(self, scan: _UnderWay) -> Round | None:
        begin_cpu_s = thread_cpu_s()
        ended = False
        try:
            next(scan.steps)
        except StopIteration:
            ended = True
        except OSError:
            self._scan = None
            raise
        scan.cpu_s += thread_cpu_s() - begin_cpu_s
        return self._ended(scan) if ended else None

    def _ended(self, scan: _UnderWay) -> Round:
        self._scan = None
        now_s = self._clock.mono_s()
        took_s = now_s - scan.begin_s
        share = MAX_CPU_SHARE_BUSY if scan.result.newest else MAX_CPU_SHARE
        # The first quick scan may have to list folders once more, and the next ones need not.
        lasting_s = min(scan.cpu_s, self._quick_cpu_s) if not scan.full else 0.0
        self._quick_due_s = now_s + max(self._poll_s, lasting_s / share)
        if not scan.full:
            self._quick_cpu_s = scan.cpu_s
        if self._full_due_s > scan.begin_s:  # nobody wanted another one meanwhile
            self._full_due_s = max(self._full_due_s, now_s + scan.cpu_s / MAX_CPU_SHARE)
        # After a full scan the quick ones, which take less, may go on at once.
        busy_s = took_s if not scan.full or scan.result.left_out else 0.0
        self._not_before_s = now_s + busy_s * (1.0 / MAX_TIME_SHARE - 1.0)
        if scan.full or not self._more:
            self._more = scan.result.left_out > 0
        if scan.full:
            self.full_scans += 1
            self.last, self.last_s, self.last_cpu_s = scan.result, took_s, scan.cpu_s
        return Round(scan.result, scan.full)
