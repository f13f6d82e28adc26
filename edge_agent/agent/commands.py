"""What the ward may ask of a box, beside a replay of events (which the publisher does itself).

What takes its time is `accepted` at once; whoever does it calls `Publisher.finish` later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from edge_agent.config import Config
from edge_agent.contract import AckStatus, Command, Verb, check_ulid
from edge_agent.domain import EventId
from edge_agent.errors import ContractError, StorageError
from edge_agent.media import SnapshotStore
from edge_agent.publish import CommandFile, CommandResult
from edge_agent.publish.commands import MAX_FILE_BYTES

#: Of a clip: beyond them there is nothing.
_MOST_FILES, _MOST_BYTES = 9999, 10**12


_NO_CAMERA = "this box watches no camera of this name"


class KeptClips(Protocol):
    """Finds the n-th file (from 1) of an event's clip, once it is complete."""

    def find(self, event_id: EventId, number: int, /) -> Path | None: ...


class ProfileAsk(Protocol):
    """Has a camera's profile asked for."""

    def can_ask(self, camera: str, /) -> tuple[str, ...] | None:
        """The names that may be asked for; None: no camera is called so."""
        ...

    def ask(self, camera: str, profile: str, cmd_id: str, /) -> None:
        """Soon; `Publisher.finish` is called once it holds."""
        ...


class WardCommands:
    """Called in the publisher thread. Reads files that nobody writes any more."""

    def __init__(
        self,
        config: Config,
        *,
        snapshots: SnapshotStore | None = None,
        clips: KeptClips | None = None,
        reload: Callable[[str], None] | None = None,
        of_camera: Mapping[str, Callable[[str], bool]] | None = None,
        profile: ProfileAsk | None = None,
    ) -> None:
        """`reload` is told a cmd_id; None: there are no files to read again. `of_camera`: by verb,
        what is done to the camera of this name; False: no camera is called so."""
        # Before looking: whether there is something is nobody's business either.
        self._snapshots = snapshots if config.snapshots.allow_upload else None
        self._clips = clips if config.clips.allow_upload else None
        self._reload = reload
        self._of_camera = of_camera or {}
        self._profiles = profile

    def handle(self, command: Command) -> CommandResult:
        if command.verb == Verb.SNAPSHOT:
            return self._snapshot(command)
        if command.verb == Verb.CLIP:
            return self._clip(command)
        if command.verb in self._of_camera:
            return _done_to_camera(command, self._of_camera[command.verb])
        if command.verb == Verb.PROFILE and self._profiles is not None:
            return _profile(command, self._profiles)
        if command.verb == Verb.RELOAD and self._reload is not None:
            self._reload(command.cmd_id)
            return CommandResult(AckStatus.ACCEPTED)
        return CommandResult(AckStatus.REJECTED, f"this box does not do {command.verb}")

    def _snapshot(self, command: Command) -> CommandResult:
        event_id = _event_id(command)
        if self._snapshots is None:
            return CommandResult(AckStatus.REJECTED, "the household does not share pictures")
        path = self._snapshots.find(event_id)
        if path is None:
            return CommandResult(AckStatus.FAILED, "no picture of this event is kept")
        try:
            jpeg = path.read_bytes()
        except OSError as error:
            raise StorageError(f"the picture cannot be read: {error.strerror}") from error
        camera = path.parent.name
        result = {"camera": camera, "event_id": event_id, "bytes": len(jpeg)}
        return CommandResult(
            AckStatus.DONE, result=result, file=CommandFile(camera, event_id, jpeg)
        )

    def _clip(self, command: Command) -> CommandResult:
        """One piece: whoever wants the whole clip asks for one after the other."""
        event_id = _event_id(command)
        number = _number(command, "number", 1, least=1, most=_MOST_FILES)
        from_byte = _number(command, "from_byte", 0, least=0, most=_MOST_BYTES)
        most_bytes = _number(command, "max_bytes", MAX_FILE_BYTES, least=1, most=MAX_FILE_BYTES)
        if self._clips is None:
            return CommandResult(AckStatus.REJECTED, "the household does not share clips")
        path = self._clips.find(event_id, number)
        if path is None:
            return CommandResult(AckStatus.FAILED, "no clip with this number is kept, or not yet")
        try:
            with path.open("rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                content = os.pread(file.fileno(), most_bytes, from_byte)
        except OSError as error:
            raise StorageError(f"the clip cannot be read: {error.strerror}") from error
        if not content:
            return CommandResult(AckStatus.FAILED, f"the clip ends at byte {size_bytes}")
        camera = path.parent.name
        result = {
            "camera": camera,
            "event_id": event_id,
            "number": number,
            "from_byte": from_byte,
            "bytes": len(content),
            "clip_bytes": size_bytes,
        }
        piece = CommandFile(camera, event_id, content, (number, from_byte))
        return CommandResult(AckStatus.DONE, result=result, file=piece)


def _profile(command: Command, profiles: ProfileAsk) -> CommandResult:
    camera, profile = command.args.get("camera"), command.args.get("profile")
    if not isinstance(camera, str):
        raise ContractError(f"{command.verb}: args.camera must be text")
    names = profiles.can_ask(camera)
    if names is None:
        return CommandResult(AckStatus.REJECTED, _NO_CAMERA)
    if not isinstance(profile, str) or profile not in names:
        raise ContractError(f"{command.verb}: args.profile must be one of {', '.join(names)}")
    profiles.ask(camera, profile, command.cmd_id)
    return CommandResult(AckStatus.ACCEPTED)


def _done_to_camera(command: Command, do: Callable[[str], bool]) -> CommandResult:
    camera = command.args.get("camera")
    if not isinstance(camera, str):
        raise ContractError(f"{command.verb}: args.camera must be text")
    if not do(camera):
        return CommandResult(AckStatus.REJECTED, _NO_CAMERA)
    return CommandResult(AckStatus.DONE, result={"camera": camera})


def _event_id(command: Command) -> EventId:
    event_id = command.args.get("event_id")
    if not isinstance(event_id, str):
        raise ContractError(f"{command.verb}: args.event_id must be text")
    return EventId(check_ulid(event_id))


def _number(command: Command, name: str, usual: int, *, least: int, most: int) -> int:
    value = command.args.get(name, usual)
    if type(value) is not int or not least <= value <= most:
        raise ContractError(f"{command.verb}: args.{name} must be a whole number {least} to {most}")
    return value
