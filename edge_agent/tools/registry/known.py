"""models/registry.toml: the detectors that can be fetched, each with its whole manifest."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_agent.assets import asset_dir
from edge_agent.detect import ModelManifest, manifest_error
from edge_agent.detect.catalog import REGISTRY_FILE
from edge_agent.errors import ModelError


class KnownModel(ModelManifest, frozen=True, kw_only=True):
    """A manifest and what is known about its source.

    `downloaded`: the bytes at `url` were fetched once and had this sha256. Where that is false, the
    hash comes from files that pin it, and the first download confirms it.
    """

    downloaded: bool
    note: str = ""

    def manifest(self) -> ModelManifest:
        fields = {name: getattr(self, name) for name in ModelManifest.__struct_fields__}
        return ModelManifest(**fields)


class _Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[KnownModel, ...]


def shipped_registry() -> Path:
    """The registry of this installation. Raises ModelError when it is missing."""
    try:
        return asset_dir("models") / REGISTRY_FILE
    except FileNotFoundError as error:
        raise ModelError(str(error)) from error


def known_models(path: Path) -> dict[str, KnownModel]:
    """By name, in the file's order.

    Raises ModelError naming the file, the entry and the key.
    """
    try:
        registry = msgspec.toml.decode(path.read_bytes(), type=_Registry)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise manifest_error(path, error) from error
    known: dict[str, KnownModel] = {}
    for number, model in enumerate(registry.model):
        where = f"{path}: model[{number}]"
        problem = model.problem()
        if problem:
            raise ModelError(f"{where}.{problem[0]}: {problem[1]}; correct one of the two keys")
        if model.name in known:
            raise ModelError(f"{where}.name: {model.name} is there twice; rename one")
        known[model.name] = model
    return known
