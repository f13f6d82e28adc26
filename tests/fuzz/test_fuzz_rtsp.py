"""What a camera sends, spoilt: it is refused in words or read, within bounds, and nothing else.

FUZZ_RUNS tries many more (`make fuzz`), FUZZ_SEED other ones; a failure names its seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from edge_agent.errors import AgentError
from edge_agent.sources.credentials import Login
from edge_agent.sources.rtsp.challenge import Answering, challenges, chosen
from edge_agent.sources.rtsp.messages import NotRtsp, next_piece, request
from edge_agent.sources.rtsp.sdp import control_uri, described
from edge_agent.sources.rtsp.traffic import Traffic
from edge_agent.sources.stream_time import StreamTime

RUNS = int(os.environ.get("FUZZ_RUNS", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))

REPLY = (
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="cam", '
    b'nonce="a1b2", qop="auth", algorithm=SHA-256\r\nWWW-Authenticate: Basic realm="cam"\r\n'
    b"Content-Type: application/sdp\r\nContent-Length: 12\r\n\r\nv=0\r\ns=cam\r\n"
)
PACKET = b"$\0\0\x10\x80\x60\0\1\0\0\0\2\x12\x34\x56\x78\x65\x88\x84\0"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=cam\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IA,aM4=\r\n"
    b"a=control:trackID=1\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
)
CHALLENGE = (
    b'Digest realm="cam \\"x\\"", nonce="a1", stale=TRUE, qop="auth,auth-int", Basic realm=x'
)
_BITS = (b"\r\n", b"\r\n\r\n", b"\0", b"$", b'"', b"\\", b"=", b",", b"9" * 30, b"\xff" * 8, b": ")


def spoilt(data: bytes) -> Iterator[tuple[str, bytes]]:
    for run in range(RUNS):
        seed = f"{SEED}/{run}"
        chance = random.Random(seed)
        out = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(out) + 1)
            what = chance.randrange(5)
            if what == 0 and out:
                out[at % len(out)] ^= 1 << chance.randrange(8)
            elif what == 1:
                del out[at : at + chance.randrange(1, 40)]
            elif what == 2:
                out[at:at] = chance.choice(_BITS)
            elif what == 3:
                out[at:at] = chance.randbytes(chance.randrange(1, 20))
            else:
                out += out[at : at + 200]
        yield seed, bytes(out)


@pytest.mark.parametrize("data", [REPLY, PACKET * 3 + REPLY + PACKET, REPLY * 3])
def test_replies(data: bytes) -> None:
    for seed, spoiled in spoilt(data):
        left = bytearray(spoiled)
        pieces = 0
        try:
            while (piece := next_piece(left)) is not None:
                assert 0 < piece.size_bytes <= len(left), seed
                del left[: piece.size_bytes]
                pieces += 1
                assert pieces <= len(spoiled), seed
                if piece.reply is not None:
                    _answer(piece.reply.all("www-authenticate"))
        except NotRtsp:
            continue


def test_challenges() -> None:
    for _, spoiled in spoilt(CHALLENGE):
        _answer([spoiled.decode("utf-8", "replace")])


def _answer(headers: list[str]) -> None:
    offered = challenges(headers)
    challenge = chosen(offered, basic=False)
    if challenge is None:
        return
    header = Answering(challenge, Login("h", "viewer", "canary")).header("PLAY", "rtsp://h/x")
    assert header.startswith("Digest ")
    assert "canary" not in header
    try:
        request("PLAY", "rtsp://h/x", {"Authorization": header})
    except NotRtsp:
        assert any(c in header for c in "\r\n\0")


def test_descriptions() -> None:
    for seed, spoiled in spoilt(SDP):
        description = described(spoiled)
        for track in description.tracks:
            text = track.description.decode("ascii")
            assert text.replace("\r\n", "").isprintable(), seed
            assert 0 <= track.payload_type <= 127, seed
            control_uri("rtsp://10.0.0.1/x/", track.control)


def test_packets() -> None:
    traffic = Traffic(96, 0x12345678)
    for number, (seed, spoiled) in enumerate(spoilt(PACKET[4:])):
        traffic.is_ours(spoiled, number * 0.01)
        assert traffic.lost >= 0, seed
        assert traffic.packets + traffic.foreign <= number + 1, seed


def test_time_stamps() -> None:
    for run in range(max(1, RUNS // 20)):
        chance = random.Random(f"{SEED}/{run}")
        time, arrived_s, pts_s, before_s = StreamTime(), 0.0, 0.0, float("-inf")
        for _ in range(400):
            arrived_s += chance.choice([0.0, 0.04, 0.1, 3.0])
            pts_s += chance.choice([0.04, 0.1, 0.0, -1e9, 1e9, chance.uniform(-1e6, 1e6)])
            placed_s = time.placed(pts_s, arrived_s)
            assert placed_s - before_s > -10, f"{SEED}/{run}"
            before_s = max(before_s, placed_s)


def test_a_talk_with_a_camera_of_noise_ends_in_words() -> None:
    """The real open path: a server that sends spoilt replies, whatever it is asked."""
    import socket
    import threading

    from edge_agent.clock import SystemClock
    from edge_agent.config.schema import RtspSource
    from edge_agent.runtime.stop import StopToken
    from edge_agent.sources import CredentialGuard, open_source

    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    closing = threading.Event()
    spoils = spoilt(REPLY.replace(b"401 Unauthorized", b"200 OK"))

    def serve() -> None:
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(1)
                try:
                    for _ in range(4):
                        connection.recv(4096)
                        connection.sendall(next(spoils)[1])
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    clock = SystemClock()
    try:
        for _ in range(max(10, RUNS // 100)):
            url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/x"
            with pytest.raises(AgentError):
                open_source(
                    RtspSource(url=url, open_timeout_s=1.0, stall_timeout_s=1.0),
                    camera="front",
                    credentials=CredentialGuard(None, clock),
                    stop=StopToken(),
                    clock=clock,
                )
    finally:
        closing.set()
        thread.join(10)
        listener.close()
