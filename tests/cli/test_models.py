"""`edge-agent models`: as a technician types it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from http_files import Site, serving
from networks import installed, red_cells

from edge_agent.cli import main
from edge_agent.tools.registry import known

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with one folder of models, and a registry that knows one more."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    file = red_cells(tmp_path / "site" / "far.onnx")
    data = file.read_bytes()
    (shipped / "registry.toml").write_text(
        f"""
        [[model]]
        name = "far"
        file = "far.onnx"
        url = "https://models.invalid/far.onnx"
        sha256 = "{hashlib.sha256(data).hexdigest()}"
        bytes = {len(data)}
        licence = "Apache-2.0"
        downloaded = false
        decoder = "point"
        strides = [32]
        candidate_threshold = 0.1
        confirm_threshold = 0.5
        [model.input]
        width = 128
        height = 64
        """
    )
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("EDGE_AGENT_MODELS", str(folder))
    monkeypatch.setattr("edge_agent.detect.catalog.asset_dir", lambda name: shipped)
    monkeypatch.setattr(known, "asset_dir", lambda name: shipped)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["models", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_list_says_what_is_here_and_what_can_be_pulled(models: Path, run: Run) -> None:
    installed(models)
    installed(models, "gone", default=True).path.unlink()
    code, out, err = run("list", "--json")
    assert (code, err) == (0, "")
    entries = {entry["name"]: entry for entry in json.loads(out)}
    assert {n: e["state"] for n, e in entries.items()} == {
        "red": "installed",
        "far": "known",
        "gone": "no file",
    }
    assert entries["red"]["default"]
    assert entries["red"]["path"] == str(models / "red.onnx")
    assert entries["far"]["url"] == "https://models.invalid/far.onnx"
    code, out, _ = run("list")
    assert code == 0
    assert any(line.startswith("red *") and "Apache-2.0" in line for line in out.splitlines())


def test_list_shows_the_rest_when_one_manifest_is_wrong(models: Path, run: Run) -> None:
    installed(models)
    (models / "bad.toml").write_text("name = 5")
    code, out, err = run("list")
    assert code == 78
    assert "red" in out
    assert "bad.toml: name: Expected `str`" in err


def test_pull_shows_the_licence_and_tries_what_it_fetched(
    models: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    data = (tmp_path / "site" / "far.onnx").read_bytes()
    with serving(Site({"/m/far.onnx": data})) as site:
        code, _, err = run("pull", "far", "--mirror", f"{site.url}/m")
        assert (code, "is not https; allow it with --allow-http" in err) == (1, True)
        code, out, err = run("pull", "far", "--mirror", f"{site.url}/m", "--allow-http")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("far: 0.0 MB, licence Apache-2.0, from http://127")
    assert "sha256 is right" in out
    assert "noise: best score" in out
    assert run("verify", "far")[0] == 0


def test_pull_from_a_stick_and_names_that_nobody_knows(
    models: Path, run: Run, tmp_path: Path
) -> None:
    code, _, err = run("pull", "near")
    assert code == 78
    assert "near: not in the registry; known are far" in err
    assert run("pull", "far", "--from", tmp_path / "site")[0] == 0
    assert "was there already" in run("pull", "far", "--from", tmp_path / "site")[1]


def test_pull_takes_mirror_and_proxy_from_the_configuration(
    models: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "agent.toml").write_text(
        '[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "h"\n'
        '[detector]\nmirror = "http://127.0.0.1:9/m"\n'
    )
    code, _, err = run("pull", "far", "--config", tmp_path)
    assert code == 1
    assert "http://127.0.0.1:9/m: is not https" in err


def test_verify_tells_the_first_thing_that_is_wrong(models: Path, run: Run) -> None:
    installed(models)
    code, out, err = run("verify")
    assert (code, err) == (0, "")
    assert "outputs fit point" in out
    (models / "red.onnx").write_bytes(b"damaged")
    code, _, err = run("verify")
    assert code == 1
    assert "found 7 bytes" in err
    code, out, _ = run("verify", "--json")
    assert (code, json.loads(out)[0]["fine"]) == (1, False)


def test_bench_recommends_what_the_budget_allows(
    models: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(models, fixed=True, ap=0.5)
    code, out, _ = run("bench", "--cameras", "4", "--fps", "5", "--rounds", "3")
    assert code == 0
    assert "20 inferences a second" in out
    assert '[detector]\n  model = "red"' in out
    monkeypatch.setattr("edge_agent.tools.trial.cost.rss_mib", lambda model: 1.0)
    many = ("--cameras", "64", "--fps", "30", "--core-share", "0.05", "--rounds", "3")
    code, out, _ = run("bench", *many, "--json")
    result = json.loads(out)
    assert (code, result["recommended"]) == (1, None)
    assert result["assumption"]["inferences_per_s"] == 64 * 30
    assert "none fits: the cheapest is enough for" in result["reason"]


def test_eval_prints_a_table_and_json(models: Path, run: Run, tmp_path: Path) -> None:
    installed(models)
    data = tmp_path / "data"
    data.mkdir()
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32, :32] = (0, 0, 255)
    cv2.imwrite(str(data / "a.png"), pixels)
    (data / "a.txt").write_text("0.125 0.25 0.25 0.5")
    code, out, _ = run("eval", "--images", data)
    assert code == 0
    assert "| red | 128x64 | 1.000 | 1.000 | 1.000 |" in out
    code, out, _ = run("eval", "red", "--images", data, "--size", "256x128", "--json")
    (score,) = json.loads(out)["models"]
    assert (score["input"], score["recall_at_0.1_fp"]) == ([256, 128], 0.0)  # twice as large
    (data / "a.txt").write_text("0.1 0.2")
    code, _, err = run("eval", "--images", data)
    assert code == 1
    assert "a.txt:1: has 2 numbers" in err


def test_without_any_model_it_says_where_it_searched(models: Path, run: Run) -> None:
    for command in (("verify",), ("bench",), ("eval", "--images", models)):
        code, _, err = run(*command)
        assert code != 0
        assert str(models) in err
