"""`edge-agent tune`: the examples of docs/tuning.md, A as replay, B as its own replay."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import flash
import pytest
from shared_data import require_footage

from edge_agent.cli import main
from edge_agent.cli.why import clip_time

DOC = Path(__file__).resolve().parent.parent.parent / "docs" / "tuning.md"
_STEP = re.compile(
    r"(?:^`(?P<name>\w+\.(?:toml|csv))`:\n\n```(?:toml|csv)\n(?P<text>[^`]+)```\n\n)?"
    r"    edge-agent (?P<command>tune .+?)\n\n```text\n(?P<output>[^`]+)```",
    re.MULTILINE | re.DOTALL,
)
_CPU = re.compile(r"CPU: .+")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and the clip of the document: somebody from 4 s on."""
    flash.model(tmp_path)
    flash.clip(tmp_path / "yard.avi", bright_s=6, dark_s=4, dark_first=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tune(*arguments: str) -> int:
    return main(["tune", *arguments, "--model", "flash.onnx", "yard.avi"])


def test_examples_of_the_document_print_what_it_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = list(_STEP.finditer(DOC.read_text()))
    assert len(steps) >= 3
    for step in steps:
        if step["name"]:
            (folder / step["name"]).write_text(step["text"])
        assert main([*shlex.split(step["command"]), "--model", "flash.onnx"]) == 0
        printed = capsys.readouterr().out
        assert _CPU.sub("", printed) == _CPU.sub("", step["output"])


def test_the_document_for_programs_is_the_same_to_the_byte(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "labels.csv").write_text("4,9.8\n")
    printed = []
    for _ in range(2):
        sweep = ("--sweep", "person.confirm_threshold=0.5:0.95:0.05", "motion.sensitivity=1,2")
        assert tune("--json", "--labels", "labels.csv", *sweep) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    found = json.loads(printed[0])
    assert [trial["events"] for trial in found["trials"]] == [1] * 16 + [0] * 4
    assert found["recommended"]["confidence"] == "none"
    assert found["a"]["score"]["recall"] == 1


def test_b_from_a_file_is_b_from_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.toml").write_text("[person]\nconfirm_threshold = 0.95\nmin_height_frac = 0.7\n")
    found = []
    for other in (
        ("--against", "b.toml"),
        ("--set", "person.confirm_threshold=0.95", "person.min_height_frac=0.7"),
    ):
        assert tune("--json", *other) == 0
        found.append(json.loads(capsys.readouterr().out)["trials"][0]["clips"])
    assert found[0] == found[1]
    ((lost,),) = [clip["lost"] for clip in found[0]]
    assert lost["why"]["held_back_by"] == ["person.confirm_threshold", "person.min_height_frac"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--against", "b.toml", "--set", "person.confirm_looks=2"), 2, "takes neither"),
        (("--set", "source.path=x"), 78, "replay with the other file"),
        (("--labels", "none.csv"), 1, "none.csv: cannot be read"),
        (("--against", "masked.toml"), 78, "privacy_masks: is another than A's"),
    ],
)
def test_what_cannot_be_compared(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    mask = "[[privacy_masks]]\nname = 'm'\npolygon = [[0, 0], [0.1, 0], [0.1, 0.1]]\n"
    (folder / "masked.toml").write_text(mask)
    (folder / "b.toml").write_text("")
    assert tune(*arguments) == code
    assert message in capsys.readouterr().err


def test_one_clip_that_is_none_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.avi").write_text("no clip")
    arguments = ["tune", "broken.avi", "yard.avi", "--model", "flash.onnx"]
    assert main([*arguments, "--set", "person.confirm_looks=2"]) == 1
    out, err = capsys.readouterr()
    assert "broken.avi" in err
    assert "yard.avi: 0:09.8 min" in out


def table_of(printed: str) -> list[tuple[str, ...]]:
    """The person rows of replay's table: from, to, score."""
    rows = [line.split() for line in printed.splitlines()]
    return sorted((r[1], r[2], r[3]) for r in rows if r and r[0] == "person")


def rows_of(clip: dict[str, Any]) -> list[tuple[str, str, float]]:
    """The same of tune's document, with the score as it is."""
    return sorted(
        (clip_time(e["from_s"]), clip_time(e["to_s"]), e["top_score"]) for e in clip["events"]
    )


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", ["PETS09-S2L1_480x360.mp4", "intel_one-by-one-person-detection.mp4"]
)
def test_both_sides_on_real_footage_are_their_own_replays(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(require_footage(name))
    other = "[person]\nconfirm_threshold = 0.7\nconfirm_looks = 4\n[motion]\nsensitivity = 0.7\n"
    (tmp_path / "b.toml").write_text(other)
    (tmp_path / "a.toml").write_text("")
    configs = [str(tmp_path / "a.toml"), str(tmp_path / "b.toml")]
    alone = []
    for config in configs:
        assert main(["replay", clip, "--config", config]) == 0
        alone.append(table_of(capsys.readouterr().out))
    assert main(["tune", clip, "--config", configs[0], "--against", configs[1], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for side, replayed in zip((found["a"], found["trials"][0]), alone, strict=True):
        rows = rows_of(side["clips"][0])
        assert [row[:2] for row in rows] == [row[:2] for row in replayed]
        assert [row[2] for row in rows] == pytest.approx([float(r[2]) for r in replayed], abs=0.006)
