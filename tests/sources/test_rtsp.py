"""Live RTSP against GStreamer's server and against servers that misbehave."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import clips
import gst_rtsp
import pytest
from fake_camera import LoginServer, SilentServer, StatusServer

from edge_agent.clock import SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import (
    AgentError,
    ConfigError,
    CredentialRefused,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.geometry import FrameSize
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import (
    Backoff,
    CameraFeed,
    CredentialGuard,
    FeedSettings,
    FeedState,
    open_source,
)

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def gst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gst_rtsp.GstServer]:
    folder = tmp_path_factory.mktemp("rtsp")
    mjpeg = clips.Clip(codec="mjpeg", pixel_format="yuvj420p", frames=60)
    made = [
        clips.render(folder / "h264.mp4", clips.Clip(frames=200, gop=8)),
        clips.render(folder / "h265.mp4", clips.Clip(codec="libx265", frames=60)),
        clips.render(folder / "mjpeg.avi", mjpeg),
    ]
    with gst_rtsp.serving(*made) as server:
        yield server


def feed_of(
    url: str, *, camera: str = "front", backoff: Backoff | None = None, **source
) -> CameraFeed:
    return CameraFeed(
        FeedSettings(CameraId(camera), RtspSource(url=url, **source), 5.0),
        credentials=CredentialGuard(None, CLOCK),
        clock=CLOCK,
        backoff=backoff,
    )


def frames_of(feed: CameraFeed, count: int) -> list[Frame]:
    frames: list[Frame] = []
    stop = StopToken()

    def deliver(frame: Frame) -> None:
        frames.append(frame)
        if len(frames) == count:
            stop.stop()

    feed.run_once(stop, deliver)
    return frames


def failing(
    feed: CameraFeed, after_frames: int, then: Callable[[], None]
) -> tuple[AgentError, float]:
    """Breaks the camera after some frames; the feed's error, and how long it took to notice."""
    seen, broken_s = 0, 0.0

    def deliver(frame: Frame) -> None:
        nonlocal seen, broken_s
        seen += 1
        if seen == after_frames:
            broken_s = CLOCK.mono_s()
            then()

    with pytest.raises(AgentError) as caught:
        feed.run_once(StopToken(), deliver)
    return caught.value, CLOCK.mono_s() - broken_s


@pytest.mark.parametrize(
    ("name", "transport", "codec"),
    [
        ("h264", "tcp", "h264"),
        ("h265", "tcp", "hevc"),
        ("mjpeg", "udp", "mjpeg"),
    ],
)
def test_live_stream_gives_frames_at_the_analysis_rate(
    gst: gst_rtsp.GstServer, name: str, transport: str, codec: str
) -> None:
    begin_s = CLOCK.mono_s()
    feed = feed_of(gst.url(name), transport=transport)
    frames = frames_of(feed, 4)
    status = feed.status()
    assert {frame.pixels.size for frame in frames} == {FrameSize(320, 240)}
    steps = [b.captured_s - a.captured_s for a, b in pairwise(frames)]
    assert all(0.1 < step < 0.45 for step in steps)
    assert begin_s < frames[0].captured_s < frames[-1].captured_s <= CLOCK.mono_s()
    assert status.info is not None
    assert (status.info.codec, status.info.transport) == (codec, transport)
    assert status.figures.fps == pytest.approx(15, rel=0.1)
    assert status.decode_errors == 0
    assert status.last_packet_age_s is not None
    assert frames[-1].pixels.luma()[2, 2] > 200


def test_digest_login_with_awkward_characters_succeeds(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "h264.mp4")
    secret = tmp_path / "password"
    secret.write_text("p@ss:w/rd?#% ü\n")
    secret.chmod(0o600)
    with gst_rtsp.serving(clip, user="viewer", password="p@ss:w/rd?#% ü") as server:
        feed = feed_of(server.url("h264"), username="viewer", password_file=str(secret))
        assert len(frames_of(feed, 2)) == 2


def test_hanging_camera_is_noticed_within_the_stall_timeout(gst: gst_rtsp.GstServer) -> None:
    feed = feed_of(gst.url("h264"), stall_timeout_s=1.0)
    try:
        error, noticed_s = failing(feed, 2, gst.hang)
    finally:
        gst.resume()
    assert isinstance(error, SourceStalled)
    assert str(error) == f"front: {gst.url('h264')} sent nothing for 1 s"
    assert noticed_s < 2.0
    assert feed.status().state is FeedState.STALLED


