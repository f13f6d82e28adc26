"""What is said of the box, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field

from shelf import Shelf

from edge_agent.clock import ManualClock
from edge_agent.contract import BoxTopics, State, Telemetry, decode_box_status, decode_telemetry
from edge_agent.errors import StorageError
from edge_agent.publish.bench import Bench, DeliveryTally
from edge_agent.publish.commands import CommandDesk
from edge_agent.publish.pacing import Pause, ResendTimer
from edge_agent.publish.status import BoxIdentity, StatusBoard
from edge_agent.publish.status_feed import DENIED, STATUS_EVERY_S, StatusFeed

TOPICS = BoxTopics("ward1", "box-1")
CAMERA = TOPICS.camera_status("front")
IDENTITY = BoxIdentity("01KAS3V6A1ZZ5Y0T7M2N9R6XBA", "1.0", 60.0)


@dataclass
class Wire:
    """A connection that remembers what was published."""

    sent: list[tuple[str, bytes, int | None]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, qos: int, expiry_s: int | None) -> int:
        assert qos == 0
        self.sent.append((topic, payload, expiry_s))
        return 1


class Room:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.shelf, self.board, self.pause = Shelf(), StatusBoard(), Pause()
        self.wire = Wire()
        self.bench = Bench(
            topics=TOPICS,
            clock=self.clock,
            reader=self.shelf,
            marks=None,  # type: ignore[arg-type]
            board=self.board,
            desk=CommandDesk(TOPICS, self.clock, None),
            pause=self.pause,
            resend=ResendTimer(),
            tally=DeliveryTally(),
            telemetry=lambda: Telemetry(self.clock.read(), "1.0", 1.0, "", 0, 0),
            telemetry_interval_s=60.0,
        )
        self.feed = StatusFeed(self.bench, IDENTITY, 0.0)

    def at(self, now_s: float) -> list[str]:
        """Topics said at this moment, below the box's own."""
        self.feed.update(now_s, self.shelf.head(), self.wire)  # type: ignore[arg-type]
        said = [topic for topic, _ in self.feed.waiting]
        self.last = [payload for topic, payload in self.feed.waiting if topic == TOPICS.box_status]
        self.feed.waiting.clear()
        return said


def test_a_connection_begins_with_everything_and_then_says_only_changes() -> None:
    room = Room()
    room.board.set(CAMERA, b"1")
    assert room.at(0.0) == [TOPICS.box_status, CAMERA]
    assert room.at(1.0) == []
    room.board.set(CAMERA, b"1")
    assert room.at(2.0) == [], "nothing changed"
    room.board.set(CAMERA, b"2")
    assert room.at(3.0) == [CAMERA]
    room.board.set_box(State.PAUSED, ("by the household",))
    assert room.at(4.0) == [TOPICS.box_status]
    assert decode_box_status(room.last[0]).state is State.PAUSED


def test_everything_is_said_again_every_ten_minutes() -> None:
    room = Room()
    room.board.set(CAMERA, b"1")
    room.at(0.0)
    said = {now_s: room.at(float(now_s)) for now_s in range(1, 1801)}
    assert [now_s for now_s, topics in said.items() if topics] == [600, 1200, 1800]
    assert said[600] == [TOPICS.box_status, CAMERA]
    assert STATUS_EVERY_S == 600


def test_a_denial_is_said_and_taken_back() -> None:
    room = Room()
    room.at(0.0)
    room.pause.refused(1.0, denied=True)
    assert room.at(1.0) == [TOPICS.box_status]
    status = decode_box_status(room.last[0])
    assert (status.state, status.reasons) == (State.DEGRADED, (DENIED,))
    room.pause.accepted(100.0)
    assert room.at(100.0) == [TOPICS.box_status]
    assert decode_box_status(room.last[0]).state is State.ONLINE


def test_nothing_follows_the_goodbye() -> None:
    room = Room()
    room.at(0.0)
    room.feed.leave(room.shelf.head())
    room.board.set(CAMERA, b"2")
    assert room.at(1000.0) == [TOPICS.box_status]
    assert decode_box_status(room.last[0]).state is State.OFFLINE


def test_telemetry_comes_once_an_interval_with_expiry_and_the_outboxs_figures() -> None:
    room = Room()
    room.shelf.put("a", "b", "c")
    room.shelf.note_sent([1])
    for now_s in range(0, 180, 5):
        room.at(float(now_s))
    assert [(topic, expiry_s) for topic, _, expiry_s in room.wire.sent] == [
        (TOPICS.telemetry, 120)
    ] * 3
    told = decode_telemetry(room.wire.sent[0][1])
    assert (told.last_seq, told.backlog) == (3, 2)


def test_telemetry_goes_on_while_the_outbox_cannot_be_read() -> None:
    room = Room()

    def failing() -> int:
        raise StorageError("disk")

    room.shelf.backlog = failing  # type: ignore[method-assign]
    room.at(0.0)
    room.at(0.1)
    assert len(room.wire.sent) == 1


def test_the_cameras_say_since_when_before_telemetry_says_that_they_are_there() -> None:
    room = Room()
    room.board.set(CAMERA, b"1")
    assert room.at(0.0) == [TOPICS.box_status, CAMERA]
    assert room.wire.sent == []
    room.at(0.1)
    assert len(room.wire.sent) == 1
