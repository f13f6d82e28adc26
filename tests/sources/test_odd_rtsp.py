"""Answers that no standard allows, and that some camera gives: the pictures come all the same, or
the failure is told in time and in words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import clips
import pytest
from bent_camera import Bent, BentCamera, access_units, bent_camera

from edge_agent.clock import SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import AgentError, CredentialRefused, SourceEnded, SourceUnreachable
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.rtsp.messages import next_piece

CLOCK = SystemClock()
MD5 = 'Digest realm="c", nonce="1"'
STALE = f"{MD5}, stale=true"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    folder = tmp_path_factory.mktemp("odd")
    return access_units(clips.render(folder / "a.mp4", clips.Clip(frames=30, gop=10)))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("right")
    path.chmod(0o600)
    return str(path)


def feed_of(camera: BentCamera, guard: CredentialGuard | None = None, **source) -> CameraFeed:
    settings = {"open_timeout_s": 10.0, "stall_timeout_s": 5.0} | source
    return CameraFeed(
        FeedSettings(CameraId("front"), RtspSource(url=camera.url(), **settings), 10.0),
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


def failure_of(feed: CameraFeed, stop: StopToken | None = None) -> AgentError:
    with pytest.raises(AgentError) as caught:
        feed.run_once(stop or StopToken(), lambda _frame: None)
    return caught.value


def number_in(reply: bytes) -> int:
    found = re.search(rb"CSeq: (\d+)", reply)
    assert found is not None
    return int(found[1])


def interim(_method: str, reply: bytes) -> bytes:
    return b"RTSP/1.0 100 Continue\r\nCSeq: %d\r\n\r\n" % number_in(reply) + reply


def bare_line_ends(_method: str, reply: bytes) -> bytes:
    head, end, body = reply.partition(b"\r\n\r\n")
    return (head + end).replace(b"\r\n", b"\n") + body


def folded(_method: str, reply: bytes) -> bytes:
    return reply.replace(b"CSeq: ", b"CSeq:\r\n  ").replace(b"Transport: ", b"Transport:\r\n\t")


def shouted(_method: str, reply: bytes) -> bytes:
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    names = [line.partition(b":") for line in lines]
    lines = [name.upper() + b" :" + value for name, _, value in names]
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body


def uncounted(_method: str, reply: bytes) -> bytes:
    return re.sub(rb"CSeq: \d+\r\n", b"", reply)


def counted_wrong(_method: str, reply: bytes) -> bytes:
    return re.sub(rb"CSeq: \d+", b"CSeq: 0", reply)


def twice(_method: str, reply: bytes) -> bytes:
    return reply + reply


def an_old_one_first(_method: str, reply: bytes) -> bytes:
    return b"RTSP/1.0 500 Too late\r\nCSeq: 4711\r\n\r\n" + reply


def requests_of_its_own(_method: str, reply: bytes) -> bytes:
    ask = b"SET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc"
    return ask + reply + b"\r\n\r\n"


def packets_before(method: str, reply: bytes) -> bytes:
    packet = b"$\1\0\x08" + b"\x80\xc9\0\1\0\0\0\0"
    return packet * 50 + reply if method == "PLAY" else reply


def foreign_words(_method: str, reply: bytes) -> bytes:
    return reply.replace(b"200 OK", "200 \u597d\u7684 \u786e\u5b9a".encode("gbk"))


ODD: list[Callable[[str, bytes], bytes]] = [
    interim,
    bare_line_ends,
    folded,
    shouted,
    uncounted,
    counted_wrong,
    twice,
    an_old_one_first,
    requests_of_its_own,
    packets_before,
    foreign_words,
]


@pytest.mark.parametrize("wire", ODD, ids=lambda wire: wire.__name__)
def test_pictures_come_whatever_the_answers_look_like(
    units: list[list[bytes]], secret: str, wire: Callable[[str, bytes], bytes]
) -> None:
    with bent_camera(units, Bent(wire=wire, challenges=[MD5])) as camera:
        feed = feed_of(camera, username="viewer", password_file=secret)
        assert len(frames_of(feed, 2)) == 2
        assert camera.connections == 1


def test_the_words_of_a_status_are_not_judged_before_the_head_is_whole() -> None:
    whole = "RTSP/1.0 200 \u597d\u7684\r\nCSeq: 1\r\n\r\n".encode("gbk")
    for size in range(1, len(whole)):
        assert next_piece(whole[:size]) is None
    piece = next_piece(whole)
    assert piece is not None
    assert piece.reply is not None


SDP = Bent().sdp
WITHOUT = SDP.replace("a=control:*\r\n", "").replace("a=control:track1\r\n", "")


@pytest.mark.parametrize(
    ("sdp", "base", "uri"),
    [
        (SDP, "{uri}", "{uri}/track1"),
        (SDP, "{uri}/", "{uri}/track1"),
        (SDP, "{uri}?a=1/", "{uri}?a=1/track1"),
        (SDP, "/other/", "rtsp://127.0.0.1:{port}/other/track1"),
        (SDP, "http://x/", "{uri}/track1"),
        (SDP, "", "{uri}/track1"),
        (SDP.replace("track1", "*"), "{uri}/", "{uri}/"),
        (SDP.replace("track1", "/live/1"), "{uri}/", "rtsp://127.0.0.1:{port}/live/1"),
        (SDP.replace("track1", "rtsp://0.0.0.0/t"), "{uri}/", "rtsp://0.0.0.0/t"),
        (SDP.replace("\r\n", "\n"), "{uri}/", "{uri}/track1"),
        (WITHOUT, "{uri}/", "{uri}/"),
    ],
)
def test_the_track_is_found_wherever_the_description_says_it_is(
    units: list[list[bytes]], sdp: str, base: str, uri: str
) -> None:
    named: list[str] = []

    def answer(method: str, _head: dict[str, str]):
        if method != "DESCRIBE":
            return None
        headers = [("Content-Base", base.format(uri=named[0]))] if base else []
        return "200 OK", headers, sdp

    with bent_camera(units, Bent(answer=answer)) as camera:
        named.append(camera.url())
        assert len(frames_of(feed_of(camera), 1)) == 1
        assert camera.uri_of("SETUP") == uri.format(uri=camera.url(), port=camera.port)


# --- logins -----------------------------------------------------------------------------


def test_a_camera_that_calls_every_login_too_old_counts_no_wrong_password(
    units: list[list[bytes]], secret: str
) -> None:
    """Its stale=true says that the password was right."""
    guard = CredentialGuard(None, CLOCK)
    stale = "401 Unauthorized", [("WWW-Authenticate", STALE)], ""
    with bent_camera(units, Bent(answer=lambda _method, _head: stale)) as camera:
        for _ in range(3):
            feed = feed_of(camera, guard, username="viewer", password_file=secret)
            error = failure_of(feed)
            assert isinstance(error, CredentialRefused)
            assert "too old (stale)" in str(error)
        assert len(camera.logins) == 2 * camera.connections == 6
    assert feed.status().told == "refused: the camera calls every login too old"


def playing_until(camera: BentCamera, enough: Callable[[], bool], feed: CameraFeed) -> None:
    """Let it play until the camera has seen enough; it must not break off before."""
    stop, frames = StopToken(), 0

    def deliver(_frame: Frame) -> None:
        nonlocal frames
        frames += 1
        if enough() or frames > 300:
            stop.stop()

    feed.run_once(stop, deliver)
    assert enough()
    assert camera.connections == 1


def test_a_login_that_became_wrong_while_it_plays_is_not_sent_again_and_again(
    units: list[list[bytes]], secret: str
) -> None:
    """The recorder would lock the household out."""
    played: list[str] = []

    def answer(method: str, _head: dict[str, str]):
        played.append(method)
        if "PLAY" in played[:-1]:
            return "401 Unauthorized", [("WWW-Authenticate", MD5)], ""
        return None

    bent = Bent(answer=answer, challenges=[MD5], session="7;timeout=2")
    with bent_camera(units, bent) as camera:
        feed = feed_of(camera, username="viewer", password_file=secret)
        playing_until(camera, lambda: len(played) - played.index("PLAY") > 5, feed)
        alive = camera.requests[camera.methods.index("PLAY") + 1 :]
        assert len([1 for _, head in alive if "authorization" in head]) == 2


# --- keeping a session alive --------------------------------------------------------------


@pytest.mark.parametrize("status", ["501 Not Implemented", "405 Method Not Allowed", "551 Option"])
def test_what_keeps_the_session_alive_is_another_request_where_one_is_not_known(
    units: list[list[bytes]], status: str
) -> None:
    def answer(method: str, _head: dict[str, str]):
        if method == "GET_PARAMETER":
            return status, [], ""
        return ("200 OK", [("Public", "GET_PARAMETER")], "") if method == "OPTIONS" else None

    with bent_camera(units, Bent(answer=answer, session="7;timeout=2")) as camera:
        playing_until(camera, lambda: camera.methods.count("OPTIONS") >= 3, feed_of(camera))
        assert camera.methods.count("GET_PARAMETER") == 1


@pytest.mark.parametrize(
    ("session", "timeout_s"),
    [
        ("7", 60.0),
        ("7;timeout=0", 60.0),
        ("7;timeout=1", 2.0),
        ("7; Timeout = 30", 30.0),
        ("7;timeout=86400", 60.0),
        ("7;timeout=99999999999", 60.0),
        ("7;timeout=-5", 60.0),
        (";;;=", 60.0),
    ],
)
def test_a_session_is_kept_alive_at_least_each_20_seconds(
    units: list[list[bytes]], session: str, timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []

    class Seen(Exception):
        pass

    def relay(talk, *_more):
        found.append(talk.session_timeout_s)
        talk.close()
        raise Seen

    monkeypatch.setattr("edge_agent.sources.rtsp.opening.Relay", relay)
    with bent_camera(units, Bent(session=session)) as camera, pytest.raises(Seen):
        feed_of(camera).run_once(StopToken(), lambda _frame: None)
    assert found == [timeout_s]


# --- time ---------------------------------------------------------------------------------


def test_an_answer_that_drips_has_no_more_time_than_a_whole_one(units: list[list[bytes]]) -> None:
    begin_s = CLOCK.mono_s()
    with bent_camera(units, Bent(drip_s=0.1)) as camera:
        error = failure_of(feed_of(camera, open_timeout_s=1.5))
    assert isinstance(error, SourceUnreachable)
    assert "gave no answer within 1.5 s" in str(error)
    assert CLOCK.mono_s() - begin_s < 6.0


def test_a_stop_ends_an_opening_that_drips(units: list[list[bytes]]) -> None:
    stop = StopToken()
    with bent_camera(units, Bent(drip_s=0.2)) as camera:
        feed, failed = feed_of(camera, open_timeout_s=60.0), threading.Event()

        def run() -> None:
            failure_of(feed, stop)
            failed.set()

        thread = threading.Thread(target=run)
        thread.start()
        while not camera.requests:
            assert thread.is_alive()
        stop.stop()
        assert failed.wait(10.0)
        thread.join()


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP"])
def test_a_camera_that_leaves_in_the_middle_is_said_so(
    units: list[list[bytes]], method: str
) -> None:
    with bent_camera(units, Bent(leaves_after=method)) as camera:
        error = failure_of(feed_of(camera))
    assert isinstance(error, SourceEnded | SourceUnreachable)
    assert "closed the connection" in str(error)
