"""Real people, cut out of real footage by what differs from the empty place.

    python -m benchmarks.scenes.cutouts --sheet sheet.png

A cut-out is a walk: several pictures in a row of one person, at the footage's 10 fps, each
with a soft mask. People of PETS are followed by their ground truth; in the one-by-one clip
whoever is there is alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.motion_recall import (
    ONE_BY_ONE,
    ONE_BY_ONE_TRUTH,
    PETS,
    PETS_TRUTH,
    PETS_TRUTH_SIZE,
    footage_dir,
)
from edge_agent.domain import F32, U8

WALK_FPS = 10.0
#: A walk needs so many pictures in a row, and no more than so many are kept.
MIN_PICTURES, MAX_PICTURES = 8, 40
#: Smaller people would have to be magnified too much.
MIN_HEIGHT_PX = 36
#: A pixel belongs to the person when a colour differs by so many levels from the empty place.
DIFFERENT_LEVELS = 22
#: A silhouette fills this share of its box; less is a hole, more is a shadow or a wall.
FILL = (0.25, 0.8)
#: Width over height of somebody upright.
SLIMNESS = (0.22, 0.75)
#: Looked through by eye: a lamp post, a wall or half of a neighbour came along.
_SPOILED: dict[str, tuple[int, ...]] = {
    "pets-1": (
        1,
        2,
    ),
    "pets-2": (
        1,
        2,
        3,
    ),
    "pets-4": (0,),
    "pets-5": (1,),
    "pets-6": (2,),
    "pets-8": (2,),
    "pets-9": (
        0,
        1,
        6,
        8,
        10,
    ),
    "pets-12": (
        0,
        2,
    ),
    "pets-13": (
        0,
        6,
        10,
    ),
    "pets-17": (1,),
    "pets-19": (1,),
    "visit-0": (0,),
    "visit-1": (
        0,
        1,
    ),
    "visit-2": (0,),
    "visit-3": (
        0,
        2,
    ),
    "visit-4": (
        0,
        6,
    ),
    "visit-5": (
        0,
        2,
    ),
}
#: Others this near (in box widths) would be cut out too.
APART = 0.35


@dataclass(frozen=True, slots=True)
class Cutout:
    """One picture of a person: uint8 BGR (height, width, 3) and float32 opacity 0..1."""

    bgr: U8
    alpha: F32


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's pictures in a row, 10 a second."""

    name: str
    pictures: tuple[Cutout, ...]

    def at(self, at_s: float) -> Cutout:
        """To and fro, so that legs never jump."""
        last = len(self.pictures) - 1
        step = int(at_s * WALK_FPS) % (2 * last)
        return self.pictures[step if step <= last else 2 * last - step]


Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the clip


def _frames(clip: Path) -> list[U8]:
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def _median(frames: list[U8]) -> U8:
    step = max(1, len(frames) // 60)
    return np.median(np.stack(frames[::step]), axis=0).astype(np.uint8)


def _silhouette(frame: U8, empty: U8) -> U8:
    """uint8 mask of everything that differs from the empty place."""
    difference = cv2.absdiff(frame, empty).max(axis=2)
    mask = cv2.compare(difference, DIFFERENT_LEVELS, cv2.CMP_GT)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))


