"""The replays that the ward asked for, one after the other, at the backlog's rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from edge_agent.contract import AckStatus, Gap, ReplayRange
from edge_agent.errors import StorageError
from edge_agent.outbox import OutboxReader, Row
from edge_agent.publish.commands import CommandDesk, CommandReply
from edge_agent.publish.ports import CommandResult
from edge_agent.publish.replay import Replay

#: More than this wait for nobody.
_MOST = 8


class ReplayQueue:
    """One per connection."""

    def __init__(self, reader: OutboxReader, desk: CommandDesk) -> None:
        self._reader, self._desk = reader, desk
        self._replays: deque[Replay] = deque()

    def begin(self, cmd_id: str, wanted: ReplayRange) -> CommandReply | None:
        """None: accepted; else the answer that says why not."""
        if len(self._replays) >= _MOST:
            return self._failed(cmd_id, f"{_MOST} replays wait already")
        try:
            self._replays.append(Replay(cmd_id, wanted, self._reader))
        except StorageError as error:
            return self._failed(cmd_id, str(error))
        return None

    @property
    def sending(self) -> bool:
        """The first one still has rows to send."""
        return bool(self._replays) and not self._replays[0].walked

    def peek(self) -> Row | None:
        """The next row of the first one. Raises StorageError."""
        return self._replays[0].peek() if self._replays else None

    def take(self) -> None:
        """The row of `peek` goes out."""
        self._replays[0].take()

    def skip(self) -> None:
        """The row of `peek` cannot go out: it is announced, so that nobody waits for it."""
        self._replays[0].skip()

    def settled(self, row_id: int) -> None:
        for replay in self._replays:
            replay.settled(row_id)

    def finish(self) -> tuple[Sequence[Gap], CommandReply] | None:
        """Of the first one, when all of it is settled: what to announce, and its last answer."""
        if not self._replays or not self._replays[0].finished:
            return None
        replay = self._replays.popleft()
        result = {"sent": replay.sent, "not_kept": replay.not_kept}
        done = self._desk.finished(replay.cmd_id, CommandResult(AckStatus.DONE, result=result))
        return replay.gaps(), done

    def _failed(self, cmd_id: str, reason: str) -> CommandReply:
        return self._desk.finished(cmd_id, CommandResult(AckStatus.FAILED, reason))
