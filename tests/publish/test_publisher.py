"""The delivery decisions of docs/mqtt.md, against a real broker and a real outbox."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from broker import Mosquitto
from chaos_proxy import ChaosProxy, Mode
from fake_broker import FakeBroker, connack5
from mqtt_box import Box, Ear, draft, new_event_id

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import MqttConfig
from edge_agent.contract import (
    MAX_COMMAND_BYTES,
    AckStatus,
    BoxStatus,
    CameraStatus,
    Command,
    Gap,
    GapRange,
    Position,
    State,
    Telemetry,
    decode_ack,
    decode_box_status,
    decode_gap,
    decode_telemetry,
    encode_ackpos,
    encode_camera_status,
    encode_command,
    read_header,
)
from edge_agent.domain import Label, Phase
from edge_agent.errors import BrokerUnreachable, ConfigError
from edge_agent.mqtt import Incoming
from edge_agent.outbox import AckOutcome, Draft, OutboxReader
from edge_agent.publish import CommandFile, CommandResult, LinkState, Publisher, PublisherSetup

_WARDS = count()

OTHER_EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBD"

PICTURE_OF = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"

MakeBox = Callable[..., Box]


@pytest.fixture
def ward() -> str:
    """A ward of this test's own, on the broker that all share."""
    return f"p{next(_WARDS)}"


@pytest.fixture
def make_box(tmp_path: Path, ward: str) -> Iterator[MakeBox]:
    made: list[Box] = []

    def make(broker: Mosquitto | MqttConfig, **options: object) -> Box:
        config = broker.config() if isinstance(broker, Mosquitto) else broker
        box = Box(tmp_path / f"box{len(made)}", config, ward=ward, **options)  # type: ignore[arg-type]
        made.append(box)
        return box

    yield make
    for box in made:
        box.__exit__(None, None, None)


def seqs(messages: list[Incoming]) -> list[int]:
    return [read_header(each.payload).position.seq for each in messages]


def events(ear: Ear) -> list[Incoming]:
    return [each for each in ear.heard if "/ev/front/" in each.topic]


def statuses(ear: Ear) -> list[BoxStatus]:
    return [decode_box_status(each.payload) for each in ear.heard if each.topic.endswith("st/box")]


def acked(box: Box, seq: int) -> bytes:
    return encode_ackpos(Position(box.outbox.epoch, seq))


def rows_kept(box: Box) -> int:
    box.marks.apply(box.outbox)
    box.outbox.flush()
    head = box.outbox.head()
    return head.last_seq - head.first_seq + 1


def reconnect(box: Box, break_it: Callable[[], object]) -> None:
    """Break the connection and wait for the next one."""
    before = box.publisher.health().connections
    break_it()
    box.until(lambda: box.publisher.health().connections > before)


# --- 1: PUBACK is not enough ------------------------------------------------------------


