"""What a camera usually tells of outlives a restart: STATE_DIR/health/<camera>.usual, some 4 kB."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import Clock, ClockQuality
from edge_agent.domain import CameraId, EventId, Label
from edge_agent.errors import StorageError
from edge_agent.pipeline.usual import UsualWatch
from edge_agent.plain_file import first_bytes
from edge_agent.writer.view_file import FOLDER

log = logging.getLogger(__name__)

#: A power cut loses no more learning than this.
_KEEP_EVERY_S = 3600.0
_MOST_BYTES = 64 * 1024


class Usual:
    """Owned by the main thread; `watch` belongs to the analysis, and is only used inside `ask`."""

    def __init__(
        self,
        camera: CameraId,
        state_dir: Path,
        clock: Clock,
        new_id: Callable[[Label, float], EventId],
    ) -> None:
        self._camera, self._clock = camera, clock
        self._path = state_dir / FOLDER / f"{camera}.usual"
        self._kept_s = clock.mono_s()
        self.watch = UsualWatch(camera, new_id)
        self._recall()
        self._look_at_clock()

    def poll(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """Keep what was learned now and then."""
        self._look_at_clock()
        if self._clock.mono_s() - self._kept_s >= _KEEP_EVERY_S:
            self.keep(ask)

    def keep(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """A card that fails costs an hour's learning, nothing else."""
        self._kept_s = self._clock.mono_s()
        states: list[bytes] = []
        ask(lambda: states.append(self.watch.state()))
        if not states:
            return
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path, states[0])
        except (OSError, StorageError) as error:
            log.warning("%s: what is usual is not remembered: %s", self._camera, error)

    def _look_at_clock(self) -> None:
        """In 1970 it is no hour of any week."""
        self.watch.paused = self._clock.read().quality is ClockQuality.UNSET

    def _recall(self) -> None:
        try:
            self.watch.restore(first_bytes(self._path, _MOST_BYTES))
        except FileNotFoundError:
            return
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("%s: what is usual is learned anew: %s", self._camera, error)
