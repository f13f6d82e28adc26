"""Opening connections: which version of MQTT to speak, and when to try the other one again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, Clock, ClockQuality, is_trusted
from edge_agent.errors import BrokerRefused, BrokerUnreachable
from edge_agent.mqtt.connection import Connection
from edge_agent.mqtt.endpoint import Endpoint
from edge_agent.mqtt.refusal import NoConnack, VersionRefused
from edge_agent.mqtt.session import BrokerSession
from edge_agent.runtime import StopToken

log = logging.getLogger(__name__)

#: A broker that refused MQTT 5 is asked again after this long: it may have been upgraded.
_ASK_AGAIN_S = 3600.0

#: Some 3.1.1 brokers (amqtt) stumble over a CONNECT of MQTT 5 and never answer it. Once may be
#: a broker that goes down; twice in a row is worth a try with the old version.
_UNANSWERED = 2

_CONSEQUENCE = "denied messages cannot be told from accepted ones"


class Dialer:
    """Belongs to one thread; remembers between connections what the broker speaks.

    `endpoint` is asked before each connection, so that a renewed certificate or password is
    used without a restart; it may raise ConfigError.
    """

    def __init__(
        self,
        endpoint: Callable[[], Endpoint],
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        beat: Callable[[], None] = lambda: None,
        known_utc_s: Callable[[], float] = lambda: EARLIEST_PLAUSIBLE_UTC_S,
    ) -> None:
        """`beat` is called before each try: a slow broker is no stalled thread. `known_utc_s`:
        it is at least this late, whatever the clock says."""
        self._endpoint = endpoint
        self._clock = clock
        self._timeout_s = timeout_s
        self._beat = beat
        self._known_utc_s = known_utc_s
        self._old_until_s = float("-inf")
        self._unanswered = 0  # in a row; kept, so that a mute broker is asked only once more
        self._speaks_5 = ""  # the broker that answered MQTT 5
        self._old_told = ""  # which broker speaks 3.1.1 was said

    def dial(self, session: BrokerSession, stop: StopToken) -> Connection:
        """A new connection.

        Raises BrokerUnreachable (also when told to stop), BrokerRefused, ConfigError.
        """
        endpoint = self._endpoint()
        old = self._clock.mono_s() < self._old_until_s
        if endpoint.version != "auto" or old:
            return self._open(endpoint, session, stop, mqtt5=endpoint.version == "5")
        try:
            connection = self._open(endpoint, session, stop, mqtt5=True)
        except VersionRefused:
            connection = self._fall_back(endpoint, session, stop)
            self._old_until_s = self._clock.mono_s() + _ASK_AGAIN_S
            self._tell_old(endpoint, "knows only MQTT 3.1.1")
        except NoConnack:
            self._unanswered += 1
            if self._speaks_5 == str(endpoint) or self._unanswered < _UNANSWERED:
                raise
            # It may merely hang: the next connection asks for MQTT 5 again.
            connection = self._fall_back(endpoint, session, stop)
            self._tell_old(endpoint, "answers only MQTT 3.1.1 now")
        else:
            self._unanswered, self._speaks_5 = 0, str(endpoint)
        return connection

    def _tell_old(self, endpoint: Endpoint, what: str) -> None:
        """Once, not at every connection."""
        if self._old_told != f"{endpoint} {what}":
            self._old_told = f"{endpoint} {what}"
            log.warning("broker %s %s: %s", endpoint, what, _CONSEQUENCE)

    def _fall_back(self, endpoint: Endpoint, session: BrokerSession, stop: StopToken) -> Connection:
        try:
            return self._open(endpoint, session, stop, mqtt5=False)
        except VersionRefused as error:
            raise BrokerRefused(
                f"broker {endpoint} speaks neither MQTT 5 nor 3.1.1: is it an MQTT broker?"
            ) from error

    def _judge_dates(self, endpoint: Endpoint) -> None:
        """Until a time server was heard, the broker's certificate is judged by what is known."""
        reading = self._clock.read()
        if endpoint.tls is None or is_trusted(reading.quality):
            return
        earliest_utc_s = self._known_utc_s()
        if reading.quality is not ClockQuality.UNSET:
            earliest_utc_s = max(earliest_utc_s, reading.utc_s)
        endpoint.tls.do_not_trust_the_clock(earliest_utc_s)

    def _open(
        self, endpoint: Endpoint, session: BrokerSession, stop: StopToken, *, mqtt5: bool
    ) -> Connection:
        if stop.stopped:
            raise BrokerUnreachable(f"broker {endpoint}: told to stop")
        self._beat()
        self._judge_dates(endpoint)
        return Connection(
            endpoint,
            session,
            mqtt5=mqtt5,
            clock=self._clock,
            stop=stop,
            timeout_s=self._timeout_s,
        )
