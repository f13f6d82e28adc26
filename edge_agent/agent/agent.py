"""The composition root of `edge-agent run`: builds everything, starts and stops the threads.

    start   outbox, detector, writer, publisher, analysis, one source per camera, READY
    stop    sources, analysis (ends its events with `restart`), writer, publisher

READY never waits for cameras, broker or NTP: a box without any of them is still a good box.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2

from edge_agent import __version__
from edge_agent.agent import process
from edge_agent.agent.analysis import AnalysisLoop, Lane, LaneCounters, SnapshotMaker
from edge_agent.agent.camera_source import CameraSource, CameraStatusTeller
from edge_agent.agent.clips import ClipJournal, clip_figures, keeps_clips, open_clip_room
from edge_agent.agent.commands import CommandRoom
from edge_agent.agent.detector import open_detector
from edge_agent.agent.drafting import EventDrafter
from edge_agent.agent.exchange import FrameExchange
from edge_agent.agent.ingest.room import FolderParts, FolderRoom
from edge_agent.agent.ingest.standing import FolderStanding, FolderStatusTeller
from edge_agent.agent.main_cameras import MainCameras
from edge_agent.agent.main_pictures import MainPictures
from edge_agent.agent.memory import MemoryGuard, give_up_largest, memory_limit_mb
from edge_agent.agent.orphans import closing_drafts
from edge_agent.agent.recordings import is_recorded, recording_time
from edge_agent.agent.snapshots import SnapshotTaker
from edge_agent.agent.state_dir import make_state_dir, open_snapshots
from edge_agent.agent.telemetry import TelemetrySource, WatchedCamera
from edge_agent.agent.writer import Writer
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import (
    SHORT_SHA_LENGTH,
    CameraConfig,
    Config,
    FolderSource,
    canonical_sha,
)
from edge_agent.contract import (
    BoxTopics,
    ConfigStatus,
    RecordedTimeline,
    Sender,
    State,
    UlidGenerator,
    encode_config_status,
)
from edge_agent.domain import BestFrame, CameraId, EventId, Frame, Label, Snapshot
from edge_agent.errors import EXIT_FAILED, EXIT_OK, InvariantBroken
from edge_agent.outbox import AlarmKind, LedgerReader, Outbox, OutboxReader
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.publish import LinkState, Publisher, PublisherSetup
from edge_agent.runtime import Attempts, Heartbeat, StopToken, Supervisor, SystemdNotifier, Worker
from edge_agent.sources import REFUSED_LOGINS, CameraFeed, CredentialGuard, FeedSettings

log = logging.getLogger(__name__)

#: How often the main thread looks after the others; well below the unit's WatchdogSec.
_POLL_S = 0.5

#: No wait of these threads is longer than a few seconds. A heartbeat this old is a hang.
_HEARTBEAT_LIMIT_S = 45.0
#: But the resolver of the C library may take its time over each of a broker's addresses.
_PUBLISHER_LIMIT_S = 180.0

#: Together below the unit's TimeoutStopSec.
_SOURCES_JOIN_S = 5.0
_ANALYSIS_JOIN_S = 5.0
_FLUSH_S = 5.0
_PUBLISHER_JOIN_S = 10.0


class Agent:
    """One agent on one state directory. Build it, then `run` it in the main thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        notifier: SystemdNotifier | None = None,
    ) -> None:
        self._asked_to_stop = False
        self._config = config
        self._clock = clock or SystemClock()
        self._notifier = notifier or SystemdNotifier()
        self._supervisor = Supervisor(self._clock)
        self._memory = MemoryGuard(memory_limit_mb(config))
        self._state_dir = Path(config.box.state_dir)

    def run(self) -> int:
        """Until asked to stop. Raises StateDirLocked, ConfigError, StorageError at the start."""
        cv2.setNumThreads(1)
        process.keep_memory_small()
        make_state_dir(self._state_dir)
        with Outbox.open(self._state_dir, limits=self._config.outbox, clock=self._clock) as outbox:
            assembly = _Assembly(self._config, outbox, self._clock, self._supervisor)
            assembly.start()
            self._notifier.ready()
            log.info(
                "edge-agent %s: %d cameras, state in %s",
                __version__,
                assembly.camera_count,
                self._state_dir,
            )
            try:
                code = self._watch(assembly)
            finally:
                self._notifier.stopping()
                assembly.stop()
        return code

    def ask_to_stop(self) -> bool:
        """Ask `run` to end; False when it was asked before.

        For signal handlers: takes no lock. (A handler that sets a threading.Event can meet
        the main thread inside that event's own lock, and waits for ever.)
        """
        first, self._asked_to_stop = not self._asked_to_stop, True
        return first

    def _watch(self, assembly: _Assembly) -> int:
        pause = StopToken()  # never set: only a clock to wait on
        while not self._asked_to_stop:
            pause.wait(_POLL_S)
            try:
                self._supervisor.poll()
            except InvariantBroken as error:
                log.critical("%s", error)
                return EXIT_FAILED
            assembly.poll()
            complaint = self._memory.complaint(assembly.relieve)
            if complaint:
                log.critical("%s", complaint)
                return EXIT_FAILED
            stalled = self._supervisor.stalled()
            if stalled:
                self._notifier.status(f"not advancing: {', '.join(stalled)}")
            else:
                self._notifier.watchdog()
        return EXIT_OK


