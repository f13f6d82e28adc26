"""`edge-agent demo`: its options."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.demo.show import DemoOptions


def test_a_password_file_may_be_named_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[DemoOptions] = []
    monkeypatch.setattr("edge_agent.demo.show.run_demo", lambda options: asked.append(options) or 0)
    monkeypatch.chdir(tmp_path)
    login = ["--username", "viewer", "--password-file", "cam.pw"]
    assert main(["demo", "--source", "rtsp://192.168.1.20/x", *login]) == 0
    assert asked[0].password_file == str(tmp_path / "cam.pw")
    assert main(["demo"]) == 0
    assert asked[1].password_file is None
