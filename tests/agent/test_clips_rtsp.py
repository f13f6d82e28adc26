"""Clips of live cameras: every codec over RTSP, from connection to a file that plays."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from clips import Clip, render
from packets import seen

from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.clock import SystemClock
from edge_agent.config import ClipConfig, RtspSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, ClipState, EventId
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


@pytest.mark.parametrize("codec", CAMERAS)
def test_a_live_camera_gives_a_clip_that_plays(tmp_path: Path, codec: str) -> None:
    name, clip = CAMERAS[codec]
    store = ClipStore(tmp_path, ClipConfig(enabled=True), CLOCK)
    with RtspServer({"cam": Media.load(render(tmp_path / name, clip))}) as server:
        settings = FeedSettings(CameraId("gate"), RtspSource(url=server.url("cam")), 5.0)
        feed = CameraFeed(settings, credentials=CredentialGuard(None, CLOCK), clock=CLOCK)
        stop, watching = StopToken(), threading.Event()
        source = threading.Thread(
            target=lambda: feed.run(stop, lambda _frame: watching.set()), name="source"
        )
        source.start()
        try:
            assert watching.wait(20)
            start_s = CLOCK.mono_s()
            drain = feed.tap.open(start_s - 5.0)
            recording = ClipRecording(
                ClipOrder(CameraId("gate"), EVENT_ID, start_s), drain, store, CLOCK
            )
            time.sleep(1.2)
            recording.pump()
            feed.tap.close(drain)
            refs = recording.finish(CLOCK.mono_s())
        finally:
            stop.stop()
            source.join(10)
    store.sync(10.0)
    (ref,) = refs
    assert (ref.codec, ref.state) == (codec, ClipState.STORED)
    assert ref.duration_s > 1.0
    path = store.find(EVENT_ID)
    assert path is not None
    player = seen(path)
    assert (player.corrupt, player.codec) == (0, codec)
    assert player.frames == pytest.approx(ref.duration_s * 15, abs=2)
