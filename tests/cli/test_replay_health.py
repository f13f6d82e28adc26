"""`replay` tells where in a clip the camera did not see; its first minute is the reference."""

from __future__ import annotations

import json
from pathlib import Path

import flash
import pytest
from views import covered, record, usual

from edge_agent.cli import main


def test_a_covered_spell_of_a_clip_is_told_with_its_offset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = record(tmp_path / "gate.avi", (64, usual), (45, covered), (30, usual))
    model = flash.model(tmp_path)
    assert main(["replay", "--json", "--model", str(model), str(clip)]) == 0
    bodies = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    told = [body for body in bodies if body["label"] == "health"]
    assert [(body["kind"], body["phase"]) for body in told] == [
        ("blocked", "start"),
        ("blocked", "end"),
    ]
    start, end = told
    assert 64 < start["media"]["offset_s"] < 109
    assert 109 < end["media"]["offset_s"] < 139
    assert start["detail"]["score"] >= start["detail"]["threshold"]