class _Assembly:
    """Everything that lives between start and stop."""

    def __init__(
        self, config: Config, outbox: Outbox, clock: Clock, supervisor: Supervisor
    ) -> None:
        self._config = config
        self._clock = clock
        self._supervisor = supervisor
        self._outbox = outbox
        self._ids = UlidGenerator()
        self._topics = BoxTopics(config.box.ward, config.box.id)
        state_dir = Path(config.box.state_dir)
        self._detector = open_detector(config.detector)
        self._snapshots = open_snapshots(config, state_dir, clock)
        self._exchange = FrameExchange()
        self._cfg_sha = canonical_sha(config)[:SHORT_SHA_LENGTH]
        self._writer = Writer(
            outbox,
            EventDrafter(self._sender(), clock, self._recorded_time),
            snapshots=self._snapshots,
            clock=clock,
            heartbeat=self._heartbeat("writer"),
            committed=self._tell_publisher,
        )
        credentials = CredentialGuard(state_dir / REFUSED_LOGINS, clock)
        self._take_snapshot = SnapshotTaker(config.snapshots)
        self._mains = MainCameras(
            config, credentials, clock, detects=self._detector.name is not None
        )
        self._pictures = MainPictures(self._mains.for_pictures(), self._take_snapshot)
        self.cameras = {
            CameraId(camera.id): self._watched(camera, credentials)
            for camera in config.cameras
            if camera.enabled and not isinstance(camera.source, FolderSource)
        }
        self._folders = self._folder_room()
        self._standing = FolderStanding(self._folders, self._open_ledger, clock)
        taps = {camera: watched.feed.tap for camera, watched in self.cameras.items()}
        room = self._clip_room = open_clip_room(config, taps, self._mains.streams, clock)
        self._clips = ClipJournal(self._writer, room, clock) if room else None
        telemetry = TelemetrySource(
            self.cameras,
            self._exchange,
            clock,
            state_dir,
            self._more_figures,
            self._standing,
        )
        self._publisher = Publisher(
            PublisherSetup(
                ward=config.box.ward,
                box=config.box.id,
                config=config.mqtt,
                open_reader=lambda: OutboxReader(state_dir),
                marks=self._writer,
                clock=clock,
                agent_version=__version__,
                telemetry_interval_s=config.telemetry.interval_s,
                telemetry=telemetry.telemetry,
                on_command=CommandRoom(self._snapshots, config.snapshots).handle,
                heartbeat=self._heartbeat("publisher", _PUBLISHER_LIMIT_S),
            )
        )
        self._tellers = {
            f"source-{camera}": CameraStatusTeller(
                watched.feed, camera, self._topics, clock, self._publisher.set_status
            )
            for camera, watched in self.cameras.items()
        }
        self._folder_tellers = [
            FolderStatusTeller(
                tree, camera, self._standing, self._topics, clock, self._publisher.set_status
            )
            for tree in self._folders.trees
            for camera in tree.cameras
        ]
        self._source_stop, self._analysis_stop = StopToken(), StopToken()
        self._writer_stop, self._publisher_stop = StopToken(), StopToken()
        self._clip_stop = StopToken()
        self._clip_worker: Worker | None = None
        self._sources: list[Worker] = []
        self._others: list[Worker] = []

    @property
    def camera_count(self) -> int:
        return len(self.cameras) + len(self._folder_tellers)

    # --- start and stop ---

    def start(self) -> None:
        orphans = closing_drafts(self._outbox.open_events(), self._topics, self._clock)
        if orphans:
            log.info("ending %d events that the last stop left open", len(orphans))
            self._outbox.append(orphans)
        self._folders.end_left_over(self._outbox)
        self._publisher.set_status(self._topics.config_status, self._config_status())
        analysis = self._analysis = AnalysisLoop(
            self._exchange,
            {camera: watched.lane for camera, watched in self.cameras.items()},
            self._clips or self._writer,
            clock=self._clock,
            zone=ZoneInfo(self._config.box.timezone),
            heartbeat=self._heartbeat("analysis"),
            make_snapshot=self._snapshot_maker(),
        )
        self._others = [
            Worker("writer", self._writer.run, self._writer_stop),
            Worker("publisher", self._publisher.run, self._publisher_stop),
            Worker("analysis", analysis.run, self._analysis_stop),
        ]
        for camera in self._config.cameras:
            if CameraId(camera.id) in self.cameras:
                feed = self.cameras[CameraId(camera.id)].feed
                source = CameraSource(camera, feed, self._exchange, self._clock)
                self._add_source(f"source-{camera.id}", source.run)
        for name, main in self._mains.streams.items():
            self._add_source(f"main-{name}", main.run)
        if self._mains.streams and self._snapshots is not None:
            self._add_source("pictures", self._pictures.run)
        for thread, body in self._folders.bodies():
            self._add_source(thread, body)
        for worker in (*self._others, *self._sources):
            self._supervisor.start(worker)
        if self._clip_room is not None:
            # Without heartbeat: a card that hangs costs clips, and must not restart the agent.
            self._clip_worker = Worker("clips", self._clip_room.run, self._clip_stop)
            self._supervisor.start(self._clip_worker)

    def stop(self) -> None:
        writer, publisher, analysis = self._others
        self._source_stop.stop()
        deadline_s = self._clock.mono_s() + _SOURCES_JOIN_S
        for source in self._sources:
            if not source.join(max(0.0, deadline_s - self._clock.mono_s())):
                log.warning("%s does not stop; leaving it behind", source.name)
        self._analysis_stop.stop()
        if analysis.join(_ANALYSIS_JOIN_S) and self._clips is not None:
            self._clips.finish()
        self._clip_stop.stop()
        if not self._writer.flush(_FLUSH_S):
            log.error("the last events could not be stored in time")
        self._publisher_stop.stop()
        publisher.join(_PUBLISHER_JOIN_S)
        self._writer_stop.stop()
        writer.join(_FLUSH_S)
        if self._clip_worker is not None:
            self._clip_worker.join(_FLUSH_S)

    def poll(self) -> None:
        """What the ward should know of us, when it changed."""
        crashed = {source.name for source in self._sources if source.crash is not None}
        for name, teller in self._tellers.items():
            teller.poll(crashed=name in crashed)
        for folder_teller in self._folder_tellers:
            folder_teller.poll(crashed=folder_teller.rests_on(crashed))
        self._folders.poll()
        self._standing.poll()
        reasons = tuple(self._reasons())
        self._publisher.set_box_state(State.DEGRADED if reasons else State.ONLINE, reasons)

    # --- parts ---

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
        model = self._detector.name
        return Sender(
            self._config.box.ward, self._config.box.id, cfg_sha=self._cfg_sha, model_name=model
        )

    def _watched(self, camera: CameraConfig, credentials: CredentialGuard) -> WatchedCamera:
        camera_id = CameraId(camera.id)
        self._exchange.add(camera_id, recorded=is_recorded(camera))
        settings = FeedSettings.of(
            camera,
            self._config.analysis.fps,
            clips=keeps_clips(self._config, camera),
            detects=self._detector.name is not None,
            analysis=self._config.analysis,
        )
        feed = CameraFeed(settings, credentials=credentials, clock=self._clock)
        pipeline = build_pipeline(
            camera, self._detector, self._new_event_id, self._mains.closer_look(camera)
        )
        late_snapshots = partial(self._pictures.ready, camera_id)
        recording = recording_time(camera, feed)
        lane = Lane(
            camera_id,
            pipeline,
            LaneCounters(),
            recording,
            feed.told,
            late_snapshots,
            None if recording else self._detector,
        )
        return WatchedCamera(feed, lane)

    def _add_source(self, name: str, body: Callable[[StopToken], None]) -> None:
        self._sources.append(Worker(name, body, self._source_stop, vital=False))

    def relieve(self, least_mb: float) -> str | None:
        """Memory is short."""
        feeds = {name: watched.feed for name, watched in self.cameras.items()}
        return give_up_largest(feeds, least_mb)

    def _folder_room(self) -> FolderRoom:
        parts = FolderParts(
            self._exchange,
            self._detector,
            EventDrafter(self._sender(), self._clock),
            self._writer,
            self._open_ledger,
            self._clock,
            Attempts(Path(self._config.box.state_dir) / "attempts.json"),
        )
        return FolderRoom(self._config, parts, self._enter)

    def _open_ledger(self) -> LedgerReader:
        return LedgerReader(Path(self._config.box.state_dir))

    def _enter(self, lane: Lane) -> None:
        self._analysis.enter(lane)

    def _recorded_time(self, camera: CameraId) -> RecordedTimeline | None:
        recording = self.cameras[camera].lane.recording
        return recording.timeline() if recording else None

    def _new_event_id(self, label: Label, at_s: float) -> EventId:
        return EventId(self._ids.next(self._clock.read().utc_s))

    def _heartbeat(self, name: str, limit_s: float = _HEARTBEAT_LIMIT_S) -> Heartbeat:
        heartbeat = Heartbeat(name, self._clock, limit_s=limit_s)
        self._supervisor.watch(heartbeat)
        return heartbeat

    def _config_status(self) -> bytes:
        now_utc_s = self._clock.read().utc_s
        return encode_config_status(ConfigStatus(self._cfg_sha, now_utc_s, "applied"))

    def _snapshot_maker(self) -> SnapshotMaker | None:
        if self._snapshots is None:
            return None

        def make(frame: Frame, best: BestFrame) -> Snapshot:
            self._pictures.ask(frame, best)
            return self._take_snapshot(frame, best)

        return make
