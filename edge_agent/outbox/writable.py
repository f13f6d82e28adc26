"""Why a folder cannot be written, in words that say who has to do what."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from edge_agent.atomic_file import TEMPORARY_PREFIX


def why_not_writable(folder: Path) -> str:
    """`: it is ...; do ...`, to be put behind an error; nothing for a folder that is well."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=folder)
    except OSError as error:
        return f": {folder} {_words(folder, error)}"
    os.close(descriptor)
    Path(name).unlink(missing_ok=True)
    return ""


def _words(folder: Path, error: OSError) -> str:
    match error.errno:
        case errno.EROFS if "INVOCATION_ID" in os.environ:  # systemd.exec(5): we are a service
            return (
                "is read-only for this service; allow it with `systemctl edit edge-agent` and "
                f"the lines [Service] and ReadWritePaths={folder}"
            )
        case errno.EROFS:
            return "is on a file system that is read-only; mount it for writing"
        case errno.EACCES | errno.EPERM:
            return "may not be written by the agent's user; give it to that user"
        case errno.ENOENT | errno.ENOTDIR:
            return "is gone; is its disk mounted? Make it again"
        case errno.ENOSPC | errno.EDQUOT:
            return "is on a disk that is full"
    return f"cannot be written: {error.strerror or error}"
