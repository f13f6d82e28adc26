"""Training pictures: what household cameras show, made from stills.

Everything is drawn by one matrix per source image, so that no pixel is resampled twice.
Boxes are float32 (n, 5): x1 y1 x2 y2 in pixels and how sure it is that a person is there,
from `PERSON` down to `IGNORED`, which is neither right nor wrong to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

PERSON, IGNORED = 1.0, 0.0
#: Of a box that is no person but a part of the picture: nobody is in it, or hardly anybody.
NOBODY, RARE = -1.0, -2.0
_GREY = 114

#: A person cut off by the edge is still one while this share of the box is visible.
_VISIBLE, _HARDLY = 0.25, 0.08
#: Below this height (pixels) nobody can say what it is: neither right nor wrong.
_TOO_SMALL_PX = 9.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often and how strongly; plain numbers are probabilities per picture."""

    mosaic: float = 0.5
    zoom: tuple[float, float] = (0.85, 3.0)  # of a whole image, beside filling the picture
    mosaic_zoom: tuple[float, float] = (0.9, 2.6)  # of a part, beside filling its corner
    aspect: float = 0.25
    rotate_deg: float = 6.0
    bend: float = 0.15
    grey: float = 0.25
    dark: float = 0.15
    blur: float = 0.15
    noise: float = 0.25
    jpeg: float = 0.25
    colour: float = 0.8


class Pictures(Protocol):
    """What pictures are drawn from."""

    def picture(self, index: int) -> tuple[U8, F32]:
        """uint8 BGR (h, w, 3) of any size, and its boxes."""

    def any_index(self, rng: Generator) -> int:
        """One of them, each as often as it is to be learnt."""


