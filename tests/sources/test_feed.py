"""The feed's own decisions: gate, keyframes, retries, status. Packets from clips, time by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import clips
import pytest
from av.video.stream import VideoStream

from edge_agent.clock import ManualClock
from edge_agent.config.schema import CameraConfig, FileSource, PrivacyMaskConfig, RtspSource
from edge_agent.domain import CameraId, Frame, Packet
from edge_agent.errors import (
    AgentError,
    ConfigError,
    ConfigProblem,
    CredentialRefused,
    InvariantBroken,
    MediaError,
    SourceEnded,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.geometry import Polygon
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import (
    Backoff,
    CameraFeed,
    CredentialGuard,
    Decoder,
    FeedSettings,
    FeedState,
    Picture,
    StreamInfo,
)


@dataclass
class FakeSource:
    """A clip's packets as a live camera's, one each 1/15 s of the manual clock."""

    path: Path
    clock: ManualClock
    skip: int = 0
    keep: Callable[[Packet], bool] = lambda _packet: True
    repeat: int = 1
    end: AgentError | None = None
    closed: bool = False
    live: bool = True
    lost_packets: int = 0
    remarks: tuple[str, ...] = ()
    sender_ahead_s: float | None = None

    def __post_init__(self) -> None:
        self._container = av.open(str(self.path))
        self._stream = self._container.streams.video[0]
        self.info = StreamInfo("h264", None, "yuv420p", 15.0, "tcp")

    @property
    def stream(self) -> VideoStream:
        return self._stream

    @property
    def time_base(self) -> Fraction:
        return self._stream.time_base

    def packets(self) -> Iterator[Packet]:
        units = [unit for unit in self._container.demux(video=0) if unit.size]
        for unit in (units * self.repeat)[self.skip :]:
            self.clock.advance(1 / 15)
            pts_s = float(unit.pts * self.time_base)
            packet = Packet(pts_s, self.clock.mono_s(), unit.is_keyframe, unit.size, unit)
            if self.keep(packet):
                yield packet
        if self.end:
            raise self.end

    def close(self) -> None:
        self.closed = True
        self._container.close()


class Openings:
    """Opens what comes next: a source, or an error."""

    def __init__(self, *results: FakeSource | AgentError) -> None:
        self._results = list(results)
        self.count = 0

    def __call__(self, _config, **_how) -> FakeSource:
        self.count += 1
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(result, AgentError):
            raise result
        return result


class ForwardStop(StopToken):
    """A stop token on the manual clock: waiting moves it, and stops at the end of the trial."""

    def __init__(self, clock: ManualClock, until_s: float) -> None:
        super().__init__()
        self._clock, self._until_s = clock, until_s
        self.waits: list[float] = []

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        self._clock.advance(timeout_s)
        if self._clock.mono_s() >= self._until_s:
            self.stop()
        return self.stopped


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.render(tmp_path_factory.mktemp("feed") / "clip.mp4", clips.Clip(frames=30, gop=10))


def feed_of(openings: Openings, clock: ManualClock, *, fps: float = 15.0) -> CameraFeed:
    return CameraFeed(
        FeedSettings(CameraId("front"), RtspSource(url="rtsp://host/x"), fps),
        credentials=CredentialGuard(None, clock),
        clock=clock,
        opener=openings,
        backoff=Backoff(draw=lambda _low, high: high),
    )


def test_decoding_begins_with_the_first_keyframe(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libav may cope with less, but then by grey pictures, errors or luck."""
    keys = []

    class WatchedDecoder(Decoder):
        def decode(self, packet: Packet) -> list[Picture]:
            keys.append(packet.is_key)
            return super().decode(packet)

    monkeypatch.setattr("edge_agent.sources.playing.Decoder", WatchedDecoder)
    clock = ManualClock()
    source = FakeSource(clip, clock, skip=4)
    feed, frames = feed_of(Openings(source), clock), []
    feed.run_once(StopToken(), frames.append)
    assert keys == [True, *[False] * 9, True, *[False] * 9]
    assert feed.status().decoded == 20
    assert feed.status().decode_errors == 0
    assert feed.status().figures.packets == 26
    assert feed.status().connections == 1
    assert feed.status().delivered == len(frames)
    assert source.closed


