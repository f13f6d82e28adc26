"""All pictures that are learnt from, coded, in memory, with their labels."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.training import teacher
from models.training.augment import F32, IGNORED, NOBODY, PERSON, RARE, U8
from models.training.label import looks_file
from models.training.settings import Settings
from models.training.sources import Source

_PEOPLE = {"empty": NOBODY, "rare": RARE}


class Pool:
    """Immutable; worker processes share its memory."""

    def __init__(
        self,
        coded: U8,
        ends: NDArray[np.int64],
        boxes: list[F32],
        shares: F32,
        people: NDArray[np.float32],
    ) -> None:
        """`coded`: JPEGs one after the other; `shares`: how often each is drawn, in any unit;
        `people`: of each NOBODY, RARE, or PERSON where nothing is known of its source."""
        self._coded, self._ends, self._boxes, self._people = coded, ends, boxes, people
        self._until = np.cumsum(shares, dtype=np.float64)

    @classmethod
    def read(cls, sources: Sequence[Source], data: Path, settings: Settings) -> Pool:
        """Shards that are not collected, or not labelled by any look yet, are left out.

        Raises SystemExit when there is none.
        """
        coded: list[U8] = []
        boxes: list[F32] = []
        shares: list[float] = []
        people: list[float] = []
        for source in sources:
            shard = data / f"{source.shard_name}.zip"
            labels = (
                None if source.left_out or not shard.exists() else _labels(source, shard, settings)
            )
            if labels is None:
                continue
            pictures = _coded(shard)
            coded += pictures
            boxes += labels or [np.zeros((0, 5), np.float32)] * len(pictures)
            shares += [source.share] * len(pictures)
            people += [_PEOPLE.get(source.label, PERSON)] * len(pictures)
        if not coded:
            raise SystemExit(f"{data}: nothing to learn from; run collect and label first")
        ends = np.cumsum([len(picture) for picture in coded])
        drawn, known = np.array(shares, np.float32), np.array(people, np.float32)
        return cls(np.concatenate(coded), ends, boxes, drawn, known)

    def __len__(self) -> int:
        return len(self._boxes)

    def picture(self, index: int) -> tuple[U8, F32]:
        begin = self._ends[index - 1] if index else 0
        bgr = cv2.imdecode(self._coded[begin : self._ends[index]], cv2.IMREAD_COLOR)
        boxes, people = self._boxes[index], self._people[index]
        if people < IGNORED:  # of the whole picture
            whole = np.array([(0, 0, bgr.shape[1], bgr.shape[0], people)], np.float32)
            boxes = np.concatenate((boxes, whole))
        return np.asarray(bgr, np.uint8), boxes

    def any_index(self, rng: Generator) -> int:
        at = np.searchsorted(self._until, rng.random() * self._until[-1], side="right")
        return min(int(at), len(self) - 1)


def _coded(shard: Path) -> list[U8]:
    with zipfile.ZipFile(shard) as stored:
        names = sorted(n for n in stored.namelist() if n.endswith(".jpg"))
        return [np.frombuffer(stored.read(name), np.uint8) for name in names]


def _labels(source: Source, shard: Path, settings: Settings) -> list[F32] | None:
    """Boxes of each picture; empty where nobody is in any; None: nobody has looked yet."""
    if source.label == "empty":
        return []
    files = [looks_file(shard, look) for look in settings.looks]
    looks = [teacher.load(file) for file in files if file.exists()]
    if not looks:
        return None
    return [
        teacher.fused([found[i] for found in looks], source.label, settings.agreement)
        for i in range(len(looks[0]))
    ]
