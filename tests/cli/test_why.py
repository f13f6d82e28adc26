"""`edge-agent replay --why`: the examples of docs/tuning.md, and what goes with them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import flash
import pytest
from english_words import english

from edge_agent.cli import main
from edge_agent.config import load_to_decide
from edge_agent.errors import ConfigError
from edge_agent.language import speak

DOC = Path(__file__).resolve().parent.parent.parent / "docs" / "tuning.md"
_STEP = re.compile(
    r"^`(?P<name>\w+\.toml)`:\n\n```toml\n(?P<toml>.+?)```\n\n"
    r"    edge-agent (?P<command>replay .+?)\n\n"
    r"```text\n(?P<output>.+?)```",
    re.MULTILINE | re.DOTALL,
)
_SPEED = re.compile(r", \d+x real time on one core")
_UNTOLD = "[person]\nconfirm_threshold = 0.95\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and the clip of the document: somebody from 4 s on."""
    flash.model(tmp_path)
    flash.clip(tmp_path / "yard.avi", bright_s=6, dark_s=4, dark_first=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replay(*arguments: str) -> int:
    return main(["replay", *arguments, "--model", "flash.onnx", "yard.avi"])


def test_examples_of_the_document_print_what_it_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = list(_STEP.finditer(DOC.read_text()))
    assert len(steps) == 5
    for step in steps:
        (folder / step["name"]).write_text(step["toml"])
        assert main([*shlex.split(step["command"]), "--model", "flash.onnx"]) == 0
        assert _SPEED.sub("", capsys.readouterr().out) == step["output"]


def test_the_printed_change_written_into_the_file_tells(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gate.toml").write_text(_UNTOLD)
    assert replay("--why", "--config", "gate.toml") == 0
    change = capsys.readouterr().out.rpartition("-> ")[2].splitlines()[0]
    assert tomllib.loads(change)["person"].keys() == {"confirm_threshold"}
    (folder / "gate.toml").write_text(change + "\n")
    assert replay("--config", "gate.toml") == 0
    assert "  person  0:04.0" in capsys.readouterr().out


def test_json_has_the_answers_after_the_same_payloads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gate.toml").write_text(_UNTOLD)
    printed = []
    for extra in ((), ("--why",)):
        assert replay("--json", "--config", "gate.toml", *extra) == 0
        printed.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    plain, asked = printed
    answers = [each["untold"] for each in asked if "untold" in each]
    assert [without_ids(each) for each in asked if "data" in each] == list(map(without_ids, plain))
    (answer,) = answers
    assert answer["held_back_by"] == ["person.confirm_threshold"]
    assert answer["changes"] == [{"key": "person.confirm_threshold", "from": 0.95, "to": 0.89}]
    assert answer["best_score"] == pytest.approx(0.9)


def test_lines_are_said_in_vietnamese_and_keys_stay_as_the_file_has_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = '[[zones]]\nname = "door"\npolygon = [[0.7, 0.3], [1.0, 0.3], [1.0, 1.0], [0.7, 1.0]]\n'
    for text in (_UNTOLD, _UNTOLD + "min_height_frac = 0.7\n", yard, "[person]\n"):
        (folder / "gate.toml").write_text(text)
        assert replay("--why", "--config", "gate.toml", "--lang", "vi") == 0
        said = capsys.readouterr().out
        assert english(said.replace("edge-agent zones CAMERA", "")) == []
        assert ("không báo 0:04.0-0:09.8" in said) is (text != "[person]\n")
    (folder / "gate.toml").write_text(_UNTOLD)
    assert replay("--why", "--json", "--config", "gate.toml", "--lang", "vi") == 0
    assert '"held_back_by": ["person.confirm_threshold"]' in capsys.readouterr().out


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    speak("en")


def without_ids(payload: dict[str, object]) -> str:
    text = json.dumps(payload)
    return re.sub(r"[0-9A-HJKMNP-TV-Z]{26}|\d{4}-\d\d-\d\dT[\d:.]+Z", "", text)


def test_thresholds_that_nothing_can_reach_are_replayed_not_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[person]\ncandidate_threshold = 0.95\nconfirm_threshold = 0.5\n"
    (folder / "gate.toml").write_text(text)
    assert replay("--why", "--config", "gate.toml") == 0
    assert "person.candidate_threshold = 0.89" in capsys.readouterr().out


def test_a_wrong_key_of_a_camera_alone_is_still_refused(folder: Path) -> None:
    (folder / "gate.toml").write_text("[person]\nconfirm_treshold = 0.5\n")
    with pytest.raises(ConfigError, match="confirm_treshold"):
        load_to_decide(folder / "gate.toml")


def test_a_camera_of_a_folder_keeps_the_defaults_of_its_agent(folder: Path) -> None:
    (folder / "agent.toml").write_text("[defaults.person]\nconfirm_looks = 7\n")
    (folder / "cameras.d").mkdir()
    for name in ("gate", "yard"):
        (folder / "cameras.d" / f"{name}.toml").write_text(f'id = "{name}"\n')
    config = load_to_decide(folder / "cameras.d" / "gate.toml").config
    assert [(each.id, each.person.confirm_looks) for each in config.cameras] == [("gate", 7)]
    assert len(load_to_decide(folder).config.cameras) == 2
