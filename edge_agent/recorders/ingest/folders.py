"""The cameras whose clips lie in recorders' folders: started, changed and stopped together.

They share the ingest thread, and those of one folder a watcher. An edit that only decides holds
from the next clip on. After any other the threads begin anew; what they know is in the ledger,
and a clip that was on its way is analysed again with the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from edge_agent.analysis.loop import AnalysisLoop
from edge_agent.config import CameraConfig, Config
from edge_agent.contract import BoxTopics, IngestFigures
from edge_agent.domain import CameraId
from edge_agent.outbox import Outbox
from edge_agent.pipeline.stages import Detector
from edge_agent.recorders.ingest.left_over import end_left_over
from edge_agent.recorders.ingest.standing import FolderStanding, FolderStatusTeller
from edge_agent.recorders.ingest.watched import FolderParts, WatchedFolders
from edge_agent.runtime import StopToken, Supervisor, Worker
from edge_agent.sources import CameraFeed

log = logging.getLogger(__name__)

_JOIN_S = 5.0
_ASK_S = 5.0


class Folders:
    """Belongs to the main thread; figures for the telemetry may be asked by any."""

    def __init__(
        self,
        config: Config,
        parts: FolderParts,
        analysis: AnalysisLoop,
        supervisor: Supervisor,
        topics: BoxTopics,
        set_status: Callable[[str, bytes], None],
    ) -> None:
        self._parts = parts
        self._analysis = analysis
        self._supervisor = supervisor
        self._topics = topics
        self._set_status = set_status
        self._build(config)

    def _build(self, config: Config) -> None:
        parts = self._parts
        self._watched = watched = WatchedFolders(config, parts, self._analysis.enter)
        self._standing = FolderStanding(watched, parts.open_reader, parts.clock)
        self._tellers = {
            camera: FolderStatusTeller(
                tree, camera, self._standing, self._topics, parts.clock, self._set_status
            )
            for tree in watched.trees
            for camera in tree.cameras
        }
        self._stop = StopToken()
        self._workers = [
            Worker(name, body, self._stop, vital=False) for name, body in watched.bodies()
        ]

    @property
    def names(self) -> frozenset[CameraId]:
        return frozenset(self._tellers)

    def end_left_over(self, outbox: Outbox) -> None:
        """End the events of cameras that had a folder once. In the thread that writes."""
        end_left_over(outbox, self._parts.drafter, self._parts.open_reader, self.names)

    def start(self) -> None:
        for worker in self._workers:
            self._supervisor.start(worker)

    def apply(
        self, configs: Mapping[CameraId, CameraConfig], default_fps: float, detector: Detector
    ) -> None:
        """Other settings for the next clips, of cameras whose folders stay as they are."""
        self._parts = replace(self._parts, detector=detector)
        self._watched.ingest.apply(configs, default_fps, detector)

    def begin_anew(self, config: Config) -> None:
        """Other folders, or other cameras of theirs. Raises ConfigError for a bad template."""
        self.halt()
        self.halted(_JOIN_S)
        before, watched = self.names, self._watched

        def leave() -> None:
            for name in before:
                self._analysis.leave(name)
                self._parts.exchange.remove(name)

        self._analysis.ask(leave, _ASK_S)
        self._build(config)
        self._watched.take_over(watched)
        self.start()

    def halt(self) -> None:
        """Tell the threads to end; does not wait."""
        self._stop.stop()
        for worker in self._workers:
            self._supervisor.forget(worker)

    def halted(self, timeout_s: float) -> None:
        """Wait for them after `halt`. One that hangs in a network mount is left behind."""
        deadline_s = self._parts.clock.mono_s() + timeout_s
        for worker in self._workers:
            if not worker.join(max(0.0, deadline_s - self._parts.clock.mono_s())):
                log.warning("%s does not stop; leaving it behind", worker.name)

    def poll(self) -> None:
        """Tell the ward how they stand, when that changed."""
        crashed = {worker.name for worker in self._workers if worker.crash is not None}
        for teller in self._tellers.values():
            teller.poll(crashed=teller.rests_on(crashed))
        self._watched.poll()
        self._standing.poll()

    def say_stopped(self) -> None:
        for teller in self._tellers.values():
            teller.say_stopped()

    @property
    def troubles(self) -> Mapping[CameraId, str]:
        """What is wrong with each camera's folder, if anything."""
        return {camera: teller.trouble for camera, teller in self._tellers.items()}

    @property
    def feeds(self) -> Mapping[CameraId, CameraFeed]:
        """What decodes a clip now."""
        return self._watched.ingest.feeds

    # --- for the telemetry ---

    def cameras(self) -> Mapping[str, Mapping[str, float]]:
        return self._standing.cameras()

    def ingest(self) -> Mapping[str, IngestFigures]:
        return self._standing.ingest()
