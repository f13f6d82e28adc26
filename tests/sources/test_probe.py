"""Probe says what a stream is, gives advice that fits, and refuses logins in arguments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import clips
import pytest

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource, RtspSource, UsbSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.errors import ConfigError, MediaError
from edge_agent.geometry import FrameSize
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import (
    CredentialGuard,
    Picture,
    ProbeReport,
    StreamFigures,
    StreamInfo,
    StreamMeter,
    format_report,
    probe,
    probe_source,
)
from edge_agent.sources.pixels import UPRIGHT
from edge_agent.sources.probe import _note_pictures, _Seen, advice_for

CLOCK = SystemClock()
INFO = StreamInfo("h264", FrameSize(640, 360), "yuv420p", 15.0, "tcp")
FIGURES = StreamFigures(150, 500_000, 15.0, 400_000.0, 15, 1.0, 1.0, False)


def probed(path: Path) -> ProbeReport:
    return probe(
        probe_source(str(path)),
        credentials=CredentialGuard(None, CLOCK),
        stop=StopToken(),
        clock=CLOCK,
    )


def test_report_of_a_clip(tmp_path: Path) -> None:
    report = probed(clips.render(tmp_path / "clip.mp4", clips.Clip(frames=60, gop=30)))
    assert report.info == StreamInfo("h264", FrameSize(320, 240), "yuv420p", 15.0, "file")
    assert report.figures.fps == pytest.approx(15.0)
    assert report.figures.gop_packets == 30
    assert report.figures.key_interval_s == pytest.approx(2.0)
    assert (report.size, report.rotated) == (FrameSize(320, 240), False)
    text = format_report(report)
    for row in ("h264, yuv420p", "320x240", "15.0 measured, 15 announced", "every 2.00 s"):
        assert row in text
    assert "an I-frame interval of 1 s would be better" in text


def test_rotation_and_reordering_are_reported(tmp_path: Path) -> None:
    clip = clips.Clip(rotation=90, b_frames=2)
    report = probed(clips.render(tmp_path / "clip.mp4", clip))
    assert report.size == FrameSize(240, 320)
    assert report.figures.reordered
    assert "240x320, stored as 320x240 and rotated" in format_report(report)
    assert any("B-frames" in line for line in report.advice)


def test_clip_of_one_frame_is_reported(tmp_path: Path) -> None:
    report = probed(clips.render(tmp_path / "clip.mp4", clips.Clip(frames=1)))
    assert report.figures.fps is None
    assert "not known measured" in format_report(report)


def test_unusable_file_gives_its_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds only audio"):
        probed(clips.audio_only(tmp_path / "radio.m4a"))


@pytest.mark.parametrize(
    ("info", "figures", "watched_s", "words"),
    [
        ({}, {"longest_key_interval_s": 2.0}, 10, "a keyframe every 2.0 s"),
        ({}, {"longest_key_interval_s": 8.0}, 10, "smart codec"),
        ({}, {"longest_key_interval_s": None}, 10, "only one keyframe in 10 s"),
        ({"codec": "hevc"}, {}, 10, "choose H.264"),
        ({"codec": "mjpeg"}, {}, 10, "MJPEG needs several times"),
        ({"transport": "udp"}, {}, 10, 'transport = "tcp"'),
        ({"size": FrameSize(2560, 1440)}, {}, 10, "substream"),
        ({}, {"fps": 25.0}, 10, "25 fps are more than needed"),
        ({}, {"bitrate_bps": 6e6}, 10, "6.0 Mbit/s"),
        ({}, {"reordered": True}, 10, "B-frames"),
    ],
)
def test_advice_fits_the_fault(info: dict, figures: dict, watched_s: float, words: str) -> None:
    changed = replace(INFO, **info)
    lines = advice_for(changed, replace(FIGURES, **figures), watched_s, changed.size)
    assert len(lines) == 1
    assert words in lines[0]


def test_good_camera_gets_no_advice() -> None:
    assert advice_for(INFO, FIGURES, 10.0, INFO.size) == []
    short = replace(FIGURES, longest_key_interval_s=None)
    assert advice_for(INFO, short, 2.0, INFO.size) == []
    usb = StreamInfo("mjpeg", FrameSize(640, 480), "yuvj422p", 15.0, "v4l2")
    assert advice_for(usb, FIGURES, 10.0, usb.size) == []


def test_addresses_are_understood() -> None:
    assert isinstance(probe_source("/dev/video0"), UsbSource)
    assert probe_source("clip.mp4") == FileSource(path="clip.mp4", pace="fast")
    assert probe_source("file:///tmp/a.mp4") == FileSource(path="/tmp/a.mp4", pace="fast")
    source = probe_source(
        "rtsp://host/x", username="admin", password_file="/run/pw", transport="udp"
    )
    assert source == RtspSource(
        url="rtsp://host/x", transport="udp", username="admin", password_file="/run/pw"
    )


@pytest.mark.parametrize(
    "url", ["rtsp://admin:canary@host/x", "rtsp://admin@host/x", "rtsp://a:canary/1@host/x"]
)
def test_login_on_the_command_line_is_refused_with_the_fix(url: str) -> None:
    with pytest.raises(ConfigError, match="--username NAME --password-file FILE") as caught:
        probe_source(url)
    assert "canary" not in str(caught.value)
    assert "host/x" in str(caught.value)


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"http:// is not spoken"):
        probe_source("http://u:canary@host/x")


def test_live_stream_is_watched_for_the_given_time(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "clip.mp4", clips.Clip(frames=60, gop=8))
    with RtspServer({"cam": Media.load(clip)}) as server:
        report = probe(
            probe_source(server.url("cam"), transport="udp"),
            credentials=CredentialGuard(None, CLOCK),
            stop=StopToken(),
            clock=CLOCK,
            watch_s=1.5,
        )
    assert (report.info.codec, report.info.transport) == ("h264", "udp")
    assert report.figures.gop_packets == 8
    assert report.figures.fps == pytest.approx(15.0, rel=0.1)
    assert 0 < report.connected_s <= report.first_key_s < 1.5
    assert report.shown == server.url("cam")
    assert "UDP loses packets" in format_report(report)


def test_of_damaged_pictures_the_newest_whole_one_is_shown_or_the_first() -> None:
    class Quiet:
        def take_errors(self) -> int:
            return 0

        take_damaged = take_errors

    def shown(*damaged: bool) -> int:
        seen = _Seen(StreamMeter(), size=FrameSize(64, 32))
        for number, each in enumerate(damaged):
            picture = Picture(float(number), None, UPRIGHT, each)  # type: ignore[arg-type]
            _note_pictures(seen, Quiet(), [picture])  # type: ignore[arg-type]
        assert seen.pictures == len(damaged)
        assert seen.picture is not None
        return round(seen.picture.pts_s)

    assert shown(True, True) == 0
    assert shown(True, False, True) == 1
    assert shown(False, False) == 1
