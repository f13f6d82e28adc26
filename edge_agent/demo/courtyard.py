"""The empty courtyard: paving, a plastered wall with a door and a window, plants, shade.

Everything is painted flat in metres, on the ground and on the wall, and then seen through the
camera. Two pictures come out, the shade of the tree a hand's breadth apart: mixed in turn they
let it sway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.demo.camera_view import PinholeCamera
from edge_agent.domain import F32, U8
from edge_agent.geometry import FrameSize

#: The wall at the back.
WALL_Z_M = 9.0

_LEFT_M, _RIGHT_M, _NEAR_M = -8.0, 8.0, 0.6
_WALL_HEIGHT_M = 5.5
_PX_PER_M = 80
_SWAY_M = 0.03

_Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Courtyard:
    """The empty scene, uint8 BGR, twice: the shade at either end of its swaying.

    `shade` (height, width) 0..1: how much sun falls on each spot of the ground.
    """

    left: U8
    right: U8
    shade: F32


def paint(size: FrameSize, seed: int) -> Courtyard:
    """Deterministic in the seed; takes about half a second at 640x360."""
    rng = np.random.default_rng(seed)
    fine = FrameSize(size.width * 2, size.height * 2)
    view = PinholeCamera(fine)
    ground, wall = _ground(rng), _wall(rng)
    plants = _plants(fine, rng)
    ground_sun = _sun_through(rng, ground.shape, _GROUND_BOUGHS)
    wall_sun = _sun_through(rng, wall.shape, _WALL_BOUGHS)
    is_wall = _seen(view, np.ones((*wall.shape[:2], 1), np.float32), _wall_corners())

    def picture(on_ground: F32, on_wall: F32) -> U8:
        front = _seen(view, _lit(ground, on_ground), _ground_corners())
        back = _seen(view, _lit(wall, on_wall), _wall_corners())
        both = np.where(is_wall[..., None] > 0.5, back, front)
        planted = plants[..., :3] + both * (1 - plants[..., 3:])
        return _finish(planted.astype(np.float32), size)

    shade = _seen(PinholeCamera(size), ground_sun, _ground_corners())
    return Courtyard(
        picture(ground_sun, wall_sun), picture(_swayed(ground_sun), _swayed(wall_sun)), shade
    )


def _finish(picture: F32, size: FrameSize) -> U8:
    """Down to the size asked for, with a lens's softness and darker corners."""
    small = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.6 * size.width / 640)
    y, x = np.mgrid[-1 : 1 : size.height * 1j, -1 : 1 : size.width * 1j]
    vignette = (1 - 0.16 * (x * x + y * y) / 2).astype(np.float32)
    return np.asarray(np.clip(small * vignette[..., None], 0, 255), np.uint8)


# --- from metres to the picture -------------------------------------------------------


def _ground_corners() -> F32:
    """Far left, far right, near right, near left; as the painted ground's corners."""
    return np.array(
        [
            (_LEFT_M, 0, WALL_Z_M),
            (_RIGHT_M, 0, WALL_Z_M),
            (_RIGHT_M, 0, _NEAR_M),
            (_LEFT_M, 0, _NEAR_M),
        ],
        np.float32,
    )


def _wall_corners() -> F32:
    return np.array(
        [
            (_LEFT_M, _WALL_HEIGHT_M, WALL_Z_M),
            (_RIGHT_M, _WALL_HEIGHT_M, WALL_Z_M),
            (_RIGHT_M, 0, WALL_Z_M),
            (_LEFT_M, 0, WALL_Z_M),
        ],
        np.float32,
    )


def _seen(view: PinholeCamera, painted: F32, corners: F32) -> F32:
    """A flat painting whose corners stand at `corners`, through the camera."""
    height, width = painted.shape[:2]
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    pixels = view.project(corners.astype(np.float64))[0].astype(np.float32)
    matrix = cv2.getPerspectiveTransform(flat, pixels)
    size = (view.size.width, view.size.height)
    return np.asarray(cv2.warpPerspective(painted, matrix, size, flags=cv2.INTER_LINEAR))


# --- textures -------------------------------------------------------------------------


