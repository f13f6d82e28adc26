"""What a decoder may throw, show or hide is its own stream's fault, and is told."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import packets
import pytest

from edge_agent.clock import ManualClock
from edge_agent.config.schema import AnalysisConfig, FileSource
from edge_agent.domain import CameraId, Frame, Packet
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, PictureRules
from edge_agent.sources.decoder import Decoder
from edge_agent.sources.jpeg_head import jpeg_size


def frames_of(path: Path, rules: PictureRules | None = None, **source: object) -> list[Frame]:
    clock = ManualClock()
    settings = FeedSettings(
        CameraId("clip"),
        FileSource(path=str(path), pace="fast", **source),
        30.0,
        rules=rules or PictureRules(turned_deg=int(source.get("rotate", 0))),
    )
    feed = CameraFeed(settings, credentials=CredentialGuard(None, clock), clock=clock)
    frames: list[Frame] = []
    feed.run_once(StopToken(), frames.append)
    return frames


def jpeg(path: Path, width: int = 320, height: int = 240) -> Path:
    clip = clips.Clip("mjpeg", width, height, frames=1, pixel_format="yuvj420p")
    with av.open(str(clips.render(path.with_suffix(".avi"), clip))) as container:
        path.write_bytes(bytes(next(container.demux(video=0))))
    return path


def with_exif(data: bytes) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_a_jpeg_with_exif_is_analysed(tmp_path: Path) -> None:
    still = jpeg(tmp_path / "still.jpg")
    still.write_bytes(with_exif(still.read_bytes()))
    frames = frames_of(still)
    assert len(frames) == 1
    assert frames[0].pixels.luma().shape in ((240, 320), (320, 240))


def test_any_exception_of_the_library_is_a_counted_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = packets.recorded(tmp_path)
    decoder = Decoder(recorded.stream.template, recorded.stream.time_base)
    decoder.decode(recorded.packets[0])

    class Broken:
        def decode(self, _unit: object) -> None:
            raise ValueError("31 is not a valid Type")

    monkeypatch.setattr(decoder, "_codec", Broken())
    assert decoder.decode(recorded.packets[1]) == []
    assert decoder.take_errors() == 1


def test_whatever_a_demuxer_raises_ends_this_stream_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clips.render(tmp_path / "a.mp4")

    def packets_of(_self: object):
        raise KeyError("no such side data")
        yield

    monkeypatch.setattr("edge_agent.sources.file.FilePackets.packets", packets_of)
    with pytest.raises(MediaError, match=r"cannot be read .KeyError"):
        frames_of(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.avi", "a.mkv", "a.h264", "a.jpg"])
@pytest.mark.parametrize("rules", [PictureRules(max_area_px=60_000), PictureRules(max_side_px=319)])
def test_pictures_above_the_limit_are_refused_in_words(
    name: str, rules: PictureRules, tmp_path: Path
) -> None:
    path = tmp_path / name
    made = jpeg(path) if name.endswith("jpg") else clips.render(path, clips.Clip(frames=5))
    assert frames_of(made)
    with pytest.raises(MediaError, match="has pictures of 320x240, more than the") as caught:
        frames_of(made, rules)
    assert "analysis.max_picture_side_px" in str(caught.value)


def test_a_stream_that_grows_is_refused_when_it_does(tmp_path: Path) -> None:
    small = clips.elementary(tmp_path / "small.h264", clips.Clip(frames=10))
    large = clips.elementary(tmp_path / "large.h264", clips.Clip("libx264", 640, 480, frames=10))
    grown = tmp_path / "grown.h264"
    grown.write_bytes(small.read_bytes() + large.read_bytes())
    rules = PictureRules(max_area_px=320 * 240)
    frames = frames_of(grown, rules)
    assert {frame.pixels.size for frame in frames} == {FrameSize(320, 240)}


def test_the_limit_comes_from_the_configuration() -> None:
    analysis = AnalysisConfig(max_picture_side_px=100, max_picture_mpx=0.5)
    rules = PictureRules.of(FileSource(path="x", rotate=90), analysis)
    assert rules == PictureRules(100, 500_000, 90)
    assert rules.codec_options == {"max_pixels": "10000"}
    assert PictureRules.of(FileSource(path="x")) == PictureRules(8192, 40_000_000, 0)
    assert PictureRules().complaint(FrameSize(8192, 4883)) is not None
    assert PictureRules().complaint(FrameSize(7680, 4320)) is None


@pytest.mark.parametrize(("degrees", "corner"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_a_rotated_camera_is_turned_clockwise(degrees: int, corner: int, tmp_path: Path) -> None:
    path = clips.render(tmp_path / "a.mp4", clips.Clip(frames=2))
    luma = frames_of(path, rotate=degrees)[0].pixels.luma()
    assert luma.shape == ((240, 320) if degrees % 180 == 0 else (320, 240))
    corners = [luma[2, 2], luma[2, -3], luma[-3, -3], luma[-3, 2]]
    assert int(np.argmax(corners)) == corner  # the white eighth was top left


def test_what_builds_on_a_damaged_picture_is_damaged_until_a_keyframe(tmp_path: Path) -> None:
    recorded = packets.recorded(tmp_path, frames=30, gop=10)
    decoder = Decoder(recorded.stream.template, recorded.stream.time_base)
    damaged = []
    for index, packet in enumerate(recorded.packets):
        lost = Packet(packet.pts_s, 0.0, packet.is_key, packet.size_bytes, packet.unit, index == 13)
        damaged += [one.damaged for one in decoder.decode(lost)]
    assert damaged == [13 <= index < 20 for index in range(30)]
    assert decoder.take_damaged() == 7


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff", b"\xff\xd8\xff\xda\0\0", b"GIF89a" * 9]
)
def test_what_is_no_jpeg_has_no_size(data: bytes) -> None:
    assert jpeg_size(data) is None


def test_a_jpegs_size_is_read_behind_exif(tmp_path: Path) -> None:
    data = jpeg(tmp_path / "a.jpg", 336, 240).read_bytes()
    assert jpeg_size(data) == jpeg_size(with_exif(data)) == FrameSize(336, 240)


def test_time_base_of_nothing_is_no_trap(tmp_path: Path) -> None:
    recorded = packets.recorded(tmp_path)
    decoder = Decoder(recorded.stream.template, Fraction(1, 90_000))
    assert decoder.drain() == []
