"""A small file that is given up when the disk is full, so that shedding can be written down."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_FILE = "outbox.reserve"

#: Deleting a few hundred rows writes about this much into the write-ahead log.
RESERVE_BYTES = 512 * 1024
_SMALLEST_BYTES = 64 * 1024


class Reserve:
    """Never raises: without a reserve the agent only sheds later."""

    def __init__(self, state_dir: Path, quota_bytes: int) -> None:
        self._path = state_dir / RESERVE_FILE
        self._size_bytes = max(min(RESERVE_BYTES, quota_bytes // 8), _SMALLEST_BYTES)

    def release(self) -> bool:
        """Give the space back; False when there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def ensure(self) -> None:
        """Take the space again, when there is three times as much."""
        with contextlib.suppress(OSError):
            if self._path.exists():
                return
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 3 * self._size_bytes:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(descriptor)
