"""The labelled stills: zip files of NNNNNN.jpg and NNNNNN.txt (`[class] cx cy w h`, fractions)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from models.training.augment import F32, PERSON, U8


def read_shards(paths: Sequence[Path]) -> tuple[U8, list[F32]]:
    """Images uint8 BGR (n, h, w, 3), all of one size, and boxes float32 (m, 5) in pixels.

    Raises ValueError naming file and line of a label that cannot be read.
    """
    images: list[U8] = []
    boxes: list[F32] = []
    for path in paths:
        with zipfile.ZipFile(path) as shard:
            for name in sorted(n for n in shard.namelist() if n.endswith(".jpg")):
                coded = np.frombuffer(shard.read(name), np.uint8)
                image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
                labels = name.removesuffix(".jpg") + ".txt"
                rows = list(_rows(shard.read(labels).decode(), f"{path}: {labels}"))
                images.append(image)
                boxes.append(_corners(rows, image.shape[1], image.shape[0]))
    return np.stack(images), boxes


def _rows(text: str, where: str) -> Iterator[tuple[float, ...]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = tuple(float(word) for word in line.split()[-4:])
        except ValueError:
            row = ()
        if len(row) != 4 or not all(-0.01 <= value <= 1.01 for value in row):
            raise ValueError(f"{where} line {number}: expected `cx cy w h` in 0..1, found {line!r}")
        yield row


def _corners(rows: list[tuple[float, ...]], width: int, height: int) -> F32:
    centres = np.array(rows, np.float32).reshape(-1, 4)
    half = centres[:, 2:] / 2
    corners = np.concatenate((centres[:, :2] - half, centres[:, :2] + half), 1)
    corners = corners.clip(0, 1) * np.array((width, height) * 2, np.float32)
    return np.column_stack((corners, np.full(len(rows), PERSON))).astype(np.float32)
