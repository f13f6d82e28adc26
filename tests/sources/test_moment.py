"""A past moment's picture, decoded from its keyframe on."""

from __future__ import annotations

from pathlib import Path

import pytest
from packets import KINDS, Recorded, recorded

from edge_agent.domain import PacketStream
from edge_agent.sources import DecodedPixels, TimedPacket, picture_at

OFFSET_S = 500.0


def items(source: Recorded, first: int = 0) -> list[PacketStream | TimedPacket]:
    timed = [TimedPacket(p.pts_s + OFFSET_S, p) for p in source.packets[first:]]
    return [source.stream, *timed]


def bar_x(picture: DecodedPixels) -> int:
    """Where the rendered bar stands: 4 px further with each frame (tests/helpers/clips.py)."""
    row = picture.luma()[picture.size.height * 3 // 4]
    return int((row > 180).argmax())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [0, 7, 22, 29])
def test_the_picture_is_that_of_the_moment(tmp_path: Path, kind: str, number: int) -> None:
    source = recorded(tmp_path, kind)
    picture = picture_at(items(source), OFFSET_S + number / 15 + 0.01)
    assert picture is not None
    assert picture.pts_s == pytest.approx(number / 15, abs=0.001)
    assert bar_x(DecodedPixels(picture.unit)) == pytest.approx(number * 4, abs=2)


def test_a_moment_that_is_not_there_has_no_picture(tmp_path: Path) -> None:
    source = recorded(tmp_path)
    assert picture_at(items(source, 15), OFFSET_S + 0.5) is None
    assert picture_at(items(source), OFFSET_S + 3.0) is None
    assert picture_at([], OFFSET_S) is None
