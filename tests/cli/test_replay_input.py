"""Whatever clip `replay` is given: an answer or one clear line, and the exit code says which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import clips
import flash
import numpy as np
import pytest

from edge_agent.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


def replay(model: Path, *arguments: object) -> int:
    return main(["replay", "--model", str(model), *map(str, arguments)])


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def cut(path: Path) -> Path:
    return clips.truncated(clips.render(path.with_name("whole.mp4")), path, 0.9)


UNUSABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda d: d / "none.mp4", "is not there"),
    "empty": (lambda d: empty(d / "empty.mp4"), "is empty"),
    "truncated": (lambda d: cut(d / "cut.mp4"), "end is missing"),
    "no video": (lambda d: clips.audio_only(d / "radio.m4a"), "holds only audio"),
}


@pytest.mark.parametrize(("make", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_clip_is_one_line_and_exit_1_and_the_next_clip_is_played(
    tmp_path: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    words: str,
) -> None:
    good = clips.render(tmp_path / "good.mp4", clips.Clip(frames=15))
    assert replay(model, make(tmp_path), good) == 1
    out, err = capsys.readouterr()
    assert words in err
    assert len(err.splitlines()) == 1
    assert "good.mp4: 0:0" in out


@pytest.mark.parametrize("as_json", [False, True], ids=["table", "json"])
def test_clip_that_breaks_off_shows_its_events_and_then_the_error(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    def paint(index: int, width: int, height: int) -> np.ndarray:
        level = 200 if index < 10 else 40
        return (level + noise.integers(-3, 4, (height, width, 3))).astype(np.uint8)

    noise = np.random.default_rng(3)
    kind = clips.Clip("mjpeg", flash.SIDE, flash.SIDE, 60, flash.FPS, "yuvj420p")
    whole = clips.render(tmp_path / "whole.mkv", kind, paint)
    clip = clips.truncated(whole, tmp_path / "cut.mkv", 0.5)
    assert replay(model, *(["--json"] if as_json else []), clip) == 1
    out, err = capsys.readouterr()
    assert "it was cut off" in err
    assert len(err.splitlines()) == 1
    if as_json:
        bodies = [json.loads(line)["data"] for line in out.splitlines()]
        phases = [body["phase"] for body in bodies if body["label"] == "person"]
        assert phases == ["start", "end"]
    else:
        assert out.startswith("cut.mkv: 0:0")
        assert "  person" in out
        assert out.endswith("flash: candidates from 0.30, told from 0.50\n")


ODD = {
    "16x16": clips.Clip(width=16, height=16, frames=15),
    "4k": clips.Clip(width=3840, height=2160, frames=4),
    "rotated": clips.Clip(rotation=90, frames=15),
    "zero-fps": clips.Clip(frames=15),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_clip_is_played(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    # A bare stream tells neither times nor a rate.
    path = tmp_path / ("clip.h264" if kind == "zero-fps" else "clip.mp4")
    assert replay(model, clips.render(path, ODD[kind])) == 0
    out, err = capsys.readouterr()
    assert "analysed" in out
    assert " 0 analysed" not in out
    assert err == ""


def test_json_of_a_clip_is_the_wards_payloads_and_nothing_else(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(model, "--json", flash.clip(tmp_path / "flash.avi", bright_s=2)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    persons = [line["data"] for line in lines if line["data"]["label"] == "person"]
    assert [body["phase"] for body in persons] == ["start", "end"]
    assert {body["epoch"] for body in persons} == {"replay"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [("outputs", "outputs do not fit the manifest"), ("bytes", "sha256 is"), ("gone", "no such")],
)
def test_unusable_model_is_told_before_any_clip_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, words: str
) -> None:
    model = flash.model(tmp_path, classes=80 if damage == "outputs" else 1)
    if damage == "bytes":
        model.write_bytes(model.read_bytes() + b"!")
    if damage == "gone":
        model.unlink()
    assert replay(model, tmp_path / "never-read.mp4") == 78
    err = capsys.readouterr().err
    assert words in err
    assert "never-read" not in err