def test_a_puback_deletes_nothing_and_the_watermark_does(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        box.events(4)
        box.until(lambda: box.publisher.health().sent == 4)
        assert rows_kept(box) == 4
        ear.say(box.topics.ackpos, acked(box, 3), retain=True)
        box.until(lambda: bool(box.marks.acknowledged_positions))
        assert rows_kept(box) == 1


def test_rows_above_the_watermark_are_sent_again_on_a_new_connection(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    with ChaosProxy(own_mosquitto.address) as proxy:
        box = make_box(replace_port(own_mosquitto.config(), proxy.port)).connect()
        with Ear(own_mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
            box.events(4)
            ear.hear(4)
            ear.say(box.topics.ackpos, acked(box, 2), retain=True)
            box.until(lambda: box.marks.outcomes == [AckOutcome.ADVANCED])
            proxy.mode = Mode.RESET
            box.until(lambda: box.publisher.health().state is not LinkState.CONNECTED)
            proxy.mode = Mode.PASS
            ear.hear(6)
            assert seqs(ear.heard) == [1, 2, 3, 4, 3, 4]


def test_without_an_ackpos_nothing_is_sent_twice_on_a_new_connection(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    with ChaosProxy(own_mosquitto.address) as proxy:
        box = make_box(replace_port(own_mosquitto.config(), proxy.port)).connect()
        with Ear(own_mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
            box.events(3)
            box.until(lambda: box.publisher.health().sent == 3)
            proxy.mode = Mode.RESET
            box.until(lambda: box.publisher.health().state is not LinkState.CONNECTED)
            proxy.mode = Mode.PASS
            box.events(1)
            ear.hear(4)
            assert seqs(ear.heard) == [1, 2, 3, 4]


def test_a_restarted_box_without_an_ackpos_sends_nothing_twice(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        for _ in range(2):
            with Box(tmp_path / "box", mosquitto.config(), ward=ward) as box:
                box.events(2)
                box.connect()
                box.until(lambda box=box: box.publisher.health().sent >= 2)
                box.stop()
                box.outbox.flush()
        ear.hear(4)
        ear.listen(0.1)
        assert seqs(ear.heard) == [1, 2, 3, 4]


def test_without_progress_of_the_watermark_rows_are_sent_again_on_the_same_connection(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto, resend_after_s=0.4).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        ear.say(box.topics.ackpos, acked(box, 0), retain=True)
        box.events(3)
        ear.hear(6)
        assert seqs(ear.heard)[:6] == [1, 2, 3, 1, 2, 3]
        assert box.publisher.health().connections == 1
        ear.say(box.topics.ackpos, acked(box, 3), retain=True)
        box.until(lambda: box.marks.acknowledged_positions[-1].seq == 3)
        heard = len(ear.heard)
        ear.listen(0.6)
        assert len(ear.heard) <= heard + 3, "what the server has is not sent again"


def test_the_bytes_of_a_resend_are_those_of_the_first_delivery(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto, resend_after_s=0.3).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        ear.say(box.topics.ackpos, acked(box, 0))
        (row,) = box.events(1)
        ear.hear(2)
        assert {each.payload for each in ear.heard} == {row.payload}


# --- 2: ackpos that does not fit --------------------------------------------------------


def test_ackpos_of_another_epoch_or_lower_is_ignored(
    mosquitto: Mosquitto, make_box: MakeBox
) -> None:
    box = make_box(mosquitto).connect()
    box.events(5)
    with Ear(mosquitto) as ear:
        ear.say(box.topics.ackpos, acked(box, 2))
        ear.say(box.topics.ackpos, encode_ackpos(Position(OTHER_EPOCH, 5)))
        ear.say(box.topics.ackpos, acked(box, 1))
        ear.say(box.topics.ackpos, b'{"epoch":5}')
        box.until(lambda: len(box.marks.outcomes) == 3)
    assert box.marks.outcomes == [AckOutcome.ADVANCED, AckOutcome.IGNORED, AckOutcome.IGNORED]
    assert rows_kept(box) == 3
    box.until(lambda: box.publisher.health().malformed == 1)


def test_ackpos_ahead_of_the_box_begins_an_epoch_announces_it_and_deletes_nothing(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str, tmp_path: Path
) -> None:
    box = make_box(mosquitto).connect()
    old = box.outbox.epoch
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        box.events(3)
        ear.hear(3, "/ev/front/")
        ear.say(box.topics.ackpos, acked(box, 900))
        box.until(lambda: AckOutcome.AHEAD in box.marks.outcomes)
        assert box.outbox.epoch != old
        (row,) = box.events(1)
        (announced,) = ear.hear(1, "/ev/_gap")
        assert decode_gap(announced.payload) == Gap(old, "rewound", (GapRange(4, None),))
        ear.hear(4, "/ev/front/")
        assert read_header(events(ear)[-1].payload).position == Position(box.outbox.epoch, 1)
        assert row.row_id == 4, "the three rows of the old epoch are still there"
        online = [status for status in statuses(ear) if status.state is State.ONLINE]
        assert online[-1].epoch == box.outbox.epoch
        box.until(lambda: bool(box.marks.announced))
        box.events(1)
        ear.hear(5, "/ev/front/")
        ear.say(box.topics.ackpos, acked(box, 2))
        box.until(lambda: box.marks.outcomes[-1] is AckOutcome.ADVANCED)
        box.outbox.flush()
        with OutboxReader(tmp_path / "box0") as reader:
            assert reader.gaps().gaps == (), "the server has something that came after it"


def test_ackpos_of_another_epoch_makes_nothing_go_out_again(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    box.events(3)
    box.until(lambda: box.publisher.health().sent == 3)
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        ear.say(box.topics.ackpos, encode_ackpos(Position(OTHER_EPOCH, 1)))
        box.until(lambda: box.marks.outcomes == [AckOutcome.IGNORED])
        box.events(1)
        ear.hear(1)
        ear.listen(0.1)
        assert seqs(ear.heard) == [4]


# --- 3: gaps ----------------------------------------------------------------------------


def test_a_gap_is_announced_on_each_connection_until_the_watermark_passes(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    with ChaosProxy(own_mosquitto.address) as proxy:
        box = make_box(replace_port(own_mosquitto.config(), proxy.port))
        rows = box.events(4)
        box.outbox.refuse([rows[1].row_id, rows[2].row_id])
        box.connect()
        with Ear(own_mosquitto, f"ea/v1/{ward}/+/ev/_gap") as ear:

            def break_it() -> None:
                proxy.mode = Mode.RESET
                box.until(lambda: box.publisher.health().state is not LinkState.CONNECTED)
                proxy.mode = Mode.PASS

            reconnect(box, break_it)
            (first, *_) = ear.hear(1)
            gap = decode_gap(first.payload)
            assert gap.ranges == (GapRange(2, 3),)
            assert (gap.reason, dict(gap.counts)) == ("refused", {Label.PERSON: 2})
            ear.say(box.topics.ackpos, acked(box, 4), retain=True)
            box.until(lambda: AckOutcome.ADVANCED in box.marks.outcomes)
            box.outbox.flush()
            ear.listen(0.3)  # what was on its way when the connection broke is sent once more
            heard = len(ear.heard)
            reconnect(box, break_it)
            ear.listen(0.3)
            assert len(ear.heard) == heard, "the watermark has passed it"


# --- 4: the replay window ---------------------------------------------------------------


def test_replay_sends_kept_rows_again_and_announces_what_is_gone(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    rows = box.events(5)
    box.until(lambda: box.publisher.health().sent == 5)
    box.marks.apply(box.outbox)
    box.outbox.refuse([rows[0].row_id])
    box.outbox.flush()
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        args = {"epoch": box.outbox.epoch, "from_seq": 1, "to_seq": 4}
        ear.say(box.topics.command("replay"), encode_command(Command("again", "replay", args)))
        first, last = ear.hear(2, "/ack/again")
        assert decode_ack(first.payload).status is AckStatus.ACCEPTED
        done = decode_ack(last.payload)
        assert (done.status, done.result) == (AckStatus.DONE, {"sent": 3, "not_kept": 1})
        assert seqs(events(ear)) == [2, 3, 4]
        gaps = [decode_gap(each.payload) for each in ear.hear(1, "/ev/_gap")]
        assert Gap(box.outbox.epoch, "not_kept", (GapRange(1, 1),)) in gaps


# --- 5: live first ----------------------------------------------------------------------


def test_live_events_overtake_the_backlog_and_bring_their_own_past_along(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    config = replace_port(mosquitto.config(), mosquitto.port, backlog_per_s=8.0)
    box = make_box(config)
    event_id = new_event_id(box.clock)
    box.events(6)
    box.append(draft(box.topics, box.clock, event_id=event_id))  # seq 7
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        box.connect()
        ear.hear(1)
        box.append(draft(box.topics, box.clock, event_id=event_id, phase=Phase.END))  # seq 8
        box.events(1)  # seq 9
        ear.hear(9)
        order = seqs(ear.heard)
        assert sorted(order) == list(range(1, 10))
        assert order.index(7) + 1 == order.index(8)
        assert order.index(9) < order.index(5), "six events at 8/s are not through yet"


def test_the_backlog_waits_its_random_part_of_the_jitter(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    config = replace_port(mosquitto.config(), mosquitto.port, backlog_jitter_s=30.0)
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return high if high == 30.0 else 0.0

    box = make_box(config, uniform=uniform)
    box.events(2)
    box.connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        box.events(1)
        ear.hear(1)
        ear.listen(0.2)
        assert seqs(ear.heard) == [3]
        assert (0.0, 30.0) in asked


def test_no_more_is_in_flight_than_the_broker_takes(tmp_path: Path, make_box: MakeBox) -> None:
    with FakeBroker(lambda level: _connack_with_receive_maximum(3)) as fake:
        box = make_box(MqttConfig(host="127.0.0.1", port=fake.port, allow_insecure=True))
        box.connect()
        box.events(10)
        box.until(lambda: box.publisher.health().in_flight == 3)
        time.sleep(0.1)
        assert box.publisher.health().in_flight == 3


def _connack_with_receive_maximum(limit: int) -> bytes:
    return bytes([0x20, 6, 0, 0, 3, 0x21, 0, limit])


# --- 6: refusals of single messages -----------------------------------------------------


def test_a_denied_publish_keeps_every_row_pauses_and_resumes(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    rest = "topic readwrite ea/v1/+/+/st/#\ntopic readwrite ea/v1/+/+/cmd/#\n"
    broker = Mosquitto(tmp_path / "acl-broker", acl=rest).start()
    try:
        box = make_box(broker, denied_pause_s=(0.5, 1.0)).connect()
        box.events(30)
        box.until(lambda: box.publisher.health().denied)
        with Ear(broker, f"ea/v1/{ward}/+/st/#") as ear:
            box.until(lambda: ear.listen(0.0) and statuses(ear)[-1].state is State.DEGRADED)
            assert "ACL" in statuses(ear)[-1].reasons[0]
            assert box.publisher.health().sent == 0
            assert rows_kept(box) == 30
            broker.set_acl(f"{rest}topic readwrite ea/v1/+/+/ev/#\n")
            broker.reload()
            box.until(lambda: box.publisher.health().sent == 30)
            assert not box.publisher.health().denied
            box.until(lambda: ear.listen(0.0) and statuses(ear)[-1].state is State.ONLINE)
        assert box.marks.dead_rows == []
    finally:
        broker.stop()


def padded(box: Box, size: int) -> Draft:
    """A message with so many bytes more than usual."""
    large = draft(box.topics, box.clock)
    encode = large.encode

    def more(position: Position) -> tuple[str, bytes]:
        topic, payload = encode(position)
        return topic, payload + b" " * size

    return replace(large, encode=more)


def test_an_event_too_large_for_the_broker_waits_for_a_larger_limit_and_blocks_nobody(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    broker = Mosquitto(tmp_path / "small-broker", extra="max_packet_size 1500").start()
    try:
        box = make_box(broker).connect()
        with Ear(broker, f"ea/v1/{ward}/#") as ear:
            box.append(padded(box, 1500))
            box.events(2)
            ear.hear(2, "/front/")
            box.until(lambda: ear.listen(0.0) and statuses(ear)[-1].state is State.DEGRADED)
            (reason,) = statuses(ear)[-1].reasons
            assert "1500 bytes" in reason
            assert "max_packet_size to 262144" in reason
            assert seqs(events(ear)) == [2, 3]
        broker.kill()
        broker.extend("max_packet_size 262144")
        broker.start()
        with Ear(broker, f"ea/v1/{ward}/#") as ear:
            assert seqs(ear.hear(1, "/front/")) == [1]
            box.until(lambda: ear.listen(0.0) and statuses(ear)[-1].state is State.ONLINE)
        assert box.marks.dead_rows == []
    finally:
        broker.stop()


def test_a_typo_in_the_brokers_limit_costs_no_backlog(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    broker = Mosquitto(tmp_path / "tiny-broker", extra="max_packet_size 700").start()
    try:
        box = make_box(broker)
        box.events(60)
        box.connect()
        box.until(lambda: box.publisher.health().backlog == 60 or box.publisher._sizes.holding())
        broker.kill()
        broker.extend("")
        broker.start()
        with Ear(broker, f"ea/v1/{ward}/+/ev/#") as ear:
            assert sorted(seqs(ear.hear(60, "/front/"))) == list(range(1, 61))
            assert not [each for each in ear.heard if each.topic.endswith("_gap")]
    finally:
        broker.stop()


def test_a_message_that_no_broker_of_the_contract_takes_is_given_up_with_a_gap(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    broker = Mosquitto(tmp_path / "agreed-broker", extra="max_packet_size 262144").start()
    try:
        box = make_box(broker).connect()
        with Ear(broker, f"ea/v1/{ward}/+/ev/#") as ear:
            box.append(padded(box, 262_144))
            box.events(2)
            box.until(lambda: box.publisher.health().dead == 1)
            box.marks.apply(box.outbox)
            box.publisher.notify()
            (gap,) = ear.hear(1, "_gap")
            assert decode_gap(gap.payload).ranges == (GapRange(1, 1),)
            ear.hear(2, "/front/")
            assert seqs(events(ear)) == [2, 3]
    finally:
        broker.stop()


def test_under_3_1_1_a_message_that_breaks_the_connection_each_time_is_passed_over_and_kept(
    tmp_path: Path, make_box: MakeBox, ward: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its broker says nothing of a limit: it just breaks the connection."""
    broker = Mosquitto(tmp_path / "mute-broker", extra="max_packet_size 1500").start()
    try:
        config = broker.config(version="3.1.1")
        hasty = {"uniform": lambda low, high: min(0.02, high)}
        box = make_box(config, **hasty)
        with Ear(broker.config(version="5"), f"ea/v1/{ward}/#") as ear:
            box.append(padded(box, 1500))
            box.events(4)
            box.start()
            ear.hear(4, "/front/", timeout_s=20)
            assert seqs(events(ear)) == [2, 3, 4, 5]
            box.until(lambda: ear.listen(0.0) and "events wait" in str(statuses(ear)[-1].reasons))
        assert "seq 1" in caplog.text
        assert box.publisher.health().connections <= 6
        assert box.outbox.head().first_seq == 1, "it is kept"
    finally:
        broker.stop()


def test_a_picture_larger_than_the_broker_takes_is_answered_with_the_truth(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    broker = Mosquitto(tmp_path / "small-broker", extra="max_packet_size 20000").start()
    try:
        image = CommandFile("front", PICTURE_OF, bytes(35_000))
        box = make_box(broker, on_command=lambda _: CommandResult(AckStatus.DONE, file=image))
        box.connect()
        with Ear(broker, f"ea/v1/{ward}/+/ack/+", f"ea/v1/{ward}/+/img/#") as ear:
            for _ in range(2):  # asked again, the same is true
                command = Command("c1", "snapshot", {"event_id": PICTURE_OF})
                ear.say(box.topics.command("snapshot"), encode_command(command))
            for answer in ear.hear(2, "/ack/"):
                ack = decode_ack(answer.payload)
                assert ack.status is AckStatus.FAILED
                assert "larger than the broker takes" in ack.reason
            assert box.publisher.health().connections == 1
    finally:
        broker.stop()


def test_gaps_go_out_in_parts_where_packets_are_small(
    tmp_path: Path, make_box: MakeBox, ward: str
) -> None:
    broker = Mosquitto(tmp_path / "small-broker", extra="max_packet_size 1500").start()
    try:
        box = make_box(broker)
        rows = box.events(200)
        box.outbox.refuse([row.row_id for row in rows[::2]])
        with Ear(broker, f"ea/v1/{ward}/+/ev/#") as ear:
            box.connect()
            box.until(lambda: len(lost(ear)) == 100)
            assert box.publisher.health().last_error == ""
    finally:
        broker.stop()


def lost(ear: Ear) -> set[int | None]:
    """First numbers of the ranges that were announced."""
    gaps = [each for each in ear.listen(0.02) if each.topic.endswith("_gap")]
    return {span.first for gap in gaps for span in decode_gap(gap.payload).ranges}


def test_two_boxes_with_one_id_are_told_apart_by_name_on_both_sides(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    hasty = {"uniform": lambda low, high: min(0.05, high)}
    boxes = [make_box(mosquitto, **hasty).start() for _ in range(2)]
    words = f"another box seems to connect as {ward}-box-1: give each box its own id"
    with Ear(mosquitto, f"ea/v1/{ward}/+/st/box") as ear:
        for box in boxes:
            box.until(lambda box=box: words in box.publisher.health().last_error, 15.0)  # type: ignore[misc]
        boxes[0].until(lambda: any(words in str(status.reasons) for status in heard(ear)), 15.0)


def heard(ear: Ear) -> list[BoxStatus]:
    ear.listen(0.02)
    return statuses(ear)


# --- status, telemetry, commands --------------------------------------------------------


def test_statuses_are_retained_and_name_the_connection(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto)
    camera = CameraStatus("front", State.ONLINE, 1.8e9)
    box.publisher.set_status(box.topics.camera_status("front"), encode_camera_status(camera))
    box.events(2)
    box.connect()
    box.publisher.set_box_state(State.DEGRADED, ("camera back is gone",))
    box.until(lambda: box.publisher.health().sent == 2)
    with Ear(mosquitto, f"ea/v1/{ward}/+/st/box") as early:
        while not statuses(early) or statuses(early)[-1].state is not State.DEGRADED:
            early.hear(len(early.heard) + 1)
    with Ear(mosquitto, f"ea/v1/{ward}/+/st/#") as ear:
        ear.hear(2)
        assert all(each.retain for each in ear.heard)
        (status,) = statuses(ear)
        assert status.state is State.DEGRADED
        assert status.reasons == ("camera back is gone",)
        assert (status.epoch, status.first_seq, status.last_seq) == (box.outbox.epoch, 1, 2)
        box.stop()
        ear.hear(3)
        assert statuses(ear)[-1].state is State.OFFLINE
        assert statuses(ear)[-1].conn_id == status.conn_id


def test_a_connection_that_dies_is_announced_with_its_own_conn_id(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    with (
        ChaosProxy(own_mosquitto.address) as proxy,
        Ear(own_mosquitto, f"ea/v1/{ward}/+/st/box") as ear,
    ):
        config = replace_port(own_mosquitto.config(), proxy.port)
        box = make_box(config, will_delay_s=0).connect()
        ear.hear(1)
        proxy.mode = Mode.RESET
        ear.hear(2)
        proxy.mode = Mode.PASS
        ear.hear(3)
        before, will, after = statuses(ear)
        states = [each.state for each in (before, will, after)]
        assert states == [State.ONLINE, State.OFFLINE, State.ONLINE]
        assert will.conn_id == before.conn_id != after.conn_id
        assert will.reasons == ("connection lost",)
        assert box.publisher.health().connections == 2
        box.stop()
        ear.hear(4)
        ear.listen(0.1)
        assert [each.reasons for each in statuses(ear)[3:]] == [()], "no will after a goodbye"


def test_telemetry_says_where_the_outbox_stands(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    clock = SystemClock()

    def telemetry() -> Telemetry:
        return Telemetry(clock.read(), "1.0", 5.0, "", 0, 0, {"cpu_frac": 0.5})

    with Ear(mosquitto, f"ea/v1/{ward}/+/tm") as ear:
        box = make_box(mosquitto, telemetry=telemetry, telemetry_interval_s=0.2)
        box.events(3)
        box.connect()
        got = [decode_telemetry(each.payload) for each in ear.hear(3)]
        assert got[-1].epoch == box.outbox.epoch
        assert (got[-1].last_seq, got[-1].backlog) == (3, 0)
        assert got[-1].figures == {"cpu_frac": 0.5}
        assert {each.qos for each in ear.heard} == {0}


def test_a_snapshot_is_fetched_by_command(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    asked: list[Command] = []
    event_id = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"

    def snapshot(command: Command) -> CommandResult:
        asked.append(command)
        return CommandResult(AckStatus.DONE, file=CommandFile("front", event_id, b"\xff\xd8jpeg"))

    box = make_box(mosquitto, on_command=snapshot).connect()
    wanted = Command("s1", "snapshot", {"camera": "front", "event_id": event_id})
    with Ear(mosquitto, f"ea/v1/{ward}/+/img/#", f"ea/v1/{ward}/+/ack/+") as ear:
        for _ in range(2):
            ear.say(box.topics.command("snapshot"), encode_command(wanted))
        ear.hear(2, "/ack/s1")
        assert [each.payload for each in ear.hear(1, "/img/")] == [b"\xff\xd8jpeg"]
        assert [each.args for each in asked] == [wanted.args]


def test_a_command_that_was_accepted_is_answered_again_when_it_is_done(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto, on_command=lambda _: CommandResult(AckStatus.ACCEPTED)).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ack/+") as ear:
        ear.say(box.topics.command("reload"), encode_command(Command("r1", "reload", {})))
        ear.hear(1, "/ack/r1")
        box.publisher.finish("r1", CommandResult(AckStatus.FAILED, "agent.toml: no"))
        told = [decode_ack(each.payload) for each in ear.hear(2, "/ack/r1")]
        assert [(each.status, each.reason) for each in told] == [
            (AckStatus.ACCEPTED, ""),
            (AckStatus.FAILED, "agent.toml: no"),
        ]


def test_a_message_larger_than_any_command_never_reaches_the_box(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ack/+") as ear:
        ear.say(box.topics.command("reload"), b" " * 2 * MAX_COMMAND_BYTES)
        ear.say(box.topics.command("reload"), encode_command(Command("c1", "reload")))
        ear.hear(1)
        assert (box.publisher.health().malformed, box.publisher.health().connections) == (0, 1)


# --- connections ------------------------------------------------------------------------


def test_mqtt_3_1_1_delivers_the_same(mosquitto: Mosquitto, make_box: MakeBox, ward: str) -> None:
    config = replace_port(mosquitto.config(), mosquitto.port, version="3.1.1")
    box = make_box(config).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
        rows = box.events(3)
        ear.hear(3)
        assert [each.payload for each in ear.heard] == [row.payload for row in rows]
        assert not box.publisher.health().mqtt5


@pytest.mark.slow
def test_a_half_open_broker_is_left_within_one_and_a_half_keepalives_and_nothing_is_lost(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    with ChaosProxy(own_mosquitto.address) as proxy:
        box = make_box(replace_port(own_mosquitto.config(), proxy.port, keepalive_s=5)).connect()
        with Ear(own_mosquitto, f"ea/v1/{ward}/+/ev/#") as ear:
            proxy.mode = Mode.HANG
            begun_s = time.monotonic()
            box.events(3)
            box.until(lambda: box.publisher.health().state is not LinkState.CONNECTED)
            assert time.monotonic() - begun_s <= 7.5 + 2
            proxy.mode = Mode.RESET
            time.sleep(0.1)
            proxy.mode = Mode.PASS
            ear.hear(3)
            assert sorted(set(seqs(ear.heard))) == [1, 2, 3]


def test_a_broker_that_comes_back_gets_everything(
    own_mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(own_mosquitto).connect()
    own_mosquitto.kill()
    box.events(5)
    box.until(lambda: box.publisher.health().state is LinkState.WAITING)
    assert "127.0.0.1" in box.publisher.health().last_error
    reconnect(box, own_mosquitto.start)
    box.until(lambda: box.publisher.health().sent == 5)


def test_an_outbox_that_cannot_be_read_stops_no_status(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    box.events(1)
    box.until(lambda: box.publisher.health().sent == 1)
    database = box.outbox._state_dir / "outbox.db"
    hidden = database.rename(database.with_suffix(".hidden"))
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        box.publisher.notify()
        box.publisher.set_box_state(State.DEGRADED, ("storage fails",))
        box.until(lambda: ear.listen(0.0) and statuses(ear)[-1].reasons == ("storage fails",))
        hidden.rename(database)
        box.events(1)
        ear.hear(1, "/ev/")
        assert box.publisher.health().connections == 1


def test_without_an_outbox_it_says_how_it_is_and_delivers_once_there_is_one(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto)
    box.events(1)
    database = box.outbox._state_dir / "outbox.db"
    hidden = database.rename(database.with_suffix(".hidden"))
    box.publisher.set_box_state(State.DEGRADED, ("no outbox",))
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        box.start()
        ear.hear(1, "/st/box")
        assert statuses(ear)[-1].reasons == ("no outbox",)
        hidden.rename(database)
        assert seqs(ear.hear(1, "/front/")) == [1]


def test_a_wake_up_between_looking_and_clearing_is_not_lost(make_box: MakeBox) -> None:
    class Unlucky(threading.Event):
        """Set by another thread right after it was looked at."""

        looks = 0

        def is_set(self) -> bool:
            was = super().is_set()
            self.looks += 1
            if self.looks == 1:
                self.set()
            return was

    class Heard:
        in_flight = 0

        def __init__(self) -> None:
            self.committed: list[bool] = []

        def turn(self, *, committed: bool) -> None:
            self.committed.append(committed)

    box = make_box(MqttConfig(host="127.0.0.1", port=9, allow_insecure=True))
    box.publisher._committed = Unlucky()
    delivery = Heard()
    for _ in range(3):
        box.publisher._turn(delivery)  # type: ignore[arg-type]
    assert delivery.committed == [False, True, False]


@pytest.mark.parametrize(
    "news",
    [
        lambda publisher, config: publisher.notify(),
        lambda publisher, config: publisher.reconfigure(config, 60.0),
        lambda publisher, config: publisher.finish("c1", CommandResult(AckStatus.DONE)),
        lambda publisher, config: publisher.set_status("topic", b"1"),
        lambda publisher, config: publisher.set_box_state(State.PAUSED),
    ],
    ids=["rows", "settings", "answer", "status", "state"],
)
def test_whoever_has_news_for_the_broker_wakes_the_connection(
    make_box: MakeBox, news: Callable[[Publisher, MqttConfig], None]
) -> None:
    class Woken:
        times = 0

        def wake(self) -> None:
            self.times += 1

    config = MqttConfig(host="127.0.0.1", port=9, allow_insecure=True)
    publisher = make_box(config).publisher
    news(publisher, config)  # nobody is there to be woken
    publisher._connection = connection = Woken()  # type: ignore[assignment]
    news(publisher, config)
    assert connection.times == 1


def test_it_is_down_since_the_first_failure_until_it_is_connected(make_box: MakeBox) -> None:
    clock = ManualClock()
    box = make_box(MqttConfig(host="127.0.0.1", port=9, allow_insecure=True), clock=clock)
    began_s = clock.mono_s()
    for _ in range(3):
        box.publisher._note(BrokerUnreachable("no answer"))
        clock.advance(10.0)
    assert box.publisher.health().down_since_s == began_s
    box.publisher._update(LinkState.CONNECTED, down_since_s=None)
    box.publisher._note(BrokerUnreachable("no answer"))
    assert box.publisher.health().down_since_s == began_s + 30.0


def test_waits_between_tries_are_random_below_a_doubling_bound(make_box: MakeBox) -> None:
    bounds: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append(high)
        return 0.0

    with FakeBroker(lambda level: connack5(0x97)) as fake:
        config = MqttConfig(
            host="127.0.0.1", port=fake.port, allow_insecure=True, reconnect_max_s=20.0
        )
        box = make_box(config, uniform=uniform).start()
        box.until(lambda: len(bounds) >= 7)
        box.stop()
    assert bounds[:7] == [1, 2, 4, 8, 16, 20, 20]


def test_a_refusing_broker_is_a_state_for_the_operator_and_is_logged_once(
    make_box: MakeBox, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeBroker(lambda level: connack5(0x86)) as fake:
        config = MqttConfig(
            host="127.0.0.1", port=fake.port, allow_insecure=True, reconnect_max_s=0.05
        )
        box = make_box(config).start()
        box.until(lambda: len(fake.levels) >= 4)
        box.until(lambda: box.publisher.health().state is LinkState.REFUSED)
        box.stop()
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "user name or the password" in errors[0].getMessage()


def test_stopping_delivers_what_was_committed_last(
    mosquitto: Mosquitto, make_box: MakeBox, ward: str
) -> None:
    box = make_box(mosquitto).connect()
    with Ear(mosquitto, f"ea/v1/{ward}/#") as ear:
        box.outbox.append([draft(box.topics, box.clock) for _ in range(60)])
        box.stop()
        ear.hear(60, "/ev/")
        ear.hear(2, "st/box")
        assert statuses(ear)[-1].state is State.OFFLINE
        assert box.publisher.health().state is LinkState.STOPPED


def test_a_broker_that_cannot_be_configured_is_told_before_anything_starts(
    tmp_path: Path,
) -> None:
    config = MqttConfig(host="h", username="u", password_file=str(tmp_path / "missing"))
    setup = PublisherSetup(
        ward="w",
        box="b",
        config=config,
        open_reader=lambda: pytest.fail("must not be opened"),
        marks=None,  # type: ignore[arg-type]
        clock=ManualClock(),
        agent_version="1",
    )
    with pytest.raises(ConfigError, match="missing"):
        Publisher(setup)


def test_the_password_leaves_the_box_only_in_the_connect(
    tmp_path: Path, make_box: MakeBox, ward: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-8c1f02"
    secret = tmp_path / "secret"
    secret.write_text(canary)
    secret.chmod(0o600)
    broker = Mosquitto(tmp_path / "b", passwords={"box-1": canary}).start()
    try:
        config = broker.config(username="box-1", password_file=str(secret))
        box = make_box(config).connect()
        box.events(2)
        box.until(lambda: box.publisher.health().sent == 2)
        broker.kill()
        box.until(lambda: box.publisher.health().state is LinkState.WAITING)
        shown = caplog.text + repr(box.publisher.health()) + repr(config)
        stored = b"".join(each.read_bytes() for each in (tmp_path / "box0").iterdir())
        command_line = Path("/proc/self/cmdline").read_bytes()
        assert canary not in shown
        assert canary.encode() not in stored + command_line
        assert canary not in " ".join(each.name for each in threading.enumerate())
    finally:
        broker.stop()


def replace_port(config: MqttConfig, port: int, **changes: object) -> MqttConfig:
    from msgspec import structs

    return structs.replace(config, port=port, **changes)
