"""From public repositories to shards of training pictures, outside this project.

    python -m models.training.collect models/training/sources.toml --from REPOSITORIES --to DATA

REPOSITORIES holds one folder per source, named `OWNER+NAME` or `OWNER/NAME`: its files, a clone,
or a bare git directory. DATA gets one `train-OWNER+NAME.zip` (or `left-...`, for sources that are
kept for judging) with JPEGs that keep their aspect ratio, and `index.tsv`: name, blob, path,
width, height. What looks like a picture that was taken already is left out, whichever source it is
from. Sources that are left out of training come first, so that no copy of them is learnt from.
A shard that is there is kept: remove it to make it anew.

`--only LIST` takes the named blobs only (columns repository, blob[:frame]; gzip or plain).
"""

from __future__ import annotations

import argparse
import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.training.augment import U8
from models.training.duplicates import Seen, difference_hash
from models.training.pictures import Folder, GitDirectory, Picture, chosen, opened, pictures
from models.training.sources import EXCLUDED_NAMES, Source, read_sources

LONG_SIDE_PX = 448
SHORTEST_PX = 120
_JPEG_QUALITY = 90
_INDEX = "index.tsv"
#: More files than pictures are wanted are tried: some are copies, too small or broken.
_SPARE = 1.5

Only = dict[str, set[str]]


def read_only(path: Path) -> Only:
    """Blobs by repository, of a list with a heading."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    wanted: Only = {}
    for line in text.splitlines()[1:]:
        repository, blob = line.split("\t")[:2]
        wanted.setdefault(repository, set()).add(blob)
    return wanted


@dataclass(slots=True)
class Counts:
    taken: int = 0
    copies: int = 0
    small: int = 0


class Collector:
    """Writes one shard after the other; remembers what it took."""

    def __init__(self, repositories: Path, target: Path, only: Only) -> None:
        self._from, self._to, self._only = repositories, target, only
        self._seen = Seen()

    def collect(self, number: int, source: Source) -> Counts | None:
        """None when the repository is not there."""
        shard = self._to / f"{source.shard_name}.zip"
        if shard.exists():
            return self._remember(number, shard)
        store = opened(self._from, source.repository)
        if store is None:
            return None
        counts, rows = Counts(), []
        part = shard.with_suffix(".part")
        with zipfile.ZipFile(part, "w") as out:
            for picture in self._candidates(source, store):
                small = resized(picture.bgr, source.aspect)
                if small is None:
                    counts.small += 1
                elif not self._seen.add(difference_hash(small), number):
                    counts.copies += 1
                else:
                    name = f"{counts.taken:06d}.jpg"
                    _, coded = cv2.imencode(
                        ".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
                    )
                    out.writestr(name, coded.tobytes())
                    height, width = small.shape[:2]
                    rows.append(f"{name}\t{picture.name}\t{picture.path}\t{width}\t{height}")
                    counts.taken += 1
                    if counts.taken == source.most:
                        break
            out.writestr(_INDEX, "\n".join(("name\tblob\tpath\twidth\theight", *rows)) + "\n")
        part.replace(shard)
        return counts

    def _candidates(self, source: Source, store: Folder | GitDirectory) -> Iterator[Picture]:
        entries = [e for e in store.entries() if not EXCLUDED_NAMES.search(e.path)]
        wanted = self._only.get(source.repository)
        if wanted is not None:
            blobs = {name.partition(":")[0] for name in wanted}
            entries = [e for e in entries if e.blob in blobs]
        taken = chosen(entries, source.pattern, int(source.most * _SPARE))
        # Copies stand beside each other by name: a fixed shuffle spreads what the limit keeps.
        np.random.default_rng(0).shuffle(taken)  # type: ignore[arg-type]
        for entry, content in store.contents(taken):
            for picture in pictures(entry, content):
                if wanted is None or picture.name in wanted:
                    yield picture

    def _remember(self, number: int, shard: Path) -> Counts:
        counts = Counts()
        for _, bgr in read_pictures(shard):
            self._seen.add(difference_hash(bgr), number)
            counts.taken += 1
        return counts


def resized(bgr: U8, aspect: float | None) -> U8 | None:
    """At most LONG_SIDE_PX long, in its true aspect; None where it is too small to show people."""
    height, width = bgr.shape[:2]
    if min(height, width) < SHORTEST_PX:
        return None
    if aspect is not None and abs(width / height - 1) < 0.02:
        height = round(width / aspect)
    scale = min(1.0, LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def read_pictures(shard: Path) -> Iterator[tuple[str, U8]]:
    """Name and pixels of each picture of a shard, in order."""
    with zipfile.ZipFile(shard) as stored:
        for name in sorted(n for n in stored.namelist() if n.endswith(".jpg")):
            coded = np.frombuffer(stored.read(name), np.uint8)
            yield name, np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def read_index(shard: Path) -> list[dict[str, str]]:
    """Rows of the shard's `index.tsv`."""
    with zipfile.ZipFile(shard) as stored, stored.open(_INDEX) as raw:
        lines = io.TextIOWrapper(raw, "utf-8", "surrogateescape").read().splitlines()
    head = lines[0].split("\t")
    return [dict(zip(head, line.split("\t"), strict=True)) for line in lines[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--from", dest="repositories", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--only", type=Path, metavar="LIST")
    options = parser.parse_args()
    try:
        sources = read_sources(options.sources)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    options.to.mkdir(parents=True, exist_ok=True)
    collector = Collector(
        options.repositories, options.to, read_only(options.only) if options.only else {}
    )
    for number, source in sorted(enumerate(sources), key=lambda pair: not pair[1].left_out):
        counts = collector.collect(number, source)
        print(source.repository, counts or "is not there", flush=True)


if __name__ == "__main__":
    main()
