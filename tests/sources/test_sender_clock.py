"""A camera's clock from its RTCP sender reports, on the wire and over RTSP."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import clips
import pytest

from edge_agent.clock import ClockReading, SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.demo import rtp
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, Frame
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.rtsp.sender_clock import SenderClock

NOW_S = 1_795_414_323.25
SSRC = 0xC0FFEE


def report(utc_s: float, ssrc: int = SSRC) -> bytes:
    return rtp.sender_report(ssrc, utc_s, 1, packets=1, octets=1)


def test_a_report_tells_the_offset() -> None:
    sender = SenderClock()
    assert sender.ahead_s is None
    sender.heard(report(NOW_S), 100.0, SSRC)
    assert sender.ahead_s == pytest.approx(NOW_S - 100.0, abs=1e-3)


def test_a_report_that_comes_alone_or_last_counts_too() -> None:
    seconds = int(NOW_S) + 2_208_988_800
    alone = struct.pack(">BBHIQIII", 0x80, 200, 6, SSRC, seconds << 32, 1, 1, 1)
    for packet in (alone, rtp.goodbye(SSRC) + alone):
        sender = SenderClock()
        sender.heard(packet, 100.0, SSRC)
        assert sender.ahead_s == int(NOW_S) - 100.0


def test_one_report_that_was_late_changes_nothing() -> None:
    sender = SenderClock()
    for late_s in (0.0, 0.0, 0.8, 0.0, 0.0):
        sender.heard(report(NOW_S), 100.0 + late_s, SSRC)
    assert sender.ahead_s == pytest.approx(NOW_S - 100.0, abs=1e-3)


def test_a_camera_that_is_set_is_believed_at_its_second_report() -> None:
    sender, told = SenderClock(), []
    for wrong_s in (0.0, 0.0, 0.0, 3600.0, 3600.0):
        sender.heard(report(NOW_S + wrong_s), 100.0, SSRC)
        told.append(round((sender.ahead_s or 0.0) - (NOW_S - 100.0)))
    assert told == [0, 0, 0, 0, 3600]


def test_seconds_that_begin_anew_in_2036_are_told_apart() -> None:
    in_2040 = 2_208_988_800.0
    sender = SenderClock()
    sender.heard(report(in_2040), 0.0, SSRC)
    assert sender.ahead_s == pytest.approx(in_2040, abs=1e-3)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80",
        b"\x80\xc8\x00\x06",  # cut off
        report(NOW_S)[:27],
        report(NOW_S, ssrc=1),  # of another sender
        struct.pack(">BBHIQIII", 0x80, 200, 6, SSRC, 0, 1, 1, 1),  # it has no clock
        b"\x40" + report(NOW_S)[1:],  # of another version
        rtp.goodbye(SSRC),
        bytes(1500),
    ],
)
def test_what_tells_no_time_is_left_alone(packet: bytes) -> None:
    sender = SenderClock()
    sender.heard(packet, 100.0, SSRC)
    assert sender.ahead_s is None


class HourAhead(SystemClock):
    def read(self) -> ClockReading:
        now = super().read()
        return ClockReading(now.utc_s + 3600, now.mono_s, now.quality, now.err_ms, now.boot_id)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_stream_tells_how_its_camera_is_dated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setattr("edge_agent.demo.rtsp_stream.SystemClock", HourAhead)
    media = Media.load(clips.render(tmp_path / "c.mp4", clips.Clip(frames=20, gop=5)))
    heard: list[float] = []
    clock, stop = SystemClock(), StopToken()
    with RtspServer({"gate": media}) as server:
        source = RtspSource(url=server.url("gate"), transport=transport)
        feed = CameraFeed(
            FeedSettings(CameraId("gate"), source, 5.0),
            credentials=CredentialGuard(None, clock),
            clock=clock,
        )
        begun_s = time.monotonic()

        def deliver(frame: Frame) -> None:
            ahead_s = feed.status().sender_ahead_s
            if ahead_s is not None:
                heard.append(ahead_s)
            if heard or time.monotonic() - begun_s > 20:
                stop.stop()

        feed.run_once(stop, deliver)
    now = clock.read()
    assert heard[0] - (now.utc_s - now.mono_s) == pytest.approx(3600, abs=0.5)
