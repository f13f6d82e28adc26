"""A state directory elsewhere, as on a disk of its own: the unit lets the service write it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.tools.preflight.unit import UNIT, find_unit

_NAME = "state-dir.conf"
#: `purge` of the package, and of install.sh, finds the folder behind it.
_MARK = "# box.state_dir, by edge-agent setup: "
_RUNNING = "run/systemd/system"


def open_to_service(state_dir: Path, config: Path, root: Path = Path("/")) -> Path | None:
    """Where the unit that reads `config` keeps `state_dir` read-only: the drop-in that opens it,
    in force. None: none is needed. Raises OSError."""
    unit = find_unit(root)
    if unit is None or unit.config_path != config or not unit.read_only(state_dir):
        return None
    path = root / "etc/systemd/system" / f"{UNIT}.d" / _NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{_MARK}{state_dir}\n[Service]\nReadWritePaths={_quoted(state_dir)}\n"
    write_atomically(path, text.encode(), 0o644)
    if (root / _RUNNING).is_dir():
        subprocess.run(["systemctl", "daemon-reload"], capture_output=True, check=False)
    return path


def _quoted(path: Path) -> str:
    """systemd.syntax(7): % begins a specifier, and a space would begin another path."""
    text = str(path).replace("%", "%%")
    if not set(text) & set(" \"'\\"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