class Augmenter:
    """Draws one training picture at a time from many; owned by one process."""

    def __init__(self, pictures: Pictures, how: Augmentation) -> None:
        self._pictures, self._how = pictures, how
        self._noise = _Noise()

    def draw(self, index: int, width: int, height: int, rng: Generator) -> tuple[U8, U8, F32]:
        """uint8 BGR (height, width, 3) as a camera shows it, the same without its faults, boxes."""
        how = self._how
        canvas: U8 = np.full((height, width, 3), _GREY, np.uint8)
        if rng.random() < how.mosaic:
            boxes = self._mosaic(canvas, index, rng)
        else:
            boxes = self._place(canvas, index, rng, how.zoom)
        if rng.random() < how.bend:
            canvas, boxes = _barrel(canvas, boxes, rng)
        if rng.random() < 0.5:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
            boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        return self._camera(canvas, rng), canvas, boxes

    def _mosaic(self, canvas: U8, index: int, rng: Generator) -> F32:
        """Four images around a random centre (Bochkovskiy et al., YOLOv4, 2020)."""
        h, w = canvas.shape[:2]
        cx, cy = int(w * rng.uniform(0.3, 0.7)), int(h * rng.uniform(0.3, 0.7))
        slots = ((0, 0, cx, cy), (cx, 0, w, cy), (0, cy, cx, h), (cx, cy, w, h))
        parts = []
        for n, (x1, y1, x2, y2) in enumerate(slots):
            source = index if n == 0 else self._pictures.any_index(rng)
            found = self._place(canvas[y1:y2, x1:x2], source, rng, self._how.mosaic_zoom)
            found[:, :4] += np.array((x1, y1, x1, y1), np.float32)
            parts.append(found)
        return np.concatenate(parts)

    def _place(self, slot: U8, source: int, rng: Generator, zooms: tuple[float, float]) -> F32:
        """Draw one image, zoomed, stretched and turned, into a part of the canvas."""
        how = self._how
        image, boxes = self._pictures.picture(source)
        ih, iw = image.shape[:2]
        h, w = slot.shape[:2]
        zoom = float(np.exp(rng.uniform(*np.log(zooms))))
        stretch = float(np.exp(rng.uniform(-how.aspect, how.aspect)))
        scale = zoom * np.sqrt(w * h) / np.sqrt(iw * ih)
        sx, sy = scale * np.sqrt(stretch), scale / np.sqrt(stretch)
        angle = np.deg2rad(rng.normal(0, how.rotate_deg / 2))
        cos, sin = np.cos(angle), np.sin(angle)
        linear = np.array(((sx * cos, -sy * sin), (sx * sin, sy * cos)))
        focus = self._focus(boxes, iw, ih, zoom, rng)
        target = np.array((w * rng.uniform(0.3, 0.7), h * rng.uniform(0.3, 0.7)))
        if zoom <= 1:  # the whole image fits: put it anywhere
            focus = np.array((iw / 2, ih / 2))
        corner = target - linear @ focus
        # Nothing of the slot stays empty that the image can fill; what fits is shown whole.
        free = np.array((w - iw * sx, h - ih * sy))
        corner = corner.clip(np.minimum(free, 0), np.maximum(free, 0))
        matrix = np.column_stack((linear, corner))
        shrinks = min(sx, sy) < 0.6
        if shrinks:  # bilinear would alias
            factor = min(sx, sy) * 1.2
            small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            exact = np.array((small.shape[1] / iw, small.shape[0] / ih))
            to_small = np.column_stack((linear / exact, matrix[:, 2]))
            drawn = cv2.warpAffine(small, to_small, (w, h), borderValue=(_GREY,) * 3)
        else:
            drawn = cv2.warpAffine(image, matrix, (w, h), borderValue=(_GREY,) * 3)
        slot[:] = drawn
        return clipped(_moved(boxes, matrix), w, h)

    @staticmethod
    def _focus(boxes: F32, iw: int, ih: int, zoom: float, rng: Generator) -> NDArray[np.float64]:
        """Which point of the image to look at: near somebody, most of the time, when close up."""
        people = boxes[boxes[:, 4] > IGNORED]
        if zoom > 1.2 and len(people) and rng.random() < 0.75:
            x1, y1, x2, y2, _ = people[rng.integers(len(people))]
            # Anywhere on the body: feet, head and halves are cut off as a doorway does.
            return np.array(
                (x1 + (x2 - x1) * rng.uniform(0, 1), y1 + (y2 - y1) * rng.uniform(0, 1))
            )
        return np.array((iw * rng.uniform(0.2, 0.8), ih * rng.uniform(0.2, 0.8)))

    def _camera(self, image: U8, rng: Generator) -> U8:
        """What sensor, night and encoder do to it: one colour matrix, then blur, noise, JPEG."""
        how = self._how
        grey = rng.random() < how.grey
        dark = rng.random() < how.dark
        out = cv2.transform(image, _tones(how, rng, grey=grey, dark=dark))
        if rng.random() < how.blur:
            out = _blurred(out, rng)
        if dark or rng.random() < how.noise:
            out = cv2.add(out, self._noise.draw(*out.shape[:2], rng, grey=grey), dtype=cv2.CV_8U)
        if rng.random() < how.jpeg:
            quality = int(rng.uniform(20, 75))
            _, coded = cv2.imencode(".jpg", out, (cv2.IMWRITE_JPEG_QUALITY, quality))
            out = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return np.asarray(out, np.uint8)


class _Noise:
    """Sensor noise, cut from a larger sheet: drawing it anew costs more than all the rest."""

    _SIDE = 640

    def __init__(self) -> None:
        sheet = np.random.default_rng(0).standard_normal((self._SIDE, self._SIDE, 3), np.float32)
        self._sheets = [np.round(sheet * sigma).astype(np.int16) for sigma in (2, 4, 6, 9, 13)]

    def draw(self, height: int, width: int, rng: Generator, *, grey: bool) -> NDArray[np.int16]:
        sheet = self._sheets[rng.integers(len(self._sheets))]
        y, x = rng.integers(self._SIDE - height), rng.integers(self._SIDE - width)
        part = sheet[y : y + height, x : x + width]
        return cv2.merge((part[..., 0],) * 3) if grey else part  # type: ignore[return-value]


