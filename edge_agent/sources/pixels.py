"""A decoded frame as luma and BGR: upright, privacy masks blackened, converted on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np

from edge_agent.domain import U8
from edge_agent.geometry import FrameSize, Polygon


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored rows and columns become an upright picture: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame, codec: str = "") -> Orientation:
        """From the frame's display matrix (ISO/IEC 14496-12, 8.3.2; libavutil/display.h).

        The matrix [a b u; c d v; x y w] sends a stored point (p, q) to (ap + cq, bp + dq).
        Ask once for a stream: PyAV ties a frame whose side data was read into a reference
        cycle, and with each frame that would pile up pictures until the garbage collector runs.
        """
        if codec in _NAMED_PROFILES:
            return _by_rotation(frame.rotation)
        try:
            data: Any = frame.side_data.get("DISPLAYMATRIX")
        except ValueError:
            # PyAV 18.1 has no name for the newer kinds (31: Exif), and then shows none of them.
            return _by_rotation(frame.rotation)
        if data is None:
            return UPRIGHT
        a, b, _, c, d = np.frombuffer(memoryview(data), np.int32)[:5].tolist()
        if abs(b) > abs(a):
            return cls(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
        return cls(mirror_x=a < 0, mirror_y=d < 0)

    def turned(self, degrees: int) -> Orientation:
        """And then turned clockwise by a multiple of 90 degrees."""
        result = self
        for _ in range(degrees // 90 % 4):
            # Clockwise is a transposition and a mirror from left to right; a transposition
            # after mirrors is one before them with the axes exchanged.
            result = Orientation(not result.transpose, not result.mirror_y, result.mirror_x)
        return result

    def apply(self, pixels: U8) -> U8:
        """A new array (the same one when nothing is to be done)."""
        if self.transpose:
            pixels = np.asarray(cv2.transpose(pixels), np.uint8)
        if self.mirror_x or self.mirror_y:
            axis = -1 if self.mirror_x and self.mirror_y else int(self.mirror_x)
            pixels = np.asarray(cv2.flip(pixels, axis), np.uint8)
        return pixels


UPRIGHT = Orientation()

#: They give an ICC profile's side data a name. PyAV 18.1 frees that name a second time once side
#: data was read, which ends the process.
_NAMED_PROFILES = ("png", "apng")


def _by_rotation(rotation_deg: int) -> Orientation:
    """Where only libav's own word is to be had: degrees counter-clockwise, -180..180."""
    return UPRIGHT.turned(-90 * round(rotation_deg / 90))


class DecodedPixels:
    """A frame as libav decoded it, holding on to that one buffer until it is dropped.

    Implements `domain.Pixels`. Used by one thread at a time. What `masks` cover is black
    in everything that leaves this object.
    """

    __slots__ = ("_bgr", "_frame", "_luma", "_masks", "_orientation", "size")

    def __init__(
        self,
        frame: av.VideoFrame,
        masks: Sequence[Polygon] = (),
        orientation: Orientation = UPRIGHT,
    ) -> None:
        self._frame = frame
        self._masks = masks
        self._orientation = orientation
        self._luma: U8 | None = None
        self._bgr: U8 | None = None
        sides = (frame.width, frame.height)
        self.size = FrameSize(*(sides[::-1] if orientation.transpose else sides))

    def luma(self) -> U8:
        """uint8 (height, width), the Y plane as sent (16..235 or 0..255); not to be written to.

        A view without a copy where the camera sends planar 8-bit YUV, nothing is masked and
        the picture is upright; rows may then be further apart than their width.
        """
        if self._luma is None:
            self._luma = self._finished(self._y_plane())
        return self._luma

    def bgr(self) -> U8:
        """uint8 BGR (height, width, 3), contiguous; not to be written to."""
        if self._bgr is None:
            # One thread: libav would start a pool of them for every single frame.
            pixels = self._frame.to_ndarray(format="bgr24", threads=1)
            self._bgr = self._finished(np.asarray(pixels, np.uint8))
        return self._bgr

    def sample_bgr(self) -> U8:
        """Implements `domain.SampledPixels`."""
        frame = self._frame
        if self._bgr is not None or frame.format.name not in ("yuv420p", "yuvj420p"):
            return self.bgr()[::8, ::8]
        planes = [self._y_plane()[::8, ::8]]
        for plane in frame.planes[1:3]:
            rows = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * plane.height)
            chroma = rows.reshape(plane.height, plane.line_size)[:, : plane.width]
            planes.append(chroma[::4, ::4])
        height = min(plane.shape[0] for plane in planes)
        width = min(plane.shape[1] for plane in planes)
        sample = np.stack([plane[:height, :width] for plane in planes], axis=2)
        return np.asarray(cv2.cvtColor(sample, cv2.COLOR_YUV2BGR), np.uint8)

    def _y_plane(self) -> U8:
        frame = self._frame
        plane = frame.planes[0] if _has_y_plane(frame) else None
        if plane is None or plane.line_size < frame.width:
            return np.asarray(frame.to_ndarray(format="gray", threads=1), np.uint8)
        rows = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * frame.height)
        return rows.reshape(frame.height, plane.line_size)[:, : frame.width]

    def _finished(self, pixels: U8) -> U8:
        pixels = self._orientation.apply(pixels)
        if self._masks:
            pixels = blackened(pixels, self._masks)
        pixels.flags.writeable = False
        return pixels


def blackened(pixels: U8, masks: Sequence[Polygon]) -> U8:
    """A copy of (height, width[, 3]) in which the inside of every polygon is 0.

    The edge grows by a pixel: privacy rounds up.
    """
    height, width = pixels.shape[:2]
    copy = np.array(pixels, order="C")
    for mask in masks:
        corners = np.asarray(mask.points, np.float64) * (width, height)
        outline = np.rint(corners).astype(np.int32)
        cv2.fillPoly(copy, [outline], (0, 0, 0))
        cv2.polylines(copy, [outline], True, (0, 0, 0), thickness=3)
    return copy


def _has_y_plane(frame: av.VideoFrame) -> bool:
    """Is plane 0 the brightness, one byte a pixel? (yuv420p, yuvj422p, nv12, gray ...)"""
    layout = frame.format
    if layout.is_rgb or layout.name.startswith("pal"):
        return False
    first = layout.components[0]
    alone = all(other.plane != first.plane for other in layout.components[1:])
    return first.is_luma and first.bits == 8 and first.plane == 0 and alone
