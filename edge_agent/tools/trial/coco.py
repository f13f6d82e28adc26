"""COCO labels: one JSON file for a folder of pictures (cocodataset.org, "Data format")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.errors import LabelError
from edge_agent.tools.trial.pictures import (
    Choice,
    LabelledPicture,
    LabelledSet,
    boxes,
    decoded,
    read_bytes,
)

Side = Annotated[float, Meta(ge=0)]


class _Image(msgspec.Struct, frozen=True):
    id: int
    file_name: str
    width: Annotated[int, Meta(gt=0)]
    height: Annotated[int, Meta(gt=0)]


class _Annotation(msgspec.Struct, frozen=True):
    image_id: int
    category_id: int
    bbox: tuple[float, float, Side, Side]  # x, y of the top left corner, width, height
    iscrowd: int = 0


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Document(msgspec.Struct, frozen=True):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def from_file(labels: Path, folder: Path, choice: Choice) -> LabelledSet:
    """Raises LabelError naming what in the file is wrong."""
    document = _read(labels)
    person = _person(document, labels, choice.person_class)
    known = {image.id for image in document.images}
    of_image: dict[int, list[_Annotation]] = defaultdict(list)
    for i, annotation in enumerate(document.annotations):
        if annotation.image_id not in known:
            raise LabelError(
                f"{labels}: annotations[{i}].image_id: {annotation.image_id} is no image here"
            )
        if annotation.category_id == person:
            of_image[annotation.image_id].append(annotation)
    here = [(image, path) for image in document.images if (path := _path(folder, image))]
    if not here:
        named = document.images[0].file_name if document.images else "no picture at all"
        raise LabelError(f"{labels}: names {named}, and none of its pictures is in {folder}")
    missing = len(document.images) - len(here)
    remarks = (f"{missing} pictures of {labels.name} are not there",) if missing else ()
    chosen = choice.of(here)

    def pictures() -> Iterator[LabelledPicture]:
        for image, path in chosen:
            yield _labelled(image, path, of_image[image.id])

    return LabelledSet(f"COCO labels, {labels}", len(chosen), pictures, remarks)


def _labelled(image: _Image, path: Path, annotations: Sequence[_Annotation]) -> LabelledPicture:
    picture = decoded(read_bytes(path), str(path))
    across, down = picture.size.width / image.width, picture.size.height / image.height

    def corners(each: _Annotation) -> tuple[float, float, float, float]:
        x, y, w, h = each.bbox
        return x * across, y * down, (x + w) * across, (y + h) * down

    return LabelledPicture(
        str(path),
        picture,
        boxes(corners(each) for each in annotations if not each.iscrowd),
        boxes(corners(each) for each in annotations if each.iscrowd),
    )


def _read(labels: Path) -> _Document:
    data = read_bytes(labels)
    try:
        return msgspec.json.decode(data, type=_Document)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        key = f"{where.rstrip('`')}: " if where else ""
        raise LabelError(f"{labels}: {key}{what}; expected COCO's instances format") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabelError(f"{labels}: is not JSON: {error}") from error


def _person(document: _Document, labels: Path, person_class: int | None) -> int:
    if person_class is not None:
        return person_class
    for category in document.categories:
        if category.name.lower() in ("person", "people", "pedestrian", "human"):
            return category.id
    names = ", ".join(f"{each.id} {each.name}" for each in document.categories) or "none"
    raise LabelError(f"{labels}: categories: no person among {names}; name it by --person-class ID")


def _path(folder: Path, image: _Image) -> Path | None:
    for path in (folder / image.file_name, folder / Path(image.file_name).name):
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return path
    return None
