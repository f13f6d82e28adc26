"""The self-test passes here, and fails for each part that does not work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.config import DetectorConfig
from edge_agent.demo.scene import SceneSpec, render_clip
from edge_agent.demo.self_test import SelfTestFailed, run_self_test
from edge_agent.errors import EXIT_CONFIG, EXIT_FAILED
from edge_agent.outbox import Outbox


def test_the_shipped_detector_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["messages"] >= 2
    assert report["top_score"] > 0.5


def test_it_says_so_in_vietnamese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--lang", "vi"]) == 0
    assert capsys.readouterr().out.startswith("tự thử đạt: edge-person")


def test_nobody_found_is_a_failure(tmp_path: Path) -> None:
    # The scene ends before the person comes: as a model would see it that finds nobody.
    clip = tmp_path / "nobody.mp4"
    render_clip(clip, SceneSpec(fps=5, duration_s=3.0))
    with pytest.raises(SelfTestFailed, match="was not reported"):
        run_self_test(DetectorConfig(), clip)


def test_a_clip_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SelfTestFailed, match="clip cannot be read"):
        run_self_test(DetectorConfig(), tmp_path / "none.mp4")


def test_an_outbox_that_stores_nothing_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Outbox, "append", lambda self, drafts: ())
    assert main(["selftest"]) == EXIT_FAILED
    assert "the outbox took 0 of" in capsys.readouterr().err


def test_the_configured_model_is_the_one_that_is_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent.toml").write_text(
        '[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "h"\n[detector]\nmodel = "no-such-model"\n'
    )
    assert main(["selftest", "--config", str(tmp_path)]) == EXIT_CONFIG
    assert "no-such-model" in capsys.readouterr().err
