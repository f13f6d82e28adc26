"""Everything that lives between start and stop: what cameras share, and the cameras by name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from edge_agent import __version__
from edge_agent.agent.analysis import AnalysisLoop, SnapshotMaker
from edge_agent.agent.camera import Camera, Shared
from edge_agent.agent.clips import ClipJournal, clip_figures, open_clip_room
from edge_agent.agent.commands import CommandRoom
from edge_agent.agent.detector import open_detector
from edge_agent.agent.drafting import EventDrafter
from edge_agent.agent.exchange import FrameExchange
from edge_agent.agent.ingest.folders import Folders
from edge_agent.agent.ingest.room import FolderParts
from edge_agent.agent.main_pictures import MainPictures
from edge_agent.agent.orphans import closing_drafts
from edge_agent.agent.recordings import RecordedTime
from edge_agent.agent.snapshots import SnapshotTaker
from edge_agent.agent.state_dir import open_snapshots
from edge_agent.agent.telemetry import TelemetrySource
from edge_agent.agent.writer import Writer
from edge_agent.clock import Clock
from edge_agent.config import SHORT_SHA_LENGTH, CameraConfig, Config, FolderSource, canonical_sha
from edge_agent.contract import (
    BoxTopics,
    ConfigStatus,
    RecordedTimeline,
    Sender,
    State,
    Telemetry,
    UlidGenerator,
    encode_config_status,
)
from edge_agent.domain import BestFrame, CameraId, EventId, Frame, Label, Snapshot
from edge_agent.outbox import AlarmKind, LedgerReader, Outbox, OutboxReader
from edge_agent.publish import LinkState, Publisher, PublisherSetup
from edge_agent.runtime import Heartbeat, StopToken, Supervisor, Worker
from edge_agent.sources import CredentialGuard

log = logging.getLogger(__name__)

#: No wait of these threads is longer than a few seconds. A heartbeat this old is a hang.
_HEARTBEAT_LIMIT_S = 45.0
#: But the resolver of the C library may take its time over each of a broker's addresses.
_PUBLISHER_LIMIT_S = 180.0

#: Together below the unit's TimeoutStopSec.
_SOURCES_JOIN_S = 5.0
_ANALYSIS_JOIN_S = 5.0
_FLUSH_S = 5.0
_PUBLISHER_JOIN_S = 10.0


def live_cameras(config: Config) -> Iterator[CameraConfig]:
    """Those that send their pictures now."""
    for camera in config.cameras:
        if camera.enabled and not isinstance(camera.source, FolderSource):
            yield camera


class Assembly:
    """Built, started, polled and stopped by the main thread."""

    def __init__(
        self, config: Config, outbox: Outbox, clock: Clock, supervisor: Supervisor
    ) -> None:
        self._config = config
        self._clock = clock
        self._supervisor = supervisor
        self._outbox = outbox
        self._ids = UlidGenerator()
        self._topics = BoxTopics(config.box.ward, config.box.id)
        self._state_dir = Path(config.box.state_dir)
        self._detector = open_detector(config.detector)
        self._snapshots = open_snapshots(config, self._state_dir, clock)
        self._recordings: dict[CameraId, RecordedTime] = {}
        sender = self._sender()
        self._writer = Writer(
            outbox,
            EventDrafter(sender, clock, self._recorded_time),
            snapshots=self._snapshots,
            clock=clock,
            heartbeat=self._heartbeat("writer"),
            committed=self._tell_publisher,
        )
        self._take_snapshot = SnapshotTaker(config.snapshots)
        self._pictures = MainPictures(self._take_snapshot)
        self._clip_room = open_clip_room(config, clock)
        self._clips = ClipJournal(self._writer, self._clip_room, clock) if self._clip_room else None
        self._exchange = FrameExchange()
        self._analysis = AnalysisLoop(
            self._exchange,
            {},
            self._clips or self._writer,
            clock=clock,
            heartbeat=self._heartbeat("analysis"),
            make_snapshot=self._snapshot_maker(),
        )
        self.cameras: dict[CameraId, Camera] = {}
        self._publisher = Publisher(self._publisher_setup())
        self._shared = self._what_cameras_share()
        self._folders = Folders(
            config,
            self._folder_parts(sender),
            self._analysis,
            supervisor,
            self._topics,
            self._publisher.set_status,
        )
        self._telemetry = TelemetrySource(
            self.cameras, self._exchange, clock, self._state_dir, self._more_figures, self._folders
        )
        for camera in live_cameras(config):
            self._make(camera)
        self._source_stop, self._analysis_stop = StopToken(), StopToken()
        self._writer_stop, self._publisher_stop = StopToken(), StopToken()
        self._clip_stop = StopToken()
        self._workers: dict[str, Worker] = {}

    @property
    def camera_count(self) -> int:
        return len(self.cameras) + len(self._folders.names)

    # --- start and stop ---

    def start(self) -> None:
        orphans = closing_drafts(self._outbox.open_events(), self._topics, self._clock)
        if orphans:
            log.info("ending %d events that the last stop left open", len(orphans))
            self._outbox.append(orphans)
        self._folders.end_left_over(self._outbox)
        self._publisher.set_status(self._topics.config_status, self._config_status())
        self._begin(Worker("writer", self._writer.run, self._writer_stop))
        self._begin(Worker("publisher", self._publisher.run, self._publisher_stop))
        self._begin(Worker("analysis", self._analysis.run, self._analysis_stop))
        if self._clip_room is not None:
            # Without heartbeat: a card that hangs costs clips, and must not restart the agent.
            self._begin(Worker("clips", self._clip_room.run, self._clip_stop))
        if self._snapshots is not None:
            self._begin(Worker("pictures", self._pictures.run, self._source_stop, vital=False))
        for camera in self.cameras.values():
            camera.start()
        self._folders.start()

    def stop(self) -> None:
        parts: list[Camera | Folders] = [*self.cameras.values(), self._folders]
        self._source_stop.stop()
        for part in parts:
            part.halt()
        deadline_s = self._clock.mono_s() + _SOURCES_JOIN_S
        for part in parts:
            part.halted(max(0.0, deadline_s - self._clock.mono_s()))
        self._analysis_stop.stop()
        if self._workers["analysis"].join(_ANALYSIS_JOIN_S) and self._clips is not None:
            self._clips.finish()
        self._clip_stop.stop()
        if not self._writer.flush(_FLUSH_S):
            log.error("the last events could not be stored in time")
        for part in parts:
            part.say_stopped()
        self._publisher_stop.stop()
        self._workers["publisher"].join(_PUBLISHER_JOIN_S)
        self._writer_stop.stop()
        self._workers["writer"].join(_FLUSH_S)
        if "clips" in self._workers:
            self._workers["clips"].join(_FLUSH_S)

    def poll(self) -> None:
        """What the ward should know of us, when it changed."""
        for camera in self.cameras.values():
            camera.poll()
        self._folders.poll()
        reasons = tuple(self._reasons())
        self._publisher.set_box_state(State.DEGRADED if reasons else State.ONLINE, reasons)

    # --- parts ---

    def _begin(self, worker: Worker) -> None:
        self._workers[worker.name] = worker
        self._supervisor.start(worker)

    def _make(self, config: CameraConfig) -> Camera:
        camera = self.cameras[CameraId(config.id)] = Camera(config, self._shared)
        if camera.recording is not None:
            self._recordings[camera.name] = camera.recording
        return camera

    def _what_cameras_share(self) -> Shared:
        return Shared(
            config=self._config,
            detector=self._detector,
            exchange=self._exchange,
            analysis=self._analysis,
            supervisor=self._supervisor,
            credentials=CredentialGuard(self._state_dir / "refused-logins.json", self._clock),
            pictures=self._pictures,
            clips=self._clip_room,
            new_event_id=self._new_event_id,
            topics=self._topics,
            set_status=self._publisher.set_status,
            clock=self._clock,
        )

    def _folder_parts(self, sender: Sender) -> FolderParts:
        return FolderParts(
            self._exchange,
            self._detector,
            EventDrafter(sender, self._clock),
            self._writer,
            lambda: LedgerReader(self._state_dir),
            self._clock,
        )

    def _publisher_setup(self) -> PublisherSetup:
        config = self._config
        return PublisherSetup(
            ward=config.box.ward,
            box=config.box.id,
            config=config.mqtt,
            open_reader=lambda: OutboxReader(self._state_dir),
            marks=self._writer,
            clock=self._clock,
            agent_version=__version__,
            telemetry_interval_s=config.telemetry.interval_s,
            telemetry=self._figures,
            on_command=CommandRoom(self._snapshots, config.snapshots).handle,
            heartbeat=self._heartbeat("publisher", _PUBLISHER_LIMIT_S),
        )

    def _figures(self) -> Telemetry:
        return self._telemetry.telemetry()

    def _more_figures(self) -> dict[str, float]:
        return clip_figures(self._clips) if self._clips is not None else {}

    def _tell_publisher(self) -> None:
        self._publisher.notify()

    def _reasons(self) -> list[str]:
        reasons = [self._detector.trouble] if self._detector.trouble else []
        alarms = {alarm.kind: alarm.text for alarm in self._writer.alarms}
        lasting = {AlarmKind.CORRUPT: True, AlarmKind.REWOUND: True}
        ongoing = {
            AlarmKind.STORAGE: self._outbox.failing,
            AlarmKind.SHEDDING: self._outbox.shedding,
        }
        for kind, holds in (ongoing | lasting).items():
            if holds and kind in alarms:
                reasons.append(f"{kind}: {alarms[kind]}")
        health = self._publisher.health()
        if health.state is LinkState.REFUSED:
            reasons.append(health.last_error)
        return reasons

    def _sender(self) -> Sender:
        box, sha = self._config.box, canonical_sha(self._config)[:SHORT_SHA_LENGTH]
        return Sender(box.ward, box.id, cfg_sha=sha, model_name=self._detector.name)

    def _recorded_time(self, camera: CameraId) -> RecordedTimeline | None:
        recording = self._recordings.get(camera)
        return recording.timeline() if recording else None

    def _new_event_id(self, label: Label, at_s: float) -> EventId:
        return EventId(self._ids.next(self._clock.read().utc_s))

    def _heartbeat(self, name: str, limit_s: float = _HEARTBEAT_LIMIT_S) -> Heartbeat:
        heartbeat = Heartbeat(name, self._clock, limit_s=limit_s)
        self._supervisor.watch(heartbeat)
        return heartbeat

    def _config_status(self) -> bytes:
        now_utc_s = self._clock.read().utc_s
        sha = canonical_sha(self._config)[:SHORT_SHA_LENGTH]
        return encode_config_status(ConfigStatus(sha, now_utc_s, "applied"))

    def _snapshot_maker(self) -> SnapshotMaker | None:
        if self._snapshots is None:
            return None

        def make(frame: Frame, best: BestFrame) -> Snapshot:
            self._pictures.ask(frame, best)
            return self._take_snapshot(frame, best)

        return make
