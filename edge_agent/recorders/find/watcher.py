"""One watched tree: what arrives in it is handed over, once it is complete and opens.

    inotify ---> paths that changed --+
                                      +--> claim --> settling --> take --> found / refused
    scans -----> unknown files -------+
    (at the start, every 10 minutes, after lost notifications; each few seconds when polling)

All of it runs in the one thread that calls `run`; watchdog's threads only put paths into a set.
Of 100,000 unknown files, the newest few thousand are taken up at a time, the newest first.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.domain import CameraId
from edge_agent.recorders.find.brands import template_set
from edge_agent.recorders.find.clip import (
    TOO_OLD,
    ContentId,
    Found,
    KnownFiles,
    Refused,
    RefusedClip,
    Stray,
    WatchMethod,
    WatchStatus,
    shown_path,
)
from edge_agent.recorders.find.identity import ClipGone, mtime_ns_of
from edge_agent.recorders.find.intake import Claim, ClipIntake, UnreadableClip
from edge_agent.recorders.find.misfits import Misfits
from edge_agent.recorders.find.mounts import choose_method, read_mounts
from edge_agent.recorders.find.notices import Notices
from edge_agent.recorders.find.recorded_time import ClockOffset
from edge_agent.recorders.find.root import WatchedRoot
from edge_agent.recorders.find.rounds import ScanRounds
from edge_agent.recorders.find.scan import ScanResult, SeenFile, TreeScanner
from edge_agent.recorders.find.settling import MAX_PENDING, Settling
from edge_agent.recorders.find.template import is_temporary
from edge_agent.recorders.find.unfinished import Unfinished
from edge_agent.runtime.attempts import Attempts
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules

_LOG = logging.getLogger(__name__)

#: Between two quick scans where there are no notifications.
POLL_S = 5.0

#: Is the folder still there, do the notifications still come.
CHECK_S = 5.0

#: Files opened before others get their turn.
STEP_OPENS = 8

#: The thread looks for notifications this often; nothing else is done then.
TICK_S = 0.25


class FolderWatcher:
    """Watches one tree. Make it anywhere; `run` or `step` belong to one thread."""

    def __init__(  # noqa: PLR0913 - the settings of one source, each by its name
        self,
        root: Path,
        template: str,
        cameras: Mapping[str, CameraId],
        zone: dt.tzinfo,
        known: KnownFiles,
        clock: Clock,
        *,
        method: str = "auto",
        rescan_s: float = 600.0,
        poll_s: float = POLL_S,
        max_age_s: float | None = None,
        complete: bool = False,
        rules: PictureRules = ANY_CAMERA,
        attempts: Attempts | None = None,
        watched_root: WatchedRoot | None = None,
        tell_strays: Callable[[Sequence[Stray]], None] | None = None,
    ) -> None:
        """`cameras`: by what the template reads as channel; `""` where it reads none. `complete`:
        nobody writes here any more, so what does not open is refused at once. `tell_strays` is
        called after each full scan with the files that are no camera's.

        Raises BadTemplate.
        """
        self._root = root
        self._known = known
        self._clock = clock
        self._wanted_method = method
        self._complete = complete
        self._tell_strays = tell_strays
        self._rescan_s, self._poll_s, self._max_age_s = rescan_s, poll_s, max_age_s
        self._watched_root = watched_root or WatchedRoot(root)
        self._intake = ClipIntake(str(root), template_set(template), cameras, zone, rules, attempts)
        self._settling = Settling()
        self._unfinished = Unfinished(self._intake)
        self._awaited: dict[str, tuple[CameraId, float]] = {}  # of what is settling
        self._choice = choose_method(root, method, read_mounts())
        self._rounds = self._new_rounds()
        self._notices = Notices(root)
        self._check_due_s = float("-inf")
        self._lost: str | None = "not looked yet"
        self._overflows = 0
        self._scans = 0
        self._misfits = Misfits(root)
        self._found: Found
        self._refused: RefusedClip

    def run(self, stop: StopToken, found: Found, refused: RefusedClip) -> None:
        """Until stopped. `found` and `refused` are called from here and should return soon.

        After each call, `known` must tell of that file, or it will be found again.
        """
        try:
            while not stop.wait(self.step(found, refused)):
                pass
        finally:
            self.close()

    def status(self) -> WatchStatus:
        """May be called from any thread; each value is from a moment of its own."""
        last = self._rounds.last
        return WatchStatus(
            self._choice.method,
            self._lost,
            self._scans,
            last.files if last else 0,
            self._rounds.last_s,
            self._rounds.last_cpu_s,
            len(self._settling),
            self._overflows,
            self._notices.limited,
            self._misfits.unmatched,
            self._misfits.unknown_channels,
            self._misfits.strays,
        )

    def clock_offset(self, camera: CameraId) -> ClockOffset | None:
        """How far that camera's recorder is ahead of this box."""
        return self._intake.clock_offset(camera)

    def awaited(self) -> list[tuple[CameraId, float]]:
        """Whose files are on their way, and about when each was recorded, but not those that did
        not open so far. May be called from any thread."""
        return [*self._awaited.values(), *self._unfinished.awaited()]

    @property
    def idle(self) -> bool:
        """Everything that was there has been handed over: `ingest --once` may end."""
        return self._lost is None and self._rounds.settled and not len(self._settling)

    def step(self, found: Found, refused: RefusedClip) -> float:
        """Do a little of what is due; returns the seconds until something may be due again."""
        self._found, self._refused = found, refused
        now_s = self._clock.mono_s()
        if now_s >= self._check_due_s:
            self._check_due_s = now_s + CHECK_S
            self._check()
        if self._lost is not None:
            return max(0.0, self._check_due_s - now_s)
        self._take_notified(now_s)
        self._advance_scan(now_s)
        self._open_due(now_s)
        return self._wait_s()

    def close(self) -> None:
        """Ends watchdog's threads; what is pending is found again by the next start."""
        self._notices.close()

    # --- is it there -------------------------------------------------------------------

    def _new_rounds(self) -> ScanRounds:
        scanner = TreeScanner(
            str(self._root),
            self._known,
            wanted=self._wanted,
            pending=self._settling,
            folder_times=self._choice.folder_times,
            unfinished=self._note_unfinished,
        )
        return ScanRounds(scanner, self._clock, rescan_s=self._rescan_s, poll_s=self._poll_s)

    def _check(self) -> None:
        lost = self._watched_root.lost()
        if lost is not None:
            self._lose(lost)
            return
        self._unfinished.tidy(self._clock.read().utc_s)
        if self._lost is not None:
            self._lost = None
            self._choice = choose_method(self._root, self._wanted_method, read_mounts())
            self._rounds = self._new_rounds()
            _LOG.info(
                "watching %s: %s (%s)",
                shown_path(self._root),
                self._choice.method,
                self._choice.reason,
            )
        if self._choice.method is WatchMethod.NOTIFY and self._notices.check():
            self._rounds.want_full()  # after the watches are set: nothing slips in between
        self._rounds.polling = not self._notices.complete

    def _lose(self, reason: str) -> None:
        if reason != self._lost:
            _LOG.warning("source lost: %s; its files are not taken for deleted", reason)
        self._lost = reason
        self.close()

    # --- what is new ---------------------------------------------------------------------

    def _take_notified(self, now_s: float) -> None:
        paths, overflowed = self._notices.take()
        for path, is_folder in paths.items():
            if is_folder:
                self._rounds.look_into(path)
            else:
                self._consider(path, now_s)
        if overflowed:
            self._overflows += 1
            _LOG.warning("%s: notifications were lost; scanning", shown_path(self._root))
            self._rounds.want_full()

    def _consider(self, path: str, now_s: float) -> None:
        seen = _look(path)
        if seen is not None and is_temporary(path.rpartition("/")[2]):
            self._note_unfinished(seen.path, seen.size_bytes, seen.mtime_ns)
            return
        claim = self._intake.claim(path, seen.mtime_ns / 1e9) if seen else None
        if claim is None or seen is None:
            return
        if self._known.known(Path(path)) == (seen.size_bytes, seen.mtime_ns):
            return
        if not self._left_out(claim, seen):
            self._settle(claim, seen, now_s)

    def _note_unfinished(self, path: str, size_bytes: int, mtime_ns: int) -> None:
        self._unfinished.add(path, size_bytes, mtime_ns, self._clock.read().utc_s)

    def _settle(self, claim: Claim, seen: SeenFile, now_s: float) -> None:
        known = None if seen.path in self._settling else self._known.known(Path(seen.path))
        if known is not None and known[0] < seen.size_bytes:
            self._settling.grew((seen.mtime_ns - known[1]) / 1e9)
        self._settling.add(seen, now_s)
        self._awaited[seen.path] = claim.camera, self._intake.recorded_s(claim, seen)
        if len(self._awaited) > 2 * MAX_PENDING:  # those that had to give way are still there
            self._awaited = {
                path: one for path, one in self._awaited.items() if path in self._settling
            }

    def _await(self, seen: SeenFile) -> None:
        claim = self._intake.claim(seen.path)
        if claim is not None:
            self._awaited[seen.path] = claim.camera, self._intake.recorded_s(claim, seen)

    def _drop(self, path: str) -> None:
        self._settling.drop(path)
        self._awaited.pop(path, None)

    def _wanted(self, seen: SeenFile) -> bool:
        """Asked by a scan for each unknown file."""
        claim = self._intake.claim(seen.path, seen.mtime_ns / 1e9)
        return claim is not None and not self._left_out(claim, seen)

    def _left_out(self, claim: Claim, seen: SeenFile) -> bool:
        """True: it is too old, and was refused unopened."""
        if self._max_age_s is None or seen.path in self._settling:
            return False
        age_s = self._clock.read().utc_s - self._intake.recorded_s(claim, seen)
        if age_s <= self._max_age_s:
            return False
        self._refused(_refusal(claim, seen, None, TOO_OLD))
        return True

    def _advance_scan(self, now_s: float) -> None:
        try:
            ended = self._rounds.advance(pending=len(self._settling))
        except OSError as error:
            self._lose(f"{shown_path(self._root)} cannot be listed ({error.strerror})")
            return
        if ended is None:
            return
        for seen in sorted(ended.result.newest, reverse=True):
            claim = self._intake.claim(seen.path)
            if claim is not None:
                self._settle(claim, seen, now_s)
        if ended.full:
            self._scans += 1  # from now on what it saw is awaited
            self._note_full_scan(ended.result)

    def _note_full_scan(self, result: ScanResult) -> None:
        for folder, reason in result.unreadable:
            _LOG.warning("%s cannot be looked into (%s)", shown_path(Path(folder)), reason)
        self._misfits.note(self._intake)
        if self._tell_strays is not None:
            self._tell_strays(self._misfits.strays)
        self._intake.forget_counts()
        self._notices.count(result.inodes)
        self._rounds.polling = not self._notices.complete

    # --- is it complete ------------------------------------------------------------------

    def _open_due(self, now_s: float) -> None:
        opened = 0
        while opened < STEP_OPENS and self._lost is None:
            before = self._settling.take_due(now_s)
            if before is None:
                return
            seen = _look(before.path)
            if seen is None:
                self._drop(before.path)  # deleted, or renamed: found under its new name
                continue
            if seen != before:
                self._await(seen)  # without a time in its name, its mtime tells when it was
            if self._settling.looked(seen, now_s):
                opened += 1
                self._open(seen, now_s)

    def _open(self, seen: SeenFile, now_s: float) -> None:
        claim = self._intake.claim(seen.path)
        if claim is None:
            self._drop(seen.path)
            return
        try:
            clip = self._intake.take(claim, seen)
        except ClipGone:
            self._drop(seen.path)
            return
        except UnreadableClip as error:
            self._failed(claim, seen, error, now_s)
            return
        if clip is None:
            self._settling.again(seen, now_s)
            return
        self._found(clip)
        self._drop(seen.path)

    def _failed(self, claim: Claim, seen: SeenFile, error: UnreadableClip, now_s: float) -> None:
        age_s = math.inf if self._complete else self._clock.read().utc_s - seen.mtime_ns / 1e9
        if not self._settling.failed(seen.path, now_s, age_s=age_s):
            self._awaited.pop(seen.path, None)
            return
        lost = self._watched_root.lost()
        if lost is not None:  # it is not the file's fault
            self._lose(lost)
            return
        self._refused(_refusal(claim, seen, error.content, str(error)))
        self._drop(seen.path)

    def _wait_s(self) -> float:
        now_s = self._clock.mono_s()
        due_s = self._settling.next_due_s
        wait_s = self._rounds.wait_s(pending=len(self._settling))
        if due_s is not None:
            wait_s = min(wait_s, max(0.0, due_s - now_s))
        if self._notices.come:
            wait_s = min(wait_s, TICK_S)
        return min(wait_s, max(0.0, self._check_due_s - now_s))


def _refusal(claim: Claim, seen: SeenFile, content: ContentId | None, reason: str) -> Refused:
    return Refused(claim.camera, Path(seen.path), seen.size_bytes, seen.mtime_ns, content, reason)


def _look(path: str) -> SeenFile | None:
    """The file as it is now; None: it is gone, or no regular file."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return SeenFile(mtime_ns_of(found), path, found.st_size)
