"""Every key is documented; docs, samples and schema say the same."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jsonschema
import pytest
from msgspec import inspect

from edge_agent.assets import asset_dir
from edge_agent.config import AgentFile, CameraConfig, Config, load_config
from edge_agent.config.reference import describe, json_schema, markdown
from edge_agent.config.words import unwrapped

DOCS = Path(__file__).resolve().parents[2] / "docs" / "config.md"
SAMPLES = asset_dir("config")


def keys(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, inspect.Field]]:
    """Every key of every table below `kind`, with its dotted path."""
    bare, _ = unwrapped(kind)
    match bare:
        case inspect.StructType():
            for field in bare.fields:
                inner = f"{path}.{field.name}".lstrip(".")
                yield inner, field
                yield from keys(field.type, inner)
        case inspect.UnionType(types=types):
            for member in types:
                yield from keys(member, path)
        case inspect.VarTupleType(item_type=item):
            yield from keys(item, path)
        case inspect.DictType(value_type=value):
            yield from keys(value, f"{path}.NAME")


KEYS = [*keys(inspect.type_info(AgentFile)), *keys(inspect.type_info(CameraConfig))]
NUMBERS_WITHOUT_A_UNIT = {"mqtt.port"}


def test_the_walk_finds_the_keys() -> None:
    assert len(KEYS) > 90
    assert {"mqtt.tls.ca_file", "zones.schedule.start", "source.url"} <= {key for key, _ in KEYS}


def test_every_key_says_what_it_is_for() -> None:
    assert [key for key, field in KEYS if len(describe(field)) < 10] == []


def test_every_number_has_a_unit_and_a_range() -> None:
    bare = []
    for key, field in KEYS:
        kind, extra = unwrapped(field.type)
        members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        for member in members:
            if isinstance(member, inspect.IntType | inspect.FloatType):
                ranged = member.ge is not None and member.le is not None
                if not ranged or not (extra.get("unit") or key in NUMBERS_WITHOUT_A_UNIT):
                    bare.append(key)
    assert bare == []


def test_docs_are_up_to_date() -> None:
    assert DOCS.read_text() == markdown(), "run: make docs"


def test_every_key_is_in_the_docs() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(), re.MULTILINE))
    leaves = {field.name for _, field in KEYS if not list(keys(field.type))}
    assert leaves <= rows


def test_examples_in_the_docs_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n# (\S+)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert [name for name, _ in blocks] == ["agent.toml", "cameras.d/front.toml"]
    (tmp_path / "cameras.d").mkdir()
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    assert load_config(tmp_path).config.cameras[0].zones[0].schedule[0].days[0] == "mon"


def test_the_shipped_folder_loads_and_opens_no_camera() -> None:
    loaded = load_config(SAMPLES)
    assert loaded.config.cameras == ()
    assert loaded.sources == (SAMPLES / "agent.toml",)
    (warning,) = loaded.warnings
    assert "no camera is configured" in str(warning)


def test_the_sample_agent_file_is_at_its_defaults() -> None:
    config = load_config(SAMPLES).config
    assert config == Config(
        box=type(config.box)(ward=config.box.ward, id=config.box.id),
        mqtt=type(config.mqtt)(host=config.mqtt.host),
    )


def test_the_sample_agent_file_shows_every_key_with_its_default() -> None:
    text = (SAMPLES / "agent.toml").read_text()
    shown = tomllib.loads(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE))
    wrong = []
    for key, field in keys(inspect.type_info(AgentFile)):
        value: object = shown
        for part in key.split("."):
            value = cast(dict[str, object], value).get(part)
        same = field.required or field.default is None or value == field.default
        if value is None or not (same or list(keys(field.type))):
            wrong.append(key)
    assert wrong == []


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("cameras.d/*.sample")), ids=lambda p: p.name)
def test_each_sample_camera_loads_as_it_is(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_bytes((SAMPLES / "agent.toml").read_bytes())
    (tmp_path / "cameras.d").mkdir()
    (tmp_path / "cameras.d" / sample.stem).write_bytes(sample.read_bytes())
    assert len(load_config(tmp_path).config.cameras) == 1


def test_there_is_a_sample_for_every_kind_of_source_and_the_readme_lists_them() -> None:
    samples = sorted(SAMPLES.glob("cameras.d/*.sample"))
    raw = [tomllib.loads(sample.read_text()) for sample in samples]
    assert {camera["source"]["kind"] for camera in raw} == {"rtsp", "usb", "file", "folder"}
    assert len({camera["id"] for camera in raw}) == len(raw)
    readme = (SAMPLES / "cameras.d" / "README.md").read_text()
    assert [sample.name for sample in samples if f"| {sample.name} |" not in readme] == []


def test_json_schemas_accept_the_samples_and_refuse_typos() -> None:
    agent = tomllib.loads((SAMPLES / "agent.toml").read_text())
    jsonschema.Draft202012Validator.check_schema(json_schema(AgentFile))
    jsonschema.validate(agent, json_schema(AgentFile))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**agent, "snapshot": {}}, json_schema(AgentFile))
    for sample in SAMPLES.glob("cameras.d/*.sample"):
        jsonschema.validate(tomllib.loads(sample.read_text()), json_schema(CameraConfig))
