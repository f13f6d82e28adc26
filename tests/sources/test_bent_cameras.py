"""Cameras that log in oddly, refuse, lie about time, lose packets or mix sessions, on the wire."""

from __future__ import annotations

import base64
import contextlib
import random
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import clips
import pytest
from bent_camera import SSRC, Bent, access_units, bent_camera

from edge_agent.clock import SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import AgentError, CredentialRefused, SourceStalled, SourceUnreachable
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, FeedState

CLOCK = SystemClock()
MD5 = 'Digest realm="cam", nonce="a1"'
SHA = 'Digest realm="cam", nonce="a1", algorithm=SHA-256, qop="auth", opaque="x"'
BASIC = 'Basic realm="cam"'
CANARY = "canary-7731"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    folder = tmp_path_factory.mktemp("bent")
    return access_units(clips.render(folder / "a.mp4", clips.Clip(frames=60, gop=10)))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("right")
    path.chmod(0o600)
    return str(path)


def feed_of(url: str, guard: CredentialGuard | None = None, **source: object) -> CameraFeed:
    settings = {"stall_timeout_s": 2.0, "open_timeout_s": 4.0, **source}
    return CameraFeed(
        FeedSettings(CameraId("front"), RtspSource(url=url, **settings), 10.0),
        credentials=guard or CredentialGuard(None, CLOCK),
        clock=CLOCK,
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


def failure_of(feed: CameraFeed) -> AgentError:
    with pytest.raises(AgentError) as caught:
        feed.run_once(StopToken(), lambda _frame: None)
    return caught.value


# --- logins ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "offered", [[MD5], [SHA], [MD5, SHA], [SHA, MD5], [SHA, BASIC], [f"{BASIC}, {MD5}"]]
)
def test_every_digest_is_answered_and_nothing_else_is_sent(
    units: list[list[bytes]], secret: str, offered: Sequence[str]
) -> None:
    with bent_camera(units, Bent(challenges=offered)) as camera:
        feed = feed_of(camera.url(), username="viewer", password_file=secret)
        assert len(frames_of(feed, 2)) == 2
        assert camera.logins
        assert all(login.startswith("Digest ") for login in camera.logins)
        # md5 is preferred: some cameras offer SHA-256 and refuse it
        offers_md5 = any(one.endswith(MD5) for one in offered)
        assert any("SHA" in login for login in camera.logins) != offers_md5


@pytest.mark.parametrize(
    "offered",
    [
        [BASIC],
        ['Digest realm="c", nonce="1", algorithm=SHA-512-256'],
        ['Digest realm="c", nonce="1", qop="auth-int"'],
        ["NTLM"],
        [],
    ],
)
def test_a_login_that_must_not_be_sent_so_is_named_and_counts_no_try(
    units: list[list[bytes]], secret: str, offered: Sequence[str]
) -> None:
    def answer(method: str, head: dict[str, str]):
        return "401 Unauthorized", [("WWW-Authenticate", c) for c in offered], ""

    guard = CredentialGuard(None, CLOCK)
    with bent_camera(units, Bent(answer=answer)) as camera:
        for _ in range(4):
            feed = feed_of(camera.url(), guard, username="viewer", password_file=secret)
            error = failure_of(feed)
            assert isinstance(error, CredentialRefused)
            assert "nothing was sent" in str(error)
            assert ("allow_basic" in str(error)) == (offered == [BASIC])
        assert camera.logins == []
    assert feed.status().state is FeedState.REFUSED
    assert "kind of login" in feed.status().told


