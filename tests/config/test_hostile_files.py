"""Files that nobody wrote by hand: they are refused in words, soon, and hold nothing up."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, write

from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.config.syntax import read_toml
from edge_agent.errors import ConfigError

HUGE = "0x" + "f" * 5000


def refusal(folder: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return caught.value


@pytest.mark.parametrize("key", ['"a[b"', '"[["', '"]"', '"a[0]b["'])
def test_brackets_in_a_key_are_a_key_that_is_not_known(tmp_path: Path, key: str) -> None:
    error = refusal(write(tmp_path, f"{AGENT}{key} = 1\n", front=CAMERA))
    assert "unknown key" in str(error)


def test_a_number_without_end_where_text_is_wanted(tmp_path: Path) -> None:
    camera = f'id = "front"\n[source]\nkind = "rtsp"\nurl = {HUGE}\n'
    assert "source.url" in str(refusal(write(tmp_path, front=camera)))


@pytest.mark.parametrize("turn", ["90.0", "-0.0", "true"])
def test_a_number_of_another_kind_is_no_choice(tmp_path: Path, turn: str) -> None:
    error = refusal(write(tmp_path, front=f"{CAMERA}rotate = {turn}\n"))
    assert "source.rotate" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 500_000 + "a = 1\n",
        '"a".' * 200_000 + "a = 1\n",
        "[" + "a . " * 200_000 + "a]\n",
        "a." * 30_000 + " = 1 x",
        "x = [[ " + "a' \" ;,: " * 5000,
    ],
    ids=["dotted", "quoted", "header", "with a slip", "one long line"],
)
def test_lines_without_end_are_judged_soon(text: str) -> None:
    begin_s = time.process_time()
    assert read_toml(text).faults
    assert time.process_time() - begin_s < 5.0


def test_of_many_problems_the_first_are_told(tmp_path: Path) -> None:
    tables = "".join(f"[t{number}]\n" for number in range(5000))
    problems = refusal(write(tmp_path, AGENT + tables, front=CAMERA)).problems
    assert len(problems) == 101
    assert "more problems" in problems[-1].found


def test_more_zones_than_anybody_draws_are_refused(tmp_path: Path) -> None:
    zone = '[[zones]]\nname = "z{}"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
    camera = CAMERA + "".join(zone.format(number) for number in range(300))
    assert "at most 256" in str(refusal(write(tmp_path, front=camera)))


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_what_a_file_says_never_commands_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], json: list[str]
) -> None:
    write(tmp_path, front=CAMERA.replace('"front"', '"\\u001b]0;x\\u0007\\u202e"'))
    (tmp_path / "cameras.d" / "\x1b[2J.toml").write_text("junk")
    assert main(["config", "check", "--config", str(tmp_path), *json]) == 78
    said = capsys.readouterr()
    assert (said.out + said.err).replace("\n", "").isprintable()


def test_a_pipe_in_place_of_a_file_holds_nobody_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for keys in (
        f'username = "u"\npassword_file = "{tmp_path}/pipe"\n',
        f'[mqtt.tls]\nca_file = "{tmp_path}/pipe"\n',
    ):
        write(tmp_path, AGENT + keys, front=CAMERA)
        assert main(["config", "check", "--config", str(tmp_path)]) == 78
        assert "is not a file" in capsys.readouterr().err


def test_a_state_directory_with_an_endless_name_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = AGENT.replace("[box]\n", f'[box]\nstate_dir = "/{"a" * 5000}"\n')
    write(tmp_path, named, front=CAMERA)
    main(["config", "check", "--config", str(tmp_path)])
    assert "File name too long" in capsys.readouterr().err
