"""From repositories to shards: which pictures are taken, and how."""

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.collect import Collector, read_index, read_pictures, resized
from models.training.sources import Source


def picture(seed: int, width: int = 320, height: int = 200) -> np.ndarray:
    cells = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)


def source(repository: str, **changes: object) -> Source:
    entry: dict[str, object] = {
        "commit": "0" * 40,
        "pattern": r"^images/",
        "licence": "MIT",
        "kind": "made",
        "label": "teacher",
        "most": 100,
    }
    return Source(repository=repository, **(entry | changes))  # type: ignore[arg-type]


def put(folder: Path, name: str, bgr: np.ndarray) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), bgr)


def git(folder: Path, *words: str) -> None:
    who = {
        f"GIT_{role}_{what}": "a@b"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", "-C", folder, *words], check=True, capture_output=True, env=os.environ | who
    )


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    (tmp_path / "data").mkdir()
    return Collector(tmp_path / "from", tmp_path / "data", {})


def test_a_folder_gives_its_matching_pictures(collector: Collector, tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path / "from/a+b", f"images/{seed}.jpg", picture(seed))
    put(tmp_path / "from/a+b", "other/9.jpg", picture(9))
    counts = collector.collect(0, source("a/b"))
    assert counts is not None
    assert counts.taken == 3
    rows = read_index(tmp_path / "data/train-a+b.zip")
    assert {row["path"] for row in rows} == {f"images/{seed}.jpg" for seed in range(3)}
    assert {(row["width"], row["height"]) for row in rows} == {("320", "200")}


@pytest.mark.parametrize("bare", [True, False])
def test_a_git_directory_gives_what_lies_in_its_history_only(
    collector: Collector, tmp_path: Path, bare: bool
) -> None:
    work = tmp_path / "work"
    put(work, "images/0.png", picture(0))
    git(work, "init", "-q")
    git(work, "add", ".")
    git(work, "commit", "-qm", "one")
    git(work, "rm", "-q", "images/0.png")
    put(work, "images/1.png", picture(1))
    git(work, "add", ".")
    git(work, "commit", "-qm", "two")
    (tmp_path / "from").mkdir()
    git(tmp_path, "clone", "-q", *(["--bare"] if bare else []), str(work), "from/a+b")
    counts = collector.collect(0, source("a/b"))
    assert counts is not None
    assert counts.taken == 2


def test_the_same_picture_is_taken_once_also_mirrored_smaller_and_from_another_source(
    collector: Collector, tmp_path: Path
) -> None:
    put(tmp_path / "from/a+b", "images/0.jpg", picture(0))
    put(tmp_path / "from/c+d", "images/x.jpg", cv2.resize(picture(0), (200, 125)))
    put(tmp_path / "from/c+d", "images/y.jpg", picture(0)[:, ::-1])
    put(tmp_path / "from/c+d", "images/z.jpg", picture(5))
    collector.collect(0, source("a/b", left_out=True))
    counts = collector.collect(1, source("c/d"))
    assert counts is not None
    assert (counts.taken, counts.copies) == (1, 2)


def test_a_shard_that_is_there_is_kept_and_its_pictures_are_remembered(tmp_path: Path) -> None:
    put(tmp_path / "from/a+b", "images/0.jpg", picture(0))
    put(tmp_path / "from/c+d", "images/0.jpg", picture(0))
    (tmp_path / "data").mkdir()
    Collector(tmp_path / "from", tmp_path / "data", {}).collect(0, source("a/b"))
    shard = tmp_path / "data/train-a+b.zip"
    before = shard.read_bytes()
    later = Collector(tmp_path / "from", tmp_path / "data", {})
    later.collect(0, source("a/b"))
    counts = later.collect(1, source("c/d"))
    assert shard.read_bytes() == before
    assert counts is not None
    assert counts.copies == 1


def test_only_the_named_blobs_are_taken(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path / "from/a+b", f"images/{seed}.jpg", picture(seed))
    (tmp_path / "data").mkdir()
    Collector(tmp_path / "from", tmp_path / "data", {}).collect(0, source("a/b"))
    shard = tmp_path / "data/train-a+b.zip"
    wanted = read_index(shard)[1]["blob"]
    shard.unlink()
    counts = Collector(tmp_path / "from", tmp_path / "data", {"a/b": {wanted}}).collect(
        0, source("a/b")
    )
    assert counts is not None
    assert counts.taken == 1
    assert read_index(shard)[0]["blob"] == wanted


def test_held_out_pictures_are_refused_by_path_inside_other_sources(
    collector: Collector, tmp_path: Path
) -> None:
    put(tmp_path / "from/a+b", "images/PennFudan/0.jpg", picture(0))
    put(tmp_path / "from/a+b", "images/val2017/1.jpg", picture(1))
    counts = collector.collect(0, source("a/b"))
    assert counts is not None
    assert counts.taken == 0


def test_a_broken_picture_and_a_missing_repository_stop_nothing(
    collector: Collector, tmp_path: Path
) -> None:
    put(tmp_path / "from/a+b", "images/0.jpg", picture(0))
    (tmp_path / "from/a+b/images/1.jpg").write_bytes(b"not a picture")
    counts = collector.collect(0, source("a/b"))
    assert counts is not None
    assert counts.taken == 1
    assert collector.collect(1, source("no/where")) is None


def test_aspects_are_kept_and_undone_where_somebody_stretched_them() -> None:
    wide = resized(picture(0, 1920, 1080), None)
    assert wide is not None
    assert wide.shape == (252, 448, 3)
    square = resized(picture(0, 640, 640), 16 / 9)
    assert square is not None
    assert square.shape == (252, 448, 3)
    assert resized(picture(0, 300, 100), None) is None


def test_shards_are_read_in_the_order_of_their_index(collector: Collector, tmp_path: Path) -> None:
    for seed in range(12):
        put(tmp_path / "from/a+b", f"images/{seed}.jpg", picture(seed))
    collector.collect(0, source("a/b"))
    shard = tmp_path / "data/train-a+b.zip"
    assert [name for name, _ in read_pictures(shard)] == [r["name"] for r in read_index(shard)]