def test_basic_is_sent_where_it_is_allowed(units: list[list[bytes]], secret: str) -> None:
    def answer(method: str, head: dict[str, str]):
        right = "Basic " + base64.b64encode(b"viewer:right").decode()
        if head.get("authorization") == right:
            return None
        return "401 Unauthorized", [("WWW-Authenticate", BASIC)], ""

    with bent_camera(units, Bent(answer=answer)) as camera:
        feed = feed_of(camera.url(), username="viewer", password_file=secret, allow_basic=True)
        assert frames_of(feed, 1)


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_no_step_can_ask_for_the_password_in_clear(
    units: list[list[bytes]], secret: str, method: str
) -> None:
    """A camera that logs us in by digest, and then asks for Basic."""

    def answer(asked: str, head: dict[str, str]):
        if asked == method:
            return "401 Unauthorized", [("WWW-Authenticate", BASIC)], ""
        return None

    Path(secret).write_text(CANARY)
    bent = Bent(answer=answer, challenges=[MD5], password=CANARY)
    with bent_camera(units, bent) as camera:
        feed = feed_of(camera.url(), username="viewer", password_file=secret)
        assert isinstance(failure_of(feed), CredentialRefused)
        received = str(camera.requests)
    assert "Basic" not in received
    assert CANARY not in received


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_the_login_does_not_follow_a_redirect_to_another_host(
    units: list[list[bytes]], secret: str, method: str
) -> None:
    with bent_camera(units, Bent(challenges=[MD5])) as thief:

        def answer(asked: str, head: dict[str, str]):
            elsewhere = f"rtsp://localhost:{thief.port}/stolen"
            return ("302 Moved", [("Location", elsewhere)], "") if asked == method else None

        with bent_camera(units, Bent(answer=answer)) as camera:
            feed = feed_of(camera.url(), username="viewer", password_file=secret)
            error = failure_of(feed)
        assert thief.connections == 0
    assert isinstance(error, SourceUnreachable)
    assert "which is not followed" in str(error)


def test_a_redirect_on_the_same_host_is_followed_but_not_without_end(
    units: list[list[bytes]],
) -> None:
    def answer(asked: str, head: dict[str, str]):
        return ("302 Moved", [("Location", "/again")], "") if asked == "DESCRIBE" else None

    with bent_camera(units) as new:

        def moved(asked: str, head: dict[str, str]):
            return "301 Moved", [("Location", new.url())], ""

        with bent_camera(units, Bent(answer=moved)) as old:
            assert frames_of(feed_of(old.url()), 1)
    with bent_camera(units, Bent(answer=answer)) as endless:
        assert "without end" in str(failure_of(feed_of(endless.url())))
        assert endless.connections <= 5


def test_a_nonce_that_grew_old_is_no_wrong_password(units: list[list[bytes]], secret: str) -> None:
    """Some cameras give a new nonce for each request."""
    seen: list[str] = []

    def answer(method: str, head: dict[str, str]):
        given = head.get("authorization", "")
        fresh = f'nonce="n{len(seen)}"' in given
        if method == "OPTIONS" or fresh:
            seen.append(method)
            return None
        return (
            "401 Unauthorized",
            [("WWW-Authenticate", f'Digest realm="c", nonce="n{len(seen)}"')],
            "",
        )

    with bent_camera(units, Bent(answer=answer)) as camera:
        assert frames_of(feed_of(camera.url(), username="viewer", password_file=secret), 1)


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "words", "told"),
    [
        ("453 Not Enough Bandwidth", "SETUP", "too many viewers", "no room for another viewer"),
        ("461 Unsupported Transport", "SETUP", 'set transport = "udp"', "transport that is set"),
        ("400 Bad Request", "DESCRIBE", "check the path", "does not understand"),
        ("404 Not Found", "DESCRIBE", "no such stream", "no such stream"),
        ("454 Session Not Found", "PLAY", "lost the session", "forgot the session"),
        ("501 Not Implemented", "DESCRIBE", "does not know DESCRIBE", "how to stream"),
        ("500 Internal\x1b[2J", "PLAY", r"500 Internal\x1b[2J", "will not stream"),
    ],
)
def test_refusals_have_words_of_their_own(
    units: list[list[bytes]], status: str, method: str, words: str, told: str
) -> None:
    def answer(asked: str, head: dict[str, str]):
        return (status, [], "") if asked == method else None

    with bent_camera(units, Bent(answer=answer)) as camera:
        feed = feed_of(camera.url())
        error = failure_of(feed)
    assert words in str(error)
    assert told in feed.status().told
    assert "127.0.0.1" not in feed.status().told


