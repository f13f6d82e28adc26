"""Which of a camera's profiles is in force, by the minute of the week, the picture, or a command.

Pure: the frame says when it was taken and how dark it is. So a replayed recording has the profiles
that the camera had.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import AUTO, NONE, OWN, in_profile
from edge_agent.domain import Frame
from edge_agent.health import Darkness, DarknessState
from edge_agent.rules import parse_schedules


class ProfilesState(msgspec.Struct, frozen=True, array_like=True):
    """What outlives a restart."""

    asked: str
    in_force: str
    darkness: DarknessState


class Profiles:
    """One camera's; outlives its pipelines. Owned by the thread that runs them."""

    def __init__(self, camera: CameraConfig, dark: Callable[[Frame], bool] | None = None) -> None:
        """`dark`: who measures; None: it is measured here."""
        self._darkness = Darkness()
        self._dark = dark or (lambda frame: self._darkness.update(frame.pixels, frame.captured_s))
        self._is_dark = False
        self.asked = AUTO
        self.in_force = OWN
        self._conditions = {
            name: (parse_schedules(each.schedule), bool(each.schedule), each.dark)
            for name, each in camera.profiles.items()
        }
        self._cameras = {name: in_profile(camera, name) for name in (OWN, *camera.profiles)}
        self._measures = any(each.dark for each in camera.profiles.values())

    @property
    def camera(self) -> CameraConfig:
        """The settings in force."""
        return self._cameras[self.in_force]

    @property
    def by(self) -> str:
        """Why it is in force: command, or which of its conditions hold; empty: none is in force."""
        if self.asked != AUTO:
            return "command"
        if self.in_force == OWN:
            return ""
        _, timed, dark = self._conditions[self.in_force]
        return " and ".join(word for word, held in (("schedule", timed), ("dark", dark)) if held)

    def ask(self, name: str) -> None:
        """By command: a profile or `none` holds at once, `auto` decides by the next frame."""
        self.asked = name
        if name != AUTO:
            self.in_force = OWN if name == NONE else name

    def update(self, frame: Frame) -> str:
        """The one in force for this frame, which was not recalled; `OWN`: none."""
        if self._measures:
            self._is_dark = self._dark(frame)
        if self.asked == AUTO:
            self.in_force = next(
                (name for name in self._conditions if self._holds(name, frame.weekminute)), OWN
            )
        return self.in_force

    def state(self) -> ProfilesState:
        return ProfilesState(self.asked, self.in_force, self._darkness.state())

    def restore(self, state: ProfilesState) -> None:
        """Go on from there: it stays until the picture or the hour says otherwise."""
        self._darkness.restore(state.darkness)
        self.ask(state.asked if state.asked in (NONE, *self._conditions) else AUTO)
        if state.in_force in self._cameras and self.asked == AUTO:
            self.in_force = state.in_force

    def _holds(self, name: str, weekminute: int) -> bool:
        schedule, timed, dark = self._conditions[name]
        if not timed and not dark:
            return False
        return schedule.active(weekminute) and (self._is_dark or not dark)


class GivenDarkness:
    """Says of each frame what is put into `now`."""

    def __init__(self) -> None:
        self.now = False

    def __call__(self, frame: Frame) -> bool:
        del frame
        return self.now
