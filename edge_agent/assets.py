"""Where the files that come with the agent are: models, sample configuration, units.

There is one copy in the repository. A checkout uses it where it lies; a wheel installs
it under `<prefix>/share/edge-agent` (setup.cfg, data_files).
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent


def asset_dir(name: str) -> Path:
    """The directory `models`, `proof`, `config` or `systemd` of this installation.

    Raises FileNotFoundError naming both places when the installation is incomplete.
    """
    installed = Path(sysconfig.get_path("data")) / "share" / "edge-agent" / name
    checkout = _CHECKOUT / name
    if (_CHECKOUT / "setup.cfg").is_file() and checkout.is_dir():
        return checkout
    if installed.is_dir():
        return installed
    raise FileNotFoundError(f"neither {checkout} nor {installed} exists; reinstall edge-agent")
