"""Clips of a camera that sees, or is covered or turned: a noisy picture a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from edge_agent.domain import U8

WIDTH, HEIGHT = 320, 180

Draw = Callable[[U8], U8]


def scene(seed: int = 1) -> U8:
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), (190, 150, 120), np.uint8)
    for _ in range(60):
        x, y = int(rng.integers(WIDTH - 40)), int(rng.integers(HEIGHT - 30))
        picture[y : y + rng.integers(8, 30), x : x + rng.integers(8, 40)] = rng.integers(20, 235, 3)
    return picture


def usual(picture: U8) -> U8:
    return picture


def covered(picture: U8) -> U8:
    return np.full_like(picture, (70, 90, 120))


def turned(picture: U8) -> U8:
    return scene(99)


def record(path: Path, *spells: tuple[int, Draw]) -> Path:
    """One after the other, each so many seconds long."""
    rng = np.random.default_rng(sum(seconds for seconds, _ in spells))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        stream.options = {"qmin": "2", "qmax": "2"}
        for seconds, draw in spells:
            shown = draw(scene())
            for _ in range(seconds):
                noise = rng.normal(0, 2, (HEIGHT, WIDTH, 1))
                picture = np.clip(shown + noise, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path
