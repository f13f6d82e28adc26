"""A still that moves as if somebody stepped through it: enough for the agent to look."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.domain import U8

FPS, SECONDS = 5, 6
_LONG_SIDE_PX = 640
_SWAY_PX, _SWAY_S = 6.0, 2.0


def swaying(still: U8) -> Iterator[U8]:
    """uint8 BGR pictures with even sides, each moved sideways by a few pixels."""
    scale = _LONG_SIDE_PX / max(still.shape[:2])
    width, height = (round(side * scale) // 2 * 2 for side in still.shape[1::-1])
    drawn = cv2.resize(still, (width, height), interpolation=cv2.INTER_LINEAR)
    for number in range(FPS * SECONDS):
        shift = _SWAY_PX * math.sin(2 * math.pi * number / FPS / _SWAY_S)
        matrix = np.array(((1, 0, shift), (0, 1, 0)), np.float32)
        moved = cv2.warpAffine(drawn, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(moved, np.uint8)


def write_swaying(still: U8, path: Path) -> None:
    """Encode as H.264, as a camera would."""
    with av.open(str(path), "w") as container:
        stream = None
        for picture in swaying(still):
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(FPS))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": "23", "preset": "veryfast"}
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        if stream is not None:
            container.mux(stream.encode(None))
