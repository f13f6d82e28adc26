"""Teachers look at the collected shards; what they saw lies beside each shard.

    python -m models.training.label models/training/edge-person.toml --data DATA [--processes 2]

For each look of the settings (`MODEL` or `MODEL flipped`), first over all shards, then the next
one: whoever trains meanwhile uses what is there. Shards without people need no teacher. Shards
that arrive later are labelled by starting this again; nothing is done twice.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_agent.detect import OnnxDetector, find_model
from models.training import teacher
from models.training.augment import F32, U8
from models.training.collect import read_pictures
from models.training.settings import read_settings
from models.training.sources import read_sources


def looks_file(shard: Path, look: str) -> Path:
    """Where one look at one shard is kept."""
    return shard.with_suffix(f".{look.replace(' ', '-')}.npz")


@functools.cache
def _teacher(model: str) -> OnnxDetector:
    """Opened once per worker process."""
    return OnnxDetector.open(find_model(model))


def _look(task: tuple[str, U8, bool]) -> F32:
    model, bgr, flip = task
    return teacher.seen(_teacher(model), bgr, flip=flip)


def _tasks(shard: Path, model: str, *, flip: bool) -> Iterator[tuple[str, U8, bool]]:
    for _, bgr in read_pictures(shard):
        yield model, bgr, flip


def look_at(shards: list[Path], look: str, processes: int) -> None:
    """Write the look's file of every shard that has none."""
    missing = [shard for shard in shards if not looks_file(shard, look).exists()]
    model, _, flipped = look.partition(" ")
    if not missing:
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for shard in missing:
            found = list(pool.imap(_look, _tasks(shard, model, flip=bool(flipped)), chunksize=4))
            teacher.save(looks_file(shard, look), found or [np.zeros((0, 5), np.float32)])
            print(look, shard.stem, len(found), sum(map(len, found)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--sources", type=Path, default=Path(__file__).with_name("sources.toml"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    settings = read_settings(options.settings)
    sources = read_sources(options.sources)
    # What holds few people is little to look at, and without it everything is a person.
    shards = [
        options.data / f"{source.shard_name}.zip"
        for source in sorted(sources, key=lambda source: source.label != "rare")
        if source.label != "empty"
    ]
    for look in settings.looks:
        look_at([shard for shard in shards if shard.exists()], look, options.processes)


if __name__ == "__main__":
    main()
