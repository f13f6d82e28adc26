"""systemd/install.sh, run with every path in a folder of the test and no step that needs root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "systemd" / "install.sh"


def settings(folder: Path) -> dict[str, str]:
    """Every path in this folder, and no step that needs root."""
    paths = {
        "PREFIX": "opt",
        "BIN_DIR": "bin",
        "SHARE_DIR": "share",
        "UNIT_DIR": "units",
        "SYSUSERS_DIR": "sysusers",
        "TMPFILES_DIR": "tmpfiles",
        "CONFIG_DIR": "etc",
        "STATE_DIR": "state",
    }
    found = {f"INSTALL_{name}": str(folder / path) for name, path in paths.items()}
    return found | {f"INSTALL_{step}": "no" for step in ("USER", "ENABLE", "START")}


def install(
    *arguments: str | Path, folder: Path, script: Path = SCRIPT, **more: str
) -> subprocess.CompletedProcess[str]:
    path = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    # A damaged or cut script may say anything.
    return subprocess.run(
        ["sh", str(script), *map(str, arguments)],
        env=path | settings(folder) | more,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=600,
    )
