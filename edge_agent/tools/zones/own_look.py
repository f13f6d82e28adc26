"""Looks at a camera as `run` would, for a walk test on a box where no agent runs.

The same source, gate, pipeline and detector; nothing is stored or sent.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from edge_agent.agent.camera_source import CameraSource
from edge_agent.analysis.detector import open_detector
from edge_agent.analysis.exchange import FrameExchange, SourceLost
from edge_agent.analysis.live_view import LiveAnswer, LiveView
from edge_agent.analysis.loop import finding_of
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, FolderSource
from edge_agent.contract import UlidGenerator
from edge_agent.domain import CameraId, EndReason, EventId, Frame, Label
from edge_agent.errors import OperatorError
from edge_agent.language import _
from edge_agent.pipeline.local_time import dated
from edge_agent.pipeline.stages import build_pipeline, thresholds
from edge_agent.runtime import StopToken, Worker
from edge_agent.sources import CameraFeed, FeedSettings, login_guard

_TAKE_S = 0.25
_JOIN_S = 5.0


class OwnLook:
    """A context manager; `news` as an `AgentView`'s."""

    def __init__(self, config: Config, camera: CameraConfig, clock: Clock) -> None:
        """Raises OperatorError for a camera that has no stream, or where nobody can be found."""
        if isinstance(camera.source, FolderSource):
            text = _("{camera} has no stream: a walk test needs one")
            raise OperatorError(text.format(camera=camera.id))
        self._detector = open_detector(config.detector, len(config.cameras))
        if self._detector.trouble:
            raise OperatorError(self._detector.trouble)
        self._camera, self._clock = camera, clock
        self._zone = ZoneInfo(config.box.timezone)
        state_dir = Path(config.box.state_dir)
        guard = login_guard(state_dir, clock)
        settings = FeedSettings.of(camera, config.analysis.fps, analysis=config.analysis)
        self._feed = CameraFeed(settings, credentials=guard, clock=clock)
        self._exchange = FrameExchange()
        self._exchange.add(CameraId(camera.id))
        ids = UlidGenerator()

        def new_id(label: Label, at_s: float) -> EventId:
            del label, at_s
            return EventId(ids.next(clock.read().utc_s))

        self._pipeline = build_pipeline(camera, self._detector, new_id)
        self._view = LiveView(clock)
        self._after = 0
        source = CameraSource(camera, self._feed, self._exchange, clock, self._dated)
        self._stop = StopToken()
        self._workers = (
            Worker("walk-source", source.run, self._stop),
            Worker("walk-analysis", self._analyse, self._stop),
        )

    def __enter__(self) -> Self:
        self._view.watch(picture=False)
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.stop()
        for worker in self._workers:
            worker.join(_JOIN_S)

    def news(self) -> LiveAnswer:
        """The looks since the last call."""
        self._view.watch(picture=False)
        looks = self._view.looks(self._after)
        if looks:
            self._after = looks[-1].number
        candidate, confirm = thresholds(self._camera.person, self._detector)
        status = self._feed.status()
        return LiveAnswer(
            state=str(status.state),
            reason=status.reason or "",
            candidate_threshold=candidate,
            confirm_threshold=confirm,
            newest=self._view.newest,
            looks=looks,
        )

    def _analyse(self, stop: StopToken) -> None:
        while not stop.stopped:
            item = self._exchange.take(_TAKE_S)
            if isinstance(item, Frame):
                analysis = self._pipeline.update(item)
                self._feed.told(finding_of(item.captured_s, analysis))
                if not item.recalled:
                    self._view.add(item, analysis)
            elif isinstance(item, SourceLost):
                self._pipeline.close(EndReason.CAMERA_LOST, item.at_s)

    def _dated(self, frame: Frame) -> Frame:
        return dated(frame, self._clock.read().utc_s, self._zone)
