"""The ward's subscriber with a real broker: commit, acknowledge, tell the box, ask again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from broker import Mosquitto
from mqtt_box import Box, Ear, draft

from edge_agent.clock import SystemClock
from edge_agent.contract import (
    BoxStatus,
    BoxTopics,
    Gap,
    GapRange,
    Position,
    State,
    Telemetry,
    decode_ackpos,
    encode_box_status,
    encode_gap,
    encode_telemetry,
    parse_command,
    parse_replay,
)
from edge_agent.errors import ConfigError, StorageError
from edge_agent.runtime import StopToken, Worker
from edge_agent.ward import (
    NewEvent,
    News,
    WardDatabase,
    WardListenOptions,
    WardSetup,
    WardSubscriber,
    run_listen,
)

_WARDS = count()
EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
CONN = "01KAS3V6A1ZZ5Y0T7M2N9R6XBA"
CLOCK = SystemClock()


@pytest.fixture
def ward() -> str:
    return f"w{next(_WARDS)}"


@contextmanager
def subscribed(broker: Mosquitto, ward: str, path: Path, **options: object) -> Iterator[list[News]]:
    """A running subscriber; what it tells."""
    news: list[News] = []
    stop = StopToken()
    setup = WardSetup(
        ward=ward,
        database=path,
        config=broker.config(),
        clock=CLOCK,
        emit=news.extend,
        ackpos_every_s=0.05,
        **options,  # type: ignore[arg-type]
    )
    worker = Worker("ward", WardSubscriber(setup).run, stop)
    worker.start()
    try:
        yield news
    finally:
        stop.stop()
        assert worker.join(10)
    assert worker.crash is None


def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def event(topics: BoxTopics, seq: int) -> tuple[str, bytes]:
    return draft(topics, CLOCK).encode(Position(EPOCH, seq))


def watermarks(ear: Ear) -> list[int]:
    return [decode_ackpos(m.payload).seq for m in ear.heard if m.topic.endswith("cmd/ackpos")]


def settle(ear: Ear, watermark: int) -> None:
    until(lambda: ear.listen(0.02) and watermarks(ear)[-1:] == [watermark])


def online(topics: BoxTopics, last_seq: int, interval_s: float = 60.0) -> bytes:
    now_utc_s = CLOCK.read().utc_s
    return encode_box_status(
        BoxStatus(State.ONLINE, CONN, EPOCH, 1, last_seq, "1", now_utc_s, interval_s)
    )


def telemetry(last_seq: int, backlog: int) -> bytes:
    return encode_telemetry(Telemetry(CLOCK.read(), "1", 1.0, EPOCH, last_seq, backlog))


def test_a_box_and_a_ward_settle_everything_between_them(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    with (
        subscribed(mosquitto, ward, tmp_path / "w") as news,
        Box(tmp_path / "box", mosquitto.config(), ward=ward) as box,
    ):
        rows = box.events(3)
        box.connect()
        rows += box.events(50)
        box.until(lambda: sum(isinstance(item, NewEvent) for item in news) == 53)
        stored = [item.payload for item in news if isinstance(item, NewEvent)]
        assert sorted(stored) == sorted(row.payload for row in rows)
        box.until(lambda: any(pos.seq == 53 for pos in box.marks.acknowledged_positions))
        box.outbox.flush()
        assert box.outbox.head().first_seq == 54, "the box may forget what the ward has"


def test_the_watermark_is_retained_and_comes_after_the_commit(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    topics = BoxTopics(ward, "box-1")
    with (
        subscribed(mosquitto, ward, tmp_path / "w"),
        Ear(mosquitto, f"ea/v1/{ward}/+/cmd/#") as ear,
    ):
        ear.say(topics.box_status, online(topics, 0), retain=True)
        settle(ear, 0)  # the first word: somebody acknowledges
        ear.say(*event(topics, 1))
        ear.say(*event(topics, 3))
        settle(ear, 1)
        ear.say(topics.gap, encode_gap(Gap(EPOCH, "quota", (GapRange(2, 2),))))
        settle(ear, 3)
        reader = WardDatabase(tmp_path / "w")
        assert reader.watermark(topics.source, EPOCH) == 3
        reader.close()
    with Ear(mosquitto, topics.ackpos) as late:
        (kept,) = late.hear(1)
        assert kept.retain
        assert decode_ackpos(kept.payload) == Position(EPOCH, 3)


def test_what_could_not_be_committed_is_not_acknowledged_and_comes_again(
    mosquitto: Mosquitto, tmp_path: Path, ward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = BoxTopics(ward, "box-1")
    failures: list[str] = []
    advance = WardDatabase.advance

    def failing(self: WardDatabase, source: str, epoch: str) -> int:
        if len(failures) < 2:
            failures.append(source)
            raise StorageError("no space left")
        return advance(self, source, epoch)

    with (
        subscribed(mosquitto, ward, tmp_path / "w") as news,
        Ear(mosquitto, f"ea/v1/{ward}/+/cmd/#") as ear,
    ):
        ear.say(topics.box_status, online(topics, 0), retain=True)
        settle(ear, 0)
        monkeypatch.setattr(WardDatabase, "advance", failing)
        ear.say(*event(topics, 1))  # once; the broker must give it three times
        settle(ear, 1)
        assert len(failures) == 2
        assert [item.header.position.seq for item in news if isinstance(item, NewEvent)] == [1]


def test_events_that_came_while_it_was_away_are_there_afterwards(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    topics = BoxTopics(ward, "box-1")
    with Ear(mosquitto, f"ea/v1/{ward}/+/cmd/#") as ear:
        with subscribed(mosquitto, ward, tmp_path / "w"):
            ear.say(topics.box_status, online(topics, 0), retain=True)
            settle(ear, 0)
        for seq in (1, 2, 3):
            ear.say(*event(topics, seq))
        with subscribed(mosquitto, ward, tmp_path / "w") as news:
            settle(ear, 3)
            seqs = [item.header.position.seq for item in news if isinstance(item, NewEvent)]
            assert seqs == [1, 2, 3]


def test_a_replay_is_asked_for_a_hole_that_stands_while_nothing_is_on_its_way(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    topics = BoxTopics(ward, "box-1")
    with (
        subscribed(mosquitto, ward, tmp_path / "w", replay_after_s=0.5),
        Ear(mosquitto, f"ea/v1/{ward}/+/cmd/#") as ear,
    ):
        ear.say(topics.box_status, online(topics, 5), retain=True)
        settle(ear, 0)
        for seq in (1, 4, 5):
            ear.say(*event(topics, seq))
        ear.say(topics.telemetry, telemetry(5, backlog=2))
        deadline_s = time.monotonic() + 1.6
        while time.monotonic() < deadline_s:
            ear.listen(0.05)
        assert not [each for each in ear.heard if each.topic.endswith("replay")]
        ear.say(topics.telemetry, telemetry(5, backlog=0))
        asked = ear.hear(1, "cmd/replay")[0]
        wanted = parse_replay(parse_command("replay", asked.payload))
        assert (wanted.epoch, wanted.first, wanted.last) == (EPOCH, 2, 3)
        ear.say(*event(topics, 2))
        ear.say(*event(topics, 3))
        settle(ear, 5)


def test_a_hole_is_closed_by_a_real_box(mosquitto: Mosquitto, tmp_path: Path, ward: str) -> None:
    """The ward came too late for what a server without ackpos had been sent."""

    def figures() -> Telemetry:
        return Telemetry(CLOCK.read(), "1", 1.0, "", 0, 0)

    setup = {"telemetry": figures, "telemetry_interval_s": 0.2}
    with Box(tmp_path / "box", mosquitto.config(), ward=ward, **setup) as box:
        rows = box.events(4)
        box.connect()
        box.until(lambda: box.publisher.health().sent == 4)
        box.marks.apply(box.outbox)
        box.outbox.refuse([rows[0].row_id])
        with subscribed(mosquitto, ward, tmp_path / "w", replay_after_s=0.5) as news:
            box.until(lambda: any(p.seq == 4 for p in box.marks.acknowledged_positions), 15)
            seqs = [item.header.position.seq for item in news if isinstance(item, NewEvent)]
            assert sorted(seqs) == [2, 3, 4]


def test_json_lines_are_the_payloads_as_they_came(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    lines: list[str] = []
    topics = BoxTopics(ward, "box-1")
    options = WardListenOptions(
        tmp_path / "w", ward, "127.0.0.1", mosquitto.port, insecure=True, json=True
    )
    stop = StopToken()
    worker = Worker("ward", lambda s: run_listen(options, s, write=lines.append), stop)
    worker.start()
    try:
        with Ear(mosquitto, f"ea/v1/{ward}/+/cmd/#") as ear:
            ear.say(topics.box_status, online(topics, 1), retain=True)
            settle(ear, 0)
            topic, payload = event(topics, 1)
            ear.say(topic, payload)
            ear.say(topics.gap, encode_gap(Gap(EPOCH, "quota", (GapRange(2, 2),))))
            until(lambda: len(lines) == 2)
    finally:
        stop.stop()
        assert worker.join(10)
    assert lines[0].encode() == payload
    assert json.loads(lines[1])["gap"]["ranges"] == [{"from": 2, "to": 2}]


def test_nobody_reading_the_output_ends_it(mosquitto: Mosquitto, tmp_path: Path, ward: str) -> None:
    def closed(line: str) -> None:
        raise BrokenPipeError

    topics = BoxTopics(ward, "box-1")
    options = WardListenOptions(tmp_path / "w", ward, "127.0.0.1", mosquitto.port, insecure=True)
    worker = Worker("ward", lambda s: run_listen(options, s, write=closed), StopToken())
    worker.start()
    with Ear(mosquitto) as ear:
        ear.say(topics.box_status, online(topics, 1), retain=True)
        assert worker.join(10)
    assert worker.crash is None


def test_wrong_options_are_told_before_anything_starts(tmp_path: Path) -> None:
    options = WardListenOptions(tmp_path / "w", "ward1", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem"):
        run_listen(options, StopToken())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ward": "#"}, "--ward: the ward id '#' is no id; needs 1 to 32 of"),
        ({"ward": "a/b"}, "--ward: the ward id 'a/b'"),
        ({"ward": "w", "port": 99999}, "--port: is 99999"),
        ({"ward": "w", "port": 0}, "--port: is 0"),
    ],
)
def test_what_can_never_work_is_told_instead_of_tried_for_ever(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_listen(WardListenOptions(tmp_path / "w", insecure=True, **options), StopToken())
    assert words in str(caught.value)
    assert not (tmp_path / "w").exists()


def test_two_subscribers_of_one_ward_suspect_each_other(
    mosquitto: Mosquitto, tmp_path: Path, ward: str, caplog: pytest.LogCaptureFixture
) -> None:
    hasty = {"uniform": lambda low, high: 0.05}
    with (
        subscribed(mosquitto, ward, tmp_path / "a", **hasty),
        subscribed(mosquitto, ward, tmp_path / "b", **hasty),
    ):
        until(lambda: f"is another subscriber running as {ward}-server?" in caplog.text)
