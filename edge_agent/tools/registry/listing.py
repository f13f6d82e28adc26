"""All models at once: installed ones, manifests without their file, and what can be pulled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.detect import (
    ModelManifest,
    ResolvedModel,
    default_model_dirs,
    file_of,
    find_model,
    manifests_in,
)
from edge_agent.errors import ModelError
from edge_agent.tools.registry.known import known_models, shipped_registry

State = Literal["installed", "known", "no file"]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """`known`: can be pulled. `no file`: has a manifest, and its file is to be brought."""

    manifest: ModelManifest
    state: State
    path: Path | None
    automatic: bool  # what `auto` takes


@dataclass(frozen=True, slots=True)
class Listing:
    entries: tuple[ListedModel, ...]
    troubles: tuple[str, ...]  # manifests that are wrong
    why: str  # `auto` takes the one it takes, with one camera; empty: there is none


def listing(search_dirs: Sequence[Path] | None = None, registry: Path | None = None) -> Listing:
    """A wrong manifest is one of the troubles and hides no other model."""
    dirs = default_model_dirs() if search_dirs is None else tuple(search_dirs)
    known = known_models(registry or shipped_registry())
    manifests: dict[str, ModelManifest] = {}
    troubles = []
    for found in manifests_in(dirs):
        if isinstance(found, ModelError):
            troubles.append(str(found))
        else:
            manifests.setdefault(found.name, found)
    for name, model in known.items():
        manifests.setdefault(name, model.manifest())
    automatic = _automatic(dirs)
    entries = []
    for name, manifest in manifests.items():
        path = file_of(manifest, dirs)
        missing: State = "known" if name in known and known[name].url else "no file"
        taken = automatic is not None and name == automatic.manifest.name
        entries.append(ListedModel(manifest, "installed" if path else missing, path, taken))
    order = ("installed", "known", "no file")
    entries.sort(key=lambda entry: order.index(entry.state))
    return Listing(tuple(entries), tuple(troubles), automatic.why if automatic else "")


def _automatic(dirs: Sequence[Path]) -> ResolvedModel | None:
    try:
        return find_model("auto", dirs)
    except ModelError:
        return None
