"""`edge-agent config`: results on stdout, complaints on stderr, exit codes for scripts."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, PASSWORD, write

from edge_agent.assets import asset_dir
from edge_agent.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["config", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_check_praises_a_good_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--config", write(tmp_path, front=CAMERA))
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path}/agent.toml: fine, 1 camera, cfg ")


def test_check_lists_every_error_and_exits_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, AGENT + "prot = 1\n", front=CAMERA.replace("192", f"admin:{PASSWORD}@192"))
    code, out, err = run(capsys, "check", "--config", tmp_path)
    assert (code, out) == (78, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "error", "2 errors"]
    assert PASSWORD not in err


def test_warnings_fail_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, front="enabled = false\n" + CAMERA)
    code, out, err = run(capsys, "check", "--config", tmp_path)
    assert code == 0
    assert "fine" in out
    assert err.startswith("warning: ")
    code, out, err = run(capsys, "check", "--strict", "--config", tmp_path)
    assert (code, out) == (78, "")
    assert err.endswith("1 warning\n")


def test_show_prints_what_is_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = CAMERA.replace("stream2", "password=hunter2&channel=1")
    code, out, _ = run(capsys, "show", "--config", write(tmp_path, front=camera))
    assert code == 0
    assert "hunter2" not in out
    shown = tomllib.loads(out)
    assert shown["mqtt"]["port"] == 8883
    assert shown["cameras"][0]["person"]["confirm_looks"] == 3
    assert f"# from {tmp_path}/cameras.d/front.toml" in out
    code, out, _ = run(capsys, "show", "--json", "--config", tmp_path)
    assert (code, json.loads(out)["box"]["id"]) == (0, "box-17")


def test_show_of_a_bad_folder_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "--config", tmp_path)
    assert (code, out) == (78, "")
    assert "agent.toml: does not exist" in err


def test_schema_needs_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "schema")
    assert (code, json.loads(out)["$ref"]) == (0, "#/$defs/AgentFile")
    _, out, _ = run(capsys, "schema", "--camera")
    assert json.loads(out)["$ref"] == "#/$defs/CameraConfig"
    _, out, _ = run(capsys, "schema", "--markdown")
    assert out.startswith("<!-- Made by")


def test_the_shipped_sample_passes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--config", asset_dir("config"))
    assert (code, "fine" in out) == (0, True)


def test_a_threshold_that_the_model_never_reaches_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "low.onnx").write_bytes(b"low")
    (models / "low.toml").write_text(
        f"""name = "low"\nfile = "low.onnx"\nsha256 = "{hashlib.sha256(b"low").hexdigest()}"
bytes = 3\nlicence = "MIT"\ndecoder = "point"\nstrides = [8]\ncandidate_threshold = 0.1
confirm_threshold = 0.4\nhighest_score = 0.7\nap = 0.99\n[input]\nwidth = 64\nheight = 64\n"""
    )
    monkeypatch.setenv("EDGE_AGENT_MODELS", str(models))
    folder = tmp_path / "etc"
    folder.mkdir()
    write(folder, front=CAMERA + "[person]\nconfirm_threshold = 0.75\n")
    code, _, err = run(capsys, "check", "--config", folder)
    assert code == 0
    assert "person.confirm_threshold: is 0.75, and low never scores more than 0.7" in err
    assert run(capsys, "check", "--strict", "--config", folder)[0] == 78
    write(folder, front=CAMERA + "[person]\nconfirm_threshold = 0.65\n")
    assert run(capsys, "check", "--config", folder)[2] == ""
    out = run(capsys, "show", "--config", folder)[1]
    assert "# detector: low (auto: the most accurate (AP 0.99)" in out
    assert "# thresholds on auto: candidates from 0.10, told from 0.40" in out
