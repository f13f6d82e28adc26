"""What blinds a camera, and what only looks like it, drawn over real pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.domain import F32, U8

Rng = np.random.Generator
#: A picture with it, so many seconds after it began.
Draw = Callable[[U8, float], U8]


@dataclass(frozen=True, slots=True)
class Eyesore:
    """`kind` is the fault that should be told; empty: none."""

    name: str
    kind: str
    begun: Callable[[tuple[int, ...], Rng], Draw]
    behind_sensor: bool = False  # made after the sensor, which adds no noise to it


def _u8(picture: F32) -> U8:
    return np.clip(picture, 0, 255).astype(np.uint8)


def _plain(change: Callable[[U8, Rng], U8]) -> Callable[[tuple[int, ...], Rng], Draw]:
    return lambda shape, rng: lambda picture, at_s: change(picture, rng)


def _grain(rng: Rng, height: int, width: int, deviation: float) -> F32:
    """Gaussian noise, drawn fast."""
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    drawn = cv2.randn(np.zeros((height, width), np.float32), 0, deviation)
    return np.asarray(drawn, np.float32)


def _laid(picture: U8, colour: F32, alpha: F32) -> U8:
    over = alpha[..., None]
    return _u8(picture * (1 - over) + colour * over)


def _hand(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]
    alpha = np.zeros((height, width), np.float32)
    middle = (int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.45, 0.65)))
    axes = (int(width * rng.uniform(0.34, 0.5)), int(height * rng.uniform(0.4, 0.6)))
    cv2.ellipse(alpha, middle, axes, float(rng.uniform(0, 60)), 0, 360, 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), width / 35)
    shade = cv2.GaussianBlur(
        rng.normal(0, 25, (height, width)).astype(np.float32), (0, 0), width / 12
    )
    skin = np.array((70, 90, 130), np.float32) * (1 + 0.02 * shade[..., None])
    return lambda picture, at_s: _laid(picture, skin, alpha)


def _spray(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]
    spots = cv2.resize(
        rng.random((9, 16)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    alpha = cv2.GaussianBlur((spots > 0.32).astype(np.float32), (0, 0), width / 70) * 0.96
    paint = np.full(3, float(rng.uniform(30, 120)), np.float32)
    return lambda picture, at_s: _laid(picture, paint, alpha)


def _cloth(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]
    folds = cv2.GaussianBlur(
        rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), width / 25
    )
    cloth = 90 + 320 * folds[..., None] * np.ones(3, np.float32)

    def draw(picture: U8, at_s: float) -> U8:
        tiny = cv2.resize(picture, (24, 14), interpolation=cv2.INTER_AREA)
        through = cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC)
        return _u8(cloth + 0.08 * through)

    return draw


def _capped(shape: tuple[int, ...], rng: Rng) -> Draw:
    """Something right before the lens: nothing but a glow at one side."""
    height, width = shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side = x / width * rng.uniform(-1, 1) + y / height * rng.uniform(-1, 1)
    colour = np.array(rng.uniform(50, 110, 3), np.float32)
    shown = _u8(colour + 30 * side[..., None])
    return lambda picture, at_s: shown


def _half(shape: tuple[int, ...], rng: Rng) -> Draw:
    """Cloth hangs over one side; the camera's exposure rises with it."""
    height, width = shape[:2]
    x = np.arange(width, dtype=np.float32) / width
    x = x if rng.random() < 0.5 else 1 - x
    edge = rng.uniform(0.55, 0.7)
    alpha = np.clip((edge - x) / 0.1 + 0.5, 0, 1)[None, :].repeat(height, 0).astype(np.float32)
    cloth = np.array(rng.uniform(20, 60, 3), np.float32)
    return lambda picture, at_s: _u8(_laid(picture, cloth, alpha).astype(np.float32) * 1.25)


def _dirty(shape: tuple[int, ...], rng: Rng) -> Draw:
    """Dust and dried drops: the whole view is veiled and soft, spots more than the rest."""
    height, width = shape[:2]
    spots = cv2.resize(
        rng.random((12, 20)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    alpha = 0.3 + 0.45 * np.clip(spots, 0, 1)
    veil = np.full(3, float(rng.uniform(110, 160)), np.float32)

    def draw(picture: U8, at_s: float) -> U8:
        soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), width / 160), np.uint8)
        return _laid(soft, veil, alpha.astype(np.float32))

    return draw


