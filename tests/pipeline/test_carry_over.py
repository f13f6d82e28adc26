"""A recorder cuts one visit into many clips; the events must not show where it cut."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Sequence

import carried
import cv2
import msgspec
import numpy as np
import pytest
from shared_data import require_footage, require_model

from edge_agent.config import CameraConfig, FileSource, MotionConfig, ZoneConfig
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import (
    U8,
    CameraId,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Lighting,
    Phase,
    Pixels,
    Region,
    SnapshotRef,
    SnapshotState,
)
from edge_agent.errors import CarryOverRefused
from edge_agent.geometry import BBox, FrameSize
from edge_agent.motion.state import unpack_standing
from edge_agent.pipeline import Analysis, CameraPipeline, carry_over
from edge_agent.pipeline.carry_over import LIMIT_BYTES, VERSION, CarryOver, unpack
from edge_agent.pipeline.stages import build_pipeline

ROOM = "intel_one-by-one-person-detection.mp4"
DOOR = ZoneConfig(name="door", polygon=((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=10.0)
FPS = 5


class Still:
    def __init__(self, luma: U8) -> None:
        self._luma = luma
        self.size = FrameSize(luma.shape[1], luma.shape[0])

    def luma(self) -> U8:
        return self._luma

    def bgr(self) -> U8:
        return np.dstack([self._luma] * 3)


class Box:
    """A small box with one camera: a picture with noise, and whoever is in `people`."""

    candidate_threshold = 0.3
    confirm_threshold = 0.5

    def __init__(
        self, *, size: tuple[int, int] = (320, 180), noise: float = 2.0, **camera: object
    ) -> None:
        self.camera = CameraConfig(id="gate", source=FileSource(path="x"), **camera)  # type: ignore[arg-type]
        self.people: list[BBox] = []
        self.rng = np.random.default_rng(3)
        self._noise = noise
        self._yard = cv2.blur(self.rng.integers(40, 200, size[::-1]).astype(np.float32), (3, 3))
        self._names = itertools.count(1)

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        seen = [box for box in self.people if any(r.bbox.iou(box) > 0 for r in regions)]
        return [Detection(box, 0.9) for box in seen]

    def pipeline(self) -> CameraPipeline:
        return build_pipeline(self.camera, self, lambda *_: EventId(f"event-{next(self._names)}"))

    def play(self, pipeline: CameraPipeline, from_s: float, to_s: float) -> list[Analysis]:
        height, width = self._yard.shape
        said = []
        for step in range(round((to_s - from_s) * FPS)):
            picture = self._yard + self._noise * self.rng.standard_normal((height, width))
            for box in self.people:
                left, top = round(box.x * width), round(box.y * height)
                picture[top : round(box.y2 * height), left : round(box.x2 * width)] = 15
            luma = np.clip(picture, 0, 255).astype(np.uint8)
            frame = Frame(CameraId("gate"), from_s + step / FPS, Still(luma))
            said.append(pipeline.update(frame))
        return said


HERE = BBox(0.4, 0.3, 0.1, 0.4)


def events(said: Sequence[Analysis], label: Label = Label.PERSON) -> list[Event]:
    return [event for each in said for event in each.events if event.label is label]


@pytest.mark.slow
def test_six_visits_cut_into_pieces_of_ten_seconds_are_still_six_events() -> None:
    truth = json.loads(require_footage("intel_one-by-one_presence.json").read_text())
    wanted = [(a / truth["fps"], (b + 1) / truth["fps"]) for a, b in truth["presence_intervals"]]
    detector = OnnxDetector.open(find_model(str(require_model("yolox_nano_416.onnx"))), threads=1)
    pieces = carried.analyse(require_footage(ROOM), detector, piece_s=10.0)
    found = pieces.spans()
    assert len(found) == len(wanted), found
    for (wanted_start, wanted_end), (start, end, told) in zip(wanted, found, strict=True):
        shared = min(end, wanted_end) - max(start, wanted_start)
        assert shared / (max(end, wanted_end) - min(start, wanted_start)) >= 0.8, (start, end)
        assert told - wanted_start <= 1.5
    assert pieces.blind == 0
    assert pieces.fixed
    assert max(pieces.sizes_bytes) <= 32 * 1024


def test_a_visit_over_two_clips_and_the_gap_between_them_is_one_event() -> None:
    box = Box()
    first = box.pipeline()
    box.play(first, 0.0, 8.0)
    box.people = [HERE]
    (start,) = events(box.play(first, 8.0, 12.0))
    assert first.attach_snapshot(start.event_id, PICTURE)
    second = box.pipeline()
    second.resume(first.carry_over(), offset_s=17.0)  # 5 s later by their names
    later = events(box.play(second, 0.0, 20.0))
    later += second.close(EndReason.CAMERA_LOST, 20.0)
    assert [event.event_id for event in later] == [start.event_id] * len(later)
    assert [event.rev for event in later] == list(range(1, len(later) + 1))
    assert [event.phase for event in later][-1] is Phase.END
    assert {event.start_s for event in later} == {start.start_s - 17.0}
    assert {event.snapshot for event in later} == {PICTURE}


def test_time_in_a_zone_counts_on_over_the_cut_and_the_gap() -> None:
    box = Box(zones=(DOOR,))
    first, second = box.pipeline(), box.pipeline()
    box.play(first, 0.0, 4.0)
    box.people = [HERE]
    assert not events(box.play(first, 4.0, 10.0))
    second.resume(first.carry_over(), offset_s=12.0)
    (start,) = events(box.play(second, 0.0, 8.0))
    assert start.at_s == pytest.approx(2.0, abs=0.8)  # 10 s after 4.0, on the second's timeline
    assert start.zones_entered == ("door",)


def test_motion_sees_who_walks_in_at_once_and_its_event_goes_on() -> None:
    box = Box(motion=MotionConfig(events=True))
    first, second = box.pipeline(), box.pipeline()
    box.play(first, 0.0, 10.0)
    box.people = [HERE]
    (start,) = events(box.play(first, 10.0, 12.0), Label.MOTION)
    second.resume(first.carry_over(), offset_s=12.0)
    box.people = [BBox(0.7, 0.3, 0.1, 0.4)]
    said = box.play(second, 0.0, 1.0)
    assert {each.motion.lighting for each in said} == {Lighting.STEADY}
    assert all(each.motion.regions for each in said)
    box.people = []
    later = events(box.play(second, 1.0, 30.0), Label.MOTION)
    assert {event.event_id for event in later} == {start.event_id}
    assert later[-1].end_reason is EndReason.GONE


def test_what_stood_long_enough_becomes_background_although_the_clips_are_short() -> None:
    box = Box(motion=MotionConfig(events=True))
    pipeline = box.pipeline()
    box.play(pipeline, 0.0, 20.0)
    car = BBox(0.1, 0.5, 0.2, 0.2)
    box.detect = lambda *_, **__: []  # type: ignore[method-assign]
    box.people = [car]
    moving = []
    for piece in range(4):
        before, pipeline = pipeline, box.pipeline()
        pipeline.resume(before.carry_over(), offset_s=10.0 if piece else 20.0)
        moving.append(bool(box.play(pipeline, 0.0, 10.0)[-1].motion.regions))
    assert moving[0]
    assert not moving[-1]
    # And when the car drives off, it leaves no ghost: the place behind it is remembered.
    before, pipeline = pipeline, box.pipeline()
    pipeline.resume(before.carry_over(), offset_s=10.0)
    box.people = []
    assert not box.play(pipeline, 0.0, 2.0)[-1].motion.regions


@pytest.mark.parametrize("noise", [0.0, 40.0])
def test_a_state_restored_gives_the_same_bytes_and_the_same_future(noise: float) -> None:
    box = Box(noise=noise)
    first = box.pipeline()
    box.play(first, 0.0, 6.0)
    box.people = [HERE, BBox(0.7, 0.3, 0.1, 0.4)]
    box.play(first, 6.0, 12.0)
    data = first.carry_over()
    one, other = box.pipeline(), box.pipeline()
    one.resume(data, offset_s=12.0)
    moved = one.carry_over()
    other.resume(moved, offset_s=0.0)
    assert other.carry_over() == moved
    begun = box.rng.bit_generator.state
    said = box.play(one, 0.0, 15.0)
    box.rng.bit_generator.state = begun
    assert box.play(other, 0.0, 15.0) == said
    assert other.carry_over() == one.carry_over()


@pytest.mark.parametrize("noise", [3.0, 80.0])
def test_a_noisy_scene_fits(noise: float) -> None:
    box = Box(noise=noise)
    pipeline = box.pipeline()
    box.play(pipeline, 0.0, 12.0)
    assert 1024 < len(pipeline.carry_over()) <= carry_over.LIMIT_BYTES
    box._yard = box.rng.integers(0, 255, (180, 320)).astype(np.float32)  # no two pixels alike
    box.play(pipeline, 12.0, 24.0)
    assert 1024 < len(pipeline.carry_over()) <= carry_over.LIMIT_BYTES


def test_a_crowd_fits_and_leaves_room_for_the_background() -> None:
    box = Box()
    pipeline = box.pipeline()
    box.play(pipeline, 0.0, 6.0)
    box.people = [
        BBox(x / 13 + 0.01, y / 5 + 0.02, 0.03, 0.12) for x in range(12) for y in range(5)
    ]
    tracks = box.play(pipeline, 6.0, 12.0)[-1].tracks
    assert len(tracks) > 30
    data = pipeline.carry_over()
    assert len(data) <= carry_over.LIMIT_BYTES
    again = box.pipeline()
    again.resume(data, offset_s=12.0)
    said = box.play(again, 0.0, 0.4)
    assert said[0].motion.lighting is Lighting.STEADY
    assert [track.track_id for track in said[0].tracks] == [track.track_id for track in tracks]


def test_what_cannot_be_used_is_refused_and_the_pipeline_begins_anew() -> None:
    box = Box()
    first = box.pipeline()
    box.people = [HERE]
    box.play(first, 0.0, 6.0)
    data = first.carry_over()
    version = bytes([data[4] + 1])
    flipped = [
        data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :] for at in range(0, len(data), 997)
    ]
    for bad in [b"", b"EACO", data[:-1], data[: len(data) // 2], data + b"\0", *flipped]:
        with pytest.raises(CarryOverRefused):
            box.pipeline().resume(bad, offset_s=6.0)
    with pytest.raises(CarryOverRefused, match="version"):
        box.pipeline().resume(data[:4] + version + data[5:], offset_s=6.0)
    pipeline = box.pipeline()
    with pytest.raises(CarryOverRefused, match="320x180, not of 640x360"):
        pipeline.resume(data, offset_s=6.0, size=FrameSize(640, 360))
    assert pipeline.carry_over() == box.pipeline().carry_over()
    (start,) = events(box.play(pipeline, 0.0, 4.0))
    assert start.start_s >= 0.0


def test_a_state_whose_pictures_do_not_fit_leaves_nothing_behind() -> None:
    """Right checksum, wrong content: nobody but a bug writes that, and still no crash."""
    box = Box()
    first = box.pipeline()
    box.people = [HERE]
    box.play(first, 0.0, 6.0)
    state = carry_over.unpack(first.carry_over())
    for field in ("track", "rules", "events", "motion"):
        wrong = {"track": state.track, "rules": state.rules, "events": state.events}
        motion = b"\x93\x01\x02\x03" if field == "motion" else state.motion
        if field in wrong:
            wrong[field] = b"\x93\x01\x02\xc1"
        pipeline = box.pipeline()
        bad = carry_over.CarryOver(320, 180, 5.8, 0.0, **wrong)
        with pytest.raises(CarryOverRefused):
            pipeline.resume(carry_over.pack(bad, lambda _, m=motion: m), offset_s=6.0)
        left, new = (carry_over.unpack(p.carry_over()) for p in (pipeline, box.pipeline()))
        assert (left.motion, left.rules, left.events) == (new.motion, new.rules, new.events)
        assert box.play(pipeline, 0.0, 0.2)[0].motion.lighting is Lighting.WARMING_UP


def test_what_both_clips_show_can_be_told_from_what_is_new() -> None:
    """Recorders begin a clip with what they had buffered: the end of the one before."""
    box = Box()
    first, second = box.pipeline(), box.pipeline()
    assert second.seen_s == float("-inf")
    box.people = [HERE]
    (start,) = events(box.play(first, 0.0, 10.0))
    second.resume(first.carry_over(), offset_s=6.0)
    assert second.seen_s == pytest.approx(3.8)
    box.play(second, 4.0, 6.0)
    (end,) = second.close(EndReason.CAMERA_LOST, 6.0)
    assert (end.event_id, end.end_s) == (start.event_id, pytest.approx(5.8, abs=0.8))


def test_a_new_picture_size_warms_up_and_keeps_people() -> None:
    box, larger = Box(), Box(size=(640, 360))
    first, second = box.pipeline(), larger.pipeline()
    box.people = larger.people = [HERE]
    (start,) = events(box.play(first, 0.0, 6.0))
    second.resume(first.carry_over(), offset_s=6.0)
    said = larger.play(second, 0.0, 6.0)
    assert said[0].motion.lighting is Lighting.WARMING_UP
    assert {event.event_id for event in events(said)} <= {start.event_id}


def test_a_zone_that_was_renamed_meanwhile_begins_anew() -> None:
    box = Box(zones=(DOOR,))
    first = box.pipeline()
    box.people = [HERE]
    box.play(first, 0.0, 9.0)
    box.camera = CameraConfig(
        id="gate", source=FileSource(path="x"), zones=(replace_name(DOOR, "gate"),)
    )
    second = box.pipeline()
    second.resume(first.carry_over(), offset_s=9.0)
    (start,) = events(box.play(second, 0.0, 14.0))
    assert start.at_s >= 9.8
    assert start.zones_entered == ("gate",)


def replace_name(zone: ZoneConfig, name: str) -> ZoneConfig:
    return ZoneConfig(name=name, polygon=zone.polygon, dwell_s=zone.dwell_s)


PICTURE = SnapshotRef("ab" * 32, 1000, FrameSize(320, 180), SnapshotState.STORED)


@pytest.mark.parametrize("part", ["track", "rules", "events"])
def test_what_inflates_without_end_is_refused(part: str) -> None:
    """A megabyte of zeros in a kilobyte, with a checksum that is right."""
    small = CarryOver(320, 180, 1.0, 0.0, *(zlib.compress(b"x") for _ in range(3)))
    bomb = zlib.compress(bytes(32 << 20))
    body = msgspec.msgpack.encode(msgspec.structs.replace(small, **{part: bomb}))
    data = b"EACO" + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big") + body
    assert len(data) < LIMIT_BYTES
    with pytest.raises(CarryOverRefused, match="inflates"):
        unpack(data)
    with pytest.raises(CarryOverRefused, match="more than any"):
        unpack(data + bytes(LIMIT_BYTES))


def test_a_background_that_says_another_size_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = cv2.imencode(".png", np.zeros((4000, 4000), np.uint8))[1].tobytes()
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="no picture of 8x4"):
        unpack_standing(picture, (4, 8))
