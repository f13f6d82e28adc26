"""Whether the write-ahead log still holds what was committed to it.

SQLite takes a log up to its first frame that is damaged and forgets the rest without a word, as
after a power cut. Its index (outbox.db-shm) outlives a process that was killed, and is written
after the log is: it says how far the log went. A proper end removes both. After a power cut it says
nothing: commits of the guest alone wait for no flush, and the index may be on the card before them.
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import boot_id
from edge_agent.errors import StorageError
from edge_agent.plain_file import first_bytes

#: Beside the database: during which boot it was opened last.
BOOT_FILE = "outbox.boot"
_BOOT_BYTES = 64

#: sqlite.org/walformat.html, 2.1: the index begins with its header, twice, and `nBackfill`.
_HEADER = struct.Struct("=III BBH II 2I 2I 2I")
_BACKFILL = struct.Struct("=I")
_VERSION = 3007000
#: Section 1.1: the log's own header holds the two numbers of this round, and ends with a checksum.
_LOG_HEADER_BYTES = 32
_BYTE_ORDERS = {0x377F0682: "<", 0x377F0683: ">"}


@dataclass(frozen=True, slots=True)
class LogState:
    """How far a log went."""

    frames: int  # committed to it
    copied: int  # of these, already in the database
    salt: bytes  # of this round


def log_state(database: Path) -> LogState | None:
    """As the index says; None where there is no index, or it says nothing."""
    with contextlib.suppress(OSError):
        data = _beginning(database.with_name(f"{database.name}-shm"))
        size = _HEADER.size
        if len(data) < 2 * size + _BACKFILL.size or data[:size] != data[size : 2 * size]:
            return None
        header = _HEADER.unpack_from(data)
        if header[0] != _VERSION or header[3] != 1:
            return None
        (copied,) = _BACKFILL.unpack_from(data, 2 * size)
        return LogState(header[6], copied, data[32:40])
    return None


def _beginning(index: Path) -> bytes:
    """What is before the hash tables; empty where there is none. Raises OSError.

    Another process reads it. Were this one to open and close it, the locks would go that SQLite
    has on it for this process (fcntl(2)): the next reader beside us would take itself for the
    first, and cut the index off under our feet.
    """
    if not index.exists():
        return b""
    size = 2 * _HEADER.size + _BACKFILL.size
    command = ["head", "-c", str(size), str(index)]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=10).stdout
    except subprocess.SubprocessError:
        return b""


def is_of_this_round(before: LogState, database: Path) -> bool:
    """Whether the index belongs to the log that lies there. True, too, where none lies there that
    says of which round it is."""
    with contextlib.suppress(OSError):
        with database.with_name(f"{database.name}-wal").open("rb") as log:
            head = log.read(_LOG_HEADER_BYTES)
        return not _is_sound(head) or head[16:24] == before.salt
    return True


def is_of_this_boot(state_dir: Path) -> bool:
    """Whether no power cut is behind the index. True, too, where nothing says of which boot it is:
    an agent that noted none flushed every commit."""
    try:
        return first_bytes(state_dir / BOOT_FILE, _BOOT_BYTES) == boot_id().encode()
    except FileNotFoundError:
        return True
    except OSError:
        return False


def note_boot(state_dir: Path) -> None:
    """The index is of this boot from now on. Written once a boot; where that fails, a power cut may
    be told as a damaged log."""
    path = state_dir / BOOT_FILE
    if path.exists() and is_of_this_boot(state_dir):
        return
    with contextlib.suppress(StorageError):
        write_atomically(path, boot_id().encode())


def _is_sound(head: bytes) -> bool:
    """Section 4: the checksum of a log's header."""
    order = _BYTE_ORDERS.get(int.from_bytes(head[:4], "big"))
    if order is None or len(head) < _LOG_HEADER_BYTES:
        return False
    first = second = 0
    words = struct.unpack(f"{order}6I", head[:24])
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.unpack(">2I", head[24:]) == (first, second)


def is_shorter(before: LogState, after: LogState | None) -> bool:
    """Whether commits are missing, once SQLite has read the log."""
    frames = 0 if after is None else after.frames
    all_copied = frames == 0 and before.copied >= before.frames
    return frames < before.frames and not all_copied
