"""Which format a path with labelled pictures has."""

from __future__ import annotations

from pathlib import Path

from edge_agent.errors import LabelError
from edge_agent.tools.trial import coco, mot, yolo
from edge_agent.tools.trial.pictures import PICTURE_SUFFIXES, Choice, LabelledSet

_VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".ts"})
_EXPECTED = (
    "expected a folder of pictures with YOLO texts, one COCO JSON file or MOT's gt.txt, "
    "a zip of pictures and YOLO texts, or a video with --labels gt.txt"
)


def open_labelled(path: Path, labels: Path | None, choice: Choice) -> LabelledSet:
    """`labels`: the COCO or MOT file; None: it is looked for. Raises LabelError."""
    if labels is not None and not labels.is_file():
        raise LabelError(f"{labels}: no such file")
    if path.is_dir():
        return _folder(path, labels, choice)
    if not path.is_file():
        raise LabelError(f"{path}: no such file or folder; {_EXPECTED}")
    if path.suffix.lower() == ".zip":
        return yolo.from_zips([path], choice)
    if path.suffix.lower() in _VIDEO_SUFFIXES:
        found = labels or _beside(path)
        if found is None:
            raise LabelError(f"{path}: has no gt.txt beside it; name it with --labels FILE")
        return mot.from_video(path, found, choice)
    raise LabelError(f"{path}: is neither folder, zip nor video; {_EXPECTED}")


def _folder(folder: Path, labels: Path | None, choice: Choice) -> LabelledSet:
    labels = labels or _json_in(folder) or _first(folder / "gt" / "gt.txt", folder / "gt.txt")
    if labels is None:
        shards = sorted(folder.glob("*.zip"))
        return yolo.from_zips(shards, choice) if shards else yolo.from_folder(folder, choice)
    if labels.suffix.lower() == ".json":
        return coco.from_file(labels, folder, choice)
    pictures = next((d for d in (folder / "img1", folder) if _holds_pictures(d)), None)
    if pictures:
        return mot.from_folder(pictures, labels, choice)
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEO_SUFFIXES)
    if len(videos) != 1:
        raise LabelError(
            f"{folder}: has MOT labels, no pictures and {len(videos)} videos; name one video"
        )
    return mot.from_video(videos[0], labels, choice)


def _holds_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(p.suffix.lower() in PICTURE_SUFFIXES for p in folder.iterdir())


def _json_in(folder: Path) -> Path | None:
    found = sorted([*folder.glob("*.json"), *folder.glob("annotations/*.json")])
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise LabelError(f"{folder}: holds several JSON files ({names}); choose one with --labels")
    return found[0] if found else None


def _beside(video: Path) -> Path | None:
    folder, stem = video.parent, video.stem
    return _first(
        folder / f"{stem}.txt", folder / f"{stem}_gt.txt", folder / "gt.txt", folder / "gt/gt.txt"
    )


def _first(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)
