"""A box that does not know the time proves its broker: a real broker with TLS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from pki import Authority

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.errors import BrokerRefused
from edge_agent.mqtt import BrokerSession, Connection, Dialer, endpoint_of
from edge_agent.runtime import StopToken

DAY_S = 86400.0
NOW_S = time.time()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def brokers(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[dict[str, Mosquitto]]:
    """`expired` ended yesterday, `future` begins in five days; both end or began ten from now."""
    folder = tmp_path_factory.mktemp("tls")
    pairs = {
        "good": authority.issue("127.0.0.1"),
        "expired": authority.issue("127.0.0.1", expired=True),
        "future": authority.issue("127.0.0.1", begins_in_days=5),
        "misnamed": authority.issue("other.example"),
        "self-signed": authority.issue("127.0.0.1", self_signed=True),
    }
    running = {
        name: Mosquitto(folder / name, tls=BrokerTls(authority.ca, pair.cert, pair.key)).start()
        for name, pair in pairs.items()
    }
    yield running
    for broker in running.values():
        broker.stop()


class Clock(ManualClock):
    """Wakes in 1970; its monotonic seconds run by themselves, so that waits end."""

    def mono_s(self) -> float:
        return time.monotonic()


def dial(
    config: MqttConfig, clock: ManualClock, known: Callable[[], float] = lambda: NOW_S
) -> Connection:
    dialer = Dialer(lambda: endpoint_of(config), clock, timeout_s=3, known_utc_s=known)
    return dialer.dial(BrokerSession("box", clean_start=True, expiry_s=0), StopToken())


def config_of(broker: Mosquitto, authority: Authority) -> MqttConfig:
    return broker.config(tls=TlsConfig(ca_file=str(authority.ca)), allow_insecure=False)


def _days(utc_s: float) -> str:
    """Whoever runs the tests in several processes wants names that are alike in each."""
    return "1970" if utc_s < DAY_S else f"day {round((utc_s - NOW_S) / DAY_S)}"


UNSET, ESTIMATED, SYNCED = ClockQuality.UNSET, ClockQuality.ESTIMATED, ClockQuality.SYNCED


@pytest.mark.parametrize(
    ("which", "quality", "utc_s", "known_s", "words"),
    [
        ("good", UNSET, 100.0, NOW_S, ""),
        ("good", UNSET, 100.0, NOW_S - 300 * DAY_S, ""),  # off for most of a year
        (
            "future",
            UNSET,
            100.0,
            NOW_S,
            "",
        ),  # renewed while the box was off: it may be valid by now
        ("future", ESTIMATED, NOW_S - DAY_S, NOW_S, ""),  # the time of the last shutdown
        ("expired", UNSET, 100.0, NOW_S, "has expired"),  # that much is known
        ("expired", UNSET, 100.0, NOW_S - 5 * DAY_S, ""),  # not known to have expired
        ("expired", ESTIMATED, NOW_S, NOW_S - 5 * DAY_S, "has expired"),
        ("misnamed", UNSET, 100.0, NOW_S, "for another"),
        ("self-signed", UNSET, 100.0, NOW_S, "self-signed"),
        ("good", SYNCED, NOW_S, NOW_S, ""),
        ("expired", SYNCED, NOW_S, NOW_S - 5 * DAY_S, "has expired"),
        ("future", SYNCED, NOW_S, NOW_S, "not valid yet"),
    ],
    ids=lambda value: _days(value) if isinstance(value, float) else str(value),
)
def test_dates_are_judged_by_what_is_known(
    brokers: dict[str, Mosquitto],
    authority: Authority,
    which: str,
    quality: ClockQuality,
    utc_s: float,
    known_s: float,
    words: str,
) -> None:
    config = config_of(brokers[which], authority)
    clock = Clock(utc_s=utc_s, quality=quality)
    if words:
        with pytest.raises(BrokerRefused, match=words):
            dial(config, clock, lambda: known_s)
    else:
        dial(config, clock, lambda: known_s).close()


@pytest.mark.parametrize(("which", "words"), [("expired", "has expired"), ("good", "")])
def test_when_the_time_is_known_the_standing_connection_is_judged(
    brokers: dict[str, Mosquitto], authority: Authority, which: str, words: str
) -> None:
    clock = Clock(utc_s=100.0, quality=UNSET)
    config = config_of(brokers[which], authority)
    connection = dial(config, clock, lambda: NOW_S - 5 * DAY_S)
    connection.poll(0)
    clock.step_utc(NOW_S - 100.0)
    clock.quality = SYNCED
    if words:
        with pytest.raises(BrokerRefused, match=words):
            connection.poll(0)
        connection.abandon()
        with pytest.raises(BrokerRefused, match=words):  # and so is the next one
            dial(config, clock)
    else:
        for _ in range(2):
            connection.poll(0)
        connection.close()


def test_dates_that_cannot_be_read_are_no_dates(
    brokers: dict[str, Mosquitto], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssl.cert_time_to_seconds", float)
    with pytest.raises(BrokerRefused):
        dial(config_of(brokers["good"], authority), Clock(utc_s=1.0, quality=UNSET))


def test_without_tls_nothing_is_judged(tmp_path: Path) -> None:
    asked: list[float] = []

    def known() -> float:
        asked.append(NOW_S)
        return NOW_S

    broker = Mosquitto(tmp_path / "plain").start()
    try:
        dial(broker.config(), Clock(utc_s=1.0, quality=UNSET), known).close()
    finally:
        broker.stop()
    assert asked == [], "without TLS there is nothing to judge"
