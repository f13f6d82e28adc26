"""A ward's server in small: receive, commit, acknowledge, tell the boxes how far.

The order is the point. A message is acknowledged to the broker after our own commit, and a
box is told to forget (`cmd/ackpos`) after that: whoever dies when, nothing is lost, and what
comes twice is known by (source, id).
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock, ClockReading
from edge_agent.config import MqttConfig
from edge_agent.contract import (
    BoxTopics,
    Command,
    GapRange,
    Position,
    State,
    Verb,
    WardTopics,
    check_id,
    encode_ackpos,
    encode_command,
    new_ulid,
)
from edge_agent.errors import (
    AgentError,
    BrokerRefused,
    BrokerUnreachable,
    ConfigError,
    ConfigProblem,
    ContractError,
    OperatorError,
)
from edge_agent.mqtt import BrokerSession, Connection, Dialer, FullJitter, Incoming, endpoint_of
from edge_agent.mqtt.backoff import Uniform
from edge_agent.mqtt.rivals import RivalWatch
from edge_agent.runtime import StopToken
from edge_agent.ward.cameras import IGNORE_GAPS_S
from edge_agent.ward.database import WardDatabase
from edge_agent.ward.holes import HoleWatch, coalesced
from edge_agent.ward.intake import News, WardIntake
from edge_agent.ward.presence import BoxRecord
from edge_agent.ward.vigil import Vigil

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 7 * 86400
RECEIVE_MAXIMUM = 200
COMMAND_EXPIRY_S = 60

_POLL_S = 0.25
_LOOK_AT_BOXES_S = 1.0
_NOTE_LISTENING_S = 30.0
_GOOD_AFTER_S = 5.0

Emit = Callable[[Sequence[News]], None]


@dataclass(frozen=True, slots=True)
class WardSetup:
    """What a subscriber is made of. `client_id` names the session that the broker keeps: one
    acknowledger per ward."""

    ward: str
    database: Path
    config: MqttConfig
    clock: Clock
    emit: Emit
    client_id: str = ""
    ackpos_every_s: float = 0.5  # a box hears of its watermark at most this often
    replay_after_s: float = 600.0
    ignore_gaps_s: float = IGNORE_GAPS_S  # boxes and cameras that are away for less are no news
    keep_images: bool = False
    uniform: Uniform = random.uniform
    connect_timeout_s: float = 10.0


def _check(setup: WardSetup) -> None:
    """Raises ConfigError for what trying again could never mend."""
    problems = []
    try:
        check_id("ward", setup.ward)
    except ContractError as error:
        found, _, needs = str(error).partition(": ")
        problems.append(ConfigProblem("command line", "--ward", f"the {found} is no id", needs))
    if not 1 <= setup.config.port <= 65535:
        found = f"is {setup.config.port}"
        problems.append(ConfigProblem("command line", "--port", found, "needs 1 to 65535"))
    if problems:
        raise ConfigError(problems)


class WardSubscriber:
    """`run` belongs to one thread."""

    def __init__(self, setup: WardSetup) -> None:
        """Raises ConfigError."""
        _check(setup)
        endpoint_of(setup.config)
        self._setup = setup
        self._client_id = setup.client_id or f"{setup.ward}-server"
        self._connected_s: float | None = None
        self._dialer = Dialer(
            lambda: endpoint_of(setup.config), setup.clock, timeout_s=setup.connect_timeout_s
        )
        self._holes = HoleWatch(setup.replay_after_s)
        self._unsaid: dict[str, Position] = {}  # watermarks that the boxes do not know yet
        self._said_s = float("-inf")
        self._looked_s = float("-inf")
        self._vigil = Vigil(setup.ignore_gaps_s)
        self._listening_utc_s = float("-inf")  # since when this connection hears the boxes
        self._noted_s = float("-inf")

    def run(self, stop: StopToken) -> None:
        """Until told to stop. Broker and storage failures are tried again; raises
        OperatorError only for a database of another kind."""
        setup = self._setup
        database = WardDatabase(setup.database)
        try:
            backoff = FullJitter(setup.config.reconnect_max_s, setup.uniform)
            rivals = RivalWatch()
            told = ""
            while not stop.stopped:
                begun_s = setup.clock.mono_s()
                try:
                    self.run_once(database, stop)
                except AgentError as error:
                    words = str(error) + self._suspicion(rivals, error)
                    if words != told and not stop.stopped:
                        refused = isinstance(error, OperatorError)
                        level = logging.ERROR if refused else logging.WARNING
                        log.log(level, "%s; trying again", words)
                    told = words
                if setup.clock.mono_s() - begun_s >= _GOOD_AFTER_S:
                    backoff.reset()
                    told = ""
                stop.wait(backoff.next_s())
        finally:
            database.close()

    def _suspicion(self, rivals: RivalWatch, error: AgentError) -> str:
        if self._connected_s is None or not isinstance(error, BrokerUnreachable | BrokerRefused):
            return ""
        if not rivals.lost(self._setup.clock.mono_s() - self._connected_s):
            return ""
        return f": is another subscriber running as {self._client_id}?"

    def run_once(self, database: WardDatabase, stop: StopToken) -> None:
        """One connection. Raises BrokerUnreachable, BrokerRefused, StorageError, ConfigError."""
        setup = self._setup
        session = BrokerSession(
            client_id=self._client_id,
            clean_start=False,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            manual_ack=True,
        )
        self._connected_s = None
        connection = self._dialer.dial(session, stop)
        self._connected_s = setup.clock.mono_s()
        try:
            connection.subscribe(WardTopics(setup.ward).filters)
            intake = WardIntake(database, setup.ward, keep_images=setup.keep_images)
            self._listening_utc_s, self._noted_s = setup.clock.read().utc_s, float("-inf")
            # A broker that lost its retained messages, or the box's, hears them again.
            self._unsaid = database.watermarks(list(intake.boxes.values()))
            while not stop.stopped:
                self._turn(connection, database, intake)
            self._say_watermarks(connection)
            connection.poll(0.0)
            connection.close()
        finally:
            connection.abandon()

    def _turn(self, connection: Connection, database: WardDatabase, intake: WardIntake) -> None:
        messages = self._gather(connection)
        now = self._setup.clock.read()
        news = self._commit(database, intake, messages, now) if messages else []
        for message in messages:
            if message.qos:
                connection.ack(message.mid)
        if now.mono_s - self._said_s >= self._setup.ackpos_every_s:
            self._said_s = now.mono_s
            self._say_watermarks(connection)
        if now.mono_s - self._looked_s >= _LOOK_AT_BOXES_S:
            self._looked_s = now.mono_s
            news += self._watch(database, intake, now)
            self._ask_for_holes(connection, database, intake, now)
        if news:
            self._setup.emit(news)

    def _gather(self, connection: Connection) -> list[Incoming]:
        """As much as the broker gives at once: one commit for all of it."""
        messages: list[Incoming] = []
        signals = connection.poll(_POLL_S)
        while signals:
            messages += [signal for signal in signals if isinstance(signal, Incoming)]
            if len(messages) >= RECEIVE_MAXIMUM:
                break
            signals = connection.poll(0.0)
        return messages

    def _commit(
        self,
        database: WardDatabase,
        intake: WardIntake,
        messages: Sequence[Incoming],
        now: ClockReading,
    ) -> list[News]:
        news: list[News] = []
        reached: dict[tuple[str, str], int] = {}
        try:
            with database.transaction():
                for message in messages:
                    news += intake.take(message, now)
                for source, epoch in intake.touched:
                    reached[source, epoch] = database.advance(source, epoch)
        except BaseException:
            intake.reload()
            raise
        intake.touched.clear()
        for (source, epoch), seq in reached.items():
            box = intake.boxes.get(source)
            if box is None or box.epoch == epoch:
                self._unsaid[source] = Position(epoch, seq)
        return news

    def _watch(self, database: WardDatabase, intake: WardIntake, now: ClockReading) -> list[News]:
        """Who fell silent, and who came back. Also notes that somebody listens."""
        since_s = self._listening_utc_s
        turns = self._vigil.boxes(intake.boxes.values(), now.utc_s, since_s)
        turns += self._vigil.cameras(intake.cameras.values(), intake.boxes, now.utc_s, since_s)
        note = now.mono_s - self._noted_s >= _NOTE_LISTENING_S
        if not turns and not note:
            return []
        news: list[News] = []
        try:
            with database.transaction():
                if note:
                    database.cameras.listen(since_s, now.utc_s)
                for turn in turns:
                    if isinstance(turn.record, BoxRecord):
                        intake.put_box(turn.record)
                    else:
                        intake.put_camera(turn.record)
                    news += [turn.news] if turn.news is not None else []
                    if turn.alarm is not None:
                        alarm = turn.alarm
                        news += intake.alarm(alarm.source, alarm.kind, alarm.text, now)
        except BaseException:
            intake.reload()
            raise
        if note:
            self._noted_s = now.mono_s
        return news

    # --- speaking to the boxes ------------------------------------------------------------

    def _say_watermarks(self, connection: Connection) -> None:
        """As many as the broker takes now; the rest next time."""
        for source in list(self._unsaid):
            if connection.in_flight >= connection.receive_maximum:
                return
            position = self._unsaid.pop(source)
            connection.publish(self._topics(source).ackpos, encode_ackpos(position), retain=True)

    def _ask_for_holes(
        self, connection: Connection, database: WardDatabase, intake: WardIntake, now: ClockReading
    ) -> None:
        for source, box in intake.boxes.items():
            state = box.believed(now.utc_s, self._listening_utc_s)
            online = state is not State.OFFLINE
            watermark = database.watermark(source, box.epoch) or 0
            if self._holes.due(box, watermark, now.mono_s, online=online):
                holes = database.holes(source, box.epoch, box.last_seq)
                for span in coalesced(holes):
                    self._ask_replay(connection, source, box.epoch, span, now)

    def _ask_replay(
        self, connection: Connection, source: str, epoch: str, span: GapRange, now: ClockReading
    ) -> None:
        cmd_id = f"replay-{new_ulid(now.utc_s, os.urandom(10))}"
        args = {"epoch": epoch, "from_seq": span.first, "to_seq": span.last}
        command = Command(cmd_id, Verb.REPLAY, args)
        log.info("%s: asking again for %s to %s", source, span.first, span.last)
        connection.publish(
            self._topics(source).command(Verb.REPLAY),
            encode_command(command),
            expiry_s=COMMAND_EXPIRY_S,
        )

    def _topics(self, source: str) -> BoxTopics:
        _, ward, box = source.split("/")
        return BoxTopics(ward, box)
