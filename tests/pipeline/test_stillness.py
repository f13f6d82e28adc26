"""Somebody whom nobody looked at, as hardly anything moved: which motion setting shows them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import cv2
import flash
import numpy as np
import pytest

from edge_agent.cli import main


def twitching(path: Path, *, side_px: int, level: int) -> Path:
    """A bright picture, in which the detector always finds somebody, and a small spot that moves
    on them from 3 s on."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 64))
    rng = np.random.default_rng(1)
    for i in range(60):
        picture = (200 + rng.integers(-3, 4, (64, 64, 3))).astype(np.uint8)
        # Too dark before for the detector to find anybody.
        picture = picture if i >= 15 else (picture * 0.55).astype(np.uint8)
        if i >= 30:
            x = 23 + 2 * (i % 3)
            picture[15 : 15 + side_px, x : x + side_px // 2] = level
        writer.write(picture)
    writer.release()
    return path


def asked(folder: Path, capsys: pytest.CaptureFixture[str], toml: str) -> str:
    (folder / "gate.toml").write_text(toml)
    model = str(folder / "flash.onnx")
    clip, config = str(folder / "yard.avi"), str(folder / "gate.toml")
    assert main(["replay", "--why", clip, "--config", config, "--model", model]) == 0
    return capsys.readouterr().out


def test_the_least_motion_setting_that_shows_them_is_proposed_and_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flash.model(tmp_path)
    twitching(tmp_path / "yard.avi", side_px=30, level=90)
    held = "[motion]\nmin_area_frac = 0.2\n"
    printed = asked(tmp_path, capsys, held)
    line = next(each for each in printed.splitlines() if "untold" in each)
    assert "motion." in line
    assert "nobody looked: nothing moved there" in line
    changes = tomllib.loads("\n".join(line.rpartition("-> ")[2].split(" and ")))
    values = {"min_area_frac": 0.2} | changes["motion"]
    table = "\n".join(f"{key} = {value}" for key, value in values.items())
    told = asked(tmp_path, capsys, held.replace("min_area_frac = 0.2", table))
    assert "  person  " in told


def test_where_nothing_moves_at_all_nothing_is_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flash.model(tmp_path)
    twitching(tmp_path / "yard.avi", side_px=0, level=0)
    printed = asked(tmp_path, capsys, "[motion]\nmin_area_frac = 0.5\n")
    assert "-> motion" not in printed
