"""JPEGs stay below the ward's limit and carry nothing but the picture."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from edge_agent.config import SnapshotConfig
from edge_agent.domain import U8, CameraId, EventId, Snapshot, SnapshotState
from edge_agent.errors import InvariantBroken
from edge_agent.geometry import BBox, FrameSize
from edge_agent.media import MAX_JPEG_BYTES, encode_jpeg, take_snapshot

BOX = BBox(0.25, 0.25, 0.5, 0.5)


def noise(height: int, width: int) -> U8:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def grey(height: int, width: int) -> U8:
    return np.full((height, width, 3), 90, np.uint8)


def take(bgr: U8, config: SnapshotConfig) -> Snapshot:
    camera, event = CameraId("front"), EventId("01JD0000000000000000000000")
    return take_snapshot(bgr, [BOX], config, camera=camera, event_id=event, captured_s=3.0)


def decoded(jpeg: bytes) -> U8:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_noise_in_4k_still_fits_the_limit() -> None:
    snapshot = take(noise(2160, 3840), SnapshotConfig(max_width_px=4096))
    assert len(snapshot.jpeg) <= MAX_JPEG_BYTES
    assert len(snapshot.jpeg) > MAX_JPEG_BYTES / 8, "the limit should not be far undershot"
    assert decoded(snapshot.jpeg).shape[:2] == (snapshot.ref.size.height, snapshot.ref.size.width)


def test_the_reference_describes_the_bytes() -> None:
    snapshot = take(noise(240, 320), SnapshotConfig())
    assert snapshot.ref.sha256 == hashlib.sha256(snapshot.jpeg).hexdigest()
    assert snapshot.ref.size_bytes == len(snapshot.jpeg)
    assert snapshot.ref.size == FrameSize(320, 240)
    assert snapshot.ref.state is SnapshotState.STORED
    assert (snapshot.camera, snapshot.captured_s) == ("front", 3.0)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (720, 1280, FrameSize(640, 360)),
        (480, 640, FrameSize(640, 480)),
        (16, 16, FrameSize(16, 16)),
    ],
)
def test_wide_pictures_are_scaled_down_and_others_left(
    height: int, width: int, expected: FrameSize
) -> None:
    assert take(grey(height, width), SnapshotConfig(max_width_px=640)).ref.size == expected


def test_boxes_are_drawn_only_when_asked_for() -> None:
    frame = grey(240, 320)
    plain = take(frame, SnapshotConfig())
    drawn = take(frame, SnapshotConfig(draw_boxes=True))
    assert int(np.ptp(decoded(plain.jpeg))) < 10
    assert decoded(drawn.jpeg)[60, 160].tolist() != pytest.approx([90, 90, 90], abs=60)
    assert (frame == 90).all(), "the frame itself must not be written to"


def test_a_read_only_frame_can_be_used() -> None:
    frame = grey(240, 320)
    frame.flags.writeable = False
    assert take(frame, SnapshotConfig(draw_boxes=True)).jpeg


def test_no_metadata_travels_in_the_picture() -> None:
    jpeg = take(noise(240, 320), SnapshotConfig()).jpeg
    position, markers = 2, []
    while jpeg[position + 1] != 0xDA:  # up to the start of scan
        markers.append(jpeg[position + 1])
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    assert 0xE0 in markers  # JFIF
    assert not {marker for marker in markers if 0xE1 <= marker <= 0xEF or marker == 0xFE}


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_what_is_no_picture_is_a_bug(array: U8) -> None:
    with pytest.raises(InvariantBroken):
        encode_jpeg(array)


def test_a_limit_below_any_jpeg_ends() -> None:
    with pytest.raises(InvariantBroken, match="no JPEG fits"):
        encode_jpeg(grey(16, 16), max_bytes=10)
