"""A file on its way: bytes that are kept between attempts, and become visible only when right."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_agent.atomic_file import sync_folder, write_atomically
from edge_agent.errors import DownloadFailed, StorageError
from edge_agent.tools.registry.fetch import FileVersion


class PartialFile:
    """`.FILE.part` in the folder of FILE, and a note of whose bytes they are.

    Owned by who holds the folder's lock.
    """

    def __init__(self, target: Path, size: int) -> None:
        """`size`: bytes of the whole file; never more are written."""
        self._target = target
        self._size = size
        self._path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    def length(self) -> int:
        """Bytes that are there; what cannot be a beginning is thrown away."""
        try:
            length = self._path.stat().st_size
        except FileNotFoundError:
            return 0
        if length > self._size:
            self.discard()
            return 0
        return length

    def validator(self, url: str) -> FileVersion:
        """What the server called the file whose beginning this is."""
        try:
            note = json.loads(self._note.read_text())
            if note["url"] == url:
                return FileVersion(str(note["etag"]), str(note["modified"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # then the hash decides at the end
        return FileVersion()

    @contextlib.contextmanager
    def writer(self, start: int, url: str, validator: FileVersion) -> Iterator[PartialWriter]:
        """Goes on at `start`, what lay behind it is cut off. Raises StorageError."""
        with _translated(self._path, self.discard):
            note = {"url": url, "etag": validator.etag, "modified": validator.modified}
            write_atomically(self._note, json.dumps(note).encode(), 0o644)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.truncate(start)
                file.seek(start)
                yield PartialWriter(file.write, start, self._size)
                file.flush()
                os.fsync(file.fileno())

    def sha256(self) -> str:
        with _translated(self._path), self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def reveal(self) -> None:
        """The file is whole and right: give it its name, durably."""
        with _translated(self._target):
            self._path.chmod(0o644)
            self._path.replace(self._target)
            sync_folder(self._target.parent)
            self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        for path in (self._path, self._note):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class PartialWriter:
    """Counts what it writes."""

    def __init__(self, write: Callable[[bytes], object], at: int, limit: int) -> None:
        self._write = write
        self.at = at
        self._limit = limit

    def __call__(self, data: bytes) -> None:
        """Raises DownloadFailed before the first byte too many is written."""
        if self.at + len(data) > self._limit:
            raise DownloadFailed(f"sends more than the {self._limit} bytes that the file has")
        self._write(data)
        self.at += len(data)


@contextlib.contextmanager
def pull_lock(folder: Path) -> Iterator[None]:
    """One pull per folder. Raises StorageError, DownloadFailed when another one is at work."""
    with _translated(folder):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(folder / ".pull.lock", flags, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadFailed(
                f"{folder}: another `models pull` is at work there; wait for it"
            ) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(path: Path, on_full: Callable[[], None] = lambda: None) -> Iterator[None]:
    """What the disk says as StorageError; a full one gets its space back first."""
    try:
        yield
    except PermissionError as error:
        raise StorageError(
            f"{path}: {error.strerror}: run it as root (sudo) or as the agent's user, or choose "
            "a folder of your own by --to DIR and tell the agent by EDGE_AGENT_MODELS"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            on_full()
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error