def test_killed_server_ends_the_stream_and_its_return_is_found(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "h264.mp4", clips.Clip(frames=300))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(gst_rtsp.serving(clip))
        waits = Backoff(draw=lambda _low, _high: 0.05)
        feed = feed_of(server.url("h264"), transport="udp", backoff=waits)
        stop, lost, frames = StopToken(), [], []

        def deliver(frame: Frame) -> None:
            frames.append(frame)
            if len(frames) == 2:
                server.kill()
            if lost:
                stop.stop()

        def on_lost() -> None:
            lost.append(feed.status().state)
            if len(lost) == 2:  # refused while away; now it comes back
                stack.enter_context(gst_rtsp.serving(clip, port=server.port))

        feed.run(stop, deliver, on_lost)
    assert lost[0] is FeedState.ENDED
    assert set(lost[1:]) == {FeedState.UNREACHABLE}
    assert frames[-1].captured_s > frames[0].captured_s
    assert feed.status().connections == 2


def test_one_hanging_camera_does_not_hold_up_another(gst: gst_rtsp.GstServer) -> None:
    stop = StopToken()
    with SilentServer() as silent:
        bad = feed_of(silent.url(), camera="bad", open_timeout_s=1.0)
        good = feed_of(gst.url("h264"), camera="good")
        thread = threading.Thread(target=bad.run, args=(stop, lambda _frame: None))
        thread.start()
        frames = frames_of(good, 4)
        assert bad.status().connections == 0
        stop.stop()
        thread.join(5)
    assert not thread.is_alive()
    assert frames[-1].captured_s - frames[0].captured_s == pytest.approx(0.6, abs=0.25)


def test_silent_camera_gives_up_within_the_open_timeout() -> None:
    begin_s = CLOCK.mono_s()
    with SilentServer() as server:
        feed = feed_of(server.url(), open_timeout_s=1.0)
        with pytest.raises(SourceUnreachable, match=r"gave no answer within 1 s"):
            feed.run_once(StopToken(), lambda _frame: None)
    assert CLOCK.mono_s() - begin_s < 2.0
    assert feed.status().state is FeedState.UNREACHABLE


def test_closed_port_says_what_to_check() -> None:
    with SilentServer() as server:
        url = server.url()
    with pytest.raises(SourceUnreachable, match="refused the connection; is the port right"):
        feed_of(url).run_once(StopToken(), lambda _frame: None)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("404 Not Found", SourceUnreachable, "no such stream"),
        ("403 Forbidden", CredentialRefused, "does not let 'an unnamed user' see this stream"),
        ("461 Unsupported Transport", SourceUnreachable, 'set transport = "udp"'),
        ("453 Not Enough Bandwidth", SourceUnreachable, "too many viewers"),
        ("503 Service Unavailable", SourceUnreachable, "busy or starts up"),
    ],
)
def test_cameras_refusals_are_told_in_words(
    status: str, kind: type[AgentError], words: str
) -> None:
    with StatusServer(status) as server, pytest.raises(kind, match=words):
        feed_of(server.url()).run_once(StopToken(), lambda _frame: None)


def test_missing_login_is_told_and_never_counted() -> None:
    with LoginServer("admin", "right") as server:
        feed = feed_of(server.url())
        for _ in range(4):
            with pytest.raises(CredentialRefused, match="set username and password_file"):
                feed.run_once(StopToken(), lambda _frame: None)
        assert server.wrong == 0
    assert feed.status().state is FeedState.REFUSED


def test_no_secret_reaches_errors_status_tracebacks_or_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("canary@secret")
    secret.chmod(0o600)
    texts = []
    caplog.set_level(logging.DEBUG)
    with (
        LoginServer("admin", "right") as refusing,
        LoginServer("admin", "canary@secret") as without_stream,
        StatusServer("500 Internal Server Error") as broken,
    ):
        for server in (refusing, without_stream, broken):
            feed = feed_of(server.url(), username="admin", password_file=str(secret))
            with pytest.raises(AgentError) as caught:
                feed.run_once(StopToken(), lambda _frame: None)
            texts += traceback.format_exception(caught.value, chain=True)
            texts += [repr(caught.value.__cause__), repr(caught.value.__context__)]
            texts.append(repr(feed.status()))
    everything = "".join([*texts, caplog.text, *capfd.readouterr()])
    assert "front: rtsp://127.0.0.1" in everything
    assert "canary" not in everything


def test_login_inside_the_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError, match="username and password_file") as caught:
        open_source(
            RtspSource(url="rtsp://admin:canary@127.0.0.1/x"),
            camera="front",
            credentials=CredentialGuard(None, CLOCK),
            stop=StopToken(),
            clock=CLOCK,
        )
    assert "canary" not in str(caught.value)
