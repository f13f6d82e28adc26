"""A camera's picture health in the agent: what was learned of its view outlives a restart.

STATE_DIR/health/<camera>          references, written now and then and at the end
STATE_DIR/health/<camera>.accept   made by `edge-agent camera accept`: what is seen is right
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.domain import CameraId, EventId, Label
from edge_agent.errors import StorageError
from edge_agent.pipeline.health import HealthWatch, ignored_of

log = logging.getLogger(__name__)

FOLDER = "health"
#: A power cut loses no more learning than this; the file is some 100 kB.
_KEEP_EVERY_S = 3600.0
#: No file of ours is larger; a longer one is cut, and so refused.
_MOST_BYTES = 1 << 20


def accept_mark(state_dir: Path, camera: str) -> Path:
    """The file by which a person says that the camera's view is as it should be."""
    return state_dir / FOLDER / f"{camera}.accept"


class Eyes:
    """Owned by the main thread; `watch` belongs to the analysis, and is only used inside `ask`."""

    def __init__(
        self,
        camera: CameraConfig,
        state_dir: Path,
        clock: Clock,
        new_id: Callable[[Label, float], EventId],
    ) -> None:
        self._camera = CameraId(camera.id)
        self._path = state_dir / FOLDER / camera.id
        self._mark = accept_mark(state_dir, camera.id)
        self._clock = clock
        self._kept_s = clock.mono_s()
        self.watch = HealthWatch(self._camera, ignored_of(camera.health), new_id)
        self._recall()

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the picture now. From any thread."""
        return self.watch.faults

    def poll(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """Keep what was learned, and hear whether the view was accepted."""
        if self._mark.exists():
            self._mark.unlink(missing_ok=True)
            log.info("%s: its view was accepted; it is learned anew", self._camera)
            ask(self.watch.accept)
        if self._clock.mono_s() - self._kept_s >= _KEEP_EVERY_S:
            self.keep(ask)

    def keep(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """Write what was learned. A card that fails costs an hour's learning, nothing else."""
        self._kept_s = self._clock.mono_s()
        states: list[bytes] = []
        ask(lambda: states.append(self.watch.state()))
        if not states:
            return
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path, states[0])
        except (OSError, StorageError) as error:
            log.warning("%s: its view is not remembered: %s", self._camera, error)

    def _recall(self) -> None:
        try:
            with self._path.open("rb") as file:
                data = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s: its view is learned anew: %s", self._camera, error.strerror)
            return
        try:
            self.watch.restore(data)
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("%s: its view is learned anew: %s: %s", self._camera, self._path, error)
