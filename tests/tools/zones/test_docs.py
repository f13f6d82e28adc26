"""What docs/zones.md shows is what the programs say and take."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from edge_agent.config import CameraConfig, FileSource, TuningConfig
from edge_agent.media.footage import FootageReason
from edge_agent.tools.zones.verdicts import Held
from edge_agent.tools.zones.walk import COLUMNS, ROWS, WalkTest
from edge_agent.tools.zones.words import held_words

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "zones.md").read_text()


def test_the_settings_in_the_text_are_the_defaults_but_for_consent() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    shown = tomllib.loads(block)["tuning"]
    assert msgspec.convert(shown, TuningConfig) == TuningConfig(keep=True)
    assert shown.keys() == {field.name for field in msgspec.structs.fields(TuningConfig)}
    vi = (ROOT / "docs" / "vi" / "ve-vung.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", vi, re.DOTALL)
    assert msgspec.convert(tomllib.loads(block)["tuning"], TuningConfig) == TuningConfig(keep=True)


def test_each_reason_of_the_page_is_explained() -> None:
    for held in Held:
        if held not in (Held.NOTHING, Held.OTHER):
            assert held_words(held) in TEXT


def test_each_reason_of_a_clip_is_explained() -> None:
    assert all(f"| `{reason}` |" in TEXT for reason in FootageReason)


def test_the_map_in_the_text_is_one() -> None:
    report = WalkTest(CameraConfig(id="gate", source=FileSource(path=""))).report().splitlines()
    assert report[0] in TEXT
    assert report[ROWS + 3] in TEXT, "the legend"
    rows = re.findall(r"^\|([.~o#]+)\|$", TEXT, re.MULTILINE)
    assert [len(row) for row in rows] == [COLUMNS] * ROWS