def test_options_that_a_camera_does_not_know_do_no_harm(units: list[list[bytes]]) -> None:
    def answer(asked: str, head: dict[str, str]):
        return ("501 Not Implemented", [], "") if asked == "OPTIONS" else None

    with bent_camera(units, Bent(answer=answer)) as camera:
        assert frames_of(feed_of(camera.url()), 1)


@pytest.mark.parametrize("length", ["99999999999999999999", "-1", "5000000", "1e9", "12;rm"])
def test_a_body_without_bounds_is_refused(units: list[list[bytes]], length: str) -> None:
    def answer(asked: str, head: dict[str, str]):
        return ("200 OK", [("Content-Length", length)], "") if asked == "DESCRIBE" else None

    with bent_camera(units, Bent(answer=answer)) as camera:
        error = failure_of(feed_of(camera.url()))
    assert "Content-Length" in str(error)


def test_a_host_that_no_name_server_knows_is_said_so() -> None:
    feed = feed_of("rtsp://no-such-camera.invalid/x")
    error = failure_of(feed)
    assert "the name no-such-camera.invalid is not known; use the camera's address" in str(error)
    assert "name is not known" in feed.status().told


def test_the_configured_of_two_video_tracks_is_taken_and_said(units: list[list[bytes]]) -> None:
    def refuse_play(asked: str, head: dict[str, str]):
        return ("404 Not Found", [], "") if asked == "PLAY" else None

    sdp = Bent().sdp + "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=control:track2\r\n"
    with bent_camera(units, Bent(sdp=sdp)) as camera:
        feed, stop = feed_of(camera.url()), StopToken()
        remarks: list[str] = []

        def deliver(_frame: Frame) -> None:
            remarks.extend(feed.status().remarks)
            stop.stop()

        feed.run_once(stop, deliver)
        assert camera.uri_of("SETUP").endswith("/track1")
        assert remarks == ["2 video tracks are offered; number 1 is taken (video_track)"]
    with bent_camera(units, Bent(sdp=sdp, answer=refuse_play)) as camera:
        failure_of(feed_of(camera.url(), video_track=2))
        assert camera.uri_of("SETUP").endswith("/track2")
    with bent_camera(units, Bent(sdp=sdp)) as camera:
        assert "video_track is 3" in str(failure_of(feed_of(camera.url(), video_track=3)))


# --- what comes -----------------------------------------------------------------------


def test_packets_on_a_channel_that_was_not_agreed_are_told_and_not_online(
    units: list[list[bytes]],
) -> None:
    with bent_camera(units, Bent(bend=lambda _i, packet: [(6, packet)])) as camera:
        feed = feed_of(camera.url())
        error = failure_of(feed)
    assert isinstance(error, SourceStalled | SourceUnreachable)
    assert "channel 6, which was not agreed" in str(error)
    assert feed.status().state is FeedState.STALLED
    assert "not those that were agreed" in feed.status().told


def test_packets_of_a_second_session_are_left_out_where_the_first_is_known(
    units: list[list[bytes]],
) -> None:
    def bend(_index: int, packet: bytes) -> list[tuple[int, bytes]]:
        other = packet[:8] + b"\1\2\3\4" + bytes(len(packet) - 12)
        return [(0, other), (0, packet)]

    with bent_camera(units, Bent(bend=bend)) as camera:
        feed = feed_of(camera.url())
        seen: list[str] = []
        stop = StopToken()

        def deliver(_frame: Frame) -> None:
            seen.extend(feed.status().remarks)
            if seen:
                stop.stop()

        feed.run_once(stop, deliver)
    assert "another sender" in seen[0]
    assert feed.status().decode_errors == 0


def test_two_senders_of_which_none_was_declared_are_told_and_not_online(
    units: list[list[bytes]],
) -> None:
    def bend(_index: int, packet: bytes) -> list[tuple[int, bytes]]:
        return [(0, packet), (0, packet[:8] + b"\1\2\3\4" + packet[12:])]

    transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
    with bent_camera(units, Bent(bend=bend, transport=transport)) as camera:
        feed = feed_of(camera.url())
        error = failure_of(feed)
    assert "two senders" in str(error)
    assert "mixes packets" in feed.status().told


