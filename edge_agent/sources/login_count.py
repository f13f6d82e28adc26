"""Where wrong logins are counted, so that every command and the agent count together.

The agent's file is in its state directory, and root's commands count there. A user who may not
write there has a file of their own; `sudo` takes that user's tries along. Before there is a state
directory root counts in the one that the package makes, or in a file of its own without one. What
was tried without `sudo` the agent learns from the next command with it.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.config.files import DEFAULT_STATE_DIR
from edge_agent.errors import ConfigError
from edge_agent.sources.credentials import FILE_NAME, CredentialGuard

_HOME_FOLDER = ".local/state/edge-agent"


def login_guard(state_dir: Path | None, clock: Clock) -> CredentialGuard:
    """Counts in `state_dir` where this user may write, and in the user's own file.

    None: the directory of this machine's agent.
    """
    shared = state_dir or _agents_state_dir()
    may_write = os.access(shared, os.R_OK | os.W_OK | os.X_OK)
    beside, before_sudo = None, _file_before_sudo()
    if before_sudo is not None:
        # Never written: root would follow where links of that user lead.
        beside = CredentialGuard(before_sudo, clock, writes=False)
    if not may_write:
        return CredentialGuard(_own_file(), clock, beside)
    # What root may write is enough for root, unless something was tried before it was there.
    if os.geteuid() != 0 or _tried_before(shared):
        beside = CredentialGuard(_own_file(), clock, beside)
    return CredentialGuard(shared / FILE_NAME, clock, beside)


def _tried_before(shared: Path) -> bool:
    own = _own_folder()
    return own != shared and (own / FILE_NAME).exists()


def _file_before_sudo() -> Path | None:
    """Of the user who typed `sudo`, if they tried anything."""
    try:
        home = pwd.getpwuid(int(os.environ["SUDO_UID"])).pw_dir if os.geteuid() == 0 else ""
    except (KeyError, ValueError):
        return None
    path = Path(home) / _HOME_FOLDER / FILE_NAME
    return path if home and path.is_file() else None


def _agents_state_dir() -> Path:
    try:
        return Path(load_config(DEFAULT_CONFIG_DIR).config.box.state_dir)
    except ConfigError:
        return _packages_state_dir()


def _packages_state_dir() -> Path:
    # systemd names it to whatever runs in the unit (systemd.exec(5)).
    return Path(os.environ.get("STATE_DIRECTORY", "").split(":")[0] or DEFAULT_STATE_DIR)


def _own_file() -> Path | None:
    try:
        folder = _own_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None  # no home, as the service has none
    return folder / FILE_NAME if os.access(folder, os.W_OK) else None


def _own_folder() -> Path:
    """Raises RuntimeError for a user without a home."""
    if os.geteuid() == 0 and (folder := _packages_state_dir()).is_dir():
        return folder  # `purge` removes it
    home = os.environ.get("XDG_STATE_HOME")
    return Path(home) / "edge-agent" if home else Path.home() / _HOME_FOLDER