def _web(shape: tuple[int, ...], rng: Rng) -> Draw:
    """A spider's web near the lens, out of focus and lit by the infrared lamp."""
    height, width = shape[:2]
    alpha = np.zeros((height, width), np.float32)
    middle = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7)))
    for angle in np.linspace(0, 2 * np.pi, 14, endpoint=False):
        end = (int(middle[0] + width * np.cos(angle)), int(middle[1] + width * np.sin(angle)))
        cv2.line(alpha, middle, end, 1, max(2, width // 50))
    for ring in range(1, 8):
        cv2.circle(alpha, middle, int(ring * width / 11), 1, max(2, width // 60))
    alpha = np.clip(cv2.GaussianBlur(alpha, (0, 0), width / 80) * 1.3, 0, 0.95)
    return lambda picture, at_s: _laid(picture, np.full(3, 205, np.float32), alpha)


def _to_wall(shape: tuple[int, ...], rng: Rng) -> Draw:
    """Turned to a wall or the sky: another picture, with little in it."""
    height, width = shape[:2]
    x = np.arange(width, dtype=np.float32)
    wall = np.full((height, width, 3), rng.uniform(90, 180, 3), np.float32)
    wall += (12 * np.sin(x / width * 5))[None, :, None]
    cv2.line(wall, (0, height // 3), (width, height // 2), (60, 60, 60), max(1, width // 200))
    shown = _u8(wall)
    return lambda picture, at_s: shown


def _moved(share: float) -> Callable[[tuple[int, ...], Rng], Draw]:
    def begun(shape: tuple[int, ...], rng: Rng) -> Draw:
        height, width = shape[:2]
        angle = rng.uniform(0, 2 * np.pi)
        far = share * height
        shift = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]], np.float32)
        return lambda picture, at_s: np.asarray(
            cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
        )

    return begun


def _hanging(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(20, 40)), 1.25)
    return lambda picture, at_s: np.asarray(
        cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def _blurred(sigma_at_720: float) -> Callable[[tuple[int, ...], Rng], Draw]:
    def begun(shape: tuple[int, ...], rng: Rng) -> Draw:
        sigma = sigma_at_720 * shape[0] / 720
        return lambda picture, at_s: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)

    return begun


def _frozen(clock: bool) -> Callable[[tuple[int, ...], Rng], Draw]:
    def begun(shape: tuple[int, ...], rng: Rng) -> Draw:
        held: list[U8] = []

        def draw(picture: U8, at_s: float) -> U8:
            if not held:
                held.append(picture.copy())
            shown = held[0].copy()
            if clock:
                text = f"2026-11-26 22:{int(at_s) // 60:02}:{int(at_s) % 60:02}"
                cv2.putText(shown, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255,) * 3, 1)
            coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
            return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)

        return draw

    return begun


def _smeared(shape: tuple[int, ...], rng: Rng) -> Draw:
    def draw(picture: U8, at_s: float) -> U8:
        shown = picture.copy()
        row = int(shape[0] * rng.uniform(0.2, 0.7))
        shown[row:] = shown[row]
        return shown

    return draw


def _green(shape: tuple[int, ...], rng: Rng) -> Draw:
    def draw(picture: U8, at_s: float) -> U8:
        shown = picture.copy()
        row = int(shape[0] * rng.uniform(0.2, 0.6))
        shown[row:] = (0, 136, 0)
        return shown

    return draw


