"""One agent per state directory: flock(2) on the directory itself, which needs no writing."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from edge_agent.errors import StateDirLocked, StorageError
from edge_agent.plain_file import first_bytes

PID_FILE = "agent.pid"


class StateDirLock:
    """Held until `release`, or until the process dies however it dies."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StateDirLocked, StorageError."""
        self._state_dir = state_dir
        try:
            self._descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"{state_dir}: cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StateDirLocked(
                f"{state_dir}: is used by another edge-agent (pid {_holder(state_dir)}); stop that "
                "one or give this one its own box.state_dir"
            ) from error
        _write_pid(state_dir / PID_FILE)

    def renewed(self) -> StateDirLock:
        """This lock, or one of the folder that lies in its folder's place by now."""
        try:
            here = self._state_dir.stat()
        except OSError as error:
            raise StorageError(f"{self._state_dir}: {error.strerror}") from error
        held = os.fstat(self._descriptor)
        if (here.st_dev, here.st_ino) == (held.st_dev, held.st_ino):
            return self
        fresh = StateDirLock(self._state_dir)
        self.release()
        return fresh

    def release(self) -> None:
        os.close(self._descriptor)


def _write_pid(path: Path) -> None:
    """Only for the other one's message: a read-only card must not keep the agent from running."""
    with contextlib.suppress(OSError):
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
        )
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        finally:
            os.close(descriptor)


def _holder(state_dir: Path) -> str:
    try:
        return first_bytes(state_dir / PID_FILE, 20).decode(errors="replace").strip() or "unknown"
    except OSError:
        return "unknown"
