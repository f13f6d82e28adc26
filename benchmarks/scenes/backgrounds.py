"""Empty plates and passing cars, taken from real footage of fixed cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.domain import U8

FPS = 5.0
#: Enough pictures for a median without whoever passes through.
_MEDIAN_OF = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A fixed camera's clip: where its empty plate and its traffic come from."""

    clip: str
    size: tuple[int, int]  # width, height in pixels of what is rendered
    #: Seconds of the clip from which the plate's median is taken; empty means all of it.
    empty_s: tuple[tuple[float, float], ...] = ()


YARD = Place("PETS09-S2L1_480x360.mp4", (480, 360))
STREET = Place("ahmetozlu_vehicle_survaillance.mp4", (512, 282))
MOTORWAY = Place("dvrscan_traffic_camera.mp4", (512, 288))
CAR_PARK = Place("intel_car-detection.mp4", (512, 288))
ROOM = Place(
    "intel_one-by-one-person-detection.mp4",
    (512, 288),
    empty_s=((0.0, 5.6), (20.4, 22.3), (45.4, 49.7), (87.4, 91.6), (120.5, 123.0)),
)
COUNTER = Place("intel_bottle-detection.mp4", (512, 288), empty_s=((0.0, 8.0),))


@cache
def pictures(folder: Path, place: Place) -> Sequence[U8]:
    """The clip at 5 fps: uint8 BGR (height, width, 3) each, not to be written to."""
    found: list[U8] = []
    with av.open(str(folder / place.clip)) as container:
        for frame in container.decode(video=0):
            if float(frame.time or 0.0) + 1e-6 < len(found) / FPS:
                continue
            picture = frame.to_ndarray(format="bgr24")
            found.append(cv2.resize(picture, place.size, interpolation=cv2.INTER_AREA))
    return found


@cache
def plate(folder: Path, place: Place) -> U8:
    """What the place looks like when nobody and nothing is there: uint8 BGR."""
    clip = pictures(folder, place)
    spans = place.empty_s or ((0.0, len(clip) / FPS),)
    empty = [p for i, p in enumerate(clip) if any(a <= i / FPS <= b for a, b in spans)]
    step = max(1, len(empty) // _MEDIAN_OF)
    return np.median(np.stack(empty[::step]), axis=0).astype(np.uint8)
