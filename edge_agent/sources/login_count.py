"""Where wrong logins are counted, so that every command and the agent count together.

The agent's file is in its state directory. A technician looks for cameras before there is one, or
as a user who may not write there: then a file of that user's own counts. Both know what either
knows, so two tries are two tries over `camera`, `probe`, `setup`, `doctor` and `run`.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.config.files import DEFAULT_STATE_DIR
from edge_agent.errors import ConfigError
from edge_agent.sources.credentials import FILE_NAME, CredentialGuard


def login_guard(state_dir: Path | None, clock: Clock) -> CredentialGuard:
    """Counts in `state_dir` where this user may write, and in the user's own file.

    None: the directory of this machine's agent.
    """
    own = CredentialGuard(_own_file(), clock)
    shared = state_dir or _agents_state_dir()
    if not os.access(shared, os.R_OK | os.W_OK | os.X_OK):
        return own
    return CredentialGuard(shared / FILE_NAME, clock, own)


def _agents_state_dir() -> Path:
    try:
        return Path(load_config(DEFAULT_CONFIG_DIR).config.box.state_dir)
    except ConfigError:
        # systemd names it to whatever runs in the unit (systemd.exec(5)).
        named = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        return Path(named or DEFAULT_STATE_DIR)


def _own_file() -> Path | None:
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        folder = Path(home) / "edge-agent"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None  # no home, as the service has none
    return folder / FILE_NAME if os.access(folder, os.W_OK) else None