def _rain(picture: U8, rng: Rng) -> U8:
    drops = picture.astype(np.float32)
    for _ in range(200):
        x, y = int(rng.integers(picture.shape[1])), int(rng.integers(picture.shape[0]))
        cv2.line(drops, (x, y), (x + 2, y + picture.shape[0] // 18), (200, 200, 200), 1)
    return _u8(drops * 0.85 + 20)


def _infrared(picture: U8, rng: Rng) -> U8:
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    glow = np.exp(
        -(((x - width / 2) / (width * 0.45)) ** 2 + ((y - height * 0.6) / (height * 0.55)) ** 2)
    )
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) * 0.6 + 50
    lit = (grey * glow).astype(np.float32) + _grain(rng, height, width, 5)
    return _u8(np.repeat(lit[..., None], 3, 2))


def _lamp_out(picture: U8, rng: Rng) -> U8:
    width = picture.shape[1]
    glow = 0.12 + 0.35 * np.exp(-(((np.arange(width) - width * 0.7) / (width * 0.35)) ** 2))
    noise = _grain(rng, picture.shape[0], width, 2)[..., None]
    return _u8(picture * glow[None, :, None].astype(np.float32) + noise)


def _lorry(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]
    left = int(width * rng.uniform(0.05, 0.3))

    def draw(picture: U8, at_s: float) -> U8:
        shown = picture.copy()
        right, top, floor = left + int(width * 0.42), int(height * 0.35), int(height * 0.8)
        cv2.rectangle(shown, (left, top), (right, floor), (200, 205, 200), -1)
        cab = right + int(width * 0.14)
        cv2.rectangle(shown, (right, int(height * 0.5)), (cab, floor), (60, 40, 160), -1)
        cv2.rectangle(
            shown, (right + 6, int(height * 0.53)), (cab - 6, int(height * 0.62)), (40, 30, 30), -1
        )
        for axle in (0.1, 0.3, 0.5):
            cv2.circle(
                shown, (left + int(width * axle), floor), int(height * 0.07), (20, 20, 20), -1
            )
        cv2.putText(
            shown, "VAN TAI", (left + 20, int(height * 0.55)), 0, height / 300, (90, 60, 40), 2
        )
        return shown

    return draw


def _close_person(shape: tuple[int, ...], rng: Rng) -> Draw:
    height, width = shape[:2]

    def draw(picture: U8, at_s: float) -> U8:
        if at_s > 30:
            return picture
        shown = picture.copy()
        middle = int(width * (0.4 + 0.1 * np.sin(at_s)))
        body = (middle - width // 5, int(height * 0.25)), (middle + width // 5, height)
        cv2.rectangle(shown, *body, (70, 60, 50), -1)
        cv2.ellipse(
            shown,
            (middle, int(height * 0.15)),
            (width // 12, height // 6),
            0,
            0,
            360,
            (110, 130, 160),
            -1,
        )
        return shown

    return draw


def _cloud(shape: tuple[int, ...], rng: Rng) -> Draw:
    return lambda picture, at_s: _u8(picture.astype(np.float32) * (0.75 + 0.25 * np.cos(at_s / 6)))


def _dusk(shape: tuple[int, ...], rng: Rng) -> Draw:
    return lambda picture, at_s: _u8(picture.astype(np.float32) * max(0.3, 1 - at_s / 90))


FAULTS = (
    Eyesore("black", "black", _plain(lambda picture, rng: np.full_like(picture, 16))),
    Eyesore("dark", "dark", _plain(lambda picture, rng: _u8(picture * np.float32(0.12) + 8))),
    Eyesore(
        "overexposed", "overexposed", _plain(lambda p, rng: _u8(p.astype(np.float32) * 2 + 190))
    ),
    Eyesore("frozen", "frozen", _frozen(clock=False), behind_sensor=True),
    Eyesore("frozen, clock", "frozen", _frozen(clock=True), behind_sensor=True),
    Eyesore("smeared", "glitching", _smeared, behind_sensor=True),
    Eyesore("green", "glitching", _green, behind_sensor=True),
    Eyesore("hand", "blocked", _hand),
    Eyesore("spray", "blocked", _spray),
    Eyesore("cloth", "blocked", _cloth),
    Eyesore("cap", "blocked", _capped),
    Eyesore("half", "blocked", _half),
    Eyesore("web", "blocked", _web),
    Eyesore("dirt", "blurred", _dirty),
    Eyesore("to a wall", "moved", _to_wall),
    Eyesore("moved 4 %", "moved", _moved(0.04)),
    Eyesore("moved 15 %", "moved", _moved(0.15)),
    Eyesore("moved 50 %", "moved", _moved(0.5)),
    Eyesore("hanging", "moved", _hanging),
    Eyesore("blurred 2", "blurred", _blurred(2.0)),
    Eyesore("blurred 6", "blurred", _blurred(6.0)),
    Eyesore("blurred 14", "blurred", _blurred(14.0)),
)

CHANGES = (
    Eyesore("rain", "", _plain(_rain)),
    Eyesore("fog", "", _plain(lambda p, rng: _u8(p.astype(np.float32) * 0.4 + 110))),
    Eyesore("infrared", "", _plain(_infrared)),
    Eyesore("lamp out", "", _plain(_lamp_out)),
    Eyesore("lorry", "", _lorry),
    Eyesore("close person", "", _close_person),
    Eyesore("clouds", "", _cloud),
    Eyesore("dusk", "", _dusk),
    Eyesore(
        "noise",
        "",
        _plain(lambda p, rng: _u8(p + _grain(rng, p.shape[0], p.shape[1], 9)[..., None])),
    ),
    Eyesore("exposure", "", _plain(lambda p, rng: _u8(p.astype(np.float32) * 1.35 + 5))),
)
