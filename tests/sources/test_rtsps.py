"""RTSP over TLS: the camera proves who it is, or is not given the password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from pki import Authority
from tls_front import tls_front

from edge_agent.clock import SystemClock
from edge_agent.config import RtspSource
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import AgentError, ConfigError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings

CLOCK = SystemClock()
LOGIN = ViewerLogin("viewer", "secret")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    path = tmp_path_factory.mktemp("rtsps") / "h264.mp4"
    media = Media.load(clips.render(path, clips.Clip(frames=60, gop=5)))
    with RtspServer({"main": media}, login=LOGIN) as server:
        yield server


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(LOGIN.password)
    path.chmod(0o600)
    return path


def first_frame(port: int, password_file: Path, host: str = "127.0.0.1", **tls: object) -> Frame:
    """Raises what keeps the feed from a picture."""
    source = RtspSource(
        url=f"rtsps://{host}:{port}/main",
        username=LOGIN.user,
        password_file=str(password_file),
        **tls,  # type: ignore[arg-type]
    )
    feed = CameraFeed(
        FeedSettings(CameraId("front"), source, 5.0),
        credentials=CredentialGuard(None, CLOCK),
        clock=CLOCK,
    )
    frames: list[Frame] = []
    stop = StopToken()

    def deliver(frame: Frame) -> None:
        frames.append(frame)
        stop.stop()

    feed.run_once(stop, deliver)
    return frames[0]


@pytest.mark.parametrize("trust", ["authority", "the certificate itself"])
def test_a_camera_that_proves_who_it_is_is_shown(
    camera: RtspServer, authority: Authority, password_file: Path, trust: str
) -> None:
    pair = authority.issue("127.0.0.1", self_signed=trust != "authority")
    ca_file = authority.ca if trust == "authority" else pair.cert
    with tls_front(pair, camera.port) as front:
        frame = first_frame(front.port, password_file, ca_file=str(ca_file))
        assert b"SETUP rtsps://" in front.heard or b"SETUP rtsp://" in front.heard
    assert frame.camera == "front"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("127.0.0.2", {}, "127.0.0.1"),
        ("camera.example", {}, "127.0.0.1"),
        ("127.0.0.1", {"expired": True}, "expired"),
        ("127.0.0.1", {"self_signed": True}, "self"),
        ("127.0.0.1", {"begins_in_days": 10}, "not yet valid"),
    ],
)
def test_a_camera_that_does_not_is_refused_before_it_hears_a_word(
    camera: RtspServer,
    authority: Authority,
    password_file: Path,
    name: str,
    options: dict[str, bool],
    words: str,
) -> None:
    with tls_front(authority.issue(name, **options), camera.port) as front:  # type: ignore[arg-type]
        with pytest.raises(AgentError, match="certificate cannot be trusted") as caught:
            first_frame(front.port, password_file, ca_file=str(authority.ca))
        assert words in str(caught.value)
        assert "allow_insecure = true" in str(caught.value)
        assert "secret" not in str(caught.value)
        assert front.heard == b""


def test_a_camera_of_an_unknown_authority_is_refused(
    camera: RtspServer, authority: Authority, password_file: Path, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with tls_front(other.issue("127.0.0.1"), camera.port) as front:
        for tls in ({}, {"ca_file": str(authority.ca)}):
            with pytest.raises(AgentError, match="certificate cannot be trusted"):
                first_frame(front.port, password_file, **tls)
        assert front.heard == b""


@pytest.mark.parametrize("name", ["127.0.0.1", "camera.example"])
def test_allow_insecure_takes_any_certificate(
    camera: RtspServer, authority: Authority, password_file: Path, name: str
) -> None:
    with tls_front(authority.issue(name, self_signed=True), camera.port) as front:
        assert first_frame(front.port, password_file, allow_insecure=True).camera == "front"


def test_a_camera_without_tls_at_that_port_is_said(
    authority: Authority, password_file: Path
) -> None:
    def answer() -> None:
        client, _ = listening.accept()
        with client:
            client.recv(4096)
            client.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer)
        server.start()
        with pytest.raises(AgentError, match="does not speak TLS here"):
            first_frame(listening.getsockname()[1], password_file, ca_file=str(authority.ca))
        server.join(10)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(
    camera: RtspServer, password_file: Path, tmp_path: Path, content: str | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    with pytest.raises(ConfigError, match="ca_file"):
        first_frame(camera.port, password_file, ca_file=str(ca_file))