def test_frames_are_named_and_sampled(clip: Path) -> None:
    clock, frames = ManualClock(mono_s=1000.0), []
    feed_of(Openings(FakeSource(clip, clock)), clock, fps=5.0).run_once(StopToken(), frames.append)
    assert {frame.camera for frame in frames} == {"front"}
    assert len(frames) == 10
    assert frames[0].captured_s == pytest.approx(1000 + 1 / 15)
    assert frames[-1].captured_s - frames[0].captured_s == pytest.approx(9 / 5)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceUnreachable("x"), FeedState.UNREACHABLE),
        (SourceStalled("x"), FeedState.STALLED),
        (SourceEnded("x"), FeedState.ENDED),
        (CredentialRefused("x"), FeedState.REFUSED),
        (MediaError("x"), FeedState.UNUSABLE),
        (ConfigError([ConfigProblem("f", "", "x", "")]), FeedState.UNUSABLE),
    ],
)
def test_every_failure_has_its_state_and_reason(
    clip: Path, error: AgentError, state: FeedState
) -> None:
    clock = ManualClock()
    for openings in (Openings(error), Openings(FakeSource(clip, clock, end=error))):
        feed = feed_of(openings, clock)
        with pytest.raises(type(error)):
            feed.run_once(StopToken(), lambda _frame: None)
        assert (feed.status().state, feed.status().reason) == (state, str(error))


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (lambda packet: not packet.is_key, "no keyframe came"),
        (lambda packet: packet.is_key or packet.pts_s > 1.5, None),
    ],
)
def test_stream_without_any_picture_is_broken(
    clip: Path, keep: Callable[[Packet], bool], words: str | None
) -> None:
    clock = ManualClock()
    feed = feed_of(Openings(FakeSource(clip, clock, keep=keep, repeat=40)), clock)
    if words is None:
        feed.run_once(StopToken(), lambda _frame: None)
        return
    with pytest.raises(SourceStalled, match=f"{words} for 30 s"):
        feed.run_once(StopToken(), lambda _frame: None)


def test_retries_back_off_to_a_minute_and_begin_small_after_a_healthy_time(clip: Path) -> None:
    clock = ManualClock()
    healthy = FakeSource(clip, clock, repeat=20, end=SourceEnded("front closed"))
    gone = SourceUnreachable("front is gone")
    openings = Openings(*[gone] * 8, healthy, gone)
    stop, lost = ForwardStop(clock, 400.0), []
    feed_of(openings, clock).run(stop, lambda _frame: None, lambda: lost.append(clock.mono_s()))
    assert stop.waits[:8] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert stop.waits[8:10] == [2, 4]
    assert len(lost) == openings.count


def test_failure_for_a_person_is_looked_at_each_minute(clip: Path) -> None:
    clock = ManualClock()
    stop = ForwardStop(clock, 600.0)
    feed_of(Openings(CredentialRefused("no")), clock).run(stop, lambda _frame: None)
    assert sum(stop.waits) == 600.0
    assert max(stop.waits) <= 2.0, "a corrected file is noticed at once"


