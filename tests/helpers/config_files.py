"""Small configurations written to a folder, for tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from english_words import english

from edge_agent.config import load_config
from edge_agent.errors import EXIT_CONFIG, ConfigError
from edge_agent.language import speak
from edge_agent.tools.sentences import of_problem

AGENT = """\
[box]
ward = "hoan-kiem"
id = "box-17"

[mqtt]
host = "mqtt.ward.example"
"""
CAMERA = """\
id = "front"

[source]
kind = "rtsp"
url = "rtsp://192.168.1.20/stream2"
"""
PASSWORD = "c4n4ry/p@ss?word"


def write(folder: Path, agent: str = AGENT, **cameras: str) -> Path:
    (folder / "agent.toml").write_text(agent)
    (folder / "cameras.d").mkdir(exist_ok=True)
    for name, text in cameras.items():
        (folder / "cameras.d" / f"{name}.toml").write_text(text)
    return folder


def problems(folder: Path) -> list[str]:
    """Every message, with paths relative to `folder`."""
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    assert caught.value.exit_code == EXIT_CONFIG
    return [line.replace(f"{folder}/", "") for line in str(caught.value).splitlines()]


def zone(*lines: str) -> str:
    return CAMERA + "\n[[zones]]\n" + "\n".join(lines) + "\n"


def english_left(folder: Path, agent: str, front: str) -> list[str]:
    """Problems of which a person who reads Vietnamese would read English words."""
    try:
        found = load_config(write(folder, agent, front=front)).warnings
    except ConfigError as error:
        found = error.problems
    speak("vi")
    try:
        return [line for each in found for line in english(of_problem(each))]
    finally:
        speak("en")
