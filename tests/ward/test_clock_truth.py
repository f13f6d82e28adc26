"""A box without a battery-backed clock, a real broker with TLS, and a ward that dates its events.

The box wakes in 1970, a careless setter puts its clock 40 s wrong, a time server puts it right
after ten minutes, somebody sets it back by an hour. Time is faked; broker, publisher, outbox and
subscriber are real.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from mqtt_box import Box, draft
from pki import Authority

from edge_agent.clock import ClockQuality, ClockReading, SystemClock
from edge_agent.config import TlsConfig
from edge_agent.contract import Telemetry
from edge_agent.known_time import KnownTime
from edge_agent.runtime import StopToken, Worker
from edge_agent.ward import NewEvent, News, WardSetup, WardSubscriber

MINUTE_S = 60.0
#: A quartz of a small box: 40 ppm too fast.
QUARTZ = 40e-6


class Machine:
    """Stands in for the module `time` and the kernel's NTP state, and knows the truth."""

    def __init__(self) -> None:
        self._skew_s = 100.0 - time.monotonic()
        self._born_s = time.time() - 100.0  # truth when monotonic was 0
        self._offset_s = 0.0  # UTC minus monotonic, while nobody disciplines it
        self.synced = False

    def monotonic(self) -> float:
        return time.monotonic() + self._skew_s

    def truth_s(self, mono_s: float | None = None) -> float:
        at_s = self.monotonic() if mono_s is None else mono_s
        return self._born_s + at_s * (1 - QUARTZ)

    def time(self) -> float:
        return self.truth_s() if self.synced else self.monotonic() + self._offset_s

    def run(self, seconds: float) -> None:
        self._skew_s += seconds

    def set_clock(self, wrong_by_s: float) -> None:
        """By hand, or by the date of a TLS or HTTP answer: the kernel takes its word back."""
        self.synced = False
        self._offset_s = self.truth_s() + wrong_by_s - self.monotonic()

    def kernel_sync(self) -> tuple[bool, int | None]:
        return (True, 12) if self.synced else (False, None)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr("edge_agent.clock.time", made)
    monkeypatch.setattr("edge_agent.clock._kernel_sync", made.kernel_sync)
    return made


class WardClock:
    """The server's: right."""

    def mono_s(self) -> float:
        return time.monotonic()

    def read(self) -> ClockReading:
        return ClockReading(time.time(), time.monotonic(), ClockQuality.SYNCED, 1, "ward")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[Mosquitto, TlsConfig]]:
    authority = Authority(tmp_path / "pki")
    pair = authority.issue("127.0.0.1")
    running = Mosquitto(tmp_path / "b", tls=BrokerTls(authority.ca, pair.cert, pair.key)).start()
    yield running, TlsConfig(ca_file=str(authority.ca))
    running.stop()


