"""The state directory misbehaves: the whole agent goes on, says so, and numbers have no holes."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import inside, wait_until
from agent_process import AgentProcess, Heard, listening, write_config
from broker import Mosquitto
from damaged_outbox import damage
from mqtt_box import Box, Marks, draft
from paho.mqtt.client import Client

from edge_agent.clock import SystemClock
from edge_agent.config import MqttConfig
from edge_agent.domain import Phase
from edge_agent.errors import StorageError
from edge_agent.outbox import Database, OutboxReader, connect_sqlite
from edge_agent.outbox.marks import Marks as RowMarks
from edge_agent.outbox.marks import read_marks
from edge_agent.publish import Publisher, PublisherSetup
from edge_agent.runtime import StopToken, Worker

ConfigOf = Callable[..., Path]


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(model, clip): a person every 1.6 s."""
    folder = tmp_path_factory.mktemp("flash")
    return flash.model(folder), flash.clip(folder / "flash.avi")


@pytest.fixture
def configured(tmp_path: Path, mosquitto: Mosquitto, flashing: tuple[Path, Path]) -> ConfigOf:
    model, clip = flashing

    def make(box: str, **more: str) -> Path:
        extra = flash.settings(model)
        cameras = {"yard": flash.camera(clip)}
        return write_config(tmp_path, mosquitto.port, cameras, box=box, extra=extra, **more)

    return make


def reasons(heard: Heard) -> str:
    """What the newest `st/box` gives as reasons, empty when it is well."""
    states = heard.bodies("/st/box")
    return " ".join(states[-1]["reasons"]) if states else ""


def persons(heard: Heard) -> list[dict[str, Any]]:
    return [body["data"] for body in heard.bodies("/ev/yard/person")]


def announces_loss(heard: Heard, epoch: object, reason: str) -> bool:
    """Whether a `_gap` gave up everything of the epoch, from some number on to its end."""
    return any(
        gap["epoch"] == epoch
        and gap["reason"] == reason
        and [span["to"] for span in gap["ranges"]] == [None]
        for gap in heard.bodies("/ev/_gap")
    )


def say_ackpos(client: Client, box: str, epoch: object, seq: int) -> None:
    body = json.dumps({"epoch": epoch, "seq": seq})
    client.publish(f"ea/v1/ward1/{box}/cmd/ackpos", body, qos=1, retain=True)


def test_ackpos_ahead_of_the_box_begins_an_epoch_announces_it_and_degrades(
    configured: ConfigOf, mosquitto: Mosquitto
) -> None:
    config = configured("ahead")
    with listening(mosquitto, "ahead") as (heard, client), inside(config):
        heard.wait(lambda: persons(heard))
        old = persons(heard)[0]["epoch"]
        say_ackpos(client, "ahead", old, 1_000_000)
        heard.wait(lambda: announces_loss(heard, old, "rewound"))
        heard.wait(lambda: [body for body in persons(heard) if body["epoch"] != old])
        heard.wait(lambda: "restored or cloned" in reasons(heard))
        first = next(body for body in persons(heard) if body["epoch"] != old)
        assert first["seq"] == 1


def test_outbox_damaged_while_off_begins_an_epoch_announces_it_and_degrades(
    configured: ConfigOf, mosquitto: Mosquitto
) -> None:
    config = configured("damaged")
    with listening(mosquitto, "damaged") as (heard, _):
        with inside(config):
            heard.wait(lambda: persons(heard))
        old = persons(heard)[0]["epoch"]
        database = config / "state" / "outbox.db"
        database.write_bytes(b"\xa5" * database.stat().st_size)
        with inside(config):
            heard.wait(lambda: announces_loss(heard, old, "corrupt"))
            heard.wait(lambda: [body for body in persons(heard) if body["epoch"] != old])
            heard.wait(lambda: "outbox_corrupt" in reasons(heard))
            assert heard.bodies("/st/box")[-1]["state"] == "degraded"


def test_reached_quota_sheds_announces_and_degrades_until_there_is_room(
    configured: ConfigOf, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota_bytes = [1]
    monkeypatch.setattr("edge_agent.outbox.outbox.quota_of", lambda *_: quota_bytes[0])
    monkeypatch.setattr("edge_agent.outbox.outbox._MAINTAIN_EVERY_S", 0.5)
    config = configured("quota")
    with listening(mosquitto, "quota") as (heard, _), inside(config):
        heard.wait(lambda: "outbox_shedding" in reasons(heard))
        assert heard.bodies("/st/box")[-1]["state"] == "degraded"
        quota_bytes[0] = 100_000_000
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "online")
        told = len(persons(heard))
        heard.wait(lambda: len(persons(heard)) > told + 1)
    numbers = {body["seq"] for body in persons(heard)}
    assert numbers | announced(heard) == set(range(1, max(numbers) + 1)), "no hole without a word"


