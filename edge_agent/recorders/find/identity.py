"""What a file is, whatever it is called: its size and its two ends."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.errors import MediaError
from edge_agent.recorders.find.clip import ContentId, shown_path

#: Both ends of a clip: headers and the first picture, the index or the last picture. A whole
#: file of 500 MB would have to come over the network only to be told apart.
END_BYTES = 64 * 1024


#: Smaller gaps are how file systems round.
SMALL_HOLE_BYTES = 1024 * 1024


class ClipGone(MediaError):
    """The recorder deleted or renamed the file before it was opened."""


class ClipChanged(MediaError):
    """Another recording lies under that name now."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that stays readable when its name goes away. The owner closes `fd`."""

    fd: int
    path: Path
    size_bytes: int
    mtime_ns: int
    hole_bytes: int = 0  # never written: space that a copying program only reserved

    def close(self) -> None:
        os.close(self.fd)


def open_regular(path: Path) -> OpenFile:
    """Open for reading only, following no link. Raises ClipGone, MediaError.

    Whoever may upload may also plant a link to a file of this box, or a pipe that never answers.
    """
    shown = shown_path(path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ClipGone(f"{shown} is gone") from None
    except OSError as error:
        raise MediaError(f"{shown} cannot be opened ({error.strerror})") from error
    try:
        found = os.fstat(fd)
    except OSError as error:
        os.close(fd)
        raise MediaError(f"{shown} cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise MediaError(f"{shown} is not a file")
    holes = _hole_bytes(fd, found)
    return OpenFile(fd, path, found.st_size, mtime_ns_of(found), holes)


def _hole_bytes(fd: int, found: os.stat_result) -> int:
    """At least so many bytes of the file were never written; 0 where nobody can tell."""
    missing = found.st_size - found.st_blocks * 512
    if missing < SMALL_HOLE_BYTES:
        return 0
    try:
        hole = os.lseek(fd, 0, os.SEEK_HOLE)
    except OSError:
        return 0
    # Compressing file systems have fewer blocks too, but no holes.
    return missing if hole < found.st_size else 0


def mtime_ns_of(found: os.stat_result) -> int:
    """Nanoseconds since 1970, within the 64 bits of a database: years 1678 to 2261.

    Anybody who may upload can set another (`touch -d 2300-01-01`), and SMB has a year 1601.
    """
    return max(-(2**63), min(2**63 - 1, found.st_mtime_ns))


def content_of(file: OpenFile) -> ContentId:
    """Reads at most 128 KiB. Raises MediaError."""
    digest = hashlib.sha256(file.size_bytes.to_bytes(8, "big"))
    try:
        # Never more than its size: `file` may be a longer one's beginning.
        end_bytes = min(END_BYTES, file.size_bytes)
        digest.update(os.pread(file.fd, end_bytes, 0))
        # Also of a short file: then both ends overlap, and the rule stays the same.
        digest.update(os.pread(file.fd, end_bytes, file.size_bytes - end_bytes))
    except OSError as error:
        raise MediaError(f"{shown_path(file.path)} cannot be read ({error.strerror})") from error
    return ContentId(file.size_bytes, digest.hexdigest())


def still_holds(file: OpenFile, content: ContentId) -> bool:
    """Whether nobody wrote over it since it was opened; another date alone is no change."""
    found = os.fstat(file.fd)
    if (found.st_size, mtime_ns_of(found)) == (file.size_bytes, file.mtime_ns):
        return True
    return content_of(replace(file, size_bytes=found.st_size)) == content
