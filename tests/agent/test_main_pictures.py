"""The snapshot of the main stream takes the substream's place, if it still may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from packets import Recorded, recorded

from edge_agent.agent import main_pictures as main_pictures_module
from edge_agent.agent.main_pictures import MainCamera, MainPictures
from edge_agent.config import SnapshotConfig
from edge_agent.domain import BestFrame, CameraId, EventId, Frame, Snapshot
from edge_agent.geometry import BBox, FrameSize, Polygon
from edge_agent.media import take_snapshot
from edge_agent.runtime import StopToken
from edge_agent.sources import GopRing, PacketTap
from edge_agent.sources.picture_rules import ANY_CAMERA

GATE, YARD = CameraId("gate"), CameraId("yard")
ONE, TWO = EventId("01J00000000000000000000000"), EventId("01J00000000000000000000001")
LEFT_HALF = Polygon.of([(0, 0), (0.5, 0), (0.5, 1), (0, 1)])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    found = recorded(tmp_path_factory.mktemp("source"))
    yield found
    found.container.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_pictures_module, "_DECODE_EVERY_S", 0.02)
    monkeypatch.setattr(main_pictures_module, "_LOOK_EVERY_S", 0.02)


class Main:
    """A main stream that keeps sending its newest packet."""

    def __init__(self, source: Recorded, *, flowing: bool = True) -> None:
        self.tap, self.flowing, self.rules = PacketTap(), flowing, ANY_CAMERA
        self._ring = GopRing()
        for packet in source.packets[:-1]:
            self._ring.add(packet)
        self._last = source.packets[-1]

    def send(self) -> None:
        self.tap.flows(self._last, self._ring, 100.0)


def take(frame: Frame, best: BestFrame) -> Snapshot:
    return take_snapshot(
        frame.pixels.bgr(),
        [best.bbox],
        SnapshotConfig(enabled=True),
        camera=frame.camera,
        event_id=best.event_id,
        captured_s=frame.captured_s,
    )


class NoPixels:
    size = FrameSize(8, 8)

    def luma(self) -> np.ndarray:
        raise AssertionError("the substream's picture is not asked")

    bgr = luma


def frame(at_s: float, camera: CameraId = GATE) -> Frame:
    return Frame(camera, at_s, NoPixels())


def best(event_id: EventId = ONE) -> BestFrame:
    return BestFrame(event_id, BBox(0.1, 0.1, 0.2, 0.5), 0.9)


@contextmanager
def running(main: Main, *masks: Polygon) -> Iterator[MainPictures]:
    pictures = MainPictures(take)
    pictures.put(GATE, MainCamera(main, masks))  # type: ignore[arg-type]
    stop = StopToken()
    thread = threading.Thread(target=pictures.run, args=(stop,), name="pictures")
    thread.start()
    try:
        yield pictures
    finally:
        stop.stop()
        thread.join(10)


def wait_for(pictures: MainPictures, main: Main, count: int = 1) -> list[Snapshot]:
    found: list[Snapshot] = []
    deadline_s = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline_s
        main.send()
        time.sleep(0.01)
        found += pictures.ready(GATE)
    return found


def test_the_moment_is_taken_from_the_main_stream_in_its_size(source: Recorded) -> None:
    main = Main(source)
    with running(main) as pictures:
        pictures.ask(frame(101.2), best())
        (snapshot,) = wait_for(pictures, main)
    assert (snapshot.event_id, snapshot.camera, snapshot.captured_s) == (ONE, GATE, 101.2)
    assert snapshot.ref.size == FrameSize(320, 240)
    assert main.tap._drains == ()


def test_privacy_masks_are_black_in_it(source: Recorded) -> None:
    main = Main(source)
    with running(main, LEFT_HALF) as pictures:
        pictures.ask(frame(101.2), best())
        (snapshot,) = wait_for(pictures, main)
    picture = cv2.imdecode(np.frombuffer(snapshot.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture[:, :150].max() < 12
    assert picture[:, 180:].max() > 60


def test_a_better_moment_replaces_one_that_was_taken(source: Recorded) -> None:
    main = Main(source)
    with running(main) as pictures:
        pictures.ask(frame(100.5), best())
        pictures.ask(frame(100.9), best(TWO))
        deadline_s = time.monotonic() + 10
        while len(pictures._done[GATE]) < 2:
            assert time.monotonic() < deadline_s
            main.send()
            time.sleep(0.01)
        pictures.ask(frame(101.1), best())
        assert [one.event_id for one in pictures.ready(GATE)] == [TWO]
        (later,) = wait_for(pictures, main)
    assert (later.event_id, later.captured_s) == (ONE, 101.1)


@pytest.mark.parametrize("case", ["not flowing", "no such moment", "another camera"])
def test_without_a_picture_the_substreams_one_stays(source: Recorded, case: str) -> None:
    main = Main(source, flowing=case != "not flowing")
    at_s = 90.0 if case == "no such moment" else 101.0
    with running(main) as pictures:
        pictures.ask(frame(at_s, YARD if case == "another camera" else GATE), best(TWO))
        if case == "not flowing":
            main.flowing = False
        for _ in range(10):
            main.send()
            time.sleep(0.01)
        main.flowing = True
        pictures.ask(frame(101.0), best(ONE))
        (snapshot,) = wait_for(pictures, main)
    assert snapshot.event_id == ONE
    assert pictures.ready(YARD) == []