def test_offline_camera_is_logged_once_and_reminded(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock()
    gone = SourceUnreachable("front is gone")
    openings = Openings(*[gone] * 24, FakeSource(clip, clock, end=gone), gone)
    stop = ForwardStop(clock, 1500.0)
    feed_of(openings, clock).run(stop, lambda _frame: None)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("is gone" in line for line in lines) <= 5
    assert sum("front: online: " in line for line in lines) == 1


def test_bug_is_not_hidden_by_the_retry_loop(clip: Path) -> None:
    clock = ManualClock()
    with pytest.raises(InvariantBroken):
        feed_of(Openings(InvariantBroken("bug")), clock).run(StopToken(), lambda _frame: None)


def test_camera_is_online_with_its_first_picture_not_its_first_packet(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, states = ManualClock(), []
    sees = False

    def keep(packet: Packet) -> bool:
        states.append(feed.status().state)
        return sees or not packet.is_key

    blind = [FakeSource(clip, clock, keep=keep, repeat=20) for _ in range(3)]
    feed = feed_of(Openings(*blind, FakeSource(clip, clock)), clock)
    # As long as only packets came: one failure after the other, told once.
    stop = ForwardStop(clock, 1000.0)
    feed.run(stop, lambda _frame: None, lambda: None)
    assert set(states) == {FeedState.CONNECTING}
    told = [record.message for record in caplog.records]
    assert len(told) == 2
    assert "no keyframe came" in told[0]
    assert told[1].startswith("front: online: ")


def test_recording_that_broke_off_is_played_again_only_when_it_changed(tmp_path: Path) -> None:
    """Each time its events would be told again, under new ids."""
    whole = clips.streamable(tmp_path / "whole.mp4", clips.Clip(frames=60))
    path = clips.truncated(whole, tmp_path / "cut.mp4", 0.5)
    clock, lost, frames = ManualClock(), [], []
    feed = CameraFeed(
        FeedSettings(CameraId("tape"), FileSource(path=str(path), pace="fast"), 5.0),
        credentials=CredentialGuard(None, clock),
        clock=clock,
    )

    class CopyStop(ForwardStop):
        """Somebody copies the whole file after an hour."""

        def wait(self, timeout_s: float) -> bool:
            if clock.mono_s() >= 3600:
                path.write_bytes(whole.read_bytes())
            seen.append((feed.status().state, len(frames)))
            return super().wait(timeout_s)

    seen: list[tuple[FeedState, int]] = []
    feed.run(CopyStop(clock, 7200.0), frames.append, lambda: lost.append(clock.mono_s()))
    assert len(lost) == 1
    assert len(set(seen)) == 1
    assert seen[0][0] is FeedState.UNUSABLE
    assert 0 < seen[0][1] < 20
    assert clock.mono_s() == pytest.approx(3660, abs=61)
    assert feed.status().state is FeedState.ENDED
    assert len(frames) == seen[0][1] + 20


def test_connection_is_closed_when_a_frame_cannot_be_delivered(clip: Path) -> None:
    clock = ManualClock()
    source = FakeSource(clip, clock)
    with pytest.raises(ZeroDivisionError):
        feed_of(Openings(source), clock).run_once(StopToken(), lambda _frame: 1 / 0)
    assert source.closed


def test_status_tells_the_age_of_the_last_packet(clip: Path) -> None:
    clock = ManualClock()
    feed = feed_of(Openings(FakeSource(clip, clock)), clock)
    assert feed.status().last_packet_age_s is None
    seen: list[FeedState] = []
    feed.run_once(StopToken(), lambda _frame: seen.append(feed.status().state))
    clock.advance(7)
    assert feed.status().last_packet_age_s == pytest.approx(7)
    assert set(seen) == {FeedState.STREAMING}


def test_settings_follow_the_cameras_configuration() -> None:
    square = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))
    mask = PrivacyMaskConfig(name="window", polygon=square)
    camera = CameraConfig(id="front", source=FileSource(path="x"), privacy_masks=(mask,))
    settings = FeedSettings.of(camera, 5.0)
    assert (settings.camera, settings.fps) == ("front", 5.0)
    assert settings.privacy_masks == (Polygon(square),)
    own = CameraConfig(id="front", source=FileSource(path="x"), fps=2.0)
    assert FeedSettings.of(own, 5.0).fps == 2.0


@pytest.mark.parametrize(
    ("gate", "clips", "span_s"),
    [("auto", True, 10.0), ("off", True, 10.0), ("auto", False, 4.5), ("off", False, 0.0)],
)
def test_only_as_much_is_remembered_as_somebody_may_ask_for(
    gate: Literal["auto", "off"], clips: bool, span_s: float
) -> None:
    camera = CameraConfig(id="front", source=FileSource(path="x", gate=gate))
    assert FeedSettings.of(camera, 5.0, clips=clips).ring_span_s == span_s


def test_without_a_detector_nothing_is_gated() -> None:
    """All motion would seem to be nobody's, and the gate would learn to sleep through it."""
    camera = CameraConfig(id="front", source=FileSource(path="x", gate="auto"))
    assert FeedSettings.of(camera, 5.0).gated
    assert not FeedSettings.of(camera, 5.0, detects=False).gated


def test_frames_outlive_the_stream(clip: Path) -> None:
    clock = ManualClock()
    frames: list[Frame] = []
    feed_of(Openings(FakeSource(clip, clock)), clock).run_once(StopToken(), frames.append)
    assert all(frame.pixels.luma()[2, 2] > 200 for frame in frames)
    assert all(frame.pixels.bgr().shape == (240, 320, 3) for frame in frames)
