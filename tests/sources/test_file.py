"""Recordings: every codec and size plays; every broken file gives one clear error."""

from __future__ import annotations

import gc
from itertools import pairwise
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize, Polygon
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, FeedState

CAMERA = CameraId("yard")


def feed_of(path: Path, *, fps: float = 5.0, masks: tuple[Polygon, ...] = (), **how) -> CameraFeed:
    clock = SystemClock()
    source = FileSource(path=str(path), **{"pace": "fast", **how})
    return CameraFeed(
        FeedSettings(CAMERA, source, fps, masks),
        credentials=CredentialGuard(None, clock),
        clock=clock,
    )


def played(feed: CameraFeed) -> list[Frame]:
    frames: list[Frame] = []
    feed.run_once(StopToken(), frames.append)
    return frames


@pytest.mark.parametrize(
    ("suffix", "clip", "codec"),
    [
        (".mp4", clips.Clip(), "h264"),
        (".mp4", clips.Clip(b_frames=2), "h264"),
        (".mp4", clips.Clip(codec="libx265"), "hevc"),
        (".avi", clips.Clip(codec="mjpeg", pixel_format="yuvj420p"), "mjpeg"),
        (".mkv", clips.Clip(), "h264"),
        (".mp4", clips.Clip(audio=True), "h264"),
        (".mp4", clips.Clip(width=16, height=16), "h264"),
        (".mp4", clips.Clip(width=322, height=178), "h264"),
    ],
    ids=["h264", "b-frames", "h265", "mjpeg", "mkv", "with-audio", "16x16", "odd-stride"],
)
def test_clip_is_played_whole(tmp_path: Path, suffix: str, clip: clips.Clip, codec: str) -> None:
    feed = feed_of(clips.render(tmp_path / f"clip{suffix}", clip), gate="off")
    frames = played(feed)
    status = feed.status()
    assert [frame.captured_s for frame in frames] == pytest.approx([i / 5 for i in range(10)])
    assert {frame.pixels.size for frame in frames} == {FrameSize(clip.width, clip.height)}
    assert frames[0].pixels.luma()[2, 2] > 200
    assert frames[0].pixels.luma()[-2, -2] < 150
    assert (status.state, status.decoded, status.decode_errors) == (FeedState.ENDED, 30, 0)
    assert status.info is not None
    assert status.info.codec == codec
    assert status.figures.reordered == (clip.b_frames > 0)


def test_4k_frames_are_played(tmp_path: Path) -> None:
    clip = clips.Clip(width=3840, height=2160, frames=2)
    frames = played(feed_of(clips.render(tmp_path / "4k.mp4", clip), fps=30))
    assert [frame.pixels.bgr().shape for frame in frames] == [(2160, 3840, 3)] * 2


@pytest.mark.parametrize(("rotation", "corner"), [(-90, "right"), (90, "left"), (180, "bottom")])
def test_rotated_clip_is_analysed_upright(tmp_path: Path, rotation: int, corner: str) -> None:
    """The white field is stored at the top left: 160x60 of 320x240."""
    clip = clips.Clip(rotation=rotation, frames=2)
    pixels = played(feed_of(clips.render(tmp_path / "turned.mp4", clip)))[0].pixels
    luma = pixels.luma()
    white = np.argwhere(luma > 225).mean(axis=0) / luma.shape
    expected = {"right": (0.25, 0.875), "left": (0.75, 0.125), "bottom": (0.875, 0.75)}[corner]
    assert white == pytest.approx(expected, abs=0.02)
    assert pixels.size == (FrameSize(320, 240) if corner == "bottom" else FrameSize(240, 320))
    assert pixels.bgr().shape[:2] == luma.shape


def test_privacy_mask_is_applied_to_every_frame(tmp_path: Path) -> None:
    top = Polygon(((0, 0), (1, 0), (1, 0.5), (0, 0.5)))
    for frame in played(feed_of(clips.render(tmp_path / "clip.mp4"), masks=(top,))):
        assert not frame.pixels.luma()[:120].any()
        assert not frame.pixels.bgr()[:120].any()
        assert frame.pixels.luma()[130:].any()


def test_stream_without_times_or_rate_is_played_at_an_assumed_rate(tmp_path: Path) -> None:
    feed = feed_of(clips.elementary(tmp_path / "bare.h264"), fps=25.0)
    moments = [frame.captured_s for frame in played(feed)]
    assert len(moments) == 30
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([1 / 25] * 29, abs=1e-3)


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def noise(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(1).bytes(50_000))
    return path


