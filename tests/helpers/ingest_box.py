"""A box that analyses recorded clips, without watcher and broker: the ledger is filled by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.analysis.detector import open_detector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop, SeatCounters
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import (
    CameraConfig,
    DetectorConfig,
    FolderSource,
    MotionConfig,
    OutboxConfig,
    PersonConfig,
)
from edge_agent.contract import EventMessage, Sender, decode_event
from edge_agent.domain import CameraId
from edge_agent.outbox import Outbox, OutboxReader
from edge_agent.recorders.find.identity import content_of, open_regular
from edge_agent.recorders.ingest.clip_analysis import ClipAnalysis
from edge_agent.recorders.ingest.clip_work import IngestCamera
from edge_agent.recorders.ingest.ingest import Ingest
from edge_agent.recorders.ingest.notes import Storing
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.recorders.ledger import LedgerClip, LedgerReader, Run
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.runtime import Attempts, Heartbeat, StopToken, Worker
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.view_file import ViewFile
from edge_agent.writer.writer import Together, Writer

GATE = CameraId("gate")
BEGIN_S = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC).timestamp()
#: One look is sure, so that a clip of seconds has an event.
CAMERA = CameraConfig(
    id="gate",
    source=FolderSource(path="/nowhere"),
    motion=MotionConfig(events=False),
    person=PersonConfig(confirm_looks=1, lost_after_s=0.5, cooldown_s=0),
)


@dataclass
class Folder:
    """What the ingest is told of the folder."""

    path: Path = Path("/nowhere")
    lost: bool = False
    scanned: bool = True
    recorded_s: list[float] = field(default_factory=list)  # of clips that are being found
    asked: int = 0

    def awaited(self, camera: CameraId) -> list[float]:
        self.asked += 1
        return self.recorded_s


def found(path: Path, begins_s: float, lasts_s: float | None, **more: Any) -> LedgerClip:
    """As the watcher finds it; times in seconds after BEGIN_S."""
    file = open_regular(path)
    content = content_of(file)
    file.close()
    start_s = BEGIN_S + begins_s
    clip = LedgerClip(
        camera=GATE,
        size_bytes=file.size_bytes,
        digest=content.digest,
        kind="still" if path.suffix == ".jpg" else "video",
        start_s=start_s,
        end_s=None if lasts_s is None else start_s + lasts_s,
        time_source="template",
        offset_s=0.0,
        err_s=1.0,
        disputed=False,
        path=path,
        mtime_ns=file.mtime_ns,
        found_s=SystemClock().read().utc_s,
    )
    return replace(clip, **more)


@dataclass
class Box:
    """`ingest.finish` analyses all that waits and then ends what is open."""

    state_dir: Path
    writer: Writer
    ingest: Ingest
    folder: Folder
    stop: StopToken
    analysed: list[str] = field(default_factory=list)

    def note(self, *clips: LedgerClip) -> None:
        items = Together((), lambda database: ledger.note_clips(database, clips))
        self.writer.together(items)
        assert items.done.wait(10)
        assert items.stored

    def write(self, also: Callable[[Any], None]) -> None:
        items = Together((), also)
        self.writer.together(items)
        assert items.done.wait(10)

    def messages(self) -> list[EventMessage]:
        return stored(self.state_dir)

    def runs(self) -> list[Run]:
        with LedgerReader(self.state_dir) as reader:
            return [run for one in reader.run_heads(GATE) if (run := reader.run(one.clip))]

    def states(self) -> dict[str, int]:
        with LedgerReader(self.state_dir) as reader:
            return {state: count for (_, state), count in reader.counts().items()}

    def clip(self, clip: LedgerClip) -> LedgerClip | None:
        with LedgerReader(self.state_dir) as reader:
            return reader.clip(clip.key)


def stored(state_dir: Path) -> list[EventMessage]:
    with OutboxReader(state_dir) as reader:
        return [decode_event(row.payload) for row in reader.undelivered(0, 10_000)]


def told(messages: list[EventMessage]) -> list[tuple[str, str, int]]:
    """What must be the same however often a box dies."""
    return [(one.envelope.message_id, one.event.event_id, one.event.rev) for one in messages]


@contextmanager
def ingest_box(
    state_dir: Path,
    model: Path,
    *,
    between: Callable[[Storing, StopToken], Storing] | None = None,
    camera: CameraConfig = CAMERA,
    next_clip_s: float = 60.0,
    attempts: Attempts | None = None,
    view: ViewFile | None = None,
    clock: Clock | None = None,
) -> Iterator[Box]:
    """`between` may stand between the ingest and the writer."""
    state_dir.mkdir(exist_ok=True)
    clock, stop, ends = clock or SystemClock(), StopToken(), StopToken()
    drafter = EventDrafter(Sender("ward", "box"), clock)
    folder = Folder()
    with Outbox.open(state_dir, limits=OutboxConfig(), clock=clock) as outbox:
        writer = Writer(
            outbox,
            drafter,
            snapshots=None,
            clock=clock,
            heartbeat=Heartbeat("writer", clock, limit_s=60),
            committed=lambda: None,
        )
        exchange = FrameExchange()
        exchange.add(GATE, recorded=True)
        analysis = AnalysisLoop(
            exchange,
            {},
            writer,
            clock=clock,
            heartbeat=Heartbeat("analysis", clock, limit_s=60),
            make_snapshot=None,
        )
        clip_analysis = ClipAnalysis(
            camera,
            exchange,
            analysis.enter,
            default_fps=5,
            zone=ZoneInfo("UTC"),
            counters=SeatCounters(),
            pace=Pace(1.0),
            clock=clock,
        )
        ingest = Ingest(
            {GATE: IngestCamera(camera, next_clip_s, 7 * 86400.0, clip_analysis, folder, view)},
            open_detector(DetectorConfig(model=str(model))),
            drafter,
            between(writer, stop) if between else writer,
            open_reader=lambda: LedgerReader(state_dir),
            clock=clock,
            attempts=attempts,
        )
        workers = [Worker("writer", writer.run, ends), Worker("analysis", analysis.run, ends)]
        for worker in workers:
            worker.start()
        try:
            yield Box(state_dir, writer, ingest, folder, stop)
        finally:
            stop.stop()
            ends.stop()
            for worker in workers:
                assert worker.join(10)


class Dying:
    """The power fails at the `last`th thing to be stored: before it is, or right after."""

    def __init__(self, storing: Storing, stop: StopToken, last: int, *, before: bool) -> None:
        self._storing, self._stop = storing, stop
        self._left, self._before = last, before

    def together(self, items: Together) -> None:
        self._left -= 1
        if self._left < 0:
            return  # it is dead
        if self._left == 0 and self._before:
            self._stop.stop()
            return
        self._storing.together(items)
        if self._left == 0:
            assert items.done.wait(10)
            self._stop.stop()


def dying(last: int, *, before: bool) -> Callable[[Storing, StopToken], Storing]:
    return lambda storing, stop: Dying(storing, stop, last, before=before)
