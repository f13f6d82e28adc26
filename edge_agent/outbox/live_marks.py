"""What the broker took a moment ago, for `outbox stat`: the database learns it a minute later.

The agent keeps it in an anonymous file of its own (memfd_create(2)), which costs no card a write;
the other process finds it under /proc, by the pid in the state directory.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

from edge_agent.errors import StorageError
from edge_agent.outbox.lock import PID_FILE
from edge_agent.outbox.ranges import RangeSet

_NAME = "edge-agent-outbox"
_MOST_BYTES = 1 << 20


class LiveMarks:
    """The agent's side. For one thread; never raises: without it, stat is a minute behind."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._written = b""
        with contextlib.suppress(OSError, AttributeError):
            self._descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)

    def write(self, epoch: str, sent: str) -> None:
        """`sent`: RangeSet.dump of row ids."""
        body = f"{epoch} {sent}".encode()
        if self._descriptor is None or body == self._written or len(body) > _MOST_BYTES:
            return
        data = zlib.crc32(body).to_bytes(4, "big") + body
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, len(data))
            os.pwrite(self._descriptor, data, 0)
            self._written = body

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_live_marks(state_dir: Path, epoch: str) -> RangeSet:
    """What the agent on this state directory has sent of this epoch; empty when nobody says."""
    with contextlib.suppress(OSError, ValueError, StorageError):
        folder = Path("/proc") / str(int((state_dir / PID_FILE).read_text())) / "fd"
        for link in folder.iterdir():
            if _target(link).startswith(f"/memfd:{_NAME}"):
                found = _read(link, epoch)
                if found is not None:
                    return found
    return RangeSet()


def _target(link: Path) -> str:
    with contextlib.suppress(OSError):
        return str(link.readlink())
    return ""


def _read(link: Path, epoch: str) -> RangeSet | None:
    data = link.read_bytes()
    check, body = data[:4], data[4:]
    name, _, sent = body.decode(errors="replace").partition(" ")
    if name != epoch or zlib.crc32(body).to_bytes(4, "big") != check:
        return None  # of another outbox of that process, or half written
    return RangeSet.load(sent)
