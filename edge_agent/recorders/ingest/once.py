"""`edge-agent ingest FOLDER --once`: a folder that is complete, through the same code as `run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2

from edge_agent.analysis.detector import open_detector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop
from edge_agent.analysis.snapshots import SnapshotTaker
from edge_agent.clock import Clock
from edge_agent.config import Config, short_sha
from edge_agent.contract import Sender
from edge_agent.errors import MediaError
from edge_agent.outbox import Outbox
from edge_agent.recorders.ingest.watched import FolderParts, WatchedFolders
from edge_agent.recorders.ledger import LedgerClip, LedgerReader, LedgerUpkeep, RefusedFile
from edge_agent.runtime import Heartbeat, StopToken, Worker, process
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.state_dir import make_state_dir, open_snapshots
from edge_agent.writer.writer import Writer

#: Files of each camera that are told of one by one.
MOST_SHOWN = 1000

_FLUSH_S = 30.0
_JOIN_S = 10.0


@dataclass(frozen=True, slots=True)
class OnceResult:
    """What became of the folder. Its cameras' clips count since the ledger began, by state."""

    frames: int
    looks: int
    states: dict[str, int]
    epoch: str
    first_seq: int  # of the messages that this call stored
    last_seq: int
    clips: tuple[LedgerClip, ...]  # the newest of each camera
    left_out: tuple[RefusedFile, ...]  # refused, or of no camera


class IngestOnce:
    """Holds the state directory while it works: an agent on it must be stopped."""

    def __init__(self, config: Config, clock: Clock, *, replay: bool = False) -> None:
        """`config` has the cameras to analyse, and no others. `replay`: it is a trial."""
        self._config = config
        self._clock = clock
        self._replay = replay
        self._state_dir = Path(config.box.state_dir)

    def run(self, stop: StopToken) -> OnceResult:
        """Raises StateDirLocked, StorageError, ConfigError, ModelError; MediaError for a folder
        that is not there."""
        cv2.setNumThreads(1)
        process.keep_memory_small()
        make_state_dir(self._state_dir)
        ledger, limits = LedgerUpkeep(self._clock.mono_s), self._config.outbox
        with Outbox.open(self._state_dir, limits=limits, clock=self._clock, guest=ledger) as outbox:
            return self._run(outbox, stop)

    def _run(self, outbox: Outbox, stop: StopToken) -> OnceResult:
        clock, config = self._clock, self._config
        before = outbox.last_seq
        detector = open_detector(config.detector, len(config.cameras))
        sender = Sender(
            config.box.ward,
            config.box.id,
            cfg_sha=short_sha(config),
            model_name=detector.name,
            replay=self._replay,
        )
        drafter = EventDrafter(sender, clock)
        snapshots = open_snapshots(config, self._state_dir, clock)
        writer = Writer(
            outbox,
            drafter,
            snapshots=snapshots,
            clock=clock,
            heartbeat=Heartbeat("writer", clock, limit_s=60.0),
            committed=lambda: None,
        )
        exchange = FrameExchange()
        analysis = AnalysisLoop(
            exchange,
            {},
            writer,
            clock=clock,
            heartbeat=Heartbeat("analysis", clock, limit_s=60.0),
            make_snapshot=SnapshotTaker(config.snapshots) if snapshots else None,
        )
        parts = FolderParts(
            exchange,
            detector,
            drafter,
            writer,
            lambda: LedgerReader(self._state_dir),
            clock,
            state_dir=self._state_dir,
            complete=True,
        )
        watched = WatchedFolders(config, parts, analysis.enter)
        ends = StopToken()
        workers = [
            Worker("writer", writer.run, ends),
            Worker("analysis", analysis.run, ends),
        ]
        for worker in workers:
            worker.start()
        try:
            self._work(watched, writer, stop)
        finally:
            writer.flush(_FLUSH_S)
            ends.stop()
            for worker in workers:
                worker.join(_JOIN_S)
        return self._result(watched, outbox, before)

    def _work(self, watched: WatchedFolders, writer: Writer, stop: StopToken) -> None:
        for tree in watched.trees:
            tree.run_once(stop)
            if tree.lost and not stop.stopped:
                raise MediaError(f"{tree.path}: {tree.watcher.status().lost}")
        while len(watched.notes) and not stop.stopped:
            watched.notes.retry()
            writer.flush(_FLUSH_S)
        watched.ingest.finish(stop)

    def _result(self, watched: WatchedFolders, outbox: Outbox, before: int) -> OnceResult:
        cameras = {name for tree in watched.trees for name in tree.cameras}
        counters = [watched.counters(name) for name in cameras]
        with LedgerReader(self._state_dir) as reader:
            clips = tuple(
                clip for name in sorted(cameras) for clip in reader.newest_clips(name, MOST_SHOWN)
            )
            left_out = reader.refused(MOST_SHOWN)
            states: dict[str, int] = {}
            for (camera, state), count in reader.counts().items():
                if not camera or camera in cameras:  # nobody's files may be of this folder
                    states[state] = states.get(state, 0) + count
        head = outbox.head()
        return OnceResult(
            sum(one.frames for one in counters),
            sum(one.looks for one in counters),
            states,
            head.epoch,
            before + 1,
            head.last_seq,
            clips,
            left_out,
        )