def _mottle(rng: np.random.Generator, shape: Sequence[int], cells: Sequence[int]) -> F32:
    """Smooth noise around 0 within about -1..1; `cells`: grid sizes in px, coarse to fine."""
    height, width = shape[:2]
    total = np.zeros((height, width), np.float32)
    for weight, cell in zip((1.0, 0.6, 0.4, 0.3), cells, strict=False):
        grid = rng.normal(size=(height // cell + 2, width // cell + 2)).astype(np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / 2, np.float32)


def _ground(rng: np.random.Generator) -> F32:
    """Stone slabs of half a metre in a running bond, each with a tint of its own."""
    height = round((WALL_Z_M - _NEAR_M) * _PX_PER_M)
    width = round((_RIGHT_M - _LEFT_M) * _PX_PER_M)
    slab = _PX_PER_M // 2
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = (112, 128, 136)  # joints
    for row, top in enumerate(range(0, height, slab)):
        for left in range(-slab // 2 * (row % 2), width, slab):
            tint = rng.normal(0, 7) + np.array((134, 148, 156)) + rng.normal(0, 2, 3)
            x = max(0, left + 1)
            picture[top + 1 : top + slab - 1, x : max(x, left + slab - 1)] = tint
    picture += 9 * _mottle(rng, picture.shape, (160, 60, 20, 5))[..., None]
    # Dirt gathers at the foot of the wall.
    far = np.linspace(1, 0, height, dtype=np.float32)[:, None, None]
    return picture * (1 - 0.25 * np.clip(far * 8 - 7, 0, 1))


def _wall(rng: np.random.Generator) -> F32:
    height = round(_WALL_HEIGHT_M * _PX_PER_M)
    width = round((_RIGHT_M - _LEFT_M) * _PX_PER_M)
    wall = np.empty((height, width, 3), np.float32)
    wall[:] = (158, 190, 208)  # ochre lime wash
    stains = _mottle(rng, wall.shape, (180, 70, 24, 6))
    wall += 8 * stains[..., None] * (1.0, 0.9, 0.8)
    streaks = cv2.resize(_mottle(rng, (8, width), (4, 3)), (width, height))
    wall -= 6 * np.maximum(streaks, 0)[..., None]
    _plinth(wall, rng)
    _window(wall, -2.7, 1.15)
    _window(wall, 3.5, 1.15)
    _door(wall)
    _rect(wall, (-4.75, 5.5), (-4.63, 0), (92, 98, 100))  # downpipe
    _rect(wall, (-4.73, 5.5), (-4.70, 0), (128, 134, 136))
    return wall


def _box(wall: F32, upper_left: tuple[float, float], lower_right: tuple[float, float]) -> F32:
    """The part of the wall between two points (x, y in metres), to be painted in place."""
    height = wall.shape[0]
    x1, x2 = (round((x - _LEFT_M) * _PX_PER_M) for x in (upper_left[0], lower_right[0]))
    y1, y2 = (height - round(y * _PX_PER_M) for y in (upper_left[1], lower_right[1]))
    return wall[y1:y2, x1:x2]


def _rect(
    wall: F32, upper_left: tuple[float, float], lower_right: tuple[float, float], colour: _Colour
) -> None:
    _box(wall, upper_left, lower_right)[:] = colour


def _plinth(wall: F32, rng: np.random.Generator) -> None:
    """Three rows of stone along the ground."""
    for row in range(3):
        for index in range(34):
            left = _LEFT_M + index * 0.5 - 0.25 * (row % 2)
            tint = rng.normal(0, 6)
            low, high = row * 0.2, row * 0.2 + 0.19
            x1, x2 = max(left, _LEFT_M), min(left + 0.49, _RIGHT_M)
            if x1 < x2:
                _rect(wall, (x1, high), (x2, low), (122 + tint, 136 + tint, 144 + tint))


def _window(wall: F32, left: float, low: float) -> None:
    """Two casements with a stone frame and green shutters."""
    right, high = left + 1.1, low + 1.3
    _rect(wall, (left - 0.12, high + 0.12), (right + 0.12, low - 0.06), (176, 192, 200))
    _rect(wall, (left - 0.2, low - 0.02), (right + 0.2, low - 0.1), (150, 164, 172))
    _rect(wall, (left, high), (right, low), (196, 206, 210))
    for side in (left + 0.06, left + 0.58):
        glass = _box(wall, (side, high - 0.06), (side + 0.46, low + 0.06))
        glass[:] = np.linspace(112, 52, glass.shape[0])[:, None, None] * np.array((1.1, 1, 0.9))
    for side in (left - 0.62, right + 0.12):
        _rect(wall, (side, high + 0.05), (side + 0.5, low - 0.02), (72, 96, 74))
        for step in range(13):
            y = high - 0.04 - step * 0.1
            _rect(wall, (side + 0.05, y), (side + 0.45, y - 0.03), (54, 76, 56))


def _door(wall: F32) -> None:
    """A wooden door of two leaves with panels, a step and a lamp above."""
    _rect(wall, (0.78, 2.42), (2.22, 0), (170, 184, 192))
    _rect(wall, (0.92, 2.28), (2.08, 0), (62, 78, 58))
    for left in (0.95, 1.515):
        leaf = _box(wall, (left, 2.25), (left + 0.535, 0.03))
        grain = 1 + 0.05 * np.sin(np.arange(leaf.shape[1]) * 1.1)
        leaf[:] = np.array((96, 116, 88)) * grain[None, :, None]
        for low, high in ((0.2, 0.8), (0.95, 1.55), (1.7, 2.1)):
            _rect(wall, (left + 0.1, high), (left + 0.435, low), (74, 92, 68))
            _rect(wall, (left + 0.13, high - 0.03), (left + 0.405, low + 0.03), (104, 126, 96))
    _rect(wall, (1.56, 1.12), (1.6, 0.98), (90, 170, 196))  # handle
    _rect(wall, (0.7, 0.14), (2.3, 0), (152, 162, 168))  # step
    _rect(wall, (2.36, 1.36), (2.46, 1.2), (70, 74, 76))  # bell
    _rect(wall, (1.43, 2.78), (1.57, 2.5), (60, 66, 68))  # lamp
    _rect(wall, (1.46, 2.72), (1.54, 2.54), (170, 214, 226))


# --- light and leaves -----------------------------------------------------------------


#: Boughs of a tree behind the camera: centre and spread, as shares of a painting.
_GROUND_BOUGHS = ((0.22, 0.45, 0.13, 0.3), (0.7, 0.85, 0.16, 0.25))
_WALL_BOUGHS = ((0.24, 0.3, 0.07, 0.3), (0.58, 0.2, 0.09, 0.16))

_Boughs = Sequence[tuple[float, float, float, float]]


def _sun_through(rng: np.random.Generator, shape: Sequence[int], boughs: _Boughs) -> F32:
    """How much sun falls between the leaves, 0..1, over one painting."""
    height, width = shape[:2]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    leaves = 0.34 * _mottle(rng, shape, (56, 26, 14, 8)) - 0.1
    for at_x, at_y, spread_x, spread_y in boughs:
        away = ((x - at_x) / spread_x) ** 2 + ((y - at_y) / spread_y) ** 2
        leaves += 0.75 * np.exp(-away / 2)
    sun = np.clip((0.5 - leaves) / 0.2 + 0.5, 0, 1).astype(np.float32)
    # The sun is no point: half a degree blurs what leaves some metres away draw.
    return np.asarray(cv2.GaussianBlur(sun, (0, 0), 0.03 * _PX_PER_M))


def _swayed(sun: F32) -> F32:
    shift = np.array([(1, 0, _SWAY_M * _PX_PER_M), (0, 1, 0)], np.float32)
    size = (sun.shape[1], sun.shape[0])
    return np.asarray(cv2.warpAffine(sun, shift, size, borderMode=cv2.BORDER_REPLICATE))


def _lit(painting: F32, sun: F32) -> F32:
    """Shade is bluer than sun."""
    shade = np.array((0.72, 0.64, 0.58), np.float32)
    return painting * (shade + sun[..., None] * (1 - shade))


def _plants(size: FrameSize, rng: np.random.Generator) -> F32:
    """Pots beside the door and a bough before the camera: premultiplied BGRA, 0..255 and 0..1."""
    layer = np.zeros((size.height, size.width, 4), np.float32)
    view = PinholeCamera(size)
    for x, z, height_m in ((0.25, 8.7, 0.75), (2.9, 8.7, 0.95), (-3.9, 8.6, 0.6)):
        _pot(layer, view, (x, z), height_m, rng)
    bough = np.array([1.0, 0.0]) * (size.width, size.height)
    for _ in range(420):
        offset = rng.normal(0, 1, 2) * (0.085, 0.085) * size.width
        spot = bough + np.abs(offset) * (-1.15, 0.85)
        _leaf(layer, spot, 0.013 * size.width, rng)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), 1.0 * size.width / 1280))


