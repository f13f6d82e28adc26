"""What cameras do in the field, done by the project's own RTSP server: the feed comes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import clips
import numpy as np
import pytest

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import AgentError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import Backoff, CameraFeed, CredentialGuard, FeedSettings, FeedState

CLOCK = SystemClock()
FPS, FRAMES = 15, 60


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    folder = tmp_path_factory.mktemp("media")
    return Media.load(clips.render(folder / "clip.mp4", clips.Clip(frames=FRAMES, gop=8)))


@pytest.fixture
def server(media: Media) -> Iterator[RtspServer]:
    with RtspServer({"cam": media}) as running:
        yield running


def feed_of(server: RtspServer, *, fps: float = 5.0, guard=None, clock=CLOCK, **source):
    return CameraFeed(
        FeedSettings(CameraId("front"), RtspSource(url=server.url("cam"), **source), fps),
        credentials=guard or CredentialGuard(None, CLOCK),
        clock=clock,
        backoff=Backoff(draw=lambda _low, _high: 0.05),
    )


def broken_and_mended(
    feed: CameraFeed, breaks: Callable[[], None], mends: Callable[[], None]
) -> tuple[list[FeedState], list[Frame]]:
    """Breaks after the second frame, mends at the first loss, stops at the next frame."""
    stop, states, frames = StopToken(), [], []

    def deliver(frame: Frame) -> None:
        frames.append(frame)
        if len(frames) == 2:
            breaks()
        if states:
            stop.stop()

    def lost() -> None:
        states.append(feed.status().state)
        mends()

    feed.run(stop, deliver, lost)
    return states, frames


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_stall_is_noticed_and_the_stream_taken_up_again(server: RtspServer, transport: str) -> None:
    feed = feed_of(server, transport=transport, stall_timeout_s=1.0)
    states, frames = broken_and_mended(feed, server.stall, server.resume)
    assert states[0] is FeedState.STALLED
    assert frames[-1].captured_s > frames[1].captured_s + 0.8
    assert feed.status().connections == 2


def test_rebooting_camera_is_taken_up_again(server: RtspServer) -> None:
    feed = feed_of(server)
    states, _ = broken_and_mended(feed, server.kill_connections, lambda: None)
    assert states[0] in (FeedState.ENDED, FeedState.UNREACHABLE)
    assert feed.status().connections == 2


def test_camera_that_is_away_for_a_while_is_taken_up_again(server: RtspServer) -> None:
    """Unplugged from the network, its port is closed; later it is back at the same address."""
    looks = []

    def mends() -> None:
        looks.append(1)
        if len(looks) == 3:
            server.start()

    states, _ = broken_and_mended(feed_of(server), server.stop, mends)
    assert states[1] is FeedState.UNREACHABLE


def test_camera_that_takes_connections_but_never_answers(server: RtspServer) -> None:
    feed = feed_of(server, open_timeout_s=1.0)
    server.accept_hang()
    begin_s, states, stop = CLOCK.mono_s(), [], StopToken()

    def lost() -> None:
        states.append((feed.status().state, CLOCK.mono_s() - begin_s))
        server.accept_hang(False)

    feed.run(stop, lambda _frame: stop.stop(), lost)
    assert [state for state, _ in states] == [FeedState.UNREACHABLE]
    assert states[0][1] < 2.0


def test_moment_of_capture_is_when_the_camera_sent_the_picture(server: RtspServer) -> None:
    """The picture's bar tells its number, the server when that number was due."""
    feed, stop, frames = feed_of(server, fps=FPS), StopToken(), []

    def deliver(frame: Frame) -> None:
        frames.append((frame, CLOCK.mono_s()))
        if len(frames) == 30:
            stop.stop()

    feed.run_once(stop, deliver)
    for frame, delivered_s in frames[12:]:  # after the burst of opening
        lower = frame.pixels.luma()[130:].astype(np.float32).mean(axis=0)
        number = round((int(np.argmax(np.convolve(lower, np.ones(20), "valid")))) / 4) % FRAMES
        due = [server.sent_s("cam", number + FRAMES * turn) for turn in range(3)]
        late_s = min((frame.captured_s - due_s for due_s in due), key=abs)
        assert -0.02 < late_s < 0.15
        assert delivered_s - frame.captured_s < 0.5


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_login_by_every_scheme(media: Media, tmp_path: Path, scheme: str) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss:w/ord%")
    secret.chmod(0o600)
    with RtspServer({"cam": media}, login=ViewerLogin("viewer", "p@ss:w/ord%", scheme)) as server:
        stop = StopToken()
        feed = feed_of(
            server,
            username="viewer",
            password_file=str(secret),
            allow_basic=scheme == "basic",
        )
        feed.run_once(stop, lambda _frame: stop.stop())
        assert server.counts().wrong == 0


class HandMovedStop(StopToken):
    """Waits pass at once: they move the manual clock, and tell the test."""

    def __init__(self, clock: ManualClock, on_wait: Callable[[], None]) -> None:
        super().__init__()
        self._clock, self._on_wait = clock, on_wait

    def wait(self, timeout_s: float) -> bool:
        self._clock.advance(timeout_s)
        self._on_wait()
        return self.stopped


def test_wrong_password_costs_two_tries_and_a_corrected_file_is_noticed(
    media: Media, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")
    secret.chmod(0o600)
    clock, reasons, corrected_s = ManualClock(), [], 0.0
    begun_s = clock.mono_s()

    def on_wait() -> None:
        nonlocal corrected_s
        reason = feed.status().reason
        if not reasons or reasons[-1] != reason:
            reasons.append(reason)
        if clock.mono_s() - begun_s > 600 and secret.read_text() != "right":
            secret.write_text("right")
            corrected_s = clock.mono_s()

    with RtspServer({"cam": media}, login=ViewerLogin("viewer", "right")) as server:
        guard = CredentialGuard(tmp_path / "logins.json", clock)
        feed = feed_of(
            server, guard=guard, clock=clock, username="viewer", password_file=str(secret)
        )
        stop = HandMovedStop(clock, on_wait)
        feed.run(stop, lambda _frame: stop.stop())
        counts = server.counts()
    assert (counts.wrong, counts.connections) == (2, 3)
    assert clock.mono_s() - corrected_s <= 2.0
    journal = [record.getMessage() for record in caplog.records]
    assert sum("no further try for 30 min" in line for line in journal) == 1
    assert "refused user 'viewer' (401); try 1 of 2" in reasons[0]
    assert "no further try for 30 min" in reasons[1]
    assert "next try in 28 min" in reasons[3]
    assert all(reason.startswith("front: ") for reason in reasons)


def test_password_changed_on_the_recorder_while_streaming_costs_two_tries(
    media: Media, tmp_path: Path
) -> None:
    """Three channels reconnect with what is now the wrong password."""
    secret = tmp_path / "password"
    secret.write_text("old")
    secret.chmod(0o600)
    login = {"username": "viewer", "password_file": str(secret)}
    guard = CredentialGuard(None, CLOCK)
    with RtspServer({"cam": media}, login=ViewerLogin("viewer", "old")) as server:
        feeds = [feed_of(server, guard=guard, **login) for _ in range(3)]
        for feed in feeds:
            stop = StopToken()
            feed.run_once(stop, lambda _frame, stop=stop: stop.stop())
        while server.viewers:  # their farewells still carry the old password
            StopToken().wait(0.01)
        server.set_password("new")
        for feed in feeds:
            with pytest.raises(AgentError):
                feed.run_once(StopToken(), lambda _frame: None)
        assert server.counts().wrong == 2
    assert {feed.status().state for feed in feeds} == {FeedState.REFUSED}
