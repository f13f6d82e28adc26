"""What may be learnt from, and what never."""

from pathlib import Path

import pytest

from models.training.sources import read_sources

SHIPPED = Path("models/training/sources.toml")


def written(path: Path, **changes: object) -> Path:
    entry: dict[str, object] = {
        "repository": "someone/streets",
        "commit": "0" * 40,
        "pattern": "^images/",
        "licence": "MIT",
        "kind": "streets",
        "label": "teacher",
        "most": 10,
    }
    rows = [f"{key} = {value!r}" for key, value in (entry | changes).items()]
    path.write_text("\n".join(["[[source]]", *rows]) + "\n")
    return path


def test_the_shipped_list_can_be_read_and_leaves_out_whole_sources_of_many_kinds() -> None:
    sources = read_sources(SHIPPED)
    left_out = [source for source in sources if source.left_out]
    assert len(left_out) >= 6
    assert {source.label for source in left_out} == {"teacher", "empty"}
    assert all(source.licence for source in sources)


@pytest.mark.parametrize(
    "repository",
    [
        "lightly-ai/coco128_yolo",
        "Lightly-AI/COCO128_yolo",
        "ahmetozlu/vehicle_counting",
        "andrewssobral/anything",
        "mirafratech/camera-tampering",
        "someone/PennFudanPed",
        "someone/penn-fudan",
        "someone/coco-val2017",
        "someone/PETS09-S2L1",
    ],
)
def test_what_is_kept_for_judging_is_refused_whatever_its_spelling(
    tmp_path: Path, repository: str
) -> None:
    path = written(tmp_path / "s.toml", repository=repository)
    with pytest.raises(ValueError, match=rf"s\.toml: {repository}: is kept for judging"):
        read_sources(path)


@pytest.mark.parametrize("licence", ["CC BY-NC 4.0", "non-commercial", "research only", "GPL-3.0"])
def test_a_licence_that_forbids_it_is_refused(tmp_path: Path, licence: str) -> None:
    with pytest.raises(ValueError, match="forbids this use"):
        read_sources(written(tmp_path / "s.toml", licence=licence))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pattern": "("}, "no regular expression"),
        ({"label": "guess"}, r"label"),
        ({"most": 0}, r"most"),
        ({"commit": "main"}, r"commit"),
        ({"shrae": 2.0}, "shrae"),
    ],
)
def test_a_mistake_names_file_and_key(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=rf"(?s)s\.toml.*{said}"):
        read_sources(written(tmp_path / "s.toml", **changes))


def test_a_source_cannot_be_learnt_and_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "s.toml")
    path.write_text(path.read_text() + path.read_text().replace("streets", "Streets"))
    with pytest.raises(ValueError, match="named twice"):
        read_sources(path)