def _pot(
    layer: F32,
    view: PinholeCamera,
    place: tuple[float, float],
    height_m: float,
    rng: np.random.Generator,
) -> None:
    x, z = place
    outline = np.array(
        [(x - 0.16, 0, z), (x + 0.16, 0, z), (x + 0.22, 0.38, z), (x - 0.22, 0.38, z)]
    )
    pixels = view.project(outline)[0]
    cv2.fillPoly(layer, [pixels.round().astype(np.int32)], (58, 92, 158, 1.0), cv2.LINE_AA)
    scale = view.focal_px / z
    for _ in range(170):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform())
        offset = np.array([np.cos(angle) * 0.3, np.sin(angle) * height_m / 2]) * reach
        middle = np.array([[x, 0.38 + height_m * 0.42, z]])
        _leaf(layer, view.project(middle)[0][0] + offset * scale, 0.05 * scale, rng)


def _leaf(layer: F32, spot: np.ndarray, length_px: float, rng: np.random.Generator) -> None:
    bright = rng.uniform(0.45, 1.1)
    colour = (38 * bright, 104 * bright, 72 * bright, 1.0)
    x, y = spot.round().astype(int)
    axes = (max(1, round(length_px * rng.uniform(0.7, 1.2))), max(1, round(length_px * 0.45)))
    cv2.ellipse(layer, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
