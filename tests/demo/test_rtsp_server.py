"""The server as clients meet it: libav's through PyAV and ffmpeg, and a bare socket."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
import pytest
from clips import Clip, render

from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.errors import MediaError

LOGIN = ViewerLogin("viewer", "s:e/c@ret")
FRAMES, FPS = 8, 15
CLIPS = {
    "h264": (".mp4", Clip(frames=FRAMES, width=640, height=360, gop=4)),
    "bare": (".h264", Clip(frames=FRAMES, gop=4)),
    "h265": (".mp4", Clip(codec="libx265", frames=FRAMES, gop=4)),
    "mjpeg": (
        ".avi",
        Clip(
            codec="mjpeg",
            frames=FRAMES,
            pixel_format="yuvj420p",
            options={"huffman": "default", "qmin": "2", "qmax": "2"},
        ),
    ),
}


#: One thread: libav's encoder optimises only whole pictures.
OPTIMAL = Clip(
    codec="mjpeg", pixel_format="yuvj420p", options={"huffman": "optimal", "threads": "1"}
)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Media]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: Media.load(render(folder / f"{name}{suffix}", clip))
        for name, (suffix, clip) in CLIPS.items()
    }


@pytest.fixture
def looping(media: dict[str, Media]) -> Iterator[RtspServer]:
    with RtspServer(media, login=LOGIN) as server:
        yield server


def watch(
    url: str, transport: str = "tcp", *, read_timeout_s: float = 10.0
) -> av.container.InputContainer:
    options = {"rtsp_transport": transport, "probesize": "32", "analyzeduration": "0"}
    return av.open(url, options=options, timeout=(10.0, read_timeout_s))


def keys(media: Media) -> list[int]:
    return [number for number, picture in enumerate(media.pictures) if picture.is_key]


# --- pictures -------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", CLIPS)
def test_every_picture_of_a_clip_arrives_once(
    media: dict[str, Media], name: str, transport: str
) -> None:
    with RtspServer(media, loop=False) as server, watch(server.url(name), transport) as container:
        frames = [frame for frame in container.decode(video=0) if not frame.is_corrupt]

    assert len(frames) == FRAMES
    times = [frame.time for frame in frames[1:]]  # libav does not know the first one's
    steps = [b - a for a, b in itertools.pairwise(times)]
    pace_s = media[name].duration_s / FRAMES
    assert steps == pytest.approx([pace_s] * (FRAMES - 2), abs=0.001)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_decodes_it_without_a_complaint(media: dict[str, Media], transport: str) -> None:
    with RtspServer(media, login=LOGIN, loop=False) as server:
        url = server.url("h264", LOGIN)
        command = ["ffmpeg", "-v", "warning", "-rtsp_transport", transport, "-i", url]
        result = subprocess.run(
            [*command, "-f", "null", "-"], capture_output=True, text=True, check=False
        )

    assert (result.returncode, result.stderr) == (0, "")


def test_clip_runs_on_without_a_gap_when_it_loops(looping: RtspServer) -> None:
    with watch(looping.url("h264", LOGIN)) as container:
        packets = container.demux(video=0)
        times = [float(next(packets).pts or 0) / 90_000 for _ in range(2 * FRAMES + 2)]

    steps = [b - a for a, b in itertools.pairwise(times[1:])]
    assert steps == pytest.approx([1 / FPS] * len(steps), abs=0.001)


def test_viewers_share_the_cameras_present(looping: RtspServer) -> None:
    with watch(looping.url("h264", LOGIN)) as first:
        early = first.demux(video=0)
        for _ in range(2):
            next(early)
        began_s = looping.sent_s("h264", 0)
        with watch(looping.url("h264", LOGIN), "udp") as second:
            assert next(second.demux(video=0)).is_keyframe
            assert looping.viewers == 2
            assert looping.sent_s("h264", 0) == began_s
            assert next(early).size


def test_moment_of_each_picture_is_known(looping: RtspServer, media: dict[str, Media]) -> None:
    assert looping.sent_s("h264", 0) is None
    with watch(looping.url("h264", LOGIN)) as container:
        next(container.demux(video=0))
        began_s, later_s = looping.sent_s("h264", 0), looping.sent_s("h264", FRAMES + 3)

    assert began_s is not None
    assert later_s is not None
    assert later_s - began_s == pytest.approx((FRAMES + 3) / FPS)


# --- login ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["digest", "basic", "both"])
def test_right_password_is_let_in(media: dict[str, Media], scheme: str) -> None:
    login = ViewerLogin(LOGIN.user, LOGIN.password, scheme)  # type: ignore[arg-type]
    with RtspServer(media, login=login) as server:
        with watch(server.url("h264", login)) as container:
            assert next(container.decode(video=0)).width == 640
        counts = server.counts()

    assert counts.wrong == 0
    assert counts.right >= 3  # DESCRIBE, SETUP, PLAY
    assert counts.without_login >= 1


def test_wrong_password_is_refused_and_counted(looping: RtspServer) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        watch(looping.url("h264", ViewerLogin("viewer", "guess")))
    with pytest.raises(av.error.HTTPUnauthorizedError):
        watch(looping.url("h264"))

    counts = looping.counts()
    assert counts.wrong == 1
    assert counts.right == 0
    assert counts.connections == 2


def test_changed_password_counts_for_the_next_request(looping: RtspServer) -> None:
    with watch(looping.url("h264", LOGIN)) as playing:
        looping.set_password("new")
        with pytest.raises(av.error.HTTPUnauthorizedError):
            watch(looping.url("h264", LOGIN))
        with watch(looping.url("h264", ViewerLogin("viewer", "new"))) as container:
            next(container.demux(video=0))
        assert next(playing.demux(video=0)).size > 0


# --- switches -------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_stall_sends_nothing_until_resumed(looping: RtspServer, transport: str) -> None:
    with watch(looping.url("h264", LOGIN), transport, read_timeout_s=0.5) as container:
        packets = container.demux(video=0)
        next(packets)
        looping.stall()
        # libav's parser may hold a picture or two back.
        with pytest.raises(av.error.ExitError):
            list(itertools.islice(packets, 4))
        assert looping.viewers == 1
        looping.resume()
    with watch(looping.url("h264", LOGIN), transport) as container:
        assert next(container.demux(video=0)).is_keyframe


def test_stall_leaves_new_connections_without_answer(looping: RtspServer) -> None:
    looping.stall()
    with raw(looping) as connection:
        connection.settimeout(0.2)
        connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        looping.resume()
        connection.settimeout(5)
        assert connection.recv(100).startswith(b"RTSP/1.0 200 OK")


def test_hang_takes_new_connections_and_says_nothing(looping: RtspServer) -> None:
    with watch(looping.url("h264", LOGIN)) as playing:
        looping.accept_hang()
        with raw(looping) as connection:
            connection.settimeout(0.2)
            connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        packets = playing.demux(video=0)
        assert all(next(packets).size for _ in range(FRAMES))
        looping.accept_hang(False)
        with raw(looping) as connection:
            assert ask(connection, "OPTIONS", "*").startswith("RTSP/1.0 200")


def test_killed_connections_end_and_new_ones_are_served(looping: RtspServer) -> None:
    with watch(looping.url("h264", LOGIN)) as container:
        looping.kill_connections()
        with contextlib.suppress(av.error.FFmpegError):
            assert len([packet for packet in container.demux(video=0) if packet.size]) < FRAMES
    with watch(looping.url("h264", LOGIN)) as container:
        assert next(container.demux(video=0)).size


def test_server_comes_back_on_the_same_port(looping: RtspServer) -> None:
    port = looping.port
    looping.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)
    looping.start()

    assert looping.port == port
    with watch(looping.url("h264", LOGIN)) as container:
        assert next(container.demux(video=0)).size


def test_stop_while_stalled_leaves_nothing_behind(media: dict[str, Media]) -> None:
    before = threading.active_count()
    with RtspServer(media) as server, raw(server) as connection:
        ask(connection, "OPTIONS", "*")
        server.stall()
        connection.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n")
        server.stop()
        assert server.viewers == 0
    assert threading.active_count() == before


def test_taken_port_is_an_error(looping: RtspServer, media: dict[str, Media]) -> None:
    with pytest.raises(OSError, match="in use"):
        RtspServer(media, port=looping.port).start()


# --- the protocol, word by word -------------------------------------------------------


@contextlib.contextmanager
def raw(server: RtspServer) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), 5) as connection:
        yield connection


def ask(connection: socket.socket, method: str, url: str, *headers: str) -> str:
    request = "\r\n".join([f"{method} {url} RTSP/1.0", "CSeq: 7", *headers, "", ""])
    connection.sendall(request.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(1)
        if not part:
            break
        if part == b"$" and not data:
            length = int.from_bytes(connection.recv(3, socket.MSG_WAITALL)[1:], "big")
            connection.recv(length, socket.MSG_WAITALL)
            continue
        data += part
    reply = data.decode()
    length = next((line for line in reply.split("\r\n") if line.startswith("Content-Length")), "")
    body = int(length.partition(":")[2] or 0)
    return reply + connection.recv(body, socket.MSG_WAITALL).decode()


def status(reply: str) -> int:
    return int(reply.split()[1])


TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=4-5"


def test_session_from_setup_to_teardown(media: dict[str, Media]) -> None:
    with RtspServer(media) as server, raw(server) as connection:
        url = server.url("h264")
        description = ask(connection, "DESCRIBE", url)
        assert f"Content-Base: {url}/\r\n" in description
        assert "sprop-parameter-sets=" in description
        setup = ask(connection, "SETUP", f"{url}/trackID=0", TCP)
        assert "interleaved=4-5" in setup
        session = setup.split("Session: ")[1].split(";")[0]
        mine = f"Session: {session}"
        play = ask(connection, "PLAY", url, mine, "Range: npt=0-")
        assert f"RTP-Info: url={url}/trackID=0;seq=" in play
        assert connection.recv(1) == b"$"
        assert connection.recv(1)[0] in (4, 5)
        size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
        connection.recv(size, socket.MSG_WAITALL)
        assert status(ask(connection, "GET_PARAMETER", url, mine)) == 200
        assert status(ask(connection, "PAUSE", url, mine)) == 200
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(5)
        assert status(ask(connection, "PLAY", url, mine)) == 200
        assert connection.recv(1, socket.MSG_PEEK) == b"$"
        assert status(ask(connection, "TEARDOWN", url, mine)) == 200
        assert status(ask(connection, "PLAY", url, mine)) == 454


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("OPTIONS", "*", (), 200),
        ("DESCRIBE", "/none", (), 404),
        ("DESCRIBE", "/h264/", (), 200),
        ("SETUP", "/h264/trackID=0", (), 461),
        ("SETUP", "/h264/trackID=0", ("Transport: RTP/AVP;multicast",), 461),
        ("SETUP", "/h264/trackID=0", ("Transport: RTP/AVP;multicast, RTP/AVP/TCP",), 200),
        ("SETUP", "/h264/trackID=1", (TCP,), 404),
        ("PLAY", "/h264", (), 454),
        ("PLAY", "/h264", ("Session: 1",), 454),
        ("RECORD", "/h264", (), 501),
        ("GET_PARAMETER", "/h264", (), 200),
    ],
)
def test_status(
    media: dict[str, Media], method: str, path: str, headers: tuple[str, ...], expected: int
) -> None:
    with RtspServer(media) as server, raw(server) as connection:
        url = path if path == "*" else server.url(path.lstrip("/"))
        reply = ask(connection, method, url, *headers)

    assert status(reply) == expected
    assert "CSeq: 7\r\n" in reply


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: x\r\n\r\n",
        b"O" * 100_000,
    ],
    ids=["words", "http", "length", "endless"],
)
def test_garbage_is_answered_and_hung_up(media: dict[str, Media], garbage: bytes) -> None:
    with RtspServer(media) as server, raw(server) as connection:
        with contextlib.suppress(ConnectionError):  # it hangs up before it has read all
            connection.sendall(garbage)
            assert connection.recv(100).startswith(b"RTSP/1.0 400")
            assert connection.recv(1) == b""
        with raw(server) as other:
            assert status(ask(other, "OPTIONS", "*")) == 200


# --- clips ----------------------------------------------------------------------------


def test_parameter_sets_stand_before_every_key_picture(media: dict[str, Media]) -> None:
    assert keys(media["h264"]) == [0, 4]
    for number in keys(media["h264"]):
        kinds = [payload[0] & 0x1F for payload in media["h264"].pictures[number].payloads]
        assert kinds[:2] == [7, 8]


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    odd = render(tmp_path / "odd.avi", Clip(codec="mpeg4"))
    optimal = render(tmp_path / "optimal.avi", OPTIMAL)
    (tmp_path / "empty.mp4").touch()

    for path, words in ((odd, "codec"), (optimal, "Huffman"), (tmp_path / "empty.mp4", "read")):
        with pytest.raises(MediaError, match=words):
            Media.load(path)
