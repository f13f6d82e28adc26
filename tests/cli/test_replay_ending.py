"""`edge-agent replay` that cannot go on: one line at most, and the exit code says why."""

from __future__ import annotations

import signal
from pathlib import Path

import clips
import flash
import pytest

from edge_agent.cli import main


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    clip = clips.render(tmp_path / "clip.mp4", clips.Clip(frames=15))
    return ["replay", str(clip), "--model", str(flash.model(tmp_path))]


def test_annotated_clip_that_cannot_be_written_is_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--annotate", "/proc/x.mp4"]) == 1
    err = capsys.readouterr().err
    assert (
        err == "edge-agent: /proc/x.mp4: cannot be written as a video (No such file or directory)\n"
    )


def test_ctrl_c_ends_it_quietly_and_keeps_a_whole_annotated_clip(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edge_agent.agent import clip_player

    dated, calls = clip_player.dated, iter(range(1000))

    def interrupted(*moment: object) -> object:
        if next(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return dated(*moment)  # type: ignore[arg-type]

    monkeypatch.setattr(clip_player, "dated", interrupted)
    out = tmp_path / "out.mp4"
    assert main([*command, "--annotate", str(out)]) == 130
    assert capsys.readouterr() == ("", "")
    assert main(["replay", str(out), *command[2:]]) == 0
