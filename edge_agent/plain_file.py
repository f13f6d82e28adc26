"""Reading what should be a small file, and may be a pipe, a device or gigabytes of something."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: The sample configuration with every key, sixteen times over; nothing else of ours is larger.
MOST_BYTES = 1024 * 1024


def first_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All of a file that is no larger than that; of a larger one a byte more, so that it shows.
    Waits for nobody to write into a pipe. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        return opened.read(most_bytes + 1) or b""


def check_is_file(path: str | Path) -> None:
    """Before a library reads it: a pipe would hold it up for ever, and a device never ends.
    Raises OSError."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "is not a file", str(path))
