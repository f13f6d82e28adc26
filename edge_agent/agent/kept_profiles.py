"""A camera's profile outlives a restart, and is asked for by the box's own command.

STATE_DIR/profiles/<camera>        what was asked for, what is in force, and whether it is dark
STATE_DIR/profiles/<camera>.ask    made by `edge-agent camera profile`: a profile's name
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.config import CameraConfig
from edge_agent.config.profiles import AUTO, NONE
from edge_agent.errors import StorageError
from edge_agent.pipeline.profiles import Profiles, ProfilesState

log = logging.getLogger(__name__)

FOLDER = "profiles"
_MOST_BYTES = 4096


def ask_mark(state_dir: Path, camera: str) -> Path:
    """The file by which a person asks for a profile."""
    return state_dir / FOLDER / f"{camera}.ask"


def askable(camera: CameraConfig) -> tuple[str, ...]:
    """What may be asked for: a profile, the camera's own settings, or what the hour says."""
    return (*camera.profiles, NONE, AUTO)


class KeptProfiles:
    """Owned by the main thread; `profiles` belongs to the analysis, and is only read here."""

    def __init__(self, camera: CameraConfig, state_dir: Path) -> None:
        self._camera = camera
        self._path = state_dir / FOLDER / camera.id
        self._mark = ask_mark(state_dir, camera.id)
        self._kept: ProfilesState | None = None
        self.profiles = Profiles(camera)
        self._recall()

    def apply(self, camera: CameraConfig) -> Profiles:
        """Other settings: new profiles, which are to go on from those of before."""
        self._camera = camera
        self.profiles = Profiles(camera)
        return self.profiles

    def asked(self) -> str | None:
        """What a person asked for since the last call, at the box."""
        if not self._mark.exists():
            return None
        try:
            name = self._mark.read_text(encoding="utf-8")[:_MOST_BYTES].strip()
        except (OSError, ValueError):
            name = ""
        self._mark.unlink(missing_ok=True)
        if name in askable(self._camera):
            return name
        log.warning("%s: there is no profile %.40r to ask for", self._camera.id, name)
        return None

    def keep(self) -> None:
        """Write what changed. A card that fails costs the choice after a restart, nothing else."""
        state = self.profiles.state()
        if state == self._kept or not self._camera.profiles:
            return
        self._kept = state
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path, msgspec.json.encode(state))
        except (OSError, StorageError) as error:
            log.warning("%s: its profile is not remembered: %s", self._camera.id, error)

    def _recall(self) -> None:
        try:
            with self._path.open("rb") as file:
                state = msgspec.json.decode(file.read(_MOST_BYTES), type=ProfilesState)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s: its profile is found anew: %s", self._camera.id, error)
            return
        self.profiles.restore(state)
        self._kept = self.profiles.state()
