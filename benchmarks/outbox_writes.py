"""How much a day of events writes to the card: 2,000 person events of 3 messages each.

    python benchmarks/outbox_writes.py [--dir DIR] [--events 2000]

DIR must lie on a real disk: tmpfs writes nothing. The figure is `write_bytes` of
/proc/self/io, what the kernel sent towards the disk for this process. Time is simulated, so
that the ten-second and sixty-second rules act as on a real day; the commits are real ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.clock import ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import BoxTopics, LiveTimeline, Position, Sender, UlidGenerator
from edge_agent.contract import encode_event as encode
from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase
from edge_agent.geometry import BBox
from edge_agent.outbox import Draft, GroupCommit, Outbox, Row

DAY_S = 86_400.0
EVENTS_PER_DAY = 2000
PROMISE_MIB = 80
TOPICS = BoxTopics("ward12", "box-0001")
SENDER = Sender("ward12", "box-0001", "9f86d081884c", "person-nano", "1")


def written_bytes() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def draft(clock: ManualClock, ids: UlidGenerator, event: Event) -> Draft:
    reading = clock.read()
    message_id = ids.next(reading.utc_s)

    def encoded(position: Position) -> tuple[str, bytes]:
        envelope = SENDER.envelope(
            event,
            LiveTimeline(reading),
            message_id=message_id,
            position=position,
            clock=reading,
        )
        return TOPICS.event(event.camera, event.label), encode(event, envelope)

    return Draft(
        message_id, event.event_id, event.camera, event.label, event.phase, reading, encoded
    )


def person(event_id: str, phase: Phase, rev: int, start_s: float, now_s: float) -> Event:
    end = phase is Phase.END
    return Event(
        EventId(event_id),
        CameraId("courtyard"),
        Label.PERSON,
        phase,
        rev,
        now_s,
        start_s,
        now_s if end else None,
        0.812,
        0.931,
        BBox(0.4123, 0.2051, 0.1181, 0.3912),
        1,
        ("gate",),
        ("street", "gate"),
        EndReason.GONE if end else None,
    )


def run(folder: Path, events: int, deliver: Callable[[Outbox, tuple[Row, ...]], None]) -> float:
    """MiB written for `events` at the pace of 2,000 spread evenly over a day."""
    clock, ids, group = ManualClock(mono_s=1000.0), UlidGenerator(), GroupCommit()
    gap_s = DAY_S / EVENTS_PER_DAY
    before = written_bytes()
    with Outbox.open(folder, limits=OutboxConfig(), clock=clock) as outbox:

        def wait(seconds: float) -> None:
            """Let time pass as the recorder thread does: in steps of its deadlines."""
            until_s = clock.mono_s() + seconds
            while True:
                next_s = min(until_s, outbox.next_deadline_s())
                if group.next_deadline_s is not None:
                    next_s = min(next_s, group.next_deadline_s)
                clock.advance(max(0.0, next_s - clock.mono_s()))
                if group.due(clock.mono_s()):
                    deliver(outbox, outbox.append(group.take()))
                if outbox.next_deadline_s() <= clock.mono_s():
                    outbox.maintain()
                if clock.mono_s() >= until_s:
                    return

        for _ in range(events):
            event_id, start_s = ids.next(clock.read().utc_s), clock.mono_s()
            for rev, (phase, after_s) in enumerate(
                ((Phase.START, gap_s / 2), (Phase.UPDATE, gap_s / 4), (Phase.END, gap_s / 4))
            ):
                event = person(event_id, phase, rev, start_s, clock.mono_s())
                group.add(draft(clock, ids, event), clock.mono_s())
                wait(0.0)
                wait(after_s)
    return (written_bytes() - before) / 2**20


def acknowledged(outbox: Outbox, rows: tuple[Row, ...]) -> None:
    """The broker takes each message and the server writes its watermark at once."""
    outbox.mark_sent(row.row_id for row in rows)
    if rows:
        outbox.acknowledge(rows[-1].position.epoch, rows[-1].position.seq)


def only_sent(outbox: Outbox, rows: tuple[Row, ...]) -> None:
    """A server that never writes ackpos."""
    outbox.mark_sent(row.row_id for row in rows)


def offline(outbox: Outbox, rows: tuple[Row, ...]) -> None:
    """No broker all day."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, default=None, help="a folder on a real disk")
    parser.add_argument("--events", type=int, default=2000)
    arguments = parser.parse_args()
    for deliver in (acknowledged, only_sent, offline):
        with tempfile.TemporaryDirectory(dir=arguments.dir) as folder:
            began_s = time.perf_counter()
            mib = run(Path(folder), arguments.events, deliver)
            took_s = time.perf_counter() - began_s
            size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 2**20
        day = mib * 2000 / arguments.events
        print(
            f"{deliver.__name__:13} {day:6.1f} MiB/day of 2,000 events (promised {PROMISE_MIB}), "
            f"left on disk {size:.1f} MiB, {3 * arguments.events / took_s:.0f} messages/s"
        )


if __name__ == "__main__":
    main()
