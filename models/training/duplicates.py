"""Near-duplicates by perceptual hash: copies, crops of a video's next frame, other encodings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.augment import U8

Hash = NDArray[np.uint64]

#: Of 256 bits. Two sources hold the same picture when fewer differ; within one source (the next
#: frame of the same camera) pictures are more alike by nature, and one of them is enough.
SAME_BITS = 20
SAME_BITS_IN_SOURCE = 26
_SIDE = 16


def difference_hash(bgr: U8) -> Hash:
    """uint64 (4,): is each of 16x16 cells brighter than its right neighbour?

    Of a picture and of its mirror image the smaller one, so that mirrored copies are found too.
    """
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return min(_packed(small), _packed(small[:, ::-1]), key=lambda h: h.tobytes())


def _packed(cells: NDArray[np.int16]) -> Hash:
    bits = (cells[:, :-1] < cells[:, 1:]).ravel()
    return np.packbits(bits).view(np.uint64)


class Seen:
    """Every picture taken so far, of all sources."""

    def __init__(self) -> None:
        self._hashes = np.zeros((1024, 4), np.uint64)
        self._sources = np.zeros(1024, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, found: Hash, source: int) -> bool:
        """False, and nothing is added, when a picture like this was taken already."""
        n = self._count
        away = np.bitwise_count(self._hashes[:n] ^ found).sum(axis=1, dtype=np.int32)
        own = self._sources[:n] == source
        if (away < np.where(own, SAME_BITS_IN_SOURCE, SAME_BITS)).any():
            return False
        if n == len(self._hashes):
            self._hashes = np.concatenate((self._hashes, np.zeros_like(self._hashes)))
            self._sources = np.concatenate((self._sources, np.zeros_like(self._sources)))
        self._hashes[n], self._sources[n] = found, source
        self._count += 1
        return True
