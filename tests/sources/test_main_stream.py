"""The main stream: remembered for clips, never decoded, and back after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clips import Clip, render

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import RtspSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId, Packet, PacketStream
from edge_agent.runtime import StopToken
from edge_agent.sources import Backoff, CredentialGuard, MainStream, PacketSource, open_source
from edge_agent.sources import main_stream as main_stream_module

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    clip = render(tmp_path_factory.mktemp("main") / "main.mp4", Clip(width=640, height=360, gop=5))
    with RtspServer({"main": Media.load(clip)}) as server:
        yield server


def wait(what: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@contextmanager
def running(url: str, **changes: Any) -> Iterator[MainStream]:
    source = RtspSource(url="rtsp://127.0.0.1:9/sub", main_url=url, open_timeout_s=2)
    credentials = CredentialGuard(None, CLOCK)
    main = MainStream(CameraId("gate"), source, credentials=credentials, clock=CLOCK, **changes)
    stop = StopToken()
    thread = threading.Thread(target=main.run, args=(stop,), name="main-stream")
    thread.start()
    try:
        yield main
    finally:
        stop.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_the_main_url_is_opened_and_nothing_is_decoded(server: RtspServer) -> None:
    opened: list[PacketSource] = []

    def opener(config: RtspSource, **rest: Any) -> PacketSource:
        assert config.url == server.url("main")
        opened.append(open_source(config, **rest))
        return opened[-1]

    with running(server.url("main"), opener=opener) as main:
        assert not main.flowing
        wait(lambda: main.flowing)
        drain = main.tap.open(CLOCK.mono_s())
        items: list[object] = []
        wait(lambda: items.extend(drain.take()) or len(items) > 5)
        assert isinstance(items[0], PacketStream)
        assert not opened[0].stream.codec_context.is_open


def test_a_dead_camera_is_tried_again_and_its_failure_said_once(
    server: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def opener(config: RtspSource, **rest: Any) -> PacketSource:
        calls.append(config)
        if len(calls) < 4:
            config = RtspSource(url="rtsp://127.0.0.1:9/away", open_timeout_s=1)
        return open_source(config, **rest)

    class AtOnce(Backoff):
        def delay_s(self, _worked_s: float) -> float:
            return 0.0

    with (
        caplog.at_level("INFO"),
        running(server.url("main"), opener=opener, backoff=AtOnce()) as main,
    ):
        wait(lambda: main.flowing)
    said = [record.message for record in caplog.records if "main stream" in record.message]
    assert len(said) == 2
    assert "substream" in said[0]
    assert "flows again" in said[1]


def test_it_flows_from_its_first_keyframe_on() -> None:
    clock = ManualClock()
    flows: list[bool] = []

    class Listed:
        stream = time_base = None

        def packets(self) -> Iterator[Packet]:
            for number, is_key in enumerate((False, False, True, False, False)):
                clock.advance(0.9 * main_stream_module.SILENT_S)
                yield Packet(float(number), clock.mono_s(), is_key, 1, None)
                flows.append(main.flowing)

        def close(self) -> None:
            pass

    source = RtspSource(url="rtsp://127.0.0.1:9/sub", main_url="rtsp://127.0.0.1:9/main")
    credentials = CredentialGuard(None, clock)
    main = MainStream(
        CameraId("gate"),
        source,
        credentials=credentials,
        clock=clock,
        opener=lambda *_, **__: Listed(),  # type: ignore[arg-type,return-value]
    )
    main._play(StopToken())
    assert flows == [False, False, True, True, True]


def test_a_silent_stream_does_not_count_as_flowing(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(server.url("main")) as main:
        wait(lambda: main.flowing)
        monkeypatch.setattr(main_stream_module, "SILENT_S", -1.0)
        assert not main.flowing
