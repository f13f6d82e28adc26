"""One connection to the broker, driven by the thread that opened it.

A new paho Client per connection, never reused: at a reconnect paho would send everything it
queued at once, whatever the broker's Receive Maximum. Its network thread is not used either:
an exception there would kill it while `is_connected()` stays true, and stopping it can hang.
`poll` does the reading and writing; paho's callbacks only put what came into a list.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.clock import Clock
from edge_agent.errors import AgentError, BrokerUnreachable
from edge_agent.mqtt.client import connect, make_client
from edge_agent.mqtt.endpoint import Endpoint
from edge_agent.mqtt.refusal import (
    UNSUPPORTED_VERSION,
    NoConnack,
    refused_by_code,
    refused_by_socket,
    refused_by_tls_text,
)
from edge_agent.mqtt.session import BrokerSession
from edge_agent.mqtt.signals import Acked, Incoming, Signal, properties_of
from edge_agent.runtime import Patience, StopToken

log = logging.getLogger(__name__)

#: MQTT's own default where the broker names none (section 3.2.2.3.3).
_RECEIVE_MAXIMUM = 65535

#: No single wait is longer, so that a stop is seen and pings go out in time.
_SLICE_S = 0.25

#: How long an orderly DISCONNECT may take to leave.
_FAREWELL_S = 1.0

_OLD_ACK_KEEPALIVES = 1.5

_PACKETS_PER_TURN = 100

#: Properties of a CONNACK that are 0 where the broker cannot do it, and their reason codes.
_LACKS = {"MaximumQoS": 0x9B, "RetainAvailable": 0x9A}

#: How paho tells that it did not understand what came.
_PROTOCOL_ERROR = 0x82


class Connection:
    """Open after the constructor returned; broken for good once a method raised.

    Everything but `wake` belongs to one thread. Raises BrokerUnreachable and BrokerRefused.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: BrokerSession,
        *,
        mqtt5: bool,
        clock: Clock,
        stop: StopToken,
        timeout_s: float = 10.0,
    ) -> None:
        self.is_mqtt5 = mqtt5
        self._endpoint, self._session = endpoint, session
        self._clock = clock
        self._signals: list[Signal] = []
        self._granted: int | None = None  # the broker's word on the last subscription
        self._accepted = False
        self._failure: AgentError | None = None
        self._paho_complaint = ""
        self._limits: dict[str, int] = {}
        self._awaiting_ack: dict[int, float] = {}  # mid -> monotonic moment of sending
        self.session_present = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        patience = Patience(clock.mono_s() + timeout_s, clock, stop)
        self._client = make_client(endpoint, session, patience, mqtt5=mqtt5)
        self._listen_to_paho()
        try:
            self._open(timeout_s, patience)
        except BaseException:
            self._release()
            raise

    # --- what the broker allows ---------------------------------------------------------

    @property
    def receive_maximum(self) -> int:
        """QoS 1 messages the broker takes at a time, unacknowledged."""
        return self._limits.get("ReceiveMaximum", _RECEIVE_MAXIMUM)

    @property
    def max_packet_bytes(self) -> int | None:
        """The largest packet that the broker takes; None: it names no limit."""
        return self._limits.get("MaximumPacketSize")

    @property
    def in_flight(self) -> int:
        """QoS 1 messages that the broker has not acknowledged yet."""
        return len(self._awaiting_ack)

    # --- doing --------------------------------------------------------------------------

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        content_type: str | None = None,
        correlation: bytes | None = None,
    ) -> int:
        """Send now; the number returned comes back in `Acked` for QoS 1."""
        self._raise_failure()
        properties: Properties | None = None
        if self.is_mqtt5:
            properties = properties_of(
                PacketTypes.PUBLISH,
                MessageExpiryInterval=expiry_s,
                ContentType=content_type,
                CorrelationData=correlation,
            )
        info = self._client.publish(topic, payload, qos, retain, properties)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._fail(BrokerUnreachable(f"broker {self._endpoint}: the connection broke"))
        self._raise_failure()
        if qos:
            self._awaiting_ack[info.mid] = self._clock.mono_s()
        return info.mid

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Ask for these topics with QoS 1. A denied filter is told in the log only: brokers
        say Granted for what their ACL then holds back."""
        self._client.subscribe([(each, 1) for each in filters])
        self._raise_failure()

    def ask_for(self, topic: str, timeout_s: float) -> int | None:
        """Subscribe and wait for the broker's word: its reason code, below 128 when granted.

        None: it said nothing in time. For who looks at a broker; `subscribe` does not wait.
        """
        self._granted = None
        deadline_s = self._clock.mono_s() + timeout_s
        self._client.subscribe([(topic, 1)])
        while self._granted is None and self._clock.mono_s() < deadline_s:
            self._raise_failure()
            self._turn(_SLICE_S)
        return self._granted

    @property
    def broker_certificate(self) -> Mapping[str, Any]:
        """As `ssl.SSLSocket.getpeercert` tells it; empty without TLS."""
        wrapped = self._endpoint.tls.wrapped if self._endpoint.tls else None
        return (wrapped.getpeercert() if wrapped else None) or {}

    def ack(self, mid: int) -> None:
        """Acknowledge an `Incoming` of QoS 1; only for sessions with `manual_ack`."""
        self._client.ack(mid, qos=1)
        self._raise_failure()

    def poll(self, timeout_s: float) -> list[Signal]:
        """Read, write and ping; what came, waiting at most `timeout_s` for the first.

        What came before the connection broke is still returned; the next call raises.
        """
        if not self._signals:
            self._raise_failure()
            self._turn(min(timeout_s, _SLICE_S))
        signals, self._signals = self._signals, []
        for signal in signals:
            if isinstance(signal, Acked):
                self._awaiting_ack.pop(signal.mid, None)
        self._watch_acks()
        self._watch_dates()
        if not signals:
            self._raise_failure()
        return signals

    def wake(self) -> None:
        """End a `poll` that waits. From any thread."""
        with contextlib.suppress(OSError):
            self._wake_in.send(b"!")

    def close(self) -> None:
        """Say goodbye, so that the broker drops the will, and release everything."""
        if self._failure is None:
            deadline_s = self._clock.mono_s() + _FAREWELL_S
            self._client.disconnect()
            while self._client.socket() is not None and self._clock.mono_s() < deadline_s:
                self._turn(_SLICE_S)
        self._release()

    def abandon(self) -> None:
        """Release everything without a word; the broker will publish the will."""
        self._release()

    # --- inside -------------------------------------------------------------------------

    def _open(self, timeout_s: float, patience: Patience) -> None:
        endpoint, session = self._endpoint, self._session
        try:
            connect(self._client, endpoint, session, mqtt5=self.is_mqtt5)
        except OSError as error:
            raise self._refused(error) from error
        while not self._accepted:
            self._raise_failure()
            if patience.stop.stopped or not patience.left_s():
                raise NoConnack(
                    f"broker {endpoint}: connected, but no CONNACK within {timeout_s:g} s"
                )
            self._turn(_SLICE_S)

    def _turn(self, timeout_s: float) -> None:
        """One round of reading, writing and housekeeping."""
        sock: Any = self._client.socket()
        if sock is None:
            self._fail(BrokerUnreachable(f"broker {self._endpoint}: the connection broke"))
            return
        pending = getattr(sock, "pending", lambda: 0)
        write = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select(
            [sock, self._wake_out], write, [], 0 if pending() else timeout_s
        )
        if self._wake_out in readable:
            with contextlib.suppress(BlockingIOError):
                self._wake_out.recv(4096)
        if sock in readable or pending():
            self._read_all(sock, pending)
        if writable and self._client.socket() is not None:
            self._client.loop_write()
        if self._client.socket() is not None:
            self._client.loop_misc()

    def _read_all(self, sock: Any, pending: Callable[[], int]) -> None:
        """paho reads a packet at a time; a flood must not keep us from writing, either."""
        for _ in range(_PACKETS_PER_TURN):
            self._client.loop_read()
            if overrun := self._client.overrun:
                self._fail(BrokerUnreachable(f"broker {self._endpoint} {overrun}"))
            if self._failure is not None or self._client.socket() is None:
                return
            # Decrypted bytes that wait inside OpenSSL do not make the socket readable.
            if not pending() and not select.select([sock], [], [], 0)[0]:
                return

    def _watch_acks(self) -> None:
        """A broker that answers pings but no publishes is as dead as a silent one."""
        if not self._awaiting_ack:
            return
        oldest_s = next(iter(self._awaiting_ack.values()))
        age_s = self._clock.mono_s() - oldest_s
        if age_s > _OLD_ACK_KEEPALIVES * self._endpoint.keepalive_s:
            self._fail(
                BrokerUnreachable(
                    f"broker {self._endpoint}: a message is unacknowledged for {age_s:.0f} s"
                )
            )

    def _watch_dates(self) -> None:
        """Are the broker's certificates of today, now that the time is known?"""
        tls = self._endpoint.tls
        if tls is not None:
            try:
                tls.judge_again(self._clock)
            except ssl.SSLCertVerificationError as error:
                self._fail(self._refused(error))

    def _refused(self, error: OSError) -> AgentError:
        endpoint, tls = self._endpoint, self._endpoint.tls is not None
        return refused_by_socket(str(endpoint), endpoint.host, error, tls=tls)

    def _fail(self, error: AgentError) -> None:
        if self._failure is None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _release(self) -> None:
        """Close the socket at once. paho has no such method: without its thread, a disconnect
        whose DISCONNECT cannot be written would leave the socket open."""
        self._client.on_disconnect = None
        self._client.on_connect = None
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()
        self._wake_in.close()
        self._wake_out.close()
        self._fail(BrokerUnreachable(f"broker {self._endpoint}: the connection is closed"))

    def _listen_to_paho(self) -> None:
        client = self._client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_log = self._on_log

    # --- paho's callbacks: they only note ------------------------------------------------

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            error = refused_by_code(
                str(self._endpoint), code.value, code.getName(), self._session.client_id
            )
            self._fail(error)
            return
        self.session_present = flags.session_present
        for name, reason in _LACKS.items():
            if getattr(properties, name, 1) == 0:
                # What is published would end the connection, each time.
                self._fail(refused_by_code(str(self._endpoint), reason, "", ""))
                return
        self._client.agree_keepalive()
        for name in ("ReceiveMaximum", "MaximumPacketSize"):
            value = getattr(properties, name, None)
            if isinstance(value, int) and value > 0:
                self._limits[name] = value
        self._accepted = True

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        broker = str(self._endpoint)
        if flags.is_disconnect_packet_from_server:
            self._fail(refused_by_code(broker, code.value, code.getName(), self._session.client_id))
        elif self._endpoint.tls is not None and self._paho_complaint and not self._accepted:
            self._fail(refused_by_tls_text(broker, self._paho_complaint))
        elif not self._accepted and code.value == _PROTOCOL_ERROR:
            # What answered is not what MQTT allows, or 3.1.1's "unacceptable protocol version",
            # for which paho calls no other callback.
            self._fail(refused_by_code(broker, UNSUPPORTED_VERSION, "", self._session.client_id))
        elif self._accepted:
            self._fail(BrokerUnreachable(f"broker {broker}: the connection broke ({code})"))
        else:
            self._fail(NoConnack(f"broker {broker} closed the connection at once"))

    def _on_publish(
        self,
        client: Client,
        userdata: object,
        mid: int,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if mid in self._awaiting_ack:  # QoS 0 comes here too, when it was written
            self._signals.append(Acked(mid, code.value))

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self._signals.append(Incoming.of(message))

    def _on_subscribe(
        self,
        client: Client,
        userdata: object,
        mid: int,
        codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        for code in codes:
            self._granted = int(code.value)
            if code.is_failure:
                log.warning("broker %s refused a subscription: %s", self._endpoint, code)

    def _on_log(self, client: Client, userdata: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._paho_complaint = text