# --- a full disk ------------------------------------------------------------------------


def mounted(*arguments: str) -> None:
    """Skips the test where mounts are not allowed."""
    try:
        subprocess.run(["mount", *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounts are not allowed here: {error}")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 2 MiB."""
    point = tmp_path / "tiny"
    point.mkdir()
    mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(point))
    yield point
    subprocess.run(["umount", str(point)], check=True)


class Ballast:
    """Somebody else's file that takes every byte as it becomes free."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "somebody_elses_log"

    def grow(self) -> bool:
        """True, for use in a condition."""
        with contextlib.suppress(OSError), self._path.open("ab", buffering=0) as file:
            file.write(bytes(shutil.disk_usage(self._path.parent).free))
        return True

    def remove(self) -> None:
        self._path.unlink()


def test_events_outlive_a_full_disk_and_the_box_says_how_it_is(
    configured: ConfigOf,
    mosquitto: Mosquitto,
    tiny_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.outbox.outbox._RETRY_EVERY_S", 0.5)
    config = configured("full", state_dir=str(tiny_disk))
    ballast = Ballast(tiny_disk)
    with listening(mosquitto, "full") as (heard, _), inside(config):
        heard.wait(lambda: persons(heard))
        heard.wait(lambda: ballast.grow() and "outbox_storage" in reasons(heard))
        assert heard.bodies("/st/box")[-1]["state"] == "degraded"
        full_s = time.monotonic()
        heard.wait(lambda: ballast.grow() and time.monotonic() > full_s + 2 * flash.PERIOD_S)
        freed_s = time.monotonic()
        ballast.remove()
        heard.wait(lambda: not reasons(heard))
        heard.wait(lambda: started_between(heard, freed_s, time.monotonic()))
        assert started_between(heard, full_s, freed_s), "those of the full disk came as well"
    numbers = {body["seq"] for body in persons(heard)}
    assert numbers | announced(heard) == set(range(1, max(numbers) + 1)), "no hole without a word"


def test_events_outlive_a_card_that_is_read_only_at_the_start(
    configured: ConfigOf,
    mosquitto: Mosquitto,
    tiny_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.outbox.outbox._RETRY_EVERY_S", 0.2)
    monkeypatch.setattr("edge_agent.publish.publisher._STORAGE_REST_S", 0.2)
    config = configured("readonly", state_dir=str(tiny_disk))
    mounted("-o", "remount,ro", str(tiny_disk))
    begun_s = time.monotonic()
    with listening(mosquitto, "readonly") as (heard, _), inside(config):
        wait_until(lambda: time.monotonic() > begun_s + 2 * flash.PERIOD_S)
        mended_s = time.monotonic()
        mounted("-o", "remount,rw", str(tiny_disk))
        heard.wait(lambda: started_between(heard, mended_s, time.monotonic()))
        assert started_between(heard, begun_s, mended_s), "those of before came as well"
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "online")
    assert [body["seq"] for body in persons(heard)] == list(range(1, len(persons(heard)) + 1))


def test_outbox_that_cannot_be_opened_is_tried_soon_however_long_a_broker_would_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.publish.publisher._STORAGE_REST_S", 0.05)
    opened: list[float] = []

    def fail() -> OutboxReader:
        opened.append(time.monotonic())
        raise StorageError("outbox.db: unable to open database file")

    publisher = Publisher(
        PublisherSetup(
            ward="ward1",
            box="shut",
            config=MqttConfig(host="127.0.0.1", port=9, allow_insecure=True),
            open_reader=fail,
            marks=Marks(),
            clock=SystemClock(),
            agent_version="test",
            uniform=lambda low, high: 3600.0,
        )
    )
    worker = Worker("publisher", publisher.run, StopToken())
    worker.start()
    wait_until(lambda: len(opened) >= 3)
    assert "unable to open" in publisher.health().last_error
    worker.stop.stop()
    assert worker.join(5)


def started_between(heard: Heard, from_s: float, to_s: float) -> int:
    starts = [body["start_mono_ms"] / 1000 for body in persons(heard) if body["phase"] == "start"]
    return sum(from_s < start_s < to_s for start_s in starts)


def announced(heard: Heard) -> set[int]:
    """Numbers that a `_gap` gave up."""
    spans = [span for gap in heard.bodies("/ev/_gap") for span in gap["ranges"] if span["to"]]
    return {seq for span in spans for seq in range(span["from"], span["to"] + 1)}


# --- damage that SQLite does not see, and a folder that goes ------------------------------


def test_state_directory_that_vanishes_degrades_the_box_and_is_made_anew(
    configured: ConfigOf, mosquitto: Mosquitto
) -> None:
    config = configured("vanish")
    state = config / "state"
    with listening(mosquitto, "vanish") as (heard, _), inside(config):
        heard.wait(lambda: persons(heard))
        old = persons(heard)[-1]["epoch"]
        shutil.rmtree(state)
        heard.wait(lambda: "outbox_storage" in reasons(heard), timeout_s=10)
        heard.wait(lambda: announces_loss(heard, old, "storage"))
        heard.wait(lambda: [body for body in persons(heard) if body["epoch"] != old])
        heard.wait(lambda: "outbox_storage" not in reasons(heard))
        files = [path for path in state.rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}, files


def change(config: Path, sql: str) -> None:
    with sqlite3.connect(config / "state" / "outbox.db") as database:
        assert database.execute(sql).rowcount
    database.close()


def leave_open(config: Path, mosquitto: Mosquitto, box: str) -> dict[str, Any]:
    """A message of an event that is open when its box loses power."""
    with listening(mosquitto, box) as (heard, _):
        process = AgentProcess(config)
        process.ready()
        heard.wait(lambda: persons(heard)[-1:] and persons(heard)[-1]["phase"] == "start")
        process.close()
        return persons(heard)[-1]


@pytest.mark.parametrize("sealed", [False, True], ids=["damaged", "sealed"])
def test_open_event_whose_newest_message_is_damaged_keeps_no_box_from_starting(
    configured: ConfigOf, mosquitto: Mosquitto, sealed: bool
) -> None:
    """`sealed`: damaged before it got its checksum."""
    config = configured(f"orphan{sealed}".lower())
    last = leave_open(config, mosquitto, f"orphan{sealed}".lower())
    change(config, "UPDATE row SET payload = CAST('{' AS BLOB) WHERE phase = 'start'")
    if sealed:
        change(config, "UPDATE row SET crc = NULL")
        with sqlite3.connect(config / "state" / "outbox.db") as database:
            marks = replace(read_marks_of(config), unchecked_row=10**6)
            for key, value in (("unchecked_row", 10**6), ("crc", marks.crc)):
                database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, value))
        database.close()
    with listening(mosquitto, f"orphan{sealed}".lower()) as (heard, _), inside(config):
        heard.wait(lambda: last["seq"] in announced(heard))
        heard.wait(lambda: "damaged rows" in reasons(heard))
        heard.wait(lambda: [body for body in persons(heard) if body["seq"] > last["seq"]])
        assert {body["epoch"] for body in persons(heard)} == {last["epoch"]}, "the rest goes on"


def read_marks_of(config: Path) -> RowMarks:
    database = Database(config / "state" / "outbox.db", connect_sqlite, read_only=True)
    try:
        return read_marks(database)
    finally:
        database.close()


@pytest.mark.system
@pytest.mark.parametrize("seed", range(12))
def test_real_agent_is_up_within_a_minute_of_any_damage_and_nothing_is_lost_without_a_word(
    tmp_path: Path, mosquitto: Mosquitto, flashing: tuple[Path, Path], seed: int
) -> None:
    """Agent, broker and ward in processes of their own."""
    model, clip = flashing
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    ward = f"damage{seed}"
    with Box(state, mosquitto.config(), ward="ward1", box=ward) as box:
        owed = [box.append(draft(box.topics, box.clock, phase=Phase.END))[0] for _ in range(60)]
    what = damage(state / "outbox.db", random.Random(seed))
    config = write_config(
        tmp_path,
        mosquitto.port,
        {"yard": flash.camera(clip)},
        box=ward,
        extra=flash.settings(model),
    )
    listen = [sys.executable, "-m", "edge_agent", "ward", "listen", "--ward", "ward1"]
    broker = ["--host", "127.0.0.1", "--port", str(mosquitto.port), "--insecure"]
    server = subprocess.Popen(
        [*listen, *broker, "--db", str(tmp_path / "ward.db")], stdout=subprocess.DEVNULL
    )
    try:
        with listening(mosquitto, ward) as (heard, _):
            process = AgentProcess(config)
            process.ready()
            heard.wait(lambda: persons(heard), timeout_s=60)

            def settled() -> bool:
                told = {body["id"] for body in heard.bodies("/ev/front/")}
                open_ends = {
                    (gap["epoch"], span["from"])
                    for gap in heard.bodies("/ev/_gap")
                    for span in gap["ranges"]
                    if span["to"] is None
                }
                return all(
                    row.message_id in told
                    or row.position.seq in announced(heard)
                    or any(
                        epoch == row.position.epoch and first <= row.position.seq
                        for epoch, first in open_ends
                    )
                    for row in owed
                )

            heard.wait(settled, timeout_s=60)
            process.close()
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error
    finally:
        server.terminate()
        assert server.wait(20) == 0, "the ward lives on"
