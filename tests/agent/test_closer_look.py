"""When the main stream is asked for people too small on the substream, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import numpy as np
import pytest

from edge_agent.agent.closer_look import BUDGET_S, CloserLook
from edge_agent.agent.main_streams import closer_look, main_stream, masks
from edge_agent.clock import ManualClock
from edge_agent.config import (
    BoxConfig,
    CameraConfig,
    Config,
    MqttConfig,
    PrivacyMaskConfig,
    RtspSource,
    SnapshotConfig,
)
from edge_agent.domain import CameraId, Frame, Region, Track
from edge_agent.geometry import BBox, FrameSize, Polygon
from edge_agent.sources import CredentialGuard, Orientation, Picture

SIZE, STEP_S = FrameSize(640, 360), 0.2
LARGER = FrameSize(1280, 720)
SMALL, LARGE = BBox(0.5, 0.5, 0.03, 0.05), BBox(0.2, 0.3, 0.2, 0.5)
LEFT_HALF = Polygon.of([(0, 0), (0.5, 0), (0.5, 1), (0, 1)])


class Substream:
    size = SIZE


@dataclass
class View:
    """A main stream that has every picture; notes what it was asked."""

    size: FrameSize = LARGER
    asked: list[float] = field(default_factory=list)

    def near(self, at_s: float) -> Picture | None:
        self.asked.append(at_s)
        planes = np.full((self.size.height * 3 // 2, self.size.width), 128, np.uint8)
        return Picture(0.0, av.VideoFrame.from_ndarray(planes, format="yuv420p"), Orientation())


class Scene:
    def __init__(self, view: View | None = None, *masks: Polygon) -> None:
        self.view = view or View()
        self.look = CloserLook(self.view, masks)  # type: ignore[arg-type]
        self.at_s = self.seen_s = 0.0

    def go(
        self, seconds: float, *moving: BBox, person: BBox | None = None, found: bool = True
    ) -> int:
        """So many seconds of the same; how many frames were looked at closer."""
        count = 0
        for _ in range(round(seconds / STEP_S)):
            self.at_s += STEP_S
            frame = Frame(CameraId("gate"), self.at_s, Substream())  # type: ignore[arg-type]
            count += self.look.pixels(frame, [Region(box) for box in moving]) is not None
            self.seen_s = self.at_s if found else self.seen_s
            tracks = [Track(1, person, 0.9, 0.9, 0.9, 0.0, self.seen_s, 5)] if person else []
            self.look.learn(frame, tracks)
        return count


@pytest.mark.parametrize(
    ("moving", "person", "closer"),
    [
        ([SMALL], None, True),
        ([LARGE], None, False),
        ([LARGE, SMALL], None, True),
        ([BBox(0.25, 0.4, 0.03, 0.06)], LARGE, False),  # the hand of somebody who is known
        ([SMALL], LARGE, True),
        ([], SMALL, True),
        ([], LARGE, False),
        ([], None, False),
    ],
)
def test_only_what_is_small_is_looked_at_closer(
    moving: list[BBox], person: BBox | None, closer: bool
) -> None:
    scene = Scene()
    scene.go(0.4, *moving, person=person)
    assert (scene.go(2.0, *moving, person=person) > 0) is closer
    assert bool(scene.view.asked) is closer


def test_leaf_that_moves_once_does_not_start_a_decoder() -> None:
    scene = Scene()
    for _ in range(10):
        scene.go(0.4, SMALL)
        scene.go(1.4)
    assert scene.view.asked == []


def test_who_stands_is_left_to_the_substream_until_missed_there() -> None:
    scene = Scene()
    assert scene.go(4.0, person=SMALL) > 15
    scene.go(0.6, person=SMALL)
    assert scene.go(20.0, person=SMALL) == 0
    assert scene.go(1.0, person=SMALL, found=False) == 0
    assert scene.go(1.0, person=SMALL, found=False) == 5


def test_looking_in_vain_is_bounded() -> None:
    """Leaves move for an hour."""
    scene = Scene()
    looks = scene.go(3600.0, SMALL)
    assert looks * STEP_S <= BUDGET_S + 0.1 * 3600 + 1
    assert looks * STEP_S > 0.08 * 3600
    scene.go(300.0)
    assert scene.go(10.0, SMALL) > 40, "a quiet time gives it back"


def test_person_who_is_found_costs_nothing_of_the_budget() -> None:
    scene = Scene()
    scene.go(1.0, SMALL)
    assert scene.go(300.0, SMALL, person=SMALL) == 1500
    looked = scene.go(120.0, SMALL, person=SMALL, found=False)
    assert looked * STEP_S < BUDGET_S + 20


def test_main_stream_of_the_same_size_is_not_worth_it() -> None:
    assert Scene(View(FrameSize(640, 360))).go(3.0, SMALL) == 0


def test_privacy_masks_are_black_in_it() -> None:
    scene = Scene(None, LEFT_HALF)
    scene.go(1.0, SMALL)
    frame = Frame(CameraId("gate"), scene.at_s + STEP_S, Substream())  # type: ignore[arg-type]
    pixels = scene.look.pixels(frame, [Region(SMALL)])
    assert pixels is not None
    assert pixels.bgr()[:, :600].max() == 0
    assert pixels.bgr()[:, 700:].min() > 0


def test_people_are_forgotten_with_the_stream() -> None:
    scene = Scene()
    scene.go(1.0, person=SMALL)
    scene.look.reset()
    scene.view.asked.clear()
    scene.look.pixels(Frame(CameraId("gate"), 9.0, Substream()), [])  # type: ignore[arg-type]
    assert scene.view.asked == []


@pytest.mark.parametrize(
    ("source", "detects", "snapshots", "received", "closer"),
    [
        ({}, True, False, True, True),
        ({}, False, False, False, False),  # no detector: motion only
        ({}, False, True, True, False),
        ({"closer_look": "off"}, True, False, False, False),
        ({"closer_look": "off"}, True, True, True, False),
        ({"main_url": None}, True, True, False, False),
    ],
)
def test_main_stream_is_received_only_for_something(
    source: dict, detects: bool, snapshots: bool, received: bool, closer: bool
) -> None:
    urls = {"url": "rtsp://host/sub", "main_url": "rtsp://host/main"}
    mask = PrivacyMaskConfig(name="window", polygon=LEFT_HALF.points)
    camera = CameraConfig(id="gate", source=RtspSource(**{**urls, **source}), privacy_masks=(mask,))
    config = Config(
        box=BoxConfig(id="box-1", ward="ward-1"),
        mqtt=MqttConfig(host="localhost"),
        snapshots=SnapshotConfig(enabled=snapshots),
        cameras=(camera,),
    )
    clock = ManualClock()
    main = main_stream(config, camera, CredentialGuard(None, clock), clock, detects=detects)
    assert (main is not None) is received
    assert (closer_look(camera, main, detects=detects) is not None) is closer
    assert masks(camera) == (LEFT_HALF,)
