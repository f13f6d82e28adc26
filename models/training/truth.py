"""Labels by hand of sources that are left out, where their repositories have them.

    python -m models.training.truth models/training/sources.toml --from REPOSITORIES --data DATA

For each left-out shard it writes `left-OWNER+NAME.truth.npz`: boxes of people in the shard's
pixels. Every labelled box is a person there, whatever its class says it does. Read are YOLO's text
files (`class cx cy w h`, fractions) in `labels` beside `images`, and VOC's XML in `Annotations`
beside `JPEGImages`. Sources without any keep what the teachers agree on (see label.py).
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from models.training import teacher
from models.training.augment import F32, PERSON
from models.training.collect import read_index
from models.training.pictures import GitDirectory, opened
from models.training.sources import Source, read_sources


def truth_file(shard: Path) -> Path:
    return shard.with_suffix(".truth.npz")


def label_path(picture: str) -> str:
    """Where the label of this picture would lie."""
    stem = picture.rsplit(".", 1)[0]
    if "JPEGImages" in stem:
        return stem.replace("JPEGImages", "Annotations") + ".xml"
    return re.sub(r"(^|/|_)images/", r"\1labels/", stem) + ".txt"


def read_yolo(text: str, width: int, height: int) -> F32:
    """Boxes (n, 5) in pixels; lines of more than five numbers are outlines, boxed here."""
    rows = []
    for line in text.splitlines():
        numbers = [float(word) for word in line.split()[1:]]
        if len(numbers) == 4:
            cx, cy, w, h = numbers
            rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
        elif len(numbers) >= 6:
            xs, ys = numbers[::2], numbers[1::2]
            rows.append((min(xs), min(ys), max(xs), max(ys)))
    return _in_pixels(rows, width, height)


def read_voc(text: str, width: int, height: int) -> F32:
    root = ElementTree.fromstring(text)
    size = [float(root.findtext(f"size/{side}") or 0) for side in ("width", "height")]
    rows = []
    for box in root.iter("bndbox"):
        x1, y1, x2, y2 = (float(box.findtext(k) or 0) for k in ("xmin", "ymin", "xmax", "ymax"))
        rows.append((x1 / size[0], y1 / size[1], x2 / size[0], y2 / size[1]))
    return _in_pixels(rows, width, height)


def _in_pixels(rows: list[tuple[float, ...]], width: int, height: int) -> F32:
    corners = np.array(rows, np.float32).reshape(-1, 4).clip(0, 1)
    corners *= np.array((width, height) * 2, np.float32)
    return np.column_stack((corners, np.full(len(rows), PERSON))).astype(np.float32)


def _texts(git: GitDirectory, wanted: set[str]) -> dict[str, str]:
    """Contents of the newest version of each path."""
    listed = git.listed()
    found: dict[str, str] = {}
    blobs = [(path, blob) for path, blob in listed if path in wanted]
    for path, blob in reversed(blobs):  # newest commits are listed first
        found[path] = blob
    return {path: git.read(blob).decode(errors="replace") for path, blob in found.items()}


def _write(source: Source, shard: Path, git: GitDirectory) -> int:
    index = read_index(shard)
    texts = _texts(git, {label_path(row["path"]) for row in index})
    if not texts:
        return 0
    boxes = []
    for row in index:
        path = label_path(row["path"])
        read = read_voc if path.endswith(".xml") else read_yolo
        boxes.append(
            read(
                texts.get(path, "<none/>" if path.endswith(".xml") else ""),
                int(row["width"]),
                int(row["height"]),
            )
        )
    teacher.save(truth_file(shard), boxes)
    return sum(map(len, boxes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--from", dest="repositories", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    for source in read_sources(options.sources):
        shard = options.data / f"{source.shard_name}.zip"
        git = opened(options.repositories, source.repository)
        if (
            source.left_out
            and source.label != "empty"
            and shard.exists()
            and isinstance(git, GitDirectory)
        ):
            print(source.repository, _write(source, shard, git), flush=True)


if __name__ == "__main__":
    main()
