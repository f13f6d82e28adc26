"""Labels, and how good settings are by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import LabelError
from edge_agent.tools.tuning.decision import ToldEvent
from edge_agent.tools.tuning.labels import Interval, read_labels
from edge_agent.tools.tuning.score import NOTHING, VisitScore, recommended, scored, wilson

CLIP = Path("yard.avi")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_intervals_in_toml_and_csv_are_the_same(tmp_path: Path) -> None:
    toml = '[[present]]\nfrom = 4\nto = "0:09.8"\n[[present]]\nfrom = "1:00:00"\nto = 3700\n'
    csv = "\ufefffrom,to\n4,0:09.8\n\n# twice\n1:00:00,3700\n"
    expected = (Interval(4.0, 9.8), Interval(3600.0, 3700.0))
    assert read_labels(written(tmp_path, "a.toml", toml)).of(CLIP, None) == expected
    assert read_labels(written(tmp_path, "a.csv", csv)).of(CLIP, None) == expected


def test_a_clip_has_its_own_labels(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, "a.csv", "1,2,yard.avi\n3,4,gate.avi\n"))
    assert labels.of(CLIP, None) == (Interval(1, 2),)
    assert labels.of(Path("other.avi"), None) == ()


def test_mot_rows_become_intervals_of_anybody(tmp_path: Path) -> None:
    rows = [f"{frame},{who},10,10,20,40,1,-1,-1,-1" for who in (1, 2) for frame in (5, 6, 7, 8, 30)]
    rows += ["90,1,10,10,20,40,0,-1,-1,-1", "95,1,1,1,2,4,1,3,1"]  # not counted, no pedestrian
    labels = read_labels(written(tmp_path, "gt.txt", "\n".join(rows)))
    assert labels.of(CLIP, 5.0) == (Interval(0.8, 1.6), Interval(5.8, 6.0))
    with pytest.raises(LabelError, match="how many pictures"):
        labels.of(CLIP, None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "4,3\n", "a.csv:1: ends at 3"),
        ("a.csv", "from,to\nsoon,9\n", "a.csv:2: 'soon' is no time"),
        ("a.csv", "1,2,3,4\n", "has 4 columns"),
        ("a.toml", "[[present]]\nfrom = 1\n", "1: needs from and to"),
        ("a.toml", "present = 3", r"write one \[\[present\]\]"),
        ("a.toml", "[[", "a.toml: "),
        ("gt.txt", "a,b,c,d,e,f\n", "gt.txt:1: is no MOT row"),
        ("gt.txt", "1,1,1,1,1,1,0\n", "nobody is in it"),
        ("a.csv", "\x00,\x01", "no time"),
    ],
)
def test_labels_that_are_none_name_their_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        read_labels(written(tmp_path, name, text))


def told(start_s: float, end_s: float, told_s: float) -> ToldEvent:
    return ToldEvent(start_s, told_s, end_s, 0.9, (), None)


def test_precision_recall_and_delay() -> None:
    visits = [Interval(10, 20), Interval(40, 50), Interval(70, 80)]
    found = scored(
        [told(10, 19, 11.5), told(12, 18, 12.5), told(30, 33, 30), told(41, 45, 43)], visits
    )
    assert (found.recall, found.precision) == (pytest.approx(2 / 3), 0.75)
    assert found.delays_s == (1.5, 3.0)
    assert found.delay_s == 2.25
    whole = NOTHING.plus(found).plus(found)
    assert (whole.visits, whole.events, whole.recall) == (6, 8, pytest.approx(2 / 3))


def score(seen: int, visits: int, false: int = 0, delay_s: float = 1.0) -> VisitScore:
    flags = tuple(i < seen for i in range(visits))
    return VisitScore(visits, flags, seen + false, seen, (delay_s,) * seen)


def test_the_recommended_setting_and_its_confidence() -> None:
    few = recommended([score(4, 6), score(6, 6)], 0)
    assert (few.index, few.level) == (1, "low")
    assert "only 6 visits" in few.reason
    many = recommended([score(20, 40), score(40, 40), score(40, 40, false=9)], 0)
    assert (many.index, many.level) == (1, "high")
    close = recommended([score(38, 40), score(39, 40)], 0)
    assert (close.index, close.level) == (1, "low")
    assert recommended([score(40, 40), score(40, 40)], 0).level == "none"
    plateau = recommended([score(1, 40), *[score(40, 40)] * 5, score(3, 40)], 0)
    assert plateau.index == 3


def test_wilson_is_what_the_table_says() -> None:
    low, high = wilson(6, 6)
    assert (low, high) == (pytest.approx(0.610, abs=1e-3), 1.0)
    low, high = wilson(5, 10)
    assert (low, high) == (pytest.approx(0.237, abs=1e-3), pytest.approx(0.763, abs=1e-3))
    assert wilson(0, 0) == (0.0, 1.0)
