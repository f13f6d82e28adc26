"""YOLO labels: beside each picture a text with `[class] cx cy w h` per person, in fractions.

In a folder (NAME.txt beside NAME.jpg, or in `labels/` where the pictures are in `images/`) or in
zip shards that hold both. Without a class column everybody labelled is a person.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.domain import F32
from edge_agent.errors import LabelError
from edge_agent.geometry import FrameSize
from edge_agent.tools.trial.pictures import (
    PICTURE_SUFFIXES,
    Choice,
    LabelledPicture,
    LabelledSet,
    boxes,
    decoded,
    read_bytes,
    read_text,
)

#: Labels are rounded: a side may exceed the picture by this much.
_SLACK = 0.005
#: No labelled picture needs more; a zip file may claim anything.
_MAX_MEMBER_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class _Pair:
    """A picture and its labels, not read yet; without labels nobody is in it."""

    name: str
    label_name: str
    picture: Callable[[], bytes]
    labels: Callable[[], bytes] | None


def from_folder(folder: Path, choice: Choice) -> LabelledSet:
    """Raises LabelError when there is no picture, or no label at all."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    return _labelled_set([_pair(path) for path in files], str(folder), choice)


def from_zips(paths: Sequence[Path], choice: Choice) -> LabelledSet:
    """Raises LabelError when a shard cannot be read or holds no labelled picture."""
    pairs = [pair for path in paths for pair in _members(path)]
    where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} shards in {paths[0].parent}"
    return _labelled_set(pairs, where, choice)


def people(text: str, name: str, size: FrameSize, person_class: int | None) -> F32:
    """Corners in pixels, (n, 4). Raises LabelError naming file and line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        label, (cx, cy, w, h) = _columns(line, f"{name}:{number}")
        if label is None or label == (person_class or 0):
            found.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
    sides = (size.width, size.height, size.width, size.height)
    return boxes([side * of for side, of in zip(corners, sides, strict=True)] for corners in found)


def _columns(line: str, where: str) -> tuple[int | None, Sequence[float]]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError as error:
        raise LabelError(f"{where}: {error}; expected `[class] cx cy w h`") from error
    if len(values) not in (4, 5):
        raise LabelError(
            f"{where}: has {len(values)} numbers, expected `cx cy w h` or `class cx cy w h`"
        )
    label = None
    if len(values) == 5:
        if values[0] != int(values[0]) or values[0] < 0:
            raise LabelError(f"{where}: class is {values[0]:g}, expected 0, 1, 2, ...")
        label = int(values.pop(0))
    _, _, w, h = values
    if not all(-_SLACK <= value <= 1 + _SLACK for value in values) or w <= 0 or h <= 0:
        raise LabelError(
            f"{where}: {' '.join(f'{v:g}' for v in values)} is no box in fractions of the picture "
            "(cx cy w h, each 0 to 1)"
        )
    return label, values


def _labelled_set(pairs: Sequence[_Pair], where: str, choice: Choice) -> LabelledSet:
    if not pairs:
        raise LabelError(f"{where}: holds no picture ({', '.join(sorted(PICTURE_SUFFIXES))})")
    if not any(pair.labels for pair in pairs):
        raise LabelError(
            f"{where}: none of {len(pairs)} pictures has labels; expected {pairs[0].label_name} "
            "beside the picture, or give COCO or MOT labels with --labels"
        )
    chosen = choice.of(pairs)
    bare = sum(pair.labels is None for pair in chosen)
    remarks = (f"{bare} pictures have no label file: nobody is in them",) if bare else ()

    def pictures() -> Iterator[LabelledPicture]:
        for pair in chosen:
            picture = decoded(pair.picture(), pair.name)
            text = read_text(pair.labels(), pair.label_name) if pair.labels else ""
            truth = people(text, pair.label_name, picture.size, choice.person_class)
            yield LabelledPicture(pair.name, picture, truth, boxes(()))

    return LabelledSet(f"YOLO labels, {where}", len(chosen), pictures, remarks)


def _pair(path: Path) -> _Pair:
    beside = path.with_suffix(".txt")
    candidates = [beside]
    if "images" in path.parts:
        at = len(path.parts) - 1 - path.parts[::-1].index("images")
        candidates.append(Path(*path.parts[:at], "labels", *path.parts[at + 1 :]))
        candidates[-1] = candidates[-1].with_suffix(".txt")
    found = next((file for file in candidates if file.is_file()), None)
    labels = (lambda: read_bytes(found)) if found else None
    return _Pair(str(path), str(found or beside), lambda: read_bytes(path), labels)


def _members(path: Path) -> list[_Pair]:
    shard = _Shard(path)
    pairs = []
    for name in shard.names:
        if PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES:
            label = str(PurePosixPath(name).with_suffix(".txt"))
            labels = shard.reader(label) if label in shard.names else None
            pairs.append(_Pair(f"{path}/{name}", f"{path}/{label}", shard.reader(name), labels))
    return pairs


class _Shard:
    """One zip file, open as long as somebody holds a reader."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise LabelError(f"{path}: is no zip file that can be read: {error}") from error
        self.names = dict.fromkeys(sorted(self._archive.namelist()))

    def reader(self, name: str) -> Callable[[], bytes]:
        return lambda: self._read(name)

    def _read(self, name: str) -> bytes:
        if self._archive.getinfo(name).file_size > _MAX_MEMBER_BYTES:
            raise LabelError(f"{self._path}/{name}: is larger than {_MAX_MEMBER_BYTES} bytes")
        try:
            return self._archive.read(name)
        # zlib.error, encrypted members and unknown compressions come as different errors.
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise LabelError(f"{self._path}/{name}: cannot be read: {error}") from error