def listens(path: Path) -> bool:
    """The subscriber notes it once it has subscribed."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM listener").fetchone()[0] == 1
    except sqlite3.Error:
        return False


class Life:
    """One box through all of it; `truths`: of each message, by its id."""

    def __init__(self, machine: Machine, box: Box) -> None:
        self._machine, self._box = machine, box
        self.truths: dict[str, float] = {}
        self.qualities: list[str] = []

    def event(self) -> None:
        made = draft(self._box.topics, self._box.clock)
        self._box.append(made)
        self.truths[made.message_id] = self._machine.truth_s(made.created.mono_s)
        self.qualities.append(str(made.created.quality))


def live_through_it(machine: Machine, life: Life) -> None:
    for _ in range(5):  # 1970
        machine.run(MINUTE_S)
        life.event()
    machine.set_clock(-40.0)  # plausible, and wrong
    for _ in range(5):
        machine.run(MINUTE_S)
        life.event()
    machine.synced = True  # ten minutes after it woke
    for _ in range(3):
        machine.run(MINUTE_S)
        life.event()
    machine.set_clock(-3600.0)
    for _ in range(3):
        machine.run(10 * MINUTE_S)
        life.event()
    machine.synced = True
    life.event()


def test_every_event_is_dated_right_within_its_error(
    machine: Machine, broker: tuple[Mosquitto, TlsConfig], tmp_path: Path
) -> None:
    mosquitto, tls = broker
    clock = SystemClock()
    known = KnownTime(tmp_path, clock)
    assert clock.read().quality is ClockQuality.UNSET
    news: list[News] = []
    ward_stop = StopToken()
    config = mosquitto.config(tls=tls, allow_insecure=False)
    setup = WardSetup("truth", tmp_path / "w", config, WardClock(), news.extend, ackpos_every_s=0.1)
    ward = Worker("ward", WardSubscriber(setup).run, ward_stop)

    def figures() -> Telemetry:
        return Telemetry(clock.read(), "1", 1.0, "", 0, 0)

    box = Box(
        tmp_path / "box",
        config,
        ward="truth",
        clock=clock,
        telemetry=figures,
        telemetry_interval_s=5.0,
        known_utc_s=known.utc_s,
    )
    ward.start()
    box.until(lambda: listens(tmp_path / "w"))
    with box:
        life = Life(machine, box)
        box.connect()  # in 1970: TLS all the same
        life.event()
        box.until(lambda: any(isinstance(item, NewEvent) for item in news))
        live_through_it(machine, life)
        count = len(life.truths)
        box.until(lambda: sum(isinstance(item, NewEvent) for item in news) == count, 20)
    ward_stop.stop()
    assert ward.join(10)
    assert [
        life.qualities.count(each) for each in ("unset", "estimated", "synced", "holdover")
    ] == [
        6,
        5,
        4,
        3,
    ]
    with closing(sqlite3.connect(tmp_path / "w")) as database:
        rows = database.execute("SELECT id, utc_s, err_s FROM event").fetchall()
    assert {row[0] for row in rows} == set(life.truths)
    wrong = [
        (life.truths[message_id] - utc_s, err_s)
        for message_id, utc_s, err_s in rows
        if err_s is None or abs(life.truths[message_id] - utc_s) > err_s
    ]
    assert wrong == []
    assert max(err_s for _, _, err_s in rows) < 2.0


def test_an_estimate_dates_1970_until_a_time_server_is_heard(
    machine: Machine, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A box whose time servers are blocked: 40 s wrong is better than 56 years."""
    news: list[News] = []
    stop = StopToken()
    setup = WardSetup("guess", tmp_path / "w", mosquitto.config(), WardClock(), news.extend)
    ward = Worker("ward", WardSubscriber(setup).run, stop)
    ward.start()
    with Box(tmp_path / "box", mosquitto.config(), ward="guess", clock=SystemClock()) as box:
        box.until(lambda: listens(tmp_path / "w"))
        life = Life(machine, box)
        box.connect()
        life.event()
        machine.run(MINUTE_S)
        machine.set_clock(-40.0)
        life.event()
        box.until(lambda: sum(isinstance(item, NewEvent) for item in news) == 2)
        with closing(sqlite3.connect(tmp_path / "w")) as database:
            rows = database.execute("SELECT id, utc_s, err_s FROM event").fetchall()
    stop.stop()
    assert ward.join(10)
    for message_id, utc_s, err_s in rows:
        assert utc_s - life.truths[message_id] == pytest.approx(-40.0, abs=0.1)
        assert err_s is None, "nobody knows how wrong it is, and nobody says so"


def test_a_new_process_goes_on_from_what_the_last_one_knew(
    machine: Machine, tmp_path: Path
) -> None:
    machine.synced = True
    first = SystemClock()
    known = KnownTime(tmp_path, first)
    known.poll(first.read())
    machine.set_clock(-3600.0)
    machine.run(MINUTE_S)
    second = SystemClock()
    KnownTime(tmp_path, second)
    reading = second.read()
    assert reading.quality is ClockQuality.HOLDOVER
    assert reading.err_ms is not None
    assert abs(reading.utc_s - machine.truth_s()) <= reading.err_ms / 1000
    assert reading.away_s == pytest.approx(-3600, abs=1)
