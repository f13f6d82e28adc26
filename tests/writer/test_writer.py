"""The writer: what was left with it is durable, in groups, before anybody else hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.clock import Clock, ManualClock, SystemClock
from edge_agent.config import OutboxConfig, SnapshotConfig
from edge_agent.contract import Position, Sender, decode_event
from edge_agent.domain import (
    CameraId,
    EndReason,
    Event,
    EventId,
    Label,
    Phase,
    Snapshot,
    SnapshotRef,
    SnapshotState,
)
from edge_agent.geometry import BBox, FrameSize
from edge_agent.media import SnapshotStore
from edge_agent.outbox import Outbox, OutboxReader
from edge_agent.runtime import Heartbeat, StopToken, Worker
from edge_agent.writer import writer as writer_module
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.writer import Writer

EVENT_ID = EventId("01J00000000000000000000000")


def event(phase: Phase = Phase.START, label: Label = Label.PERSON) -> Event:
    return Event(
        event_id=EVENT_ID,
        camera=CameraId("gate"),
        label=label,
        phase=phase,
        rev=0,
        at_s=2.0,
        start_s=1.0,
        end_s=2.0 if phase is Phase.END else None,
        end_reason=EndReason.GONE if phase is Phase.END else None,
        score=0.8,
        top_score=0.9,
        bbox=BBox(0.1, 0.2, 0.3, 0.4),
    )


class Setup:
    def __init__(self, state_dir: Path, clock: Clock, *, snapshots: bool = False) -> None:
        self.outbox = Outbox.open(state_dir, limits=OutboxConfig(), clock=clock)
        self.store = SnapshotStore(state_dir, SnapshotConfig(enabled=True), clock)
        self.bells: list[int] = []
        self.writer = Writer(
            self.outbox,
            EventDrafter(Sender("ward", "box"), clock),
            snapshots=self.store if snapshots else None,
            clock=clock,
            heartbeat=Heartbeat("writer", clock, limit_s=10),
            committed=lambda: self.bells.append(1),
        )
        self.stop = StopToken()
        self.worker = Worker("writer", self.writer.run, self.stop)


@contextmanager
def running(state_dir: Path, *, snapshots: bool = False) -> Iterator[Setup]:
    setup = Setup(state_dir, SystemClock(), snapshots=snapshots)
    setup.worker.start()
    try:
        yield setup
    finally:
        setup.stop.stop()
        assert setup.worker.join(10)
        setup.outbox.close()


def payloads(state_dir: Path) -> list[bytes]:
    with OutboxReader(state_dir) as reader:
        return [row.payload for row in reader.undelivered(0, 100)]


def test_flushed_events_are_durable_and_the_publisher_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as setup:
        setup.writer.record([event(), event(Phase.UPDATE)])
        assert setup.writer.flush(10)
        messages = [decode_event(payload) for payload in payloads(tmp_path)]
        assert [m.event.phase for m in messages] == [Phase.START, Phase.UPDATE]
        assert [m.envelope.position.seq for m in messages] == [1, 2]
        assert setup.bells


def test_everything_left_is_stored_at_the_stop(tmp_path: Path) -> None:
    with running(tmp_path) as setup:
        setup.writer.record([event(Phase.UPDATE)] * 25)
    assert len(payloads(tmp_path)) == 25


def test_marks_reach_the_outbox(tmp_path: Path) -> None:
    with running(tmp_path) as setup:
        setup.writer.record([event(), event(Phase.END)])
        assert setup.writer.flush(10)
        epoch = setup.outbox.epoch
        setup.writer.sent([1])
        setup.writer.acknowledged(Position(epoch, 1))
        assert setup.writer.flush(10)
    with OutboxReader(tmp_path) as reader:
        assert reader.head().watermark == 1
        assert [row.position.seq for row in reader.undelivered(0, 10)] == [2]


def test_picture_is_kept_after_its_event(tmp_path: Path) -> None:
    ref = SnapshotRef("0" * 64, 3, FrameSize(4, 4), SnapshotState.STORED)
    picture = Snapshot(CameraId("gate"), EVENT_ID, SystemClock().mono_s(), b"jpg", ref)
    with running(tmp_path, snapshots=True) as setup:
        setup.writer.keep(picture)
        setup.writer.record([event()])
        assert setup.writer.flush(10)
        path = setup.store.find(EVENT_ID)
        assert path is not None
        assert path.read_bytes() == b"jpg"


def test_what_finds_no_room_is_counted_and_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "INBOX_CAPACITY", 2)
    monkeypatch.setattr(writer_module, "_ROOM_TIMEOUT_S", 0.01)
    setup = Setup(tmp_path, SystemClock())  # its thread does not run: a disk that hangs
    setup.writer.record([event(Phase.UPDATE)] * 5)
    setup.worker.start()
    assert setup.writer.flush(10)
    setup.stop.stop()
    assert setup.worker.join(10)
    setup.outbox.close()
    with OutboxReader(tmp_path) as reader:
        assert len(reader.undelivered(0, 10)) == 2
        lost = [gap.unsequenced.count for gap in reader.gaps().gaps if gap.unsequenced]
        assert lost == [3]


def test_who_waits_for_a_transaction_is_told_even_when_the_recorder_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = Setup(tmp_path, SystemClock())

    def crash(*_: object) -> None:
        raise OverflowError("a number that the database cannot hold")

    monkeypatch.setattr(writer_module, "commit_together", crash)
    items = writer_module.Together((), lambda _: None)
    setup.writer.together(items)
    stop = StopToken()
    stop.stop()
    with pytest.raises(OverflowError):
        setup.writer.run(stop)
    assert items.done.is_set()
    assert not items.stored
    setup.outbox.close()


def test_what_waits_for_its_group_is_committed_at_the_stop(tmp_path: Path) -> None:
    """Nobody hurries for motion: without the last commit it would be lost."""
    setup = Setup(tmp_path, ManualClock())
    stop = StopToken()
    setup.writer.record([event(label=Label.MOTION)])
    stop.stop()
    setup.writer.run(stop)
    with OutboxReader(tmp_path) as reader:
        (row,) = reader.undelivered(0, 10)
    assert decode_event(row.payload).event.label is Label.MOTION
    setup.outbox.close()
