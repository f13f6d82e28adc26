"""Pictures with people labelled in them, whatever the labels' format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from edge_agent.domain import F32, U8
from edge_agent.errors import LabelError
from edge_agent.geometry import FrameSize

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

Item = TypeVar("Item")


class StillPicture:
    """One picture in memory, as the detector wants to see it. Implements `domain.Pixels`."""

    def __init__(self, bgr: U8) -> None:
        """`bgr`: uint8 (height, width, 3)."""
        self._bgr = bgr

    @property
    def size(self) -> FrameSize:
        return FrameSize(self._bgr.shape[1], self._bgr.shape[0])

    def luma(self) -> U8:
        return np.asarray(cv2.cvtColor(self._bgr, cv2.COLOR_BGR2GRAY), np.uint8)

    def bgr(self) -> U8:
        return self._bgr


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """`truth` and `ignored`: float32 (n, 4), corners in pixels of the picture.

    `ignored` are people (or crowds) whose detection is neither right nor wrong.
    """

    name: str
    picture: StillPicture
    truth: F32
    ignored: F32


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set that is read anew, picture by picture, each time it is asked for."""

    what: str  # for people: format and place
    count: int
    pictures: Callable[[], Iterator[LabelledPicture]]
    remarks: tuple[str, ...] = ()  # what was left out or assumed, and why


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a set is used, and what its labels mean."""

    every: int = 1  # each n-th picture
    limit: int | None = None  # at most so many, spread evenly
    person_class: int | None = None  # None: the format's own meaning of "person"
    label_size: FrameSize | None = None  # what the labels' pixels refer to; None: the picture's

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        chosen = items[:: self.every]
        if self.limit is None or len(chosen) <= self.limit:
            return chosen
        return [chosen[i * len(chosen) // self.limit] for i in range(self.limit)]


def decoded(data: bytes, name: str) -> StillPicture:
    """Raises LabelError naming a picture that cannot be read."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise LabelError(f"{name}: is not a picture that can be read; remove it or copy it again")
    return StillPicture(np.asarray(bgr, np.uint8))


def read_bytes(path: Path) -> bytes:
    """Raises LabelError when the file cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_text(data: bytes, name: str) -> str:
    """Raises LabelError when the bytes are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{name}: is not text: byte {error.start} is no UTF-8") from error


def boxes(corners: Iterable[Sequence[float]]) -> F32:
    """float32 (n, 4), also for none."""
    return np.array(list(corners), np.float32).reshape(-1, 4)
