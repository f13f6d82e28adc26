"""The ward's `cmd/profile`: taken in the publisher's thread, done and answered by the main one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge_agent.agent.cameras import Cameras
from edge_agent.contract import AckStatus
from edge_agent.domain import CameraId
from edge_agent.publish import CommandResult


class ProfileDesk:
    """Implements `commands.ProfileAsk`. `finish`: of a cmd_id, what became of it."""

    def __init__(
        self, cameras: Callable[[], Cameras], finish: Callable[[str, CommandResult], None]
    ) -> None:
        self._cameras, self._finish = cameras, finish
        self._asked: deque[tuple[str, str, str]] = deque()

    def can_ask(self, camera: str) -> tuple[str, ...] | None:
        return self._cameras().can_ask(camera)

    def ask(self, camera: str, profile: str, cmd_id: str) -> None:
        self._asked.append((camera, profile, cmd_id))

    def poll(self) -> None:
        """In the main thread: do what was asked, in order."""
        while self._asked:
            name, profile, cmd_id = self._asked.popleft()
            self._finish(cmd_id, self._done(name, profile))

    def _done(self, name: str, profile: str) -> CommandResult:
        cameras = self._cameras()
        if profile not in (cameras.can_ask(name) or ()):  # an edit came in between
            return CommandResult(AckStatus.FAILED, "the configuration has changed")
        camera = cameras.live[CameraId(name)]
        camera.ask_profile(profile)
        found = {"camera": name, "asked": profile, "profile": camera.profiles.in_force}
        return CommandResult(AckStatus.DONE, result=found)
