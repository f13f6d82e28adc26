"""Which pictures are learnt, how often, and with which labels."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training import teacher
from models.training.augment import NOBODY, PERSON
from models.training.collect import Collector
from models.training.label import looks_file
from models.training.pool import Pool
from models.training.settings import read_settings
from models.training.sources import Source

SETTINGS = read_settings(Path("models/training/edge-person.toml"))


def source(repository: str, **changes: object) -> Source:
    entry: dict[str, object] = {
        "commit": "0" * 40,
        "pattern": ".",
        "licence": "MIT",
        "kind": "made",
        "label": "teacher",
        "most": 100,
    }
    return Source(repository=repository, **(entry | changes))  # type: ignore[arg-type]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two pictures each of a/b, c/d and e/f; a teacher saw somebody in those of a/b."""
    for number, name in enumerate(("a+b", "c+d", "e+f")):
        for seed in (0, 1):
            cells = np.random.default_rng((number, seed)).integers(0, 255, (6, 8, 3), np.uint8)
            path = tmp_path / "from" / name / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.resize(cells, (320, 200)))
    target = tmp_path / "data"
    target.mkdir()
    collector = Collector(tmp_path / "from", target, {})
    collector.collect(0, source("a/b"))
    collector.collect(1, source("c/d", label="empty"))
    collector.collect(2, source("e/f", left_out=True))
    seen = np.array([[10, 10, 60, 150, 0.8]], np.float32)
    teacher.save(looks_file(target / "train-a+b.zip", SETTINGS.looks[0]), [seen, seen])
    return target


def test_labelled_and_empty_shards_are_learnt_and_left_out_ones_never(data: Path) -> None:
    sources = [source("a/b"), source("c/d", label="empty"), source("e/f", left_out=True)]
    pool = Pool.read(sources, data, SETTINGS)
    assert len(pool) == 4
    kinds = [pool.picture(i)[1][:, 4].tolist() for i in range(4)]
    assert kinds == [[PERSON], [PERSON], [NOBODY], [NOBODY]]
    assert pool.picture(2)[1][0, :4].tolist() == [0, 0, 320, 200]
    assert pool.picture(0)[0].shape == (200, 320, 3)


def test_a_shard_that_no_teacher_saw_waits(data: Path) -> None:
    looks_file(data / "train-a+b.zip", SETTINGS.looks[0]).unlink()
    assert len(Pool.read([source("a/b"), source("c/d", label="empty")], data, SETTINGS)) == 2
    with pytest.raises(SystemExit, match="nothing to learn from"):
        Pool.read([source("a/b")], data, SETTINGS)


def test_a_share_says_how_often_a_picture_is_drawn(data: Path) -> None:
    sources = [source("a/b", share=3.0), source("c/d", label="empty")]
    pool = Pool.read(sources, data, SETTINGS)
    rng = np.random.default_rng(0)
    drawn = np.bincount([pool.any_index(rng) for _ in range(4000)], minlength=4)
    assert drawn[:2].sum() / drawn.sum() == pytest.approx(0.75, abs=0.03)
