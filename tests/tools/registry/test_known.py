"""models/registry.toml, and what is wrong with one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.assets import asset_dir
from edge_agent.detect import read_manifest
from edge_agent.errors import ModelError
from edge_agent.tools.registry import known_models, shipped_registry


def test_the_shipped_registry_knows_the_well_known_detectors() -> None:
    known = known_models(shipped_registry())
    assert {"yolox-nano", "yolox-tiny", "yolox-s", "nanodet-opencv", "fastestdet"} <= set(known)
    for model in known.values():
        assert model.url is None or model.url.startswith("https://")
        assert model.manifest().name == model.name


def test_registry_and_manifests_beside_it_agree() -> None:
    for name, model in known_models(shipped_registry()).items():
        path = asset_dir("models") / f"{name}.toml"
        if path.is_file():
            assert read_manifest(path) == model.manifest()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bytes = 3659407", 'bytes = "many"', r"model\[0\]\.bytes: Expected `int`"),
        ("downloaded = false\n", "", "missing required field `downloaded`"),
        (
            'name = "yolox-tiny"',
            'name = "yolox-nano"',
            r"model\[1\]\.name: yolox-nano is there twice",
        ),
        (
            "person_class = 0",
            "person_class = 80",
            r"model\[0\]\.person_class: is 80, but there are 80",
        ),
        ("[[model]]", "[[model", "is not TOML"),
    ],
)
def test_a_wrong_registry_names_the_entry_and_the_key(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(shipped_registry().read_text().replace(old, new, 1))
    with pytest.raises(ModelError, match=rf"registry\.toml: .*{words}"):
        known_models(path)