def _largest(mask: U8) -> tuple[U8, Box] | None:
    """The largest connected part of a mask and its box."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = (int(v) for v in stats[best, :4])
    return np.where(labels == best, 255, 0).astype(np.uint8), (x, y, w, h)


def _cut(frame: U8, mask: U8) -> Cutout | None:
    """The person in the mask, None when it looks like none."""
    found = _largest(mask)
    if found is None:
        return None
    alone, (x, y, w, h) = found
    fill = cv2.countNonZero(alone) / (w * h)
    upright = SLIMNESS[0] <= w / h <= SLIMNESS[1]
    if h < MIN_HEIGHT_PX or not upright or not FILL[0] <= fill <= FILL[1]:
        return None
    rows, columns = slice(y, y + h), slice(x, x + w)
    soft = cv2.GaussianBlur(alone, (3, 3), 0)[rows, columns].astype(np.float32) / 255
    return Cutout(frame[rows, columns].copy(), soft)


def _runs(cuts: list[Cutout | None]) -> Iterator[tuple[Cutout, ...]]:
    """Unbroken rows of cut-outs, cut to a useful length."""
    run: list[Cutout] = []
    for cut in [*cuts, None]:
        # A neighbour's leg or a shadow shows as a jump of the height.
        jumps = bool(run) and cut is not None and abs(_tall(cut) / _tall(run[-1]) - 1) > 0.2
        if cut is not None and not jumps and len(run) < MAX_PICTURES:
            run.append(cut)
            continue
        if len(run) >= MIN_PICTURES:
            yield tuple(run)
        run = [cut] if cut is not None else []


def _tall(cut: Cutout) -> int:
    return cut.bgr.shape[0]


def _pets_boxes(path: Path) -> dict[int, dict[int, Box]]:
    """Boxes by person and frame (0-based), in pixels of the clip (480 wide)."""
    scale = 480 / PETS_TRUTH_SIZE.width
    boxes: dict[int, dict[int, Box]] = {}
    for line in path.read_text().splitlines():
        frame, person, x, y, w, h, flag = (float(part) for part in line.split(",")[:7])
        if flag:
            box = (int(x * scale), int(y * scale), round(w * scale), round(h * scale))
            boxes.setdefault(int(person), {})[int(frame) - 1] = box
    return boxes


def _near(a: Box, b: Box) -> bool:
    spare = APART * a[2]
    beside = a[0] - spare > b[0] + b[2] or b[0] > a[0] + a[2] + spare
    above = a[1] - spare > b[1] + b[3] or b[1] > a[1] + a[3] + spare
    return not (beside or above)


def _pets(folder: Path) -> Iterator[Walk]:
    frames = _frames(folder / PETS)
    empty = _median(frames)
    boxes = _pets_boxes(folder / PETS_TRUTH)
    for person, path in sorted(boxes.items()):
        cuts: list[Cutout | None] = []
        for i in range(min(path), max(path) + 1):
            box = path.get(i)
            others = [o[i] for p, o in boxes.items() if p != person and i in o]
            if box is None or any(_near(box, other) for other in others):
                cuts.append(None)
                continue
            x, y, w, h = box
            inside = np.s_[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3]
            cuts.append(_cut(frames[i][inside], _silhouette(frames[i][inside], empty[inside])))
        for part, run in enumerate(_runs(cuts)):
            yield Walk(f"pets-{person}-{part}", run)


def _one_by_one(folder: Path) -> Iterator[Walk]:
    truth = json.loads((folder / ONE_BY_ONE_TRUTH).read_text())
    frames = _frames(folder / ONE_BY_ONE)
    spans = truth["presence_intervals"]
    nobody = [f for i, f in enumerate(frames) if not any(a - 5 <= i <= b + 5 for a, b in spans)]
    empty = _median(nobody)
    for visit, (first, last) in enumerate(spans):
        cuts = [_cut(frame, _silhouette(frame, empty)) for frame in frames[first : last + 1]]
        for part, run in enumerate(_runs(cuts)):
            yield Walk(f"visit-{visit}-{part}", run)


def _is_spoiled(walk: Walk) -> bool:
    person, _, part = walk.name.rpartition("-")
    return int(part) in _SPOILED.get(person, ())


@cache
def walks(folder: Path | None = None) -> tuple[Walk, ...]:
    """All walks that the footage holds, in a fixed order."""
    base = folder or footage_dir()
    found = (*_pets(base), *_one_by_one(base))
    return tuple(walk for walk in found if not _is_spoiled(walk))


def contact_sheet(of: tuple[Walk, ...], height_px: int = 96, columns: int = 16) -> U8:
    """Three pictures a walk on grey, uint8 BGR."""
    tiles = []
    for walk in of:
        tile = np.full((height_px, 3 * 64, 3), 128, np.uint8)
        for i, place in enumerate(np.linspace(0, len(walk.pictures) - 1, 3)):
            cut = walk.pictures[int(place)]
            size = (min(64, max(1, round(height_px * cut.bgr.shape[1] / _tall(cut)))), height_px)
            alpha = cv2.resize(cut.alpha, size)[..., None]
            person = cv2.resize(cut.bgr, size)
            spot = tile[:, 64 * i : 64 * i + size[0]]
            spot[:] = (alpha * person + (1 - alpha) * spot).astype(np.uint8)
        cv2.putText(tile, walk.name, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 255, 255))
        tiles.append(tile)
    per_row = columns // 3
    while len(tiles) % per_row:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[i : i + per_row]) for i in range(0, len(tiles), per_row)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, required=True, help="a PNG")
    args = parser.parse_args()
    found = walks()
    cv2.imwrite(str(args.sheet), contact_sheet(found))
    print(f"{len(found)} walks, {sum(len(w.pictures) for w in found)} pictures")


if __name__ == "__main__":
    main()
