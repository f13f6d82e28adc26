"""Records a camera for a walk test where no agent runs: the camera is opened once, here."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_agent.agent.footage import FootageClips, Origin, hiding_of
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, FolderSource
from edge_agent.domain import CameraId
from edge_agent.errors import OperatorError
from edge_agent.language import _
from edge_agent.media.footage import FOLDER, FootageFiles, FootageReason, footage
from edge_agent.runtime import StopToken, Worker
from edge_agent.sources import CameraFeed, FeedSettings, login_guard

_JOIN_S = 10.0


class OwnRecording:
    """A context manager: it records within."""

    def __init__(
        self, config: Config, camera: CameraConfig, clock: Clock, longest_s: float
    ) -> None:
        """Raises OperatorError for a camera without a stream, or a state directory."""
        self._state_dir = Path(config.box.state_dir)
        if isinstance(camera.source, FolderSource):
            text = _("{camera} has no stream: its recorder keeps clips already")
            raise OperatorError(text.format(camera=camera.id))
        if not self._state_dir.is_dir():
            text = _("{folder} is not there yet: start the agent once")
            raise OperatorError(text.format(folder=self._state_dir))
        settings = FeedSettings.of(
            camera, config.analysis.fps, clips=True, analysis=config.analysis
        )
        guard = login_guard(self._state_dir, clock)
        self._feed = CameraFeed(settings, credentials=guard, clock=clock)
        self._clips = FootageClips(FootageFiles(self._state_dir, config.tuning, clock), clock)
        self._origin = Origin(CameraId(camera.id), self._feed.tap, hiding_of(config, camera))
        self._longest_s = longest_s
        self._feed_stop, self._clips_stop = StopToken(), StopToken()
        self._workers = (
            Worker("record-source", self._receive, self._feed_stop),
            Worker("record-footage", self._clips.run, self._clips_stop),
        )

    @property
    def trouble(self) -> str:
        """Why nothing comes now."""
        return self._feed.status().reason or ""

    def __enter__(self) -> Self:
        self._taking = self._clips.begin(
            self._origin, float("-inf"), self._longest_s + _JOIN_S, FootageReason.WALK
        )
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._taking is not None:
            self._clips.end(self._taking, FootageReason.WALK, float("inf"))
        for worker, stop in zip(self._workers, (self._feed_stop, self._clips_stop), strict=True):
            stop.stop()
            worker.join(_JOIN_S)
        owned_as(self._state_dir)

    def _receive(self, stop: StopToken) -> None:
        self._feed.run(stop, lambda frame: None, lambda: None, lambda frame: True)


def owned_as(state_dir: Path) -> None:
    """The footage belongs to whom the state belongs to: the agent has to erase it."""
    owner = state_dir.stat()
    root = state_dir / FOLDER
    paths = [root, *(path for each in footage(root) for path in (each.path.parent, each.path))]
    for path in dict.fromkeys(paths):
        if path.exists() and path.stat().st_uid != owner.st_uid:
            shutil.chown(path, owner.st_uid, owner.st_gid)
