"""Commands of the ward: parse, refuse, remember, answer. What a command does is done elsewhere."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

from edge_agent.clock import Clock, ClockQuality
from edge_agent.contract import (
    Ack,
    AckStatus,
    BoxTopics,
    Command,
    ReplayRange,
    Topic,
    Verb,
    encode_ack,
    parse_command,
    parse_replay,
)
from edge_agent.errors import AgentError, ContractError
from edge_agent.mqtt import Incoming
from edge_agent.publish.complaints import Complaints
from edge_agent.publish.held import packet_bytes
from edge_agent.publish.ports import CommandHandler, CommandResult

MAX_FILE_BYTES = 200_000

#: A picture that nobody fetched is of no use later.
FILE_EXPIRY_S = 600

_REMEMBERED = 256
_LONGEST_TOPIC = 256
#: What a ward asks in a minute by hand, or after an outage; the rest of a flood is counted.
_LOGGED_A_MINUTE = 20


@dataclass(frozen=True, slots=True)
class CommandReply:
    """One message that answers a command."""

    topic: str
    payload: bytes = field(repr=False)
    correlation: bytes | None = None
    expiry_s: int | None = None
    cmd_id: str = ""  # of the command that this answers
    file_of: str = ""  # of the command that asked for this file; its answer comes next


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What to send, and the replay to begin if there is one."""

    replies: tuple[CommandReply, ...] = ()
    replay: tuple[str, ReplayRange] | None = None  # cmd_id, range


