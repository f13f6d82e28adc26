"""What was learned of a camera's view, in the state directory: it outlives a restart.

STATE_DIR/health/<camera>          references, written now and then and at the end
STATE_DIR/health/<camera>.accept   made by `edge-agent camera accept`: what is seen is right
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.plain_file import first_bytes

log = logging.getLogger(__name__)

FOLDER = "health"
#: A power cut loses no more learning than this; the file is some 100 kB.
KEEP_EVERY_S = 3600.0
#: No file of ours is larger; a longer one is cut, and so refused.
_MOST_BYTES = 1 << 20


def accept_mark(state_dir: Path, camera: str) -> Path:
    """The file by which a person says that the camera's view is as it should be."""
    return state_dir / FOLDER / f"{camera}.accept"


def accept_view(state_dir: Path, camera: str) -> None:
    """Say so. Raises StorageError."""
    mark = accept_mark(state_dir, camera)
    try:
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        mark.touch(mode=0o600)
    except OSError as error:
        raise StorageError(f"{mark} cannot be written: {error.strerror}") from error


class ViewFile:
    """Of one camera. For one thread at a time."""

    def __init__(self, state_dir: Path, camera: CameraId) -> None:
        self._camera = camera
        self._path = state_dir / FOLDER / camera
        self._mark = accept_mark(state_dir, camera)

    def accepted(self) -> bool:
        """Whether somebody said, since it was asked last, that the view is as it should be."""
        if not self._mark.exists():
            return False
        self._mark.unlink(missing_ok=True)
        log.info("%s: its view was accepted; it is learned anew", self._camera)
        return True

    def keep(self, state: bytes) -> None:
        """A card that fails costs an hour's learning, nothing else."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path, state)
        except (OSError, StorageError) as error:
            log.warning("%s: its view is not remembered: %s", self._camera, error)

    def recall(self, restore: Callable[[bytes], None]) -> None:
        """Give what was kept to `restore`, which raises ValueError or msgspec.MsgspecError."""
        try:
            data = first_bytes(self._path, _MOST_BYTES)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s: its view is learned anew: %s", self._camera, error.strerror)
            return
        try:
            restore(data)
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("%s: its view is learned anew: %s: %s", self._camera, self._path, error)