def cover_art(path: Path) -> Path:
    """A song with a picture of its sleeve: a video stream that is none."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16000)
        sleeve = container.add_stream("mjpeg", rate=1)
        sleeve.width, sleeve.height, sleeve.pix_fmt = 64, 64, "yuvj420p"
        sleeve.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(clips.picture(0, 64, 64), format="bgr24")
        container.mux(sleeve.encode(image))
        container.mux(sleeve.encode(None))
        clips.silence(container, sound)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: d / "none.mp4", "is not there"),
        (lambda d: d, "is not a file"),
        (lambda d: empty(d / "empty.mp4"), r"is empty \(0 bytes\)"),
        (lambda d: noise(d / "noise.mp4"), "is no video"),
        (lambda d: clips.audio_only(d / "radio.m4a"), "holds only audio"),
        (lambda d: cover_art(d / "song.mp4"), "holds only audio"),
        (
            lambda d: clips.truncated(clips.render(d / "whole.mp4"), d / "cut.mp4", 0.9),
            "end is missing",
        ),
    ],
    ids=["missing", "folder", "empty", "noise", "audio-only", "cover-art", "truncated"],
)
def test_unusable_file_gives_one_clear_error(tmp_path: Path, make, words: str) -> None:
    feed = feed_of(make(tmp_path))
    with pytest.raises(MediaError, match=words) as caught:
        played(feed)
    assert str(caught.value).startswith("yard: ")
    assert feed.status().state is FeedState.UNUSABLE
    assert feed.status().reason == str(caught.value)


@pytest.mark.parametrize(("share", "after", "least"), [(0.5, "[23]", 10), (0.15, "0", 0)])
def test_file_cut_behind_its_index_delivers_what_is_there_and_says_what_is_missing(
    tmp_path: Path, share: float, after: str, least: int
) -> None:
    whole = clips.streamable(tmp_path / "whole.mp4", clips.Clip(frames=90))
    feed = feed_of(clips.truncated(whole, tmp_path / "cut.mp4", share))
    frames: list[Frame] = []
    words = rf"ends after {after}\.\d s of 6\.0 s: it was cut off"
    with pytest.raises(MediaError, match=words):
        feed.run_once(StopToken(), frames.append)
    assert len(frames) >= least


def test_matroska_cut_off_delivers_what_is_there_and_says_what_is_missing(tmp_path: Path) -> None:
    """Matroska tells no stream's length, only the file's and a tag."""
    whole = clips.render(tmp_path / "whole.mkv", clips.Clip(frames=90))
    feed = feed_of(clips.truncated(whole, tmp_path / "cut.mkv", 0.5))
    frames: list[Frame] = []
    with pytest.raises(MediaError, match=r"ends after [23]\.\d s of 6\.0 s: it was cut off"):
        feed.run_once(StopToken(), frames.append)
    assert len(frames) >= 10


@pytest.mark.parametrize("tagged", [True, False])
def test_length_of_a_matroska_clip_is_known(tmp_path: Path, tagged: bool) -> None:
    path = clips.render(tmp_path / "clip.mkv", clips.Clip(frames=90))
    if not tagged:  # other muxers than libav's write the file's length only
        path.write_bytes(path.read_bytes().replace(b"DURATION", b"XURATION"))
    feed = feed_of(path)
    played(feed)
    assert feed.status().info.duration_s == pytest.approx(6.0, abs=0.1)


def test_matroska_with_longer_sound_than_picture_was_not_cut_off(tmp_path: Path) -> None:
    feed = feed_of(clips.render(tmp_path / "clip.mkv", clips.Clip(frames=3, fps=30, audio=True)))
    played(feed)
    assert feed.status().info.duration_s == pytest.approx(0.1, abs=0.02)


def test_damaged_packets_are_counted_and_the_rest_is_played(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "clip.mp4", clips.Clip(codec="mjpeg", pixel_format="yuvj420p"))
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for pos, size in places[5:8]:
        data[pos : pos + size] = bytes(size)
    clip.write_bytes(data)
    feed = feed_of(clip, fps=15.0)
    assert len(played(feed)) == 27
    assert feed.status().decode_errors == 3


def test_loop_goes_on_until_stopped(tmp_path: Path) -> None:
    feed = feed_of(clips.render(tmp_path / "clip.mp4", clips.Clip(frames=15)), loop=True)
    stop, moments = StopToken(), []

    def deliver(frame: Frame) -> None:
        moments.append(frame.captured_s)
        if len(moments) == 13:
            stop.stop()

    feed.run_once(stop, deliver)
    assert moments == pytest.approx([i / 5 for i in range(13)], abs=0.01)


def test_realtime_pace_follows_the_clock_and_reports_monotonic_time(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "clip.mp4", clips.Clip(frames=12))
    feed = feed_of(clip, fps=15.0, pace="realtime")
    clock, arrivals = SystemClock(), []
    begin_s = clock.mono_s()
    feed.run_once(StopToken(), lambda f: arrivals.append((f.captured_s, clock.mono_s())))
    assert len(arrivals) == 12
    assert clock.mono_s() - begin_s >= 11 / 15
    assert arrivals[0][0] >= begin_s
    assert all(captured_s <= now_s for captured_s, now_s in arrivals)
    steps = [b[0] - a[0] for a, b in pairwise(arrivals)]
    assert sum(steps) == pytest.approx(11 / 15, abs=0.1)


def test_stop_ends_a_slow_file_at_once(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "slow.mp4", clips.Clip(frames=3, fps=1, gop=1))
    feed, stop = feed_of(clip, pace="realtime"), StopToken()
    frames: list[Frame] = []

    def deliver(frame: Frame) -> None:
        frames.append(frame)
        stop.stop()

    feed.run_once(stop, deliver)
    assert len(frames) == 1


def test_dropped_frames_are_freed_without_the_garbage_collector(tmp_path: Path) -> None:
    """A frame in a reference cycle stays for minutes, and four cameras fill the box."""
    feed = feed_of(clips.render(tmp_path / "clip.mp4", clips.Clip(rotation=90)), fps=15.0)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        feed.run_once(StopToken(), lambda frame: (frame.pixels.luma(), frame.pixels.bgr()))
        gc.collect()
        kept = sum(isinstance(found, av.VideoFrame) for found in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert feed.status().delivered == 30
    assert kept <= 1  # the one whose display matrix was read


def test_file_name_is_never_taken_for_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    feed = feed_of(Path("rtsp://127.0.0.1:1/x"))
    with pytest.raises(MediaError, match="is not there"):
        played(feed)
    clips.render(tmp_path / "clip.mp4").rename("concat:a|b.mp4")
    assert len(played(feed_of(Path("concat:a|b.mp4")))) == 10
