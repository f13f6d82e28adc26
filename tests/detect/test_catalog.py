"""Finding models and refusing what does not fit, with messages a technician can act on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge_agent.assets import asset_dir
from edge_agent.detect import (
    ModelInput,
    ModelManifest,
    default_model_dirs,
    find_model,
    pull_dir,
    read_manifest,
)
from edge_agent.errors import ModelError

TEXT = """\
name = "{name}"
file = "{file}"
sha256 = "{sha256}"
bytes = {bytes}
licence = "Apache-2.0"
decoder = "yolox"
strides = [8, 16, 32]
candidate_threshold = 0.1
confirm_threshold = 0.5
{extra}
[input]
width = 64
height = 64
"""


def write(
    folder: Path, name: str, data: bytes | None = b"onnx", *, stem: str = "", extra: str = ""
) -> Path:
    """A manifest NAME.toml and, unless `data` is None, its file NAME.onnx."""
    content = data or name.encode()
    text = TEXT.format(
        name=name,
        file=f"{name}.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        extra=extra,
    )
    (folder / f"{stem or name}.toml").write_text(text)
    if data is not None:
        (folder / f"{name}.onnx").write_bytes(data)
    return folder / f"{name}.onnx"


def test_a_name_finds_its_manifest_and_its_file_in_another_directory(tmp_path: Path) -> None:
    ours, files = tmp_path / "models", tmp_path / "files"
    ours.mkdir()
    files.mkdir()
    write(ours, "one", None)
    (files / "one.onnx").write_bytes(b"one")
    assert find_model("one", [ours, files]).path == files / "one.onnx"


def test_a_path_is_described_by_the_manifest_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path, "one")
    assert find_model(str(path), []).manifest.name == "one"
    (tmp_path / "one.toml").rename(tmp_path / "one.onnx.toml")
    assert find_model(str(path), []).manifest.name == "one"


def test_a_renamed_file_is_known_by_its_sha256(tmp_path: Path) -> None:
    ours = tmp_path / "models"
    ours.mkdir()
    write(ours, "one", None)
    copy = tmp_path / "renamed.onnx"
    copy.write_bytes(b"one")
    assert find_model(str(copy), [ours]).manifest.name == "one"


def test_a_path_is_described_by_the_manifest_in_its_folder_with_its_sha256(tmp_path: Path) -> None:
    path = write(tmp_path, "one", stem="another")
    (tmp_path / "pyproject.toml").write_text("[tool]\n")
    assert find_model(str(path), []).manifest.name == "one"


def test_auto_prefers_the_default_whose_file_is_here_then_the_fixed_order(tmp_path: Path) -> None:
    write(tmp_path, "fastestdet-352")
    write(tmp_path, "nanodet-m-320")
    write(tmp_path, "a-home-made")
    assert find_model("auto", [tmp_path]).manifest.name == "nanodet-m-320"
    write(tmp_path, "zz-shipped", None, extra="default = true")
    assert find_model("auto", [tmp_path]).manifest.name == "nanodet-m-320"
    write(tmp_path, "zz-shipped", extra="default = true")
    assert find_model("auto", [tmp_path]).manifest.name == "zz-shipped"


def test_auto_takes_a_pulled_model_that_is_better_and_says_why(tmp_path: Path) -> None:
    ours, pulled = tmp_path / "models", tmp_path / "pulled"
    ours.mkdir()
    pulled.mkdir()
    write(ours, "shipped", extra="default = true\nap = 0.5\ncost = 0.3")
    write(pulled, "fetched", extra="ap = 0.7\ncost = 1.0")
    model = find_model("auto", [pulled, ours])
    assert model.manifest.name == "fetched"
    assert "most accurate (AP 0.70) of 2" in model.why
    assert find_model("auto", [pulled, ours], cameras=10_000).manifest.name == "shipped"
    (pulled / "fetched.onnx").write_bytes(b"half a fi")
    assert find_model("auto", [pulled, ours]).manifest.name == "shipped"


def test_a_threshold_that_no_picture_reaches_is_a_wrong_manifest(tmp_path: Path) -> None:
    write(tmp_path, "one", extra="highest_score = 0.4")
    with pytest.raises(ModelError, match=r"confirm_threshold.*above highest_score 0\.4"):
        find_model("one", [tmp_path])


def test_auto_takes_a_home_made_model_when_there_is_no_other(tmp_path: Path) -> None:
    write(tmp_path, "a-home-made")
    assert find_model("auto", [tmp_path]).manifest.name == "a-home-made"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto", ("no detector is installed", "EDGE_AGENT_MODELS")),
        ("two", ("two: no such model", "known are one")),
        ("one", ("one.onnx is in none of", "copy it there")),
        ("/nowhere/x.onnx", ("/nowhere/x.onnx: no such file",)),
    ],
)
def test_what_cannot_be_found_says_where_it_was_searched_and_what_to_do(
    tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    write(tmp_path, "one", None)
    with pytest.raises(ModelError) as caught:
        find_model(name, [tmp_path])
    assert all(word in str(caught.value) for word in words)


def test_a_truncated_copy_of_a_known_file_names_what_was_expected(tmp_path: Path) -> None:
    write(tmp_path, "one", b"all of it")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one.onnx").write_bytes(b"all")
    with pytest.raises(ModelError, match=r"\(3 bytes\).*one expects 9 bytes"):
        find_model(str(elsewhere / "one.onnx"), [tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"yolox"', '"yolov9"', ("decoder", "yolov9")),
        ("width", "widht", ("input", "widht")),
        ("licence", "license", ("license",)),
        ("0.5", "1.5", ("confirm_threshold", "1.0")),
        ("0.5", "0.05", ("confirm_threshold", "below candidate_threshold 0.1")),
        ("bytes = ", "bytes = -", ("bytes",)),
        ("[8, 16, 32]", "[]", ("strides",)),
        ("\n[input]", "classes = 2\nperson_class = 2\n[input]", ("person_class", "2 classes")),
        ('"yolox"', '"point"\nclasses = 2', ("classes", "point has one class")),
        ("name = ", "name ", ("is not TOML",)),
    ],
)
def test_a_wrong_manifest_names_the_file_and_the_key(
    tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    write(tmp_path, "one")
    path = tmp_path / "one.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ModelError) as caught:
        read_manifest(path)
    assert all(word in str(caught.value) for word in (str(path), *words))


def test_a_missing_manifest_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml: cannot be read"):
        read_manifest(tmp_path / "none.toml")


def test_the_registry_of_downloads_is_not_taken_for_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[[model]]\n")
    write(tmp_path, "one")
    assert find_model("one", [tmp_path]).manifest.name == "one"


def test_pulled_models_come_before_the_shipped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGE_AGENT_MODELS", raising=False)
    assert default_model_dirs()[0] == pull_dir() == Path("/var/lib/edge-agent/models")
    monkeypatch.setenv("EDGE_AGENT_MODELS", "/srv/models")
    assert pull_dir() == Path("/srv/models")


def test_the_directory_of_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_AGENT_MODELS", str(tmp_path))
    assert default_model_dirs()[0] == tmp_path


SHIPPED = [path for path in sorted(asset_dir("models").glob("*.toml")) if path.stem != "registry"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_every_shipped_manifest_is_valid_and_named_as_its_file(path: Path) -> None:
    assert read_manifest(path).name == path.stem


def test_every_key_of_a_manifest_is_documented() -> None:
    text = (asset_dir("models") / "README.md").read_text()
    keys = {field for field in ModelManifest.__struct_fields__ if field != "input"}
    keys |= {f"input.{field}" for field in ModelInput.__struct_fields__}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
