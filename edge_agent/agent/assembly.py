"""Everything that lives between start and stop: what cameras share, and the cameras by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from edge_agent import __version__
from edge_agent.agent.box_reasons import outbox_reasons
from edge_agent.agent.camera import Shared
from edge_agent.agent.cameras import Cameras
from edge_agent.agent.clips import ClipJournal, clip_figures, open_event_clips
from edge_agent.agent.clock_watch import ClockWatch
from edge_agent.agent.commands import WardCommands
from edge_agent.agent.footage import open_footage
from edge_agent.agent.local_sockets import open_local_sockets
from edge_agent.agent.local_status import LocalFacts
from edge_agent.agent.main_pictures import MainPictures
from edge_agent.agent.memory import give_up_largest
from edge_agent.agent.orphans import closing_drafts
from edge_agent.agent.profile_desk import ProfileDesk
from edge_agent.agent.proof import clip_path, proof_of_life
from edge_agent.agent.proof_run import ProofParts
from edge_agent.agent.telemetry import TelemetrySource
from edge_agent.agent.untold_keeper import UntoldKeeper
from edge_agent.analysis.detector import BlindDetector, NamedDetector, open_detector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop
from edge_agent.analysis.snapshots import SnapshotTaker
from edge_agent.clock import Clock
from edge_agent.config import Config, short_sha
from edge_agent.config.load import AGENT_FILE
from edge_agent.config.plan import CameraStep, Plan
from edge_agent.contract import (
    BoxTopics,
    ConfigStatus,
    Sender,
    State,
    UlidGenerator,
    Verb,
    encode_config_status,
)
from edge_agent.domain import BestFrame, CameraId, EventId, Frame, Label, Snapshot
from edge_agent.errors import ConfigError, ConfigProblem
from edge_agent.mqtt import endpoint_of
from edge_agent.outbox import Outbox, OutboxReader
from edge_agent.publish import (
    CommandResult,
    LinkState,
    Publisher,
    PublisherHealth,
    PublisherSetup,
)
from edge_agent.recorders.ingest.folders import Folders
from edge_agent.recorders.ingest.watched import FolderParts
from edge_agent.recorders.ledger import LedgerReader
from edge_agent.runtime import Attempts, Heartbeat, StopToken, Supervisor, Worker
from edge_agent.sources import login_guard
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.recent_events import RecentEvent
from edge_agent.writer.state_dir import open_snapshots
from edge_agent.writer.writer import Writer

log = logging.getLogger(__name__)

#: No wait of these threads is longer than a few seconds. A heartbeat this old is a hang.
_HEARTBEAT_LIMIT_S = 45.0
#: But the resolver of the C library may take its time over each of a broker's addresses.
_PUBLISHER_LIMIT_S = 180.0

#: Together below the unit's TimeoutStopSec.
_SOURCES_JOIN_S = 4.0
_ANALYSIS_JOIN_S = 4.0
_FLUSH_S = 3.0
_PUBLISHER_JOIN_S = 8.0


class Assembly:
    """Built, started, polled and stopped by the main thread."""

    def __init__(
        self,
        config: Config,
        outbox: Outbox,
        clock: Clock,
        supervisor: Supervisor,
        reload: Callable[[str], None] | None = None,
    ) -> None:
        """`reload` is told the cmd_id of the ward's `cmd/reload`."""
        self._config, self.cfg_sha = config, short_sha(config)
        self._reload = reload
        self._applied_utc_s = clock.read().utc_s
        self._previous_sha: str | None = None
        self._clock = clock
        self._supervisor = supervisor
        self._outbox = outbox
        self._ids = UlidGenerator()
        self._topics = BoxTopics(config.box.ward, config.box.id)
        self._state_dir = Path(config.box.state_dir)
        self._time = ClockWatch(self._state_dir, clock)
        self._detector = open_detector(config.detector, len(config.cameras))
        self._snapshots = open_snapshots(config, self._state_dir, clock)
        self._drafters = (
            EventDrafter(
                self._sender(),
                clock,
                lambda camera: self.cameras.recorded_time(camera),  # noqa: PLW0108
            ),
            EventDrafter(self._sender(), clock),  # of recorders' clips
        )
        self._writer = Writer(
            outbox,
            self._drafters[0],
            snapshots=self._snapshots,
            clock=clock,
            heartbeat=self._heartbeat("writer"),
            committed=lambda: self._publisher.notify(),  # noqa: PLW0108 - made later
        )
        self._take_snapshot = SnapshotTaker(config.snapshots)
        self._pictures = MainPictures(self._take_snapshot)
        clips = self._event_clips = open_event_clips(config, clock)
        self._clips = ClipJournal(self._writer, clips, clock) if clips else None
        self._exchange = FrameExchange()
        self._analysis = AnalysisLoop(
            self._exchange,
            {},
            self._clips or self._writer,
            clock=clock,
            heartbeat=self._heartbeat("analysis"),
            make_snapshot=self._snapshot if self._snapshots is not None else None,
        )
        self._profiles = ProfileDesk(lambda: self.cameras, self.finish)
        self._publisher = Publisher(self._publisher_setup())
        self._shared = self._what_cameras_share()
        folders = Folders(
            config,
            self._folder_parts(),
            self._analysis,
            supervisor,
            self._topics,
            self._publisher.set_status,
        )
        self.cameras = Cameras(self._shared, folders, self._writer.in_turn)
        self.untold = UntoldKeeper(
            self._state_dir,
            clock,
            lambda work: self._writer.in_turn(lambda outbox: work()),
            self._exchange.stats,
        )
        self._telemetry = TelemetrySource(
            self.cameras.live, self._exchange, clock, self._state_dir, self._more_figures, folders
        )
        self._proof = proof_of_life(
            ProofParts(self._exchange, self._analysis, lambda: self._detector, clip_path(), clock),
            self._writer,
            self._new_event_id,
            every_h=config.telemetry.selftest_every_h,
        )
        self._source_stop, self._analysis_stop = StopToken(), StopToken()
        self._writer_stop, self._publisher_stop = StopToken(), StopToken()
        self._clip_stop, self._status_stop = StopToken(), StopToken()
        self._config_result: tuple[Literal["applied", "rejected"], tuple[str, ...]] = "applied", ()
        self.facts = self._facts(())
        self._local = open_local_sockets(self, clock)
        self._workers: dict[str, Worker] = {}

    # --- start and stop ---

    def start(self) -> None:
        orphans = closing_drafts(self._outbox, self._topics, self._clock)
        if orphans:
            log.info("ending %d events that the last stop left open", len(orphans))
            self._outbox.append(orphans)
        self.cameras.folders.end_left_over(self._outbox)
        self.tell_config()
        self._begin(Worker("writer", self._writer.run, self._writer_stop))
        self._begin(Worker("publisher", self._publisher.run, self._publisher_stop))
        self._begin(Worker("analysis", self._analysis.run, self._analysis_stop))
        if self._event_clips is not None:
            # Without heartbeat: a card that hangs costs clips, and must not restart the agent.
            self._begin(Worker("clips", self._event_clips.run, self._clip_stop))
        self._begin(Worker("footage", self._shared.footage.run, self._clip_stop, vital=False))
        if self._snapshots is not None:
            self._begin(Worker("pictures", self._pictures.run, self._source_stop, vital=False))
        self.cameras.start()
        for name, local in self._local.items():
            self._begin(Worker(name, local.run, self._status_stop, vital=False))

    def stop(self) -> None:
        self._status_stop.stop()
        for local in self._local.values():
            local.close()
        self._source_stop.stop()
        self._proof.stop()
        self.cameras.halt(_SOURCES_JOIN_S)
        self._analysis_stop.stop()
        if self._workers["analysis"].join(_ANALYSIS_JOIN_S) and self._clips is not None:
            self._clips.finish()
        self._clip_stop.stop()
        self.untold.finish(self.cameras.live.values())
        if not self._writer.flush(_FLUSH_S):
            log.error("the last events could not be stored in time")
        self.cameras.say_stopped()
        self._publisher_stop.stop()
        self._workers["publisher"].join(_PUBLISHER_JOIN_S)
        self._time.stop()
        self._writer_stop.stop()
        self._workers["writer"].join(_FLUSH_S)
        for name in self._workers.keys() & {"clips", "footage", *self._local}:
            self._workers[name].join(_FLUSH_S)

    def poll(self) -> None:
        """What the ward should know of us, when it changed."""
        self._time.poll()
        self._proof.poll()
        self._profiles.poll()
        self.cameras.poll()
        self.untold.poll(self.cameras.live.values())
        reasons = tuple(self._reasons())
        self.facts = self._facts(reasons)
        self._publisher.set_box_state(State.DEGRADED if reasons else State.ONLINE, reasons)

    def summary(self) -> str:
        """One line for `systemctl status`. An upgrade compares how it begins."""
        connected = self._publisher.health().state is LinkState.CONNECTED
        live, in_folders = tuple(self.cameras.live.values()), len(self.cameras.folders.names)
        online = sum(camera.online for camera in live)
        broker = "connected" if connected else "not connected"
        folders = f", {in_folders} in folders" if in_folders else ""
        return f"broker {broker}, {online} of {len(live)} cameras online{folders}"

    # --- while it runs ---

    def prepare(self, config: Config, plan: Plan) -> NamedDetector | None:
        """What `apply` needs and may fail at. Raises ConfigError for a broker that cannot be
        reached as configured, whatever it says, and a detector that cannot be opened."""
        if plan.broker:
            endpoint_of(config.mqtt)
        if not plan.detector:
            return None
        detector = open_detector(config.detector, len(config.cameras))
        if isinstance(detector, BlindDetector):
            raise ConfigError([ConfigProblem(AGENT_FILE, "detector", detector.trouble, "")])
        return detector

    def apply(self, config: Config, plan: Plan, detector: NamedDetector | None) -> None:
        """Do what the plan says, and nothing else. `detector`: what `prepare` gave."""
        self._previous_sha, self.cfg_sha = self.cfg_sha, short_sha(config)
        before, self._config = self._config, config
        self._shared.config = config
        steps = dict(plan.cameras)
        if detector is not None:
            # Streams begin anew only where there was none, and so everything was decoded.
            least = CameraStep.SWAP if self._shared.detects else CameraStep.RESTART
            self._detector = self._shared.detector = detector
            for camera in config.cameras:
                if camera.enabled and steps.get(camera.id, CameraStep.SWAP) is CameraStep.SWAP:
                    steps[camera.id] = least
        self.cameras.apply(before, steps)
        for drafter in self._drafters:
            drafter.sender = self._sender()
        if plan.broker:
            self._publisher.reconfigure(config.mqtt, config.telemetry.interval_s)
        self._proof.every_h = config.telemetry.selftest_every_h
        self._applied_utc_s = self._clock.read().utc_s

    def tell_config(
        self, result: Literal["applied", "rejected"] = "applied", errors: tuple[str, ...] = ()
    ) -> None:
        """Which configuration is in force, and what became of the files' newest change."""
        self._config_result = result, errors
        status = ConfigStatus(self.cfg_sha, self._applied_utc_s, result, errors, self._previous_sha)
        self._publisher.set_status(self._topics.config_status, encode_config_status(status))

    def finish(self, cmd_id: str, result: CommandResult) -> None:
        """What became of a command that was accepted."""
        self._publisher.finish(cmd_id, result)

    # --- for whoever asks how we are ---

    @property
    def detector(self) -> NamedDetector | BlindDetector:
        return self._detector

    def link(self) -> PublisherHealth:
        return self._publisher.health()

    def recent_events(self, camera: CameraId) -> tuple[RecentEvent, ...]:
        return self._writer.recent.of(camera)

    def _facts(self, reasons: tuple[str, ...]) -> LocalFacts:
        return LocalFacts(self._config, self.cfg_sha, *self._config_result, reasons)

    # --- parts ---

    def _begin(self, worker: Worker) -> None:
        self._workers[worker.name] = worker
        self._supervisor.start(worker)

    def _what_cameras_share(self) -> Shared:
        return Shared(
            config=self._config,
            detector=self._detector,
            exchange=self._exchange,
            analysis=self._analysis,
            supervisor=self._supervisor,
            credentials=login_guard(self._state_dir, self._clock),
            pictures=self._pictures,
            clips=self._event_clips,
            footage=open_footage(self._config, self._clock),
            new_event_id=self._new_event_id,
            topics=self._topics,
            set_status=self._publisher.set_status,
            record=self._writer.record,
            clock=self._clock,
        )

    def relieve(self, least_mb: float) -> str | None:
        """Memory is short: one camera less, where that helps."""
        feeds = {name: camera.feed for name, camera in self.cameras.live.items()}
        return give_up_largest({**feeds, **self.cameras.folders.feeds}, least_mb)

    def _folder_parts(self) -> FolderParts:
        return FolderParts(
            self._exchange,
            self._detector,
            self._drafters[1],
            self._writer,
            lambda: LedgerReader(self._state_dir),
            self._clock,
            Attempts(self._state_dir / "attempts.json"),
            self._state_dir,
            lambda camera, minutes: self.untold.keep_clip(camera, minutes),  # noqa: PLW0108
        )

    def _publisher_setup(self) -> PublisherSetup:
        config = self._config
        return PublisherSetup(
            ward=config.box.ward,
            box=config.box.id,
            config=config.mqtt,
            open_reader=lambda: OutboxReader(self._state_dir, damaged=self._writer.damaged),
            marks=self._writer,
            clock=self._clock,
            agent_version=__version__,
            telemetry_interval_s=config.telemetry.interval_s,
            telemetry=lambda: self._telemetry.telemetry(),  # noqa: PLW0108 - made later
            on_command=self._commands().handle,
            heartbeat=self._heartbeat("publisher", _PUBLISHER_LIMIT_S),
            known_utc_s=self._time.known_utc_s,
        )

    def _commands(self) -> WardCommands:
        return WardCommands(
            self._config,
            snapshots=self._snapshots,
            clips=self._event_clips,
            reload=self._reload,
            of_camera={
                Verb.ACCEPT: lambda name: self.cameras.accept_view(name),  # noqa: PLW0108
                Verb.FORGET: lambda name: self.cameras.forget_nuisances(name),  # noqa: PLW0108
            },
            profile=self._profiles,
        )

    def _more_figures(self) -> dict[str, float]:
        return {**self._time.figures, **self._proof.figures, **clip_figures(self._clips)}

    def _reasons(self) -> list[str]:
        reasons = [self._detector.trouble] if self._detector.trouble else []
        reasons += (*self._time.reasons, *self._proof.reasons)
        reasons += outbox_reasons(self._outbox, self._writer.alarms)
        health = self._publisher.health()
        if health.state is LinkState.REFUSED:
            reasons.append(health.last_error)
        return reasons

    def _sender(self) -> Sender:
        box = self._config.box
        return Sender(box.ward, box.id, cfg_sha=self.cfg_sha, model_name=self._detector.name)

    def _new_event_id(self, label: Label, at_s: float) -> EventId:
        return EventId(self._ids.next(self._clock.read().utc_s))

    def _heartbeat(self, name: str, limit_s: float = _HEARTBEAT_LIMIT_S) -> Heartbeat:
        heartbeat = Heartbeat(name, self._clock, limit_s=limit_s)
        self._supervisor.watch(heartbeat)
        return heartbeat

    def _snapshot(self, frame: Frame, best: BestFrame) -> Snapshot:
        self._pictures.ask(frame, best)
        return self._take_snapshot(frame, best)