def _tones(how: Augmentation, rng: Generator, *, grey: bool, dark: bool) -> NDArray[np.float32]:
    """(3, 4): colours or grey, saturation, white balance, contrast, brightness, night."""
    if grey:
        colours = np.tile(rng.dirichlet((4.0, 6.0, 5.0)), (3, 1))  # infrared sees other tones
    elif rng.random() < how.colour:
        saturation = rng.uniform(0.3, 1.3)
        colours = np.diag(rng.uniform(0.85, 1.15, 3)) @ (
            np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation
        )
    else:
        colours = np.eye(3)
    contrast, light = rng.uniform(0.6, 1.35), rng.uniform(-30, 30)
    night = rng.uniform(0.25, 0.7) if dark else 1.0
    shift = np.full((3, 1), (_GREY * (1 - contrast) + light) * night)
    return np.hstack((colours * contrast * night, shift)).astype(np.float32)


def _blurred(image: U8, rng: Generator) -> U8:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    if rng.random() < 0.7:
        kernel[length // 2] = 1 / length  # people walk sideways
    else:
        np.fill_diagonal(kernel, 1 / length)
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def _barrel(image: U8, boxes: F32, rng: Generator) -> tuple[U8, F32]:
    """Wide-angle lenses bend the picture: r' = r (1 + k r^2), k up to .25 at the corner."""
    h, w = image.shape[:2]
    k = rng.uniform(0.05, 0.25)
    x, y = np.meshgrid(
        np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
    )
    factor = (1 + k * (x * x + y * y) / 2) / (1 + k / 2)
    map_x, map_y = (x * factor + 1) * (w - 1) / 2, (y * factor + 1) * (h - 1) / 2
    bent = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderValue=(_GREY,) * 3)
    if not len(boxes):
        return np.asarray(bent, np.uint8), boxes
    # Output position of an input point: two steps of fixed-point iteration suffice for small k.
    t = np.linspace(0, 1, 5, dtype=np.float32)
    x1, y1, x2, y2 = (boxes[:, i : i + 1] for i in range(4))
    edge_x = np.concatenate((x1 + (x2 - x1) * t, x1 + (x2 - x1) * t, x1 + 0 * t, x2 + 0 * t), 1)
    edge_y = np.concatenate((y1 + 0 * t, y2 + 0 * t, y1 + (y2 - y1) * t, y1 + (y2 - y1) * t), 1)
    u, v = edge_x / w * 2 - 1, edge_y / h * 2 - 1
    ox, oy = u.copy(), v.copy()
    for _ in range(4):
        factor_at = (1 + k * (ox * ox + oy * oy) / 2) / (1 + k / 2)
        ox, oy = u / factor_at, v / factor_at
    px, py = (ox + 1) * w / 2, (oy + 1) * h / 2
    moved = np.column_stack((px.min(1), py.min(1), px.max(1), py.max(1), boxes[:, 4]))
    return np.asarray(bent, np.uint8), clipped(moved.astype(np.float32), w, h)


def _moved(boxes: F32, matrix: NDArray[np.float64]) -> F32:
    """Boxes around the turned boxes; the corners of a person's box are empty, so a little less."""
    if not len(boxes):
        return np.zeros((0, 5), np.float32)
    centre = (boxes[:, :2] + boxes[:, 2:4]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (boxes[:, 2:4] - boxes[:, :2]) / 2
    straight, cross = np.abs(np.diag(matrix[:, :2])), np.abs(matrix[[0, 1], [1, 0]])
    size = half * straight + half[:, ::-1] * cross * 0.5
    return np.column_stack((centre - size, centre + size, boxes[:, 4])).astype(np.float32)


def clipped(boxes: F32, width: int, height: int) -> F32:
    """What is visible inside; hardly visible or tiny people become ignored."""
    if not len(boxes):
        return np.zeros((0, 5), np.float32)
    inside = boxes.copy()
    inside[:, [0, 2]] = inside[:, [0, 2]].clip(0, width)
    inside[:, [1, 3]] = inside[:, [1, 3]].clip(0, height)
    w, h = inside[:, 2] - inside[:, 0], inside[:, 3] - inside[:, 1]
    whole = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    visible = w * h / np.maximum(whole, 1e-6)
    hardly = (visible < _VISIBLE) | (h < _TOO_SMALL_PX) | (w < 2)
    inside[hardly & (inside[:, 4] > IGNORED), 4] = IGNORED
    shown = (visible >= _HARDLY) | (inside[:, 4] < IGNORED)
    kept: F32 = inside[shown & (w > 0) & (h > 0)]
    return kept
