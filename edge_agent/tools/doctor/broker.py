"""The ward's broker, as this box meets it: name, certificates, round trip, contract.

Under a client id of its own, so that the running agent's connection is left alone.
"""

from __future__ import annotations

import datetime as dt
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.clock import Clock
from edge_agent.config import Config
from edge_agent.contract import PREFIX, Branch, Topic, UlidGenerator
from edge_agent.errors import BrokerRefused, BrokerUnreachable, ConfigError
from edge_agent.language import _
from edge_agent.mqtt import BrokerSession, Connection, Dialer, endpoint_of
from edge_agent.runtime import StopToken
from edge_agent.tools.doctor.findings import DoctorFinding, failed, fine
from edge_agent.tools.sentences import of_problem

_CERTIFICATE_DAYS = 30
_PEM_DATE = "%b %d %H:%M:%S %Y %Z"
_ANSWER_S = 10.0
#: MQTT 5, 3.9.3 and MQTT 3.1.1, 3.9.3: from here on a subscription was refused.
_REFUSED = 0x80
#: A verb that no ward sends, below what the box reads.
_NOBODYS_VERB = "doctor"


def look_at_broker(config: Config, clock: Clock) -> Iterator[DoctorFinding]:
    yield from _own_certificate(config.mqtt.tls.cert_file)
    dialer = Dialer(lambda: endpoint_of(config.mqtt), clock)
    name = f"{config.box.ward}/{config.box.id}/doctor-{UlidGenerator().next(clock.read().utc_s)}"
    begun_s = time.monotonic()
    try:
        connection = dialer.dial(BrokerSession(name, clean_start=True, expiry_s=0), StopToken())
        try:
            yield from _connected(config, connection, time.monotonic() - begun_s)
        finally:
            connection.close()
    except ConfigError as error:
        for problem in error.problems:
            yield DoctorFinding("EA-CFG-001", _("broker"), of_problem(problem))
    except BrokerRefused as error:
        yield failed("EA-BRK-002", _("broker"), error)
    except BrokerUnreachable as error:
        yield failed("EA-BRK-001", _("broker"), error)


def _connected(config: Config, connection: Connection, took_s: float) -> Iterator[DoctorFinding]:
    yield from _brokers_certificate(connection.broker_certificate)
    topic = str(Topic(config.box.ward, config.box.id, Branch.COMMAND, leaf=_NOBODYS_VERB))
    asked_s = time.monotonic()
    granted = connection.ask_for(topic, _ANSWER_S)
    there_and_back_ms = (time.monotonic() - asked_s) * 1000
    where = f"{config.mqtt.host}:{config.mqtt.port}"
    if granted is None:
        text = _("{where}: connected, but it answers nothing within {s} s")
        yield DoctorFinding("EA-BRK-007", _("broker"), text.format(where=where, s=round(_ANSWER_S)))
        return
    if granted >= _REFUSED:
        text = _("{where}: connected, but this box may not read {topic}")
        yield DoctorFinding("EA-BRK-005", _("broker"), text.format(where=where, topic=topic))
        return
    text = _(
        "{where}: MQTT {version}, contract {contract}, connected in {ms} ms, round trip {trip} ms"
    )
    yield fine(
        _("broker"),
        text.format(
            where=where,
            version="5" if connection.is_mqtt5 else "3.1.1",
            contract=PREFIX,
            ms=round(took_s * 1000),
            trip=round(there_and_back_ms),
        ),
    )


def _own_certificate(cert_file: str | None) -> Iterator[DoctorFinding]:
    if cert_file is None:
        return
    try:
        # The standard library reads a certificate's dates from a file only here.
        decoded = ssl._ssl._test_decode_cert(cert_file)  # type: ignore[attr-defined]  # noqa: SLF001
        yield _days_left(_("this box's certificate"), decoded, ("EA-BRK-003", "EA-BRK-004"))
    except (OSError, ValueError, KeyError, ssl.SSLError):
        return  # the connection says what is wrong with it


def _brokers_certificate(decoded: Mapping[str, Any]) -> Iterator[DoctorFinding]:
    if not decoded:
        return
    names = [value for kind, value in decoded.get("subjectAltName", ()) if kind != "email"]
    subject = _("the broker's certificate ({name})").format(name=", ".join(names[:3]) or "-")
    try:
        yield _days_left(subject, decoded, ("EA-BRK-006", "EA-BRK-006"))
    except (ValueError, KeyError):
        return


def _days_left(subject: str, decoded: Mapping[str, Any], codes: tuple[str, str]) -> DoctorFinding:
    """`codes`: it ends soon, it has ended."""
    ends = dt.datetime.strptime(decoded["notAfter"], _PEM_DATE).replace(tzinfo=dt.UTC)
    days = (ends - dt.datetime.now(dt.UTC)).days
    code = codes[1] if days < 0 else codes[0] if days < _CERTIFICATE_DAYS else ""
    text = _("{days} days left, until {date}")
    return DoctorFinding(code, subject, text.format(days=days, date=f"{ends:%Y-%m-%d}"))
