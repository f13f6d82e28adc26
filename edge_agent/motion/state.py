"""What the motion stage carries over from one recording to the next, as small as it may be.

Pictures are stored as whole levels in PNG, which is without loss and knows its own size.
Rounding them again changes nothing, so a state that was restored gives the same bytes.
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from edge_agent.domain import F32, U8

#: Levels in one step of the stored background. The first is the rule; the others are for
#: scenes that do not compress into the room that is left.
STEPS = (1, 2, 4, 8)
#: Deviation is stored at half size in quarters of a level: 5.6 of them make a threshold, and
#: neighbours flicker alike.
_DEVIATION_STEP = 0.25
_STANDING_STEP_S = 0.5
#: What was absorbed over is worth keeping where it can be told from the background.
_FORMER_MIN_LEVELS = 4
#: Where a PNG says its width and height (its header comes first), big-endian.
_PNG_SIZE = slice(16, 24)


class BackgroundState(msgspec.Struct, frozen=True, array_like=True):
    """A `BackgroundModel`. Pictures are PNG, uint8 (height, width)."""

    step: int  # levels in one step of `expected` and `former`
    expected: bytes
    deviation: bytes  # half the size
    standing: bytes
    former: bytes | None  # 0 where it is as expected
    age_s: float
    since_tick_s: float
    steps: float
    usual_steps: float
    drift: float
    gain: float


class SceneState(msgspec.Struct, frozen=True, array_like=True):
    """A camera's scene. Moments are on the timeline of the recording that just ended."""

    width: int  # of the camera's picture
    height: int
    at_s: float
    pictures: int
    changed_s: float
    background: BackgroundState


def pack_levels(levels: F32, step: int) -> bytes:
    return _png(_quantised(levels, step))


def unpack_levels(data: bytes, step: int, shape: tuple[int, ...]) -> F32:
    """float32 of `shape`. Raises ValueError for anything but such a picture."""
    return np.minimum(_picture(data, shape).astype(np.float32) * step, np.float32(255.0))


def pack_former(former: F32, expected: F32, step: int) -> bytes:
    codes = np.maximum(_quantised(former, step), 1)
    usual = _quantised(expected, step)
    apart = cv2.absdiff(codes, usual) >= max(1, _FORMER_MIN_LEVELS // step)
    return _png(np.where(apart, codes, 0).astype(np.uint8))


def unpack_former(data: bytes, expected: F32, step: int) -> F32:
    codes = _picture(data, expected.shape)
    levels = np.minimum(codes.astype(np.float32) * step, np.float32(255.0))
    return np.where(codes == 0, expected, levels)


def pack_deviation(deviation: F32) -> bytes:
    halved = cv2.resize(deviation, _half(deviation.shape), interpolation=cv2.INTER_AREA)
    return _png(_quantised(halved.astype(np.float32), _DEVIATION_STEP))


def unpack_deviation(data: bytes, shape: tuple[int, ...]) -> F32:
    width, height = _half(shape)
    halved = _picture(data, (height, width)).astype(np.float32) * np.float32(_DEVIATION_STEP)
    return cv2.resize(halved, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32)


def pack_standing(standing_s: F32) -> bytes:
    return _png(_quantised(standing_s, _STANDING_STEP_S))


def unpack_standing(data: bytes, shape: tuple[int, ...]) -> F32:
    return _picture(data, shape).astype(np.float32) * np.float32(_STANDING_STEP_S)


def _half(shape: tuple[int, ...]) -> tuple[int, int]:
    """(width, height) of half the picture."""
    return max(1, shape[1] // 2), max(1, shape[0] // 2)


def _quantised(values: F32, step: float) -> U8:
    rounded: U8 = np.clip(np.rint(values / np.float32(step)), 0, 255).astype(np.uint8)
    return rounded


def _png(picture: U8) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def _picture(data: bytes, shape: tuple[int, ...]) -> U8:
    """uint8 of `shape`. Raises ValueError."""
    said = data[_PNG_SIZE]  # before decoding: a few bytes of PNG inflate to a gigabyte
    fits = said == shape[1].to_bytes(4, "big") + shape[0].to_bytes(4, "big")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if fits else None
    if picture is None or picture.shape != shape or picture.dtype != np.uint8:
        raise ValueError(f"the carried background is no picture of {shape[1]}x{shape[0]}")
    return picture.astype(np.uint8, copy=False)
