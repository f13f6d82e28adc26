"""Every parser of bytes from outside, on spoilt bytes: it may refuse them, and nothing else.

A few hundred each in `make test`; `make fuzz` tries many more (FUZZ_RUNS), with other seeds
where FUZZ_SEED says so. A failure names its seed: the same run finds the same bytes.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import pytest
from config_files import AGENT, CAMERA
from damaged_outbox import fill, trial
from mqtt_box import draft
from spoiling import spoil

from edge_agent.clock import ManualClock
from edge_agent.config import load_config
from edge_agent.contract import (
    Ack,
    AckStatus,
    BoxStatus,
    BoxTopics,
    CameraStatus,
    Command,
    ConfigStatus,
    Gap,
    GapRange,
    Position,
    State,
    Telemetry,
    Topic,
    Unsequenced,
    Verb,
    decode_ack,
    decode_ackpos,
    decode_box_status,
    decode_camera_status,
    decode_config_status,
    decode_event,
    decode_gap,
    decode_telemetry,
    encode_ack,
    encode_ackpos,
    encode_box_status,
    encode_camera_status,
    encode_command,
    encode_config_status,
    encode_gap,
    encode_telemetry,
    parse_command,
    parse_replay,
    read_header,
)
from edge_agent.domain import Label, Phase
from edge_agent.errors import CarryOverRefused, ConfigError, ContractError, StorageError
from edge_agent.mqtt import Incoming
from edge_agent.outbox import RangeSet
from edge_agent.outbox.quarantine import EPOCH_FILE, read_epochs_file
from edge_agent.pipeline.carry_over import VERSION, CarryOver, unpack
from edge_agent.publish.commands import CommandDesk
from edge_agent.recorders.ingest.clip_messages import packed, unpacked
from edge_agent.ward import Printer, WardDatabase
from edge_agent.ward.intake import WardIntake
from edge_agent.ward.vigil import Vigil

RUNS = int(os.environ.get("FUZZ_RUNS", "250"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))

CLOCK = ManualClock(utc_s=1_790_000_000.0, mono_s=1000.0)
TOPICS = BoxTopics("ward1", "box-1")
EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
REPLAY = Command("c1", Verb.REPLAY, {"epoch": EPOCH, "from_seq": 1, "to_seq": 9}, 1e9, "a/b")
MESSAGES: dict[str, bytes] = {
    TOPICS.event("front", Label.PERSON): draft(TOPICS, CLOCK, phase=Phase.END).encode(
        Position(EPOCH, 7)
    )[1],
    TOPICS.gap: encode_gap(
        Gap(
            EPOCH,
            "quota",
            (GapRange(1, 5), GapRange(9, None)),
            ((Label.MOTION, 3),),
            Unsequenced(3, 1e9, 2e9),
        )
    ),
    TOPICS.box_status: encode_box_status(
        BoxStatus(State.ONLINE, EPOCH, EPOCH, 1, 9, "1.0", 1e9, 60.0, ("why",))
    ),
    TOPICS.camera_status("front"): encode_camera_status(
        CameraStatus("front", State.DEGRADED, 1e9, "dark", clock_offset_s=3.0)
    ),
    TOPICS.config_status: encode_config_status(ConfigStatus("0" * 12, 1e9, "applied")),
    TOPICS.telemetry: encode_telemetry(
        Telemetry(CLOCK.read(), "1.0", 5.0, EPOCH, 9, 2, {"rss_mib": 90.0}, {"front": {"fps": 5}})
    ),
    TOPICS.ack("c1"): encode_ack(Ack("c1", AckStatus.DONE, "why", {"sent": 1})),
    TOPICS.ackpos: encode_ackpos(Position(EPOCH, 7)),
    TOPICS.command("replay"): encode_command(REPLAY),
    TOPICS.image("front", EPOCH): b"\xff\xd8jpeg",
}


@dataclass(frozen=True)
class Target:
    """`run` may raise `allowed`, and nothing else."""

    corpus: tuple[bytes, ...]
    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]


def _command(data: bytes) -> None:
    parse_replay(parse_command("replay", data))


def _topic(data: bytes) -> None:
    text = data.decode(errors="replace")
    assert str(Topic.parse(text)) == text


def _desk(desk: CommandDesk, data: bytes) -> None:
    for topic in (TOPICS.command("replay"), data[:80].decode(errors="replace")):
        for reply in desk.handle(Incoming(topic, data, 1, False, 1)).replies:
            assert reply.topic.startswith("ea/v1/ward1/box-1/ack/")


def _config(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "agent.toml").write_bytes(data)
        (Path(folder) / "cameras.d").mkdir()
        (Path(folder) / "cameras.d" / "front.toml").write_bytes(data[::-1] + CAMERA.encode())
        load_config(Path(folder))


def _epochs(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / EPOCH_FILE).write_bytes(data)
        read_epochs_file(Path(folder))


def _carry(data: bytes) -> None:
    """The checksum is made right: what is behind it must be safe too."""
    body = data[9:]
    unpack(data)
    unpack(b"EACO" + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big") + body)


def _carried() -> bytes:
    parts = [zlib.compress(text * 50) for text in (b"track", b"rules", b"events")]
    body = msgspec.msgpack.encode(CarryOver(320, 180, 1.0, 0.5, *parts, motion=b"motion"))
    return b"EACO" + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big") + body


def _ranges(data: bytes) -> None:
    RangeSet.load(data.decode(errors="surrogateescape"))


PAYLOADS = tuple(MESSAGES.values())
REFUSES = (ContractError,)
TARGETS: dict[str, Target] = {
    "topic": Target(tuple(topic.encode() for topic in MESSAGES), _topic, REFUSES),
    "event": Target(PAYLOADS[:1], decode_event, REFUSES),
    "header": Target(PAYLOADS[:1], read_header, REFUSES),
    "gap": Target(PAYLOADS[1:2], decode_gap, REFUSES),
    "box status": Target(PAYLOADS[2:3], decode_box_status, REFUSES),
    "camera status": Target(PAYLOADS[3:4], decode_camera_status, REFUSES),
    "config status": Target(PAYLOADS[4:5], decode_config_status, REFUSES),
    "telemetry": Target(PAYLOADS[5:6], decode_telemetry, REFUSES),
    "ack": Target(PAYLOADS[6:7], decode_ack, REFUSES),
    "ackpos": Target(PAYLOADS[7:8], decode_ackpos, REFUSES),
    "command": Target(PAYLOADS[8:9], _command, REFUSES),
    "command desk": Target(PAYLOADS[8:9], partial(_desk, CommandDesk(TOPICS, CLOCK, None)), ()),
    "carry-over": Target((_carried(),), _carry, (CarryOverRefused,)),
    "open events": Target((packed([decode_event(PAYLOADS[0]).event]),), unpacked, ()),
    "configuration": Target((AGENT.encode(), CAMERA.encode()), _config, (ConfigError,)),
    "epochs file": Target((f"{EPOCH}\n{EPOCH}\n".encode(),), _epochs, ()),
    "ranges": Target((b"1-40,42-42,50-99",), _ranges, (StorageError,)),
}


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_bytes_are_refused_and_nothing_else(name: str) -> None:
    target = TARGETS[name]
    for good in target.corpus:
        _try(target, good, "unspoilt")
    for run in range(RUNS):
        chance = random.Random(f"{name} {SEED} {run}")
        data = spoil(chance.choice(target.corpus), target.corpus, chance)
        _try(target, data, f"run {run} of seed {SEED}")


def _try(target: Target, data: bytes, which: str) -> None:
    try:
        target.run(data)
    except target.allowed:
        return
    except Exception as error:
        raise AssertionError(f"{which}: {error!r} on {data[:300]!r}") from error


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WardDatabase]:
    made = WardDatabase(tmp_path / "ward.sqlite")
    yield made
    made.close()


def test_spoilt_messages_end_no_ward(database: WardDatabase) -> None:
    """Whatever comes: taken or counted, acknowledged, shown without commanding a terminal."""
    intake = WardIntake(database, "ward1", keep_images=True)
    lines: list[str] = []
    topics = tuple(topic.encode() for topic in MESSAGES)
    for run in range(RUNS):
        chance = random.Random(f"ward {SEED} {run}")
        topic, payload = chance.choice(tuple(MESSAGES.items()))
        if chance.random() < 0.8:
            payload = spoil(payload, PAYLOADS, chance)
        if chance.random() < 0.2:
            topic = spoil(topic.encode(), topics, chance).decode(errors="replace")
        with database.transaction():
            news = intake.take(Incoming(topic, payload, 1, False, 1), CLOCK.read())
            for source, epoch in intake.touched:
                database.advance(source, epoch)
        intake.touched.clear()
        for as_json in (True, False):
            Printer(lines.append, CLOCK, as_json=as_json).emit(news)
        for source, box in intake.boxes.items():
            database.holes(source, box.epoch, box.last_seq)
            box.believed(CLOCK.read().utc_s)
        now_s = CLOCK.read().utc_s
        Vigil().boxes(intake.boxes.values(), now_s, 0.0)
        Vigil().cameras(intake.cameras.values(), intake.boxes, now_s, 0.0)
    assert all(line.isprintable() for line in lines)
    WardIntake(database, "ward1", keep_images=True)  # what was stored can be read again


def test_spoilt_rows_stop_no_box(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    owed = fill(tmp_path / "source", ManualClock(), events=12)
    for run in range(max(3, RUNS // 100)):
        wrong = trial(tmp_path / "source", owed, tmp_path / "copy", 10_000 * SEED + run)
        assert wrong == []
