"""Answers of a camera that are made to hold the agent up, and reports that are none."""

from __future__ import annotations

import time
from pathlib import Path

import av
import clips
import pytest
from bent_camera import Bent, access_units, bent_camera

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource, RtspSource
from edge_agent.domain import CameraId, Frame
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.rtsp.challenge import challenges
from edge_agent.sources.rtsp.messages import next_piece

CLOCK = SystemClock()


def frames_of(source: RtspSource | FileSource, count: int) -> list[Frame]:
    frames: list[Frame] = []
    stop = StopToken()

    def deliver(frame: Frame) -> None:
        frames.append(frame)
        if len(frames) == count:
            stop.stop()

    feed = CameraFeed(
        FeedSettings(CameraId("front"), source, 10.0),
        credentials=CredentialGuard(None, CLOCK),
        clock=CLOCK,
    )
    feed.run_once(stop, deliver)
    return frames


@pytest.mark.parametrize(
    "header",
    [
        "Digest realm=x" + " " * 16_000 + "@",
        "Digest" + " ," * 8_000 + "=",
        'Digest a="' + '\\"' * 8_000,
        "Digest " + "-" * 16_000,
        "a " * 8_000,
    ],
)
def test_a_question_for_the_login_is_read_in_no_time(header: str) -> None:
    begin_s = time.process_time()
    challenges([header])
    assert time.process_time() - begin_s < 1.0


def test_empty_lines_without_end_are_passed_over_at_once() -> None:
    data = bytearray(b"\r\n" * 30_000 + b"$\0\0\1x")
    empty = next_piece(data)
    assert empty is not None
    assert (empty.size_bytes, empty.packet) == (60_000, None)
    piece = next_piece(data, empty.size_bytes)
    assert piece is not None
    assert (piece.size_bytes, piece.packet) == (5, b"x")


def test_reports_that_are_none_do_not_end_the_stream(tmp_path: Path) -> None:
    """libav takes an empty one for the end."""
    units = access_units(clips.render(tmp_path / "a.mp4", clips.Clip(frames=30, gop=10)))
    reports = [
        (1, b""),
        (1, b"\x80"),
        (1, b"\x80\xc8\xff\xff"),
        (1, b"\x81\xcb\0\1\x12\x34\x56\x78"),
    ]
    bent = Bent(bend=lambda _index, packet: [*reports, (0, packet)])
    with bent_camera(units, bent) as camera:
        settings = {"stall_timeout_s": 2.0, "open_timeout_s": 4.0}
        assert len(frames_of(RtspSource(url=camera.url(), **settings), 12)) == 12
        assert camera.connections == 1


@pytest.mark.parametrize("digits", [600, 5000])
def test_a_length_without_end_in_a_clip_is_no_length(tmp_path: Path, digits: int) -> None:
    """Matroska's own tag for it is text, which anybody may write."""
    path = _matroska_with(tmp_path, "9" * digits + ":00:00")
    assert len(frames_of(FileSource(path=str(path), pace="fast"), 5)) == 5


def _matroska_with(folder: Path, duration: str) -> Path:
    """libav writes a tag of its own for the length: ours goes in under another name."""
    whole, path = clips.render(folder / "whole.mkv", clips.Clip(frames=20)), folder / "a.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.metadata["DURATIOX"] = duration
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    data = path.read_bytes().replace(b"DURATION", b"DURATIOY").replace(b"DURATIOX", b"DURATION")
    assert duration.encode() in data
    path.write_bytes(data)
    return path
