"""Commands take the zone that the agent takes."""

from __future__ import annotations

from pathlib import Path

import flash
import pytest
from config_files import write

from edge_agent.cli import main
from edge_agent.cli.zone_here import zone_here

AGENT = (
    '[box]\nward = "w"\nid = "b"\ntimezone = "Asia/Tokyo"\nstate_dir = "{state}"\n'
    '[mqtt]\nhost = "127.0.0.1"\n'
)
CAMERA = (
    'id = "gate"\n[source]\nkind = "folder"\npath = "{folder}"\n'
    'template = "{{start:%Y%m%d_%H%M%S}}.avi"\n'
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    flash.clip(recorded / "20261124_080000.avi")
    return write(tmp_path, AGENT.format(state=tmp_path), gate=CAMERA.format(folder=recorded))


@pytest.fixture
def machine_in_hanoi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")


@pytest.mark.usefixtures("machine_in_hanoi")
def test_a_configured_box_has_its_own_zone_and_a_new_one_the_machines(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.cli.zone_here.DEFAULT_CONFIG_DIR", config)
    assert zone_here() == "Asia/Tokyo"
    monkeypatch.setattr("edge_agent.cli.zone_here.DEFAULT_CONFIG_DIR", tmp_path / "none")
    assert zone_here() == "Asia/Ho_Chi_Minh"


@pytest.mark.usefixtures("machine_in_hanoi")
@pytest.mark.parametrize("command", ["folder", "camera"])
def test_probe_reads_names_in_the_zone_in_which_run_will(
    config: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.cli.zone_here.DEFAULT_CONFIG_DIR", config)
    asked = {
        "folder": [str(config / "recorded"), "--template", "{start:%Y%m%d_%H%M%S}.avi"],
        "camera": ["--camera", "gate", "--config", str(config)],
    }
    assert main(["probe", *asked[command], "--json"]) == 0
    assert "2026-11-23T23:00:00" in capsys.readouterr().out, "08:00 in Tokyo"
