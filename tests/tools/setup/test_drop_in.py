"""A state directory on another disk: the unit has to let the service write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.tools.preflight.unit import find_unit
from edge_agent.tools.setup.drop_in import open_to_service

UNIT = Path(__file__).parents[3] / "systemd" / "edge-agent.service"
CONFIG = Path("/etc/edge-agent")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / UNIT.name).write_text(UNIT.read_text())
    return tmp_path


@pytest.mark.parametrize("folder", ["/data/edge", "/mnt/ổ đĩa 1/state", "/data/50%"])
def test_a_folder_elsewhere_is_opened_and_stays_so(root: Path, folder: str) -> None:
    path = open_to_service(Path(folder), CONFIG, root)
    assert path == root / "etc/systemd/system/edge-agent.service.d/state-dir.conf"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text().startswith(f"# box.state_dir, by edge-agent setup: {folder}\n")
    unit = find_unit(root)
    assert unit is not None
    assert unit.read_only(Path(folder)) == ""
    assert open_to_service(Path(folder), CONFIG, root) is None


def test_what_needs_none_gets_none(root: Path, tmp_path: Path) -> None:
    assert open_to_service(Path("/var/lib/edge-agent"), CONFIG, root) is None
    assert open_to_service(Path("/data/edge"), Path("/home/pi/trial"), root) is None
    assert open_to_service(Path("/data/edge"), CONFIG, tmp_path / "no-unit") is None
    assert not (root / "etc").exists()
