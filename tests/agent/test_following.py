"""A camera that moves to another address, a real one on loopback, is followed; others are not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from agent_process import agent, listening, write_config
from broker import Mosquitto
from fake_onvif import FakeOnvif

from edge_agent.agent.following import FollowedCamera
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, RtspSource
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import SceneSpec, render_clip
from edge_agent.domain import Frame
from edge_agent.runtime import StopToken
from edge_agent.sources import Backoff, CameraFeed, CredentialGuard, FeedSettings

#: Of WS-Discovery: the agent asks at no other.
WSD_PORT = 3702
PASSWORD = "cam-canary-5"
SCOPES = "onvif://www.onvif.org/name/IPC"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    clip = tmp_path_factory.mktemp("clip") / "scene.mp4"
    render_clip(clip, SceneSpec(duration_s=3.0))
    return Media.load(clip)


@contextlib.contextmanager
def camera(
    address: str,
    media: Media,
    port: int = 0,
    endpoint: str = "not-the-serial-number",
    password: str = PASSWORD,
) -> Iterator[tuple[RtspServer, FakeOnvif]]:
    """RTSP and ONVIF of one device."""
    onvif = FakeOnvif(address, "Weird", "Box", SCOPES, "SN-42", password=password)
    onvif.endpoint = endpoint
    server = RtspServer(
        {"s": media}, login=ViewerLogin("viewer", password), host=address, port=port
    )
    with server, onvif.running(WSD_PORT):
        yield server, onvif


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "pw"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    return path


def source_toml(url: str, password_file: Path, more: str) -> str:
    return (
        f'[source]\nkind = "rtsp"\nurl = "{url}"\nusername = "viewer"\nopen_timeout_s = 1\n'
        f'stall_timeout_s = 1\npassword_file = "{password_file}"\n{more}\n'
    )


@pytest.mark.slow
def test_the_running_agent_follows_a_camera_to_its_new_address(
    tmp_path: Path, mosquitto: Mosquitto, media: Media, password_file: Path
) -> None:
    neighbour = FakeOnvif("127.0.71.3", "Other", "Cam", SCOPES, "SN-1", password="another")
    with contextlib.ExitStack() as stack:
        stack.enter_context(neighbour.running(WSD_PORT))
        with camera("127.0.71.1", media) as (server, _):
            port, url = server.port, server.url("s")
            gate = source_toml(url, password_file, 'identity = "sn-42"')
            # The neighbour is configured: it is never asked with the gate's login.
            yard = '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.71.3:9/s"\n'
            folder = write_config(tmp_path / "etc", mosquitto.port, {"gate": gate, "yard": yard})
            heard, _ = stack.enter_context(listening(mosquitto))
            # Without `ip` the agent knows no network of its own, and asks none of this machine's.
            process = stack.enter_context(agent(folder, env={"PATH": "/nowhere"}))
            heard.wait(lambda: states(heard.bodies("st/cam/gate"))[-1:] == ["online"])
        heard.wait(lambda: states(heard.bodies("st/cam/gate"))[-1:] == ["offline"])
        with camera("127.0.71.9", media, port) as (_, onvif):
            heard.wait(lambda: states(heard.bodies("st/cam/gate"))[-1:] == ["online"], timeout_s=60)
            assert onvif.logins == 1
        assert "was found at 127.0.71.9 by its identity" in process.log
        assert PASSWORD not in process.log
    assert neighbour.logins == 0


def states(bodies: list[dict[str, object]]) -> list[object]:
    return [body["state"] for body in bodies]


class Feed:
    """A feed in this process; `delays_s` are its back-offs."""

    def __init__(
        self, source: RtspSource, monkeypatch: pytest.MonkeyPatch, state_dir: Path | None = None
    ) -> None:
        monkeypatch.setattr("edge_agent.discovery.network.own_networks", list)
        monkeypatch.setattr("edge_agent.agent.following._SEARCH_S", 0.5)
        self.delays_s: list[float] = []
        self.frame = threading.Event()
        self.stop = StopToken()
        clock = SystemClock()
        followed = FollowedCamera("gate", tuple, state_dir=state_dir)
        self.feed = CameraFeed(
            FeedSettings.of(CameraConfig(id="gate", source=source), 5.0),
            credentials=CredentialGuard(None, clock),
            clock=clock,
            opener=followed.open,
            backoff=Backoff(self._draw),
        )
        self._thread = threading.Thread(target=self.feed.run, args=(self.stop, self._deliver))

    def _draw(self, low: float, high: float) -> float:
        self.delays_s.append(high)
        return 0.05

    def _deliver(self, frame: Frame) -> None:
        self.frame.set()

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stop.stop()
        self._thread.join(20)


def rtsp(url: str, password_file: Path, identity: str | None) -> RtspSource:
    return RtspSource(
        url=url,
        username="viewer",
        password_file=str(password_file),
        identity=identity,
        open_timeout_s=1,
        stall_timeout_s=1,
    )


def test_it_takes_two_back_offs_at_most(
    media: Media, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as here:
        server, _ = here.enter_context(camera("127.0.72.1", media))
        source = rtsp(server.url("s"), password_file, "SN-42")
        with Feed(source, monkeypatch) as feed:
            assert feed.frame.wait(20)
            here.close()
            feed.frame.clear()
            with camera("127.0.72.8", media, server.port):
                assert feed.frame.wait(30)
                assert len(feed.delays_s) <= 2


def test_it_is_known_by_its_hardware_address_without_a_login(
    media: Media, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "2419d68a-bb2c-11e8-8a6d-44194b001122"
    with camera("127.0.73.1", media, endpoint=endpoint) as (server, onvif):
        source = rtsp("rtsp://127.0.73.77:1/s", password_file, "44:19:4B:00:11:22")
        source = msgspec.structs.replace(source, url=f"rtsp://127.0.73.77:{server.port}/s")
        with Feed(source, monkeypatch) as feed:
            assert feed.frame.wait(20)
        assert onvif.logins == 0


@pytest.mark.parametrize("identity", [None, "SN-41"], ids=["not allowed", "another's"])
def test_a_stranger_is_not_followed(
    identity: str | None, media: Media, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera("127.0.74.1", media, password="another") as (server, onvif):
        source = rtsp(f"rtsp://127.0.74.77:{server.port}/s", password_file, identity)
        failed = threading.Event()
        with Feed(source, monkeypatch) as feed:
            tries = feed.delays_s
            while len(tries) < 4 and not failed.wait(0.05):
                pass
        assert not feed.frame.is_set()
        assert onvif.wrong == (2 if identity else 0), "two logins, whatever the back-off asks for"
        assert server.counts().connections == 0


def where_is(source: RtspSource, state_dir: Path, others: tuple[str, ...] = ()) -> str:
    """The address at which a new process opens it first."""
    followed = FollowedCamera("gate", lambda: others, state_dir=state_dir)
    found = followed.where(source)
    assert isinstance(found, RtspSource)
    return found.url


def test_where_it_was_found_is_known_after_a_restart(
    media: Media, password_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera("127.0.75.8", media) as (server, onvif):
        source = rtsp(f"rtsp://127.0.75.1:{server.port}/s", password_file, "SN-42")
        with Feed(source, monkeypatch, tmp_path) as feed:
            assert feed.frame.wait(20)
        asked = onvif.logins
        with Feed(source, monkeypatch, tmp_path) as feed:
            assert feed.frame.wait(20)
            assert feed.delays_s == []
        assert onvif.logins == asked
    assert where_is(source, tmp_path) == server.url("s")
    # Only for this camera at this address, and never where another one is configured.
    other = msgspec.structs.replace(source, identity="SN-43")
    assert where_is(other, tmp_path) == source.url
    assert where_is(source, tmp_path, ("127.0.75.8",)) == source.url
    (tmp_path / "followed/gate.json").write_bytes(b"[[")
    assert where_is(source, tmp_path) == source.url
