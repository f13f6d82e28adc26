"""The publisher thread: connects, delivers, and comes back after every failure."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, Clock
from edge_agent.config import MqttConfig
from edge_agent.contract import MAX_COMMAND_BYTES, BoxTopics, State, Telemetry, new_ulid
from edge_agent.errors import (
    AgentError,
    BrokerRefused,
    BrokerUnreachable,
    OperatorError,
    StorageError,
)
from edge_agent.mqtt import BrokerSession, Connection, Dialer, FullJitter, Will, endpoint_of
from edge_agent.mqtt.backoff import Uniform
from edge_agent.mqtt.rivals import RivalWatch
from edge_agent.outbox import Head, OutboxReader
from edge_agent.publish.bench import Bench, DeliveryTally
from edge_agent.publish.commands import CommandDesk
from edge_agent.publish.complaints import Complaints
from edge_agent.publish.delivery import Delivery
from edge_agent.publish.health import LinkState, PublisherHealth
from edge_agent.publish.held import SizeLimit
from edge_agent.publish.pacing import DENIED_PAUSE_S, RESEND_AFTER_S, Pause, ResendTimer
from edge_agent.publish.ports import CommandHandler, CommandResult, OutboxMarks
from edge_agent.publish.status import BoxIdentity, StatusBoard
from edge_agent.runtime import Heartbeat, StopToken

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 60
WILL_DELAY_S = 30

#: A connection that stood this long was a good one: the next failure starts small again.
_GOOD_AFTER_S = 5.0

_FAREWELL_S = 1.0

#: What the broker may send before we acknowledge: its answers to us would wait behind the rest.
_COMMANDS_AT_A_TIME = 20

#: Longest wait for an outbox that cannot be opened: looking again costs nobody a connection.
_STORAGE_REST_S = 5.0


@dataclass(frozen=True, slots=True)
class PublisherSetup:
    """What a publisher is made of. `client_id` is `{ward}-{box}`; a broker with
    use_username_as_clientid replaces it anyway."""

    ward: str
    box: str
    config: MqttConfig
    open_reader: Callable[[], OutboxReader]
    marks: OutboxMarks
    clock: Clock
    agent_version: str
    telemetry_interval_s: float = 60.0
    telemetry: Callable[[], Telemetry] | None = None  # epoch, last_seq, backlog are filled in
    on_command: CommandHandler | None = None
    heartbeat: Heartbeat | None = None
    uniform: Uniform = random.uniform
    flush_s: float = 5.0  # how long an orderly stop may deliver what is left
    connect_timeout_s: float = 10.0
    will_delay_s: int = WILL_DELAY_S  # a shorter break stays unannounced
    resend_after_s: float = RESEND_AFTER_S
    denied_pause_s: tuple[float, float] = DENIED_PAUSE_S
    known_utc_s: Callable[[], float] = lambda: EARLIEST_PLAUSIBLE_UTC_S  # it is this late at least


class Publisher:
    """`run` is the body of the publisher thread; the rest is for all others."""

    def __init__(self, setup: PublisherSetup) -> None:
        """Raises ConfigError when the broker cannot be reached as configured, whatever it says."""
        endpoint_of(setup.config)
        self._setup = setup
        self._topics = BoxTopics(setup.ward, setup.box)
        self._board = StatusBoard()
        self._desk = CommandDesk(self._topics, setup.clock, setup.on_command)
        self._pause = Pause(denied_s=setup.denied_pause_s)
        self._resend = ResendTimer(first_s=setup.resend_after_s)
        self._sizes = SizeLimit()
        self._unreadable = Complaints(setup.clock)
        self._rivals = RivalWatch()
        self._tally = DeliveryTally()
        self._head: Head | None = None  # where the outbox stood when it could last be read
        self._no_outbox_epoch = new_ulid(setup.clock.read().utc_s, os.urandom(10))
        self._dialer = Dialer(
            lambda: endpoint_of(self._setup.config),
            setup.clock,
            timeout_s=setup.connect_timeout_s,
            beat=self._beat,
            known_utc_s=setup.known_utc_s,
        )
        self._committed = threading.Event()
        self._connection: Connection | None = None
        self._reader: OutboxReader | None = None  # kept between connections: it knows what was sent
        self._health = PublisherHealth(since_s=setup.clock.mono_s())

    # --- for other threads ------------------------------------------------------------------

    def notify(self) -> None:
        """Rows were committed."""
        self._committed.set()
        self._wake()

    def reconfigure(self, config: MqttConfig, telemetry_interval_s: float) -> None:
        """Deliver what is on its way, and connect anew with these settings. Raises ConfigError,
        and changes nothing then, when the broker cannot be reached as configured."""
        endpoint_of(config)
        self._setup = replace(self._setup, config=config, telemetry_interval_s=telemetry_interval_s)
        self._wake()

    def finish(self, cmd_id: str, result: CommandResult) -> None:
        """The later answer to a command that was `accepted` at first."""
        self._desk.finish(cmd_id, result)
        self._wake()

    def set_status(self, topic: str, payload: bytes) -> None:
        """A retained status (`st/cam/...`, `st/config`), kept for every new connection."""
        self._board.set(topic, payload)
        self._wake()

    def set_box_state(self, state: State, reasons: tuple[str, ...] = ()) -> None:
        """What `st/box` says of us while we are connected: online, degraded or paused."""
        self._board.set_box(state, reasons)
        self._wake()

    @property
    def topics(self) -> BoxTopics:
        return self._topics

    def health(self) -> PublisherHealth:
        """A picture of now; not older than a second."""
        return self._health

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.wake()

    # --- the thread -------------------------------------------------------------------------

    def run(self, stop: StopToken) -> None:
        """Until told to stop. Handles every AgentError by trying again later."""
        clock = self._setup.clock
        try:
            setup, backoff = self._setup, self._new_backoff()
            while not stop.stopped:
                if setup is not self._setup:
                    setup, backoff = self._setup, self._new_backoff()
                begun_s = clock.mono_s()
                trouble: AgentError | None = None
                try:
                    self.run_once(stop)
                except AgentError as error:
                    trouble = error
                    if not stop.stopped:
                        self._note(error)
                if clock.mono_s() - begun_s >= _GOOD_AFTER_S:
                    backoff.reset()
                rest_s = backoff.next_s()
                if isinstance(trouble, StorageError):
                    rest_s = min(rest_s, _STORAGE_REST_S)
                self._rest(rest_s, setup, stop)
        finally:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self._update(LinkState.STOPPED)

    def run_once(self, stop: StopToken) -> None:
        """One connection, from its beginning to its end.

        Raises BrokerUnreachable, BrokerRefused, ConfigError, StorageError.
        """
        setup = self._setup
        self._update(LinkState.CONNECTING)
        if self._reader is None:
            self._reader = setup.open_reader()
        reader = self._reader
        identity = self._identity()
        connection = self._dialer.dial(self._session(identity, self._stand(reader)), stop)
        self._connection = connection
        try:
            self._deliver(connection, reader, identity, setup, stop)
        finally:
            self._connection = None
            connection.abandon()

    def _deliver(
        self,
        connection: Connection,
        reader: OutboxReader,
        identity: BoxIdentity,
        setup: PublisherSetup,
        stop: StopToken,
    ) -> None:
        """Until told to stop, or to go on with other settings than `setup`."""
        config = setup.config
        # Read again: what was committed while we connected is backlog, not live.
        delivery = Delivery(
            connection,
            self._bench(reader),
            identity,
            head=self._stand(reader),
            window=config.window,
            backlog_per_s=config.backlog_per_s,
            backlog_wait_s=setup.uniform(0.0, config.backlog_jitter_s),
        )
        self._update(
            LinkState.CONNECTED,
            connections=self._health.connections + 1,
            refused=False,
            down_since_s=None,
            mqtt5=connection.is_mqtt5,
        )
        log.info(
            "connected to %s:%d, MQTT %s",
            config.host,
            config.port,
            "5" if connection.is_mqtt5 else "3.1.1",
        )
        begun_s = setup.clock.mono_s()
        try:
            while not stop.stopped and setup is self._setup:
                self._turn(delivery)
                if self._tally.rival and setup.clock.mono_s() - begun_s > self._rivals.soon_s:
                    self._rivals.lasted()
                    self._tally.rival = ""
        except (BrokerUnreachable, BrokerRefused) as error:
            delivery.broke()
            raise self._suspecting(error, setup.clock.mono_s() - begun_s) from error
        self._flush(delivery)
        connection.close()

    def _suspecting(
        self, error: BrokerUnreachable | BrokerRefused, lived_s: float
    ) -> BrokerUnreachable | BrokerRefused:
        """The same error, with the suspicion that another box took our place if that is likely."""
        if not self._rivals.lost(lived_s):
            return error
        name = f"{self._setup.ward}-{self._setup.box}"
        self._tally.rival = (
            f"another box seems to connect as {name}: give each box its own id (box.id)"
        )
        return type(error)(f"{error}; {self._tally.rival}")

    def _stand(self, reader: OutboxReader) -> Head:
        """Where the outbox stands. While it cannot be read: where it stood, so that the ward at
        least hears how this box is."""
        try:
            self._head = reader.head()
        except StorageError as error:
            if self._head is None:
                # Of an outbox that does not exist: its epoch will never have a message.
                self._head = Head(self._no_outbox_epoch, 1, 0, 0, None)
            self._unreadable.say("the outbox cannot be read", error)
        return self._head

    def _turn(self, delivery: Delivery) -> None:
        committed = self._committed.is_set()
        if committed:
            self._committed.clear()  # only what was seen: the next may be set in between
        delivery.turn(committed=committed)
        self._update(LinkState.CONNECTED, in_flight=delivery.in_flight)
        self._beat()

    def _flush(self, delivery: Delivery) -> None:
        """Deliver what was committed last, then say goodbye."""
        clock = self._setup.clock
        deadline_s = clock.mono_s() + self._setup.flush_s
        delivery.turn(committed=True, timeout_s=0.0)
        while not delivery.idle and clock.mono_s() < deadline_s:
            delivery.turn(committed=True, timeout_s=0.1)
        delivery.leave()
        deadline_s = clock.mono_s() + _FAREWELL_S
        while not delivery.idle and clock.mono_s() < deadline_s:
            delivery.turn(committed=False, timeout_s=0.1)

    def _bench(self, reader: OutboxReader) -> Bench:
        setup = self._setup
        return Bench(
            topics=self._topics,
            clock=setup.clock,
            reader=reader,
            marks=setup.marks,
            board=self._board,
            desk=self._desk,
            pause=self._pause,
            resend=self._resend,
            sizes=self._sizes,
            unreadable=self._unreadable,
            tally=self._tally,
            telemetry=setup.telemetry,
            telemetry_interval_s=setup.telemetry_interval_s,
        )

    def _identity(self) -> BoxIdentity:
        setup = self._setup
        conn_id = new_ulid(setup.clock.read().utc_s, os.urandom(10))
        return BoxIdentity(conn_id, setup.agent_version, setup.telemetry_interval_s)

    def _session(self, identity: BoxIdentity, head: Head) -> BrokerSession:
        at_utc_s = self._setup.clock.read().utc_s
        will = Will(
            self._topics.box_status,
            identity.payload(State.OFFLINE, ("connection lost",), head, at_utc_s),
            self._setup.will_delay_s,
        )
        return BrokerSession(
            client_id=f"{self._setup.ward}-{self._setup.box}",
            clean_start=True,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=_COMMANDS_AT_A_TIME,
            max_packet_bytes=2 * MAX_COMMAND_BYTES,
            will=will,
        )

    # --- what others see --------------------------------------------------------------------

    def _new_backoff(self) -> FullJitter:
        return FullJitter(self._setup.config.reconnect_max_s, self._setup.uniform)

    def _rest(self, wait_s: float, setup: PublisherSetup, stop: StopToken) -> None:
        """Wait, and keep the heart beating: a broker that is away for days is no stall.
        Other settings than `setup` are tried at once."""
        deadline_s = self._setup.clock.mono_s() + wait_s
        while not stop.stopped and setup is self._setup:
            self._beat()
            rest_s = deadline_s - self._setup.clock.mono_s()
            if rest_s <= 0 or stop.wait(min(rest_s, 1.0)):
                return

    def _beat(self) -> None:
        if self._setup.heartbeat is not None:
            self._setup.heartbeat.beat()

    def _note(self, error: AgentError) -> None:
        """The same trouble is logged once, not at every try."""
        text = str(error)
        refused = isinstance(error, OperatorError)
        if text != self._health.last_error or self._health.state is LinkState.CONNECTED:
            log.log(logging.ERROR if refused else logging.WARNING, "%s; trying again later", text)
        state = LinkState.REFUSED if refused else LinkState.WAITING
        down_s = self._health.down_since_s
        if down_s is None:
            down_s = self._setup.clock.mono_s()
        self._update(state, last_error=text, refused=refused, down_since_s=down_s, in_flight=0)

    def _update(self, state: LinkState, **changes: object) -> None:
        old, tally = self._health, self._tally
        since_s = old.since_s if state is old.state else self._setup.clock.mono_s()
        fresh = replace(
            old,
            state=state,
            since_s=since_s,
            denied=self._pause.denied,
            sent=tally.sent,
            dead=tally.dead,
            gaps_sent=tally.gaps_sent,
            backlog=tally.backlog,
            malformed=tally.malformed + self._desk.malformed,
            commands=self._desk.received,
            last_ack_s=tally.last_ack_s,
        )
        self._health = replace(fresh, **changes)  # type: ignore[arg-type]