class CommandDesk:
    """Belongs to the publisher thread; outlives connections, so that a command that comes
    twice is done once and answered twice the same."""

    def __init__(self, topics: BoxTopics, clock: Clock, handler: CommandHandler | None) -> None:
        self._topics, self._clock, self._handler = topics, clock, handler
        self._answers: OrderedDict[str, CommandReply] = OrderedDict()  # the newest of each command
        self._unsent: list[CommandReply] = []
        self._complaints = Complaints(clock)
        self._journal = Complaints(clock, logging.INFO, _LOGGED_A_MINUTE)
        self._finished: deque[tuple[str, CommandResult]] = deque()
        self.received = 0
        self.malformed = 0

    def handle(self, message: Incoming, most_bytes: int | None = None) -> CommandOutcome:
        """Never raises: whatever came is answered or counted. `most_bytes`: the largest packet
        that the broker takes, so that no answer promises a file that cannot go out."""
        self.received += 1
        try:
            verb = Topic.parse(message.topic).leaf
            command = parse_command(verb, message.payload)
        except ContractError as error:
            self.malformed += 1
            self._complaints.say("refused a malformed command", error)
            return CommandOutcome()
        known = self._answers.get(command.cmd_id)
        if known is not None:
            return CommandOutcome((replace(known, correlation=message.correlation),))
        return self._first_time(command, message, most_bytes)

    def finish(self, cmd_id: str, result: CommandResult) -> None:
        """As `finished`, from any thread: `take_finished` gives the answer."""
        self._finished.append((cmd_id, result))

    def take_finished(self) -> list[CommandReply]:
        """Answers to commands that others have finished, each once."""
        waiting = len(self._finished)
        return [self.finished(*self._finished.popleft()) for _ in range(waiting)]

    def finished(self, cmd_id: str, result: CommandResult) -> CommandReply:
        """The later answer to a command that was `accepted` at first; who asks again gets it."""
        accepted = self._answers.get(cmd_id) or CommandReply(
            self._topics.ack(cmd_id), b"", cmd_id=cmd_id
        )
        reply = replace(accepted, payload=_encode(cmd_id, result))
        if cmd_id in self._answers:
            self._answers[cmd_id] = reply
        return reply

    def file_lost(self, cmd_id: str, why: str) -> CommandReply:
        """The file did not reach the broker: the answer, now and to whoever asks again. It is
        kept for the next connection, unless it is taken before."""
        reply = self.finished(cmd_id, CommandResult(AckStatus.FAILED, f"the file: {why}"))
        self._unsent.append(reply)
        return reply

    def take_unsent(self) -> list[CommandReply]:
        """Answers that could not be given on the connection of their command."""
        unsent, self._unsent = self._unsent, []
        return unsent

    def _first_time(
        self, command: Command, message: Incoming, most_bytes: int | None
    ) -> CommandOutcome:
        replay: tuple[str, ReplayRange] | None = None
        if self._expired(command):
            result = CommandResult(AckStatus.EXPIRED, "came after its not_after")
        elif command.verb not in set(Verb):
            result = CommandResult(AckStatus.REJECTED, f"unknown verb {command.verb}")
        elif command.verb == Verb.REPLAY:
            try:
                replay = (command.cmd_id, parse_replay(command))
                result = CommandResult(AckStatus.ACCEPTED)
            except ContractError as error:
                result = CommandResult(AckStatus.REJECTED, str(error))
        else:
            result = self._ask_handler(command)
        file, result = self._file(command.cmd_id, result, most_bytes)
        topic, cmd_id = self._reply_topic(command, message), command.cmd_id
        answer = CommandReply(topic, _encode(cmd_id, result), message.correlation, cmd_id=cmd_id)
        self._answers[cmd_id] = answer
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        self._journal.say(f"command {command.verb} {cmd_id}", result.status)
        return CommandOutcome((*file, answer), replay)

    def _ask_handler(self, command: Command) -> CommandResult:
        if self._handler is None:
            return CommandResult(AckStatus.REJECTED, f"this box does not do {command.verb}")
        try:
            return self._handler(command)
        except ContractError as error:
            return CommandResult(AckStatus.REJECTED, str(error))
        except AgentError as error:
            return CommandResult(AckStatus.FAILED, str(error))

    def _file(
        self, cmd_id: str, result: CommandResult, most_bytes: int | None
    ) -> tuple[tuple[CommandReply, ...], CommandResult]:
        file = result.file
        if file is None:
            return (), result
        content, topics = file.content, self._topics
        if len(content) > MAX_FILE_BYTES:
            reason = f"the file has {len(content)} bytes, at most {MAX_FILE_BYTES} may go out"
            return (), CommandResult(AckStatus.FAILED, reason)
        if file.piece is None:
            topic = topics.image(file.camera, file.event_id)
        else:
            topic = topics.clip(file.camera, file.event_id, *file.piece)
        if most_bytes is not None and packet_bytes(topic, content) > most_bytes:
            reason = (
                f"the file has {len(content)} bytes, larger than the broker takes "
                f"(max_packet_size {most_bytes})"
            )
            return (), CommandResult(AckStatus.FAILED, reason)
        return (CommandReply(topic, content, expiry_s=FILE_EXPIRY_S, file_of=cmd_id),), result

    def _expired(self, command: Command) -> bool:
        reading = self._clock.read()
        if command.not_after_utc_s is None or reading.quality is ClockQuality.UNSET:
            return False
        return reading.utc_s > command.not_after_utc_s

    def _reply_topic(self, command: Command, message: Incoming) -> str:
        """Where the asker wants the answer, if that is in our own `ack` branch: nobody may make
        a box write elsewhere."""
        own = self._topics.ack(command.cmd_id)
        branch = own.rpartition("/")[0] + "/"
        for asked in (message.response_topic, command.reply_to):
            if asked and asked.startswith(branch) and _is_topic(asked):
                return asked
        return own


def _is_topic(text: str) -> bool:
    """One that a broker takes: it ends the connection over others (MQTT 5, 1.5.4)."""
    return len(text) <= _LONGEST_TOPIC and text.isprintable() and not set("+#") & set(text)


def _encode(cmd_id: str, result: CommandResult) -> bytes:
    return encode_ack(Ack(cmd_id, result.status, result.reason, result.result))
