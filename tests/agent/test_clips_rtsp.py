"""Clips of live cameras: every codec over RTSP, from connection to a file that plays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bent_camera import Bent, access_units, bent_camera
from clips import Clip, render
from packets import seen

from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.clock import SystemClock
from edge_agent.config import ClipConfig, RtspSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, ClipRef, ClipState, EventId, Frame
from edge_agent.media import ClipStore
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings

CLOCK = SystemClock()
EVENT_ID = EventId("01J00000000000000000000000")
CAMERAS = {
    "h264": ("a.mp4", Clip(gop=8, frames=60)),
    "hevc": ("b.mp4", Clip(codec="libx265", frames=60)),
    "mjpeg": ("c.avi", Clip(codec="mjpeg", pixel_format="yuvj420p", frames=60)),
}


BENT_FPS = 25.0
TICKS = 3600


class Watched:
    """What a camera's feed hands on, while it plays in a thread of its own."""

    def __init__(self, feed: CameraFeed) -> None:
        self._feed = feed
        self._times_s: list[float] = []
        self._changed = threading.Condition()

    def deliver(self, frame: Frame) -> None:
        with self._changed:
            self._times_s.append(frame.captured_s)
            self._changed.notify_all()

    def until(self, since_first_s: float) -> float:
        """The newest picture's moment, once it is so much later than the first one's."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._times_s and self._times_s[-1] - self._times_s[0] >= since_first_s, 30
            )
            return self._times_s[-1]

    def clip(self, store: ClipStore, *, before_s: float, after_s: float) -> tuple[ClipRef, ...]:
        """From so much before an event that begins now to so much after it."""
        start_s, tap = self.until(before_s + 0.5), self._feed.tap
        drain = tap.open(start_s - before_s)
        order = ClipOrder(CameraId("gate"), EVENT_ID, start_s)
        recording = ClipRecording(order, drain, store, CLOCK)
        newest_s = self.until(before_s + 0.5 + after_s)
        recording.pump()
        tap.close(drain)
        return recording.finish(newest_s)


@contextmanager
def watched(url: str, fps: float = 5.0) -> Iterator[Watched]:
    settings = FeedSettings(CameraId("gate"), RtspSource(url=url), fps)
    feed = CameraFeed(settings, credentials=CredentialGuard(None, CLOCK), clock=CLOCK)
    stop, found = StopToken(), Watched(feed)
    source = threading.Thread(target=lambda: feed.run(stop, found.deliver), name="source")
    source.start()
    try:
        yield found
    finally:
        stop.stop()
        source.join(10)


@pytest.mark.parametrize("codec", CAMERAS)
def test_a_live_camera_gives_a_clip_that_plays(tmp_path: Path, codec: str) -> None:
    name, clip = CAMERAS[codec]
    store = ClipStore(tmp_path, ClipConfig(enabled=True), CLOCK)
    media = Media.load(render(tmp_path / name, clip))
    with RtspServer({"cam": media}) as server, watched(server.url("cam")) as camera:
        refs = camera.clip(store, before_s=0.0, after_s=1.2)
    store.sync(10.0)
    (ref,) = refs
    assert (ref.codec, ref.state) == (codec, ClipState.STORED)
    assert ref.duration_s > 1.0
    path = store.find(EVENT_ID)
    assert path is not None
    player = seen(path)
    assert (player.corrupt, player.codec) == (0, codec)
    assert player.frames == pytest.approx(ref.duration_s * 15, abs=2)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    folder = tmp_path_factory.mktemp("bent")
    return access_units(render(folder / "a.mp4", Clip(frames=60, gop=10)))


@pytest.mark.parametrize(
    "ticks",
    [
        pytest.param(
            lambda i: i * TICKS + (i % 20 == 15) * (-9800, 37_600)[i // 20 % 2] * 90_000,
            id="one in twenty is hours off",
        ),
        pytest.param(lambda _i: 0, id="constant"),
    ],
)
def test_time_stamps_that_lie_leave_the_clip_whole(
    tmp_path: Path, units: list[list[bytes]], ticks: Callable[[int], int]
) -> None:
    store = ClipStore(tmp_path, ClipConfig(enabled=True), CLOCK)
    bent = Bent(ticks=ticks, fps=BENT_FPS)
    with bent_camera(units, bent) as peer, watched(peer.url(), BENT_FPS) as camera:
        refs = camera.clip(store, before_s=2.0, after_s=2.0)
    store.sync(10.0)
    (ref,) = refs
    assert -2.6 < ref.offset_s < -1.4
    assert 3.4 < ref.duration_s < 5.2
    path = store.find(EVENT_ID)
    assert path is not None
    player = seen(path)
    assert player.corrupt == 0
    assert player.duration_s == pytest.approx(ref.duration_s, abs=0.3)
    assert player.frames == pytest.approx(ref.duration_s * BENT_FPS, rel=0.1)