#: RTP times by the picture's number.
LIES: dict[str, Callable[[int], int]] = {
    "constant": lambda _i: 0,
    "stops": lambda i: min(i, 20) * 9000,
    "milliseconds": lambda i: i * 100,
    "microseconds": lambda i: i * 100_000,
}


@pytest.mark.slow
def test_time_that_does_not_follow_the_clock_is_replaced_by_arrival(
    units: list[list[bytes]],
) -> None:
    """All at a time: each takes eight seconds, and nearly no work."""

    def seen(ticks: Callable[[int], int]) -> tuple[list[Frame], tuple[str, ...]]:
        with bent_camera(units, Bent(ticks=ticks)) as camera:
            feed = feed_of(camera.url())
            return frames_of(feed, 85), feed.status().remarks

    with ThreadPoolExecutor(len(LIES)) as pool:
        found = dict(zip(LIES, pool.map(seen, LIES.values()), strict=True))
    for lie, (frames, remarks) in found.items():
        steps = [b.captured_s - a.captured_s for a, b in pairwise(frames[-30:])]
        assert sum(steps) == pytest.approx(0.1 * len(steps), rel=0.2), lie
        assert max(steps) < 0.6, lie
        assert remarks == () or "times of arrival" in remarks[0], lie


def test_an_outlier_is_restamped(units: list[list[bytes]]) -> None:
    def ticks(index: int) -> int:
        off = (-9800, 37600)[index // 10 % 2] * 90_000 if index % 10 == 5 else 0
        return index * 9000 + off

    with bent_camera(units, Bent(ticks=ticks)) as camera:
        feed = feed_of(camera.url())
        frames = frames_of(feed, 40)
    steps = [b.captured_s - a.captured_s for a, b in pairwise(frames)]
    assert max(steps) < 0.5
    assert sum(steps) == pytest.approx(0.1 * len(steps), rel=0.15)


def test_what_the_network_lost_is_counted_and_not_looked_at(units: list[list[bytes]]) -> None:
    chance = random.Random(5)

    def bend(index: int, packet: bytes) -> list[tuple[int, bytes]]:
        return [] if index > 10 and chance.random() < 0.2 else [(0, packet)]

    with bent_camera(units, Bent(bend=bend)) as camera:
        feed = feed_of(camera.url())
        frames_of(feed, 15)
        status = feed.status()
    assert status.lost_packets > 0
    assert status.damaged > 0
    assert status.decoded - status.damaged >= status.delivered


def test_over_udp_the_way_back_is_opened_at_the_ports_that_the_camera_names(
    units: list[list[bytes]],
) -> None:
    """A firewall before the box lets in only what answers something from inside."""
    stop = StopToken()
    with contextlib.ExitStack() as open_sockets:
        own = [
            open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(2)
        ]
        for each in own:
            each.bind(("127.0.0.1", 0))
            each.settimeout(20)
        ports = "-".join(str(each.getsockname()[1]) for each in own)
        bent = Bent(transport=f"RTP/AVP;unicast;server_port={ports}")
        camera = open_sockets.enter_context(bent_camera(units, bent))
        feed = feed_of(camera.url(), transport="udp")
        playing = threading.Thread(target=lambda: feed.run(stop, lambda _frame: None))
        playing.start()
        try:
            heard = [each.recv(64) for each in own]
        finally:
            stop.stop()
            playing.join(20)
    assert heard == [b"\x80\xc9\x00\x01\x00\x00\x00\x00"] * 2


def test_the_ssrc_of_the_answer_may_be_wrong(units: list[list[bytes]]) -> None:
    """Many cameras write anything there."""
    transport = f"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc={SSRC ^ 0xFFFF:08X}"
    with bent_camera(units, Bent(transport=transport)) as camera:
        assert len(frames_of(feed_of(camera.url()), 5)) == 5
