"""Whose a file is: channels in any Unicode form and case; nobody's files are counted."""

from __future__ import annotations

import datetime as dt
import unicodedata
from pathlib import Path

import pytest

from edge_agent.domain import CameraId
from edge_agent.recorders.find.brands import template_set
from edge_agent.recorders.find.intake import Channels, ClipIntake

GATE, YARD = CameraId("gate"), CameraId("yard")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("configured", ["NFC", "NFD"])
def test_channel_matches_in_any_unicode_form(form: str, configured: str, tmp_path: Path) -> None:
    channel = unicodedata.normalize(configured, "Sân trước")
    intake = ClipIntake(str(tmp_path), template_set("generic"), {channel: GATE}, dt.UTC)
    path = f"{tmp_path}/{unicodedata.normalize(form, 'Sân trước')}/2026-11-24/14-05-06.mp4"
    claim = intake.claim(path, 0.0)
    assert claim is not None
    assert claim.camera == GATE
    assert intake.strays == ()


def test_case_counts_only_where_two_channels_differ_by_nothing_else() -> None:
    assert Channels({"Gate": GATE}).camera_of("gate") == GATE
    both = Channels({"Gate": GATE, "gate": YARD})
    assert (both.camera_of("Gate"), both.camera_of("gate"), both.camera_of("GATE")) == (
        GATE,
        YARD,
        None,
    )
    assert Channels({"front/001": GATE}).camera_of("FRONT/001") == GATE
    assert Channels({"": GATE}).camera_of("anything") == GATE


def test_files_of_nobody_are_counted_by_their_channel(tmp_path: Path) -> None:
    intake = ClipIntake(
        str(tmp_path), template_set("{camera}/{start:%Y%m%d%H%M%S}.mp4"), {"gate": GATE}, dt.UTC
    )
    for name, mtime_s in (
        ("yard/20261124140506.mp4", 10.0),
        ("yard/20261124140507.mp4", 30.0),
        ("index.mp4", 20.0),
        ("yard/notes.txt", 40.0),
    ):
        assert intake.claim(f"{tmp_path}/{name}", mtime_s) is None
    yard, other = intake.strays
    assert (yard.channel, yard.files, yard.first_s, yard.newest_s) == ("yard", 2, 10.0, 30.0)
    assert yard.reason == (
        "2 files, such as yard/20261124140506.mp4: no camera has the channel yard"
    )
    assert (other.channel, other.files) == (None, 1)
    assert other.reason == "1 files do not fit the template, such as index.mp4"
    intake.forget_counts()
    assert intake.strays == ()
