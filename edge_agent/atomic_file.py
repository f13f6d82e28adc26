"""Files that are either the old or the new version, also after the power was cut.

Write to a temporary file in the same folder, fsync it, rename it over the old one and
fsync the folder: POSIX rename(2) is atomic, and without the second fsync the new name
itself may be lost with the power.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from edge_agent.errors import StorageError

#: Temporary files begin with this, so that whoever owns the folder can clean up after a power cut.
TEMPORARY_PREFIX = ".new-"


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` with `data`. The folder must exist.

    Raises StorageError when the disk is full, read-only or failing; the old file is then
    untouched.
    """
    try:
        _replace(path, data, mode)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
