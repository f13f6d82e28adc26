"""A camera's picture health in the agent: what was learned of its view outlives a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.domain import CameraId, EventId, Label
from edge_agent.pipeline.health import HealthWatch, ignored_of
from edge_agent.writer.view_file import KEEP_EVERY_S, ViewFile


class PictureEyes:
    """Owned by the main thread; `watch` belongs to the analysis, and is only used inside `ask`."""

    def __init__(
        self,
        camera: CameraConfig,
        state_dir: Path,
        clock: Clock,
        new_id: Callable[[Label, float], EventId],
    ) -> None:
        name = CameraId(camera.id)
        self._file = ViewFile(state_dir, name)
        self._clock = clock
        self._kept_s = clock.mono_s()
        self.watch = HealthWatch(name, ignored_of(camera.health), new_id)
        self._file.recall(self.watch.restore)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the picture now. From any thread."""
        return self.watch.faults

    def poll(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """Keep what was learned, and hear whether the view was accepted."""
        if self._file.accepted():
            ask(self.watch.accept)
        if self._clock.mono_s() - self._kept_s >= KEEP_EVERY_S:
            self.keep(ask)

    def keep(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """Write what was learned."""
        self._kept_s = self._clock.mono_s()
        states: list[bytes] = []
        ask(lambda: states.append(self.watch.state()))
        if states:
            self._file.keep(states[0])
