"""What the ward may ask of a box, beside a replay of events (which the publisher does itself).

What takes its time is `accepted` at once; whoever does it calls `Publisher.finish` later.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.config import SnapshotConfig
from edge_agent.contract import AckStatus, Command, Verb, check_ulid
from edge_agent.domain import EventId
from edge_agent.errors import ContractError, StorageError
from edge_agent.media import SnapshotStore
from edge_agent.publish import CommandImage, CommandResult


class CommandRoom:
    """Called in the publisher thread. Reads pictures, which are complete once they have a name."""

    def __init__(
        self,
        snapshots: SnapshotStore | None,
        config: SnapshotConfig,
        reload: Callable[[str], None] | None = None,
    ) -> None:
        """`reload` is told a cmd_id; None: there are no files to read again."""
        self._snapshots = snapshots
        self._allowed = config.allow_upload
        self._reload = reload

    def handle(self, command: Command) -> CommandResult:
        if command.verb == Verb.SNAPSHOT:
            return self._snapshot(command)
        if command.verb == Verb.RELOAD and self._reload is not None:
            self._reload(command.cmd_id)
            return CommandResult(AckStatus.ACCEPTED)
        return CommandResult(AckStatus.REJECTED, f"this box does not do {command.verb}")

    def _snapshot(self, command: Command) -> CommandResult:
        event_id = command.args.get("event_id")
        if not isinstance(event_id, str):
            raise ContractError("snapshot: args.event_id must be text")
        check_ulid(event_id)
        if self._snapshots is None or not self._allowed:
            # Before looking: whether there is a picture is nobody's business either.
            return CommandResult(AckStatus.REJECTED, "the household does not share pictures")
        path = self._snapshots.find(EventId(event_id))
        if path is None:
            return CommandResult(AckStatus.FAILED, "no picture of this event is kept")
        try:
            jpeg = path.read_bytes()
        except OSError as error:
            raise StorageError(f"the picture cannot be read: {error.strerror}") from error
        camera = path.parent.name
        result = {"camera": camera, "event_id": event_id, "bytes": len(jpeg)}
        image = CommandImage(camera, event_id, jpeg)
        return CommandResult(AckStatus.DONE, result=result, image=image)
