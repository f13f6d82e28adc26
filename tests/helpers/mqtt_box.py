"""A box without cameras: a real outbox, a real publisher, and a recorder of a few lines.

Used by the tests of the publisher and the ward, and by the chaos run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from edge_agent.clock import Clock, SystemClock
from edge_agent.config import MqttConfig, OutboxConfig
from edge_agent.contract import BoxTopics, LiveTimeline, Position, Sender, encode_event, new_ulid
from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase
from edge_agent.mqtt import Acked, BrokerSession, Connection, Dialer, Incoming, endpoint_of
from edge_agent.outbox import AckOutcome, Draft, Outbox, OutboxReader, Row
from edge_agent.publish import LinkState, Publisher, PublisherSetup
from edge_agent.runtime import Mailbox, StopToken, Worker

if TYPE_CHECKING:  # a chaos agent has no use for pytest
    from broker import Mosquitto

CAMERA = CameraId("front")


def new_event_id(clock: Clock) -> EventId:
    return EventId(new_ulid(clock.read().utc_s, os.urandom(10)))


def draft(
    topics: BoxTopics,
    clock: Clock,
    *,
    phase: Phase = Phase.START,
    label: Label = Label.PERSON,
    event_id: EventId | None = None,
) -> Draft:
    """One message of an event, encoded as the agent does it."""
    reading = clock.read()
    ended = phase is Phase.END
    event = Event(
        event_id=event_id or new_event_id(clock),
        camera=CAMERA,
        label=label,
        phase=phase,
        rev=0,
        at_s=reading.mono_s,
        start_s=reading.mono_s,
        end_s=reading.mono_s if ended else None,
        score=0.8,
        top_score=0.9,
        bbox=None,
        end_reason=EndReason.GONE if ended else None,
    )
    message_id = new_ulid(reading.utc_s, os.urandom(10))
    sender = Sender(topics.ward, topics.box)

    def encode(position: Position) -> tuple[str, bytes]:
        envelope = sender.envelope(
            event,
            LiveTimeline(reading),
            message_id=message_id,
            position=position,
            clock=reading,
        )
        return topics.event(CAMERA, label), encode_event(event, envelope)

    return Draft(message_id, event.event_id, CAMERA, label, phase, reading, encode)


class Marks:
    """OutboxMarks into a mailbox, and out of it into the outbox."""

    def __init__(self) -> None:
        self._mailbox: Mailbox[Callable[[Outbox], object]] = Mailbox(100_000)
        self.acknowledged_positions: list[Position] = []
        self.outcomes: list[AckOutcome] = []
        self.dead_rows: list[tuple[int, ...]] = []
        self.announced: list[int] = []  # gap revisions, as far as the outbox knows

    def sent(self, row_ids: Sequence[int]) -> None:
        ids = tuple(row_ids)
        self._mailbox.put(lambda outbox: outbox.mark_sent(ids), 0.0)

    def acknowledged(self, watermark: Position) -> None:
        self.acknowledged_positions.append(watermark)
        epoch, seq = watermark.epoch, watermark.seq
        self._mailbox.put(lambda outbox: self.outcomes.append(outbox.acknowledge(epoch, seq)), 0.0)

    def dead(self, row_ids: Sequence[int], reason: str) -> None:
        ids = tuple(row_ids)
        self.dead_rows.append(ids)
        self._mailbox.put(lambda outbox: outbox.refuse(ids), 0.0)

    def gaps_announced(self, revision: int) -> None:
        def announce(outbox: Outbox) -> None:
            outbox.gaps_announced(revision)
            self.announced.append(revision)

        self._mailbox.put(announce, 0.0)

    def apply(self, outbox: Outbox, timeout_s: float = 0.0) -> None:
        """As the recorder does it, in its thread."""
        for work in self._mailbox.get_all(timeout_s):
            work(outbox)


class Box:
    """Use as a context manager; the publisher runs in a thread between `start` and `stop`."""

    def __init__(
        self,
        state_dir: Path,
        config: MqttConfig,
        *,
        ward: str = "ward1",
        box: str = "box-1",
        clock: Clock | None = None,
        **setup: object,
    ) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self.clock: Clock = clock or SystemClock()
        self.topics = BoxTopics(ward, box)
        self.marks = Marks()
        self.outbox = Outbox.open(state_dir, limits=OutboxConfig(), clock=self.clock)
        self._stop = StopToken()
        self.publisher = Publisher(
            PublisherSetup(
                ward=ward,
                box=box,
                config=config,
                open_reader=lambda: OutboxReader(state_dir),
                marks=self.marks,
                clock=self.clock,
                agent_version="test",
                connect_timeout_s=3.0,
                **setup,  # type: ignore[arg-type]
            )
        )
        self._worker = Worker("publisher", self.publisher.run, self._stop)

    def __enter__(self) -> Box:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.outbox.close()

    def start(self) -> Box:
        self._worker.start()
        return self

    def stop(self) -> None:
        """In order: what was committed is flushed, then `offline`."""
        self._stop.stop()
        assert self._worker.join(20), "the publisher does not stop"
        self.marks.apply(self.outbox)
        assert self._worker.crash is None, self._worker.crash

    def connect(self) -> Box:
        """Start, and wait for the connection."""
        self.start()
        self.until(lambda: self.publisher.health().state is LinkState.CONNECTED)
        return self

    def append(self, *drafts: Draft) -> tuple[Row, ...]:
        rows = self.outbox.append(drafts)
        self.publisher.notify()
        return rows

    def events(self, count: int) -> tuple[Row, ...]:
        return self.append(*(draft(self.topics, self.clock) for _ in range(count)))

    def until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Be the recorder until the condition holds."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, self.publisher.health()
            self.marks.apply(self.outbox, 0.01)


class Ear:
    """A client that hears what passes the broker, and may speak as the ward's server."""

    def __init__(self, broker: Mosquitto | MqttConfig, *filters: str, name: str = "ear") -> None:
        config = broker if isinstance(broker, MqttConfig) else broker.config()
        dialer = Dialer(lambda: endpoint_of(config), SystemClock(), timeout_s=20)
        session = BrokerSession(f"{name}-{os.getpid()}-{id(self)}", clean_start=True, expiry_s=0)
        self._connection: Connection = dialer.dial(session, StopToken())
        self.heard: list[Incoming] = []
        if filters:
            self._connection.subscribe(filters)
            self.listen(0.1)

    def __enter__(self) -> Ear:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        mid = self._connection.publish(topic, payload, retain=retain)
        deadline_s = time.monotonic() + 30
        done = False
        while not done:
            assert time.monotonic() < deadline_s, f"{topic} was not acknowledged"
            for signal in self._connection.poll(0.1):
                if isinstance(signal, Incoming):
                    self.heard.append(signal)
                done = done or (isinstance(signal, Acked) and signal.mid == mid)

    def listen(self, timeout_s: float) -> list[Incoming]:
        """What came so far, after at most `timeout_s` more."""
        self.heard += [
            each for each in self._connection.poll(timeout_s) if isinstance(each, Incoming)
        ]
        return self.heard

    def hear(self, count: int, ending: str = "", timeout_s: float = 30.0) -> list[Incoming]:
        """Wait for `count` messages whose topic has `ending` in it."""
        deadline_s = time.monotonic() + timeout_s
        while len(got := [each for each in self.heard if ending in each.topic]) < count:
            assert time.monotonic() < deadline_s, [each.topic for each in self.heard]
            self.listen(0.05)
        return got
