"""Turns a frame into the JPEG of an event: small enough to send, without any metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.config import SnapshotConfig
from edge_agent.domain import U8, CameraId, EventId, Snapshot, SnapshotRef, SnapshotState
from edge_agent.errors import InvariantBroken
from edge_agent.geometry import BBox, FrameSize

#: The ward accepts no larger picture (docs/mqtt.md, topic img/).
MAX_JPEG_BYTES = 200_000

#: Tried in turn. Below 40 blocks hide a face more than a smaller picture does, so then the
#: picture is made smaller instead.
_QUALITIES = (85, 75, 65, 50, 40)
_SHRINK = 0.75
_BOX_COLOUR_BGR = (0, 215, 255)


def take_snapshot(
    bgr: U8,
    boxes: Sequence[BBox],
    config: SnapshotConfig,
    *,
    camera: CameraId,
    event_id: EventId,
    captured_s: float,
) -> Snapshot:
    """The JPEG of one event from its best frame.

    `bgr` is uint8 (height, width, 3), privacy masks already black; it is not written to.
    `boxes` are drawn only when the configuration asks for it. The JPEG has no EXIF: no
    time, place or device travels inside the picture.
    """
    picture = _narrowed(bgr, config.max_width_px)
    if config.draw_boxes:
        picture = _with_boxes(picture, boxes)
    jpeg, size = encode_jpeg(picture)
    ref = SnapshotRef(hashlib.sha256(jpeg).hexdigest(), len(jpeg), size, SnapshotState.STORED)
    return Snapshot(camera, event_id, captured_s, jpeg, ref)


def encode_jpeg(bgr: U8, max_bytes: int = MAX_JPEG_BYTES) -> tuple[bytes, FrameSize]:
    """The best JPEG of `bgr` within `max_bytes`, and its size in pixels.

    First the quality is lowered, then the picture is made smaller. Raises InvariantBroken
    for an array that is no picture, and for a limit below any JPEG.
    """
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8 or not bgr.size:
        raise InvariantBroken(f"no BGR picture: {bgr.dtype} {bgr.shape}")
    picture = bgr
    while True:
        for quality in _QUALITIES:
            jpeg = _encode(picture, quality)
            if len(jpeg) <= max_bytes:
                return jpeg, FrameSize(picture.shape[1], picture.shape[0])
            if len(jpeg) > 4 * max_bytes:
                break  # no quality saves three quarters: spare the box the other tries
        width = picture.shape[1]
        if width == 1:
            raise InvariantBroken(f"no JPEG fits into {max_bytes} bytes")
        picture = _resized(picture, int(width * _SHRINK))


def _encode(picture: U8, quality: int) -> bytes:
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise InvariantBroken(f"OpenCV could not encode a picture of {picture.shape}")
    return data.tobytes()


def _narrowed(bgr: U8, max_width_px: int) -> U8:
    return _resized(bgr, max_width_px) if bgr.shape[1] > max_width_px else bgr


def _resized(bgr: U8, width_px: int) -> U8:
    height, width = bgr.shape[:2]
    target = (width_px, max(1, round(height * width_px / width)))
    # INTER_AREA averages: no moire from roof tiles and fences.
    return np.asarray(cv2.resize(bgr, target, interpolation=cv2.INTER_AREA), np.uint8)


def _with_boxes(bgr: U8, boxes: Sequence[BBox]) -> U8:
    picture = bgr.copy()
    size = FrameSize(bgr.shape[1], bgr.shape[0])
    thickness_px = max(1, round(size.height / 360))
    for box in boxes:
        x1, y1, x2, y2 = box.to_pixels(size)
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), _BOX_COLOUR_BGR, thickness_px)
    return picture
