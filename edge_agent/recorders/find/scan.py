"""Looking through a tree, a folder at a time, against what is known on disk.

Nothing of the files is kept in memory: each is asked for in `KnownFiles`. Of the folders, their
mtime and their subfolders are remembered where the file system keeps that mtime honestly, so
that an idle tree costs one stat per folder. Such a shortcut does not see a file that was
rewritten in place; the full scan does.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.recorders.find.clip import KnownFiles
from edge_agent.recorders.find.identity import mtime_ns_of
from edge_agent.recorders.find.template import is_foreign_folder, is_media, is_temporary

#: How many entries of a folder, or unchanged folders, are looked at before others get their turn.
STEP_ENTRIES = 256
STEP_FOLDERS = 64

#: A folder's mtime may be two seconds coarse (FAT): what came in the same two seconds as the
#: listing would be missed. So the listing must begin this much after that mtime was first seen,
#: or another folder's mtime must show that the file system's clock, which is not ours, went on.
COARSE_S = 3.0

#: Memory: about 300 bytes each. More folders are listed each time.
FOLDERS_KEPT = 20_000


@dataclass(frozen=True, slots=True, order=True)
class SeenFile:
    """A media file that is not known as it is now. Orders by age, oldest first."""

    mtime_ns: int
    path: str
    size_bytes: int


@dataclass(slots=True)
class ScanResult:
    """Of one pass; complete when its generator ended."""

    newest: list[SeenFile] = field(default_factory=list)  # a heap, at most `room`
    left_out: int = 0  # unknown files beyond `room`: scan again
    files: int = 0
    folders: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # the first few, and why
    inodes: set[int] = field(default_factory=set)  # of the folders that were listed


@dataclass(frozen=True, slots=True)
class _Folder:
    mtime_ns: int
    first_seen_s: float  # monotonic: when this mtime was first seen
    settled: bool  # listed so late after it that nothing can have slipped in
    subfolders: tuple[str, ...]


class TreeScanner:
    """Passes over one root. One owner."""

    def __init__(
        self,
        root: str,
        known: KnownFiles,
        *,
        wanted: Callable[[SeenFile], bool],
        pending: Container[object],
        folder_times: bool,
        unfinished: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        """`wanted` is asked for each unknown file: False leaves it to others.

        What is `pending` has been handed over before, and takes no room. `unfinished` is told of
        files under temporary names: path, size, mtime in nanoseconds.
        """
        self._root = root
        self._known = known
        self._wanted = wanted
        self._pending = pending
        self._folder_times = folder_times
        self._unfinished = unfinished
        self._folders: dict[str, _Folder] = {}
        self._newest_ns = 0  # of all folders' mtimes
        self._before: dict[str, _Folder] = {}  # while a full scan makes them anew

    def scan(
        self, into: ScanResult, *, room: int, full: bool, at_s: Callable[[], float], top: str = ""
    ) -> Iterator[None]:
        """Yields after each folder, or part of a large one; `into` has the newest `room` files.

        Newest folders first, as dated folders sort. `full` takes no shortcut. `top` is a folder
        below the root to begin at. Raises OSError when that cannot be listed.
        """
        top = top or self._root
        whole = full and top == self._root
        if whole:  # folders that are gone are forgotten so
            self._before, self._folders = self._folders, {}
        stack = [top]
        while stack:
            folder = stack.pop()
            into.folders += 1
            subfolders = None if full else self._unchanged(folder)
            if subfolders is None:
                found: list[str] = []
                try:
                    yield from self._listed(folder, found, into, room, at_s)
                except OSError as error:
                    if folder == top:
                        raise
                    _note_unreadable(into, folder, error)
                subfolders = tuple(found)
                yield
            elif into.folders % STEP_FOLDERS == 0:
                yield
            stack += [f"{folder}/{name}" for name in subfolders]
        if whole:
            self._before = {}

    def _unchanged(self, folder: str) -> tuple[str, ...] | None:
        kept = self._folders.get(folder)
        if kept is None or not kept.settled:
            return None
        try:
            mtime_ns = os.stat(folder).st_mtime_ns  # noqa: PTH116
        except OSError:
            return None
        return kept.subfolders if mtime_ns == kept.mtime_ns else None

    def _listed(
        self,
        folder: str,
        subfolders: list[str],
        into: ScanResult,
        room: int,
        at_s: Callable[[], float],
    ) -> Iterator[None]:
        begin_s = at_s()
        found = os.stat(folder)  # noqa: PTH116
        mtime_ns = found.st_mtime_ns
        into.inodes.add(found.st_ino)
        newest_ns = self._newest_ns = max(self._newest_ns, mtime_ns)
        all_known = True
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count % STEP_ENTRIES == STEP_ENTRIES - 1:
                    yield
                if entry.is_dir(follow_symlinks=False):
                    if not is_foreign_folder(entry.name):
                        subfolders.append(entry.name)
                elif is_temporary(entry.name):
                    self._tell_unfinished(entry)
                elif is_media(entry.name):
                    all_known &= self._file(entry, into, room)
        subfolders.sort()  # the stack takes the last, the newest, first
        if self._folder_times:
            before = self._folders.get(folder) or self._before.get(folder)
            same = before is not None and before.mtime_ns == mtime_ns
            first_seen_s = before.first_seen_s if before is not None and same else begin_s
            waited = begin_s - first_seen_s >= COARSE_S
            went_on = mtime_ns <= newest_ns - COARSE_S * 1e9
            settled = all_known and (waited or went_on)
            self._keep(folder, _Folder(mtime_ns, first_seen_s, settled, tuple(subfolders)))

    def _file(self, entry: os.DirEntry[str], into: ScanResult, room: int) -> bool:
        """False: it has to be taken yet."""
        try:
            if not entry.is_file(follow_symlinks=False):
                return True  # a link, a pipe: see open_regular
            found = entry.stat(follow_symlinks=False)
        except OSError:
            return True  # gone meanwhile
        into.files += 1
        if self._known.known(Path(entry.path)) == (found.st_size, mtime_ns_of(found)):
            return True
        seen = SeenFile(mtime_ns_of(found), entry.path, found.st_size)
        if entry.path in self._pending:
            return False
        if not self._wanted(seen):
            return True
        if len(into.newest) < room:
            heapq.heappush(into.newest, seen)
        else:
            into.left_out += 1
            if into.newest:
                heapq.heappushpop(into.newest, seen)
        return False

    def _tell_unfinished(self, entry: os.DirEntry[str]) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            return
        self._unfinished(entry.path, found.st_size, mtime_ns_of(found))

    def _keep(self, folder: str, seen: _Folder) -> None:
        if folder in self._folders or len(self._folders) < FOLDERS_KEPT:
            self._folders[folder] = seen


def _note_unreadable(into: ScanResult, folder: str, error: OSError) -> None:
    if not isinstance(error, FileNotFoundError) and len(into.unreadable) < 10:
        into.unreadable.append((folder, error.strerror or str(error)))
