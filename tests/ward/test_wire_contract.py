"""The published contract, on the wire: real mosquitto with docs/contract/acl and client
certificates; everything that box and ward really send is checked against the schemas."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from contract_schemas import FOLDER, check
from mqtt_box import Box, Ear, draft
from pki import Authority

from edge_agent.clock import SystemClock
from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.contract import (
    AckStatus,
    BoxStatus,
    BoxTopics,
    CameraStatus,
    Command,
    ConfigStatus,
    Position,
    State,
    Telemetry,
    encode_ackpos,
    encode_box_status,
    encode_camera_status,
    encode_command,
    encode_config_status,
    encode_telemetry,
)
from edge_agent.domain import Label, Phase
from edge_agent.mqtt import Acked, BrokerSession, Dialer, Incoming, endpoint_of
from edge_agent.publish import CommandFile, CommandResult
from edge_agent.runtime import StopToken, Worker
from edge_agent.ward import NewEvent, News, WardSetup, WardSubscriber

WARD, BOX, SERVER = "ward12", "box-0001", "ward12-server"  # the names in docs/contract/acl
EVENT_ID = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"
CLOCK = SystemClock()

_SCHEMAS = {"st": "status", "tm": "telemetry", "cmd": "command", "ack": "command"}


class Town:
    """The broker of the published files, and a configuration for each name in its ACL."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder / "pki")
        own = self._authority.issue("127.0.0.1")
        self.broker = Mosquitto(
            folder / "broker",
            tls=BrokerTls(self._authority.ca, own.cert, own.key, require_certificate=True),
            acl=(FOLDER / "acl").read_text(),
            extra="use_username_as_clientid true\ntls_version tlsv1.2",
        ).start()

    def config(self, name: str) -> MqttConfig:
        pair = self._authority.issue(name)
        tls = TlsConfig(
            ca_file=str(self._authority.ca), cert_file=str(pair.cert), key_file=str(pair.key)
        )
        return self.broker.config(tls=tls, allow_insecure=False)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.broker.stop()


def validate(message: Incoming) -> str:
    """The branch of a message whose payload is what docs/contract promises."""
    branch = message.topic.split("/")[4]
    if branch == "ev":
        branch = "gap" if message.topic.endswith("_gap") else "event"
    if branch not in ("img", "clip"):
        check(_SCHEMAS.get(branch, branch), message.payload)
    return branch


def do(command: Command) -> CommandResult:
    files = {
        "snapshot": CommandFile("front", EVENT_ID, b"\xff\xd8jpeg"),
        "clip": CommandFile("front", EVENT_ID, b"piece", (1, 200_000)),
    }
    return CommandResult(AckStatus.DONE, file=files.get(command.verb))


def figures() -> Telemetry:
    return Telemetry(CLOCK.read(), "1.0", 1.0, "", 0, 0, {"cpu_frac": 0.1}, {"front": {"fps": 5.0}})


def test_all_that_a_box_sends_is_as_published_and_allowed(town: Town, tmp_path: Path) -> None:
    with (
        Ear(town.config(SERVER), f"ea/v1/{WARD}/#") as ear,
        Box(
            tmp_path,
            town.config(BOX),
            ward=WARD,
            box=BOX,
            telemetry=figures,
            telemetry_interval_s=0.2,
            on_command=do,
        ) as box,
    ):
        set_status, topics = box.publisher.set_status, box.topics
        camera = CameraStatus("front", State.OFFLINE, 1.8e9, "no answer")
        set_status(topics.camera_status("front"), encode_camera_status(camera))
        applied = ConfigStatus("9f86d081884c", 1.8e9, "applied")
        set_status(topics.config_status, encode_config_status(applied))
        rows = box.append(
            *(
                draft(topics, CLOCK, label=label, phase=phase)
                for label in (Label.PERSON, Label.MOTION)
                for phase in Phase
            )
        )
        box.outbox.refuse([rows[0].row_id])
        box.connect()
        ear.hear(5, "/ev/front/")
        ear.hear(1, "/ev/_gap")
        for verb, args in (
            ("snapshot", {"camera": "front", "event_id": EVENT_ID}),
            ("clip", {"event_id": EVENT_ID, "from_byte": 200_000}),
            ("replay", {"epoch": box.outbox.epoch, "from_seq": 1, "to_seq": 3}),
            ("unknown", {}),
        ):
            ear.say(topics.command(verb), encode_command(Command(f"c-{verb}", verb, args)))
        ear.say(topics.ackpos, encode_ackpos(Position(box.outbox.epoch, 2)), retain=True)
        ear.hear(1, "/ack/c-unknown")
        ear.hear(2, "/ack/c-replay")
        ear.hear(1, "/img/")
        ear.hear(1, f"/clip/front/{EVENT_ID}/1/200000")
        ear.hear(1, "/tm")
        assert not box.publisher.health().denied
        box.stop()
        ear.hear(2, "st/box")
        branches = {validate(message) for message in ear.heard}
        assert branches == {"event", "gap", "st", "tm", "img", "clip", "cmd", "ack"}
        assert {validate(m) for m in ear.heard if "/ack/" in m.topic} == {"ack"}


def test_all_that_a_ward_sends_is_as_published_and_allowed(town: Town, tmp_path: Path) -> None:
    stop = StopToken()
    news: list[News] = []
    setup = WardSetup(
        ward=WARD,
        database=tmp_path / "w",
        config=town.config(SERVER),
        clock=CLOCK,
        emit=news.extend,
        ackpos_every_s=0.05,
        replay_after_s=0.2,
    )
    worker = Worker("ward", WardSubscriber(setup).run, stop)
    topics = BoxTopics(WARD, "box-0003")
    status = BoxStatus(State.ONLINE, EVENT_ID, EVENT_ID, 1, 3, "1.0", 1.8e9, 60.0)
    stands = Telemetry(CLOCK.read(), "1.0", 1.0, EVENT_ID, 3, 0)
    with Ear(town.config("box-0003"), topics.commands_filter) as box:
        worker.start()
        try:
            box.say(topics.box_status, encode_box_status(status), retain=True)
            box.hear(1, "cmd/ackpos")
            for seq in (1, 3):
                box.say(*draft(topics, CLOCK).encode(Position(EVENT_ID, seq)))
            box.say(topics.telemetry, encode_telemetry(stands))
            box.hear(1, "cmd/replay")
        finally:
            stop.stop()
            assert worker.join(10)
        assert {validate(message) for message in box.heard} == {"cmd"}
        assert sum(isinstance(item, NewEvent) for item in news) == 2


@pytest.mark.parametrize(
    "topic",
    [
        f"ea/v1/{WARD}/{BOX}/cmd/replay",
        f"ea/v1/{WARD}/{BOX}/cmd/ackpos",
        f"ea/v1/{WARD}/box-0002/ev/front/person",
        f"ea/v1/{WARD}/box-0002/st/box",
        "ea/v1/ward13/box-0001/ev/front/person",
    ],
)
def test_a_box_may_write_nowhere_else(town: Town, topic: str) -> None:
    dialer = Dialer(lambda: endpoint_of(town.config(BOX)), CLOCK, timeout_s=3)
    connection = dialer.dial(BrokerSession(BOX, clean_start=True, expiry_s=0), StopToken())
    mid = connection.publish(topic, b"{}")
    deadline_s = time.monotonic() + 30
    answers: list[object] = []
    while not answers and time.monotonic() < deadline_s:
        answers += connection.poll(0.1)
    assert answers == [Acked(mid, 0x87)]
    connection.close()
