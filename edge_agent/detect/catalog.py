"""Finding a detector by name, by path or by `auto`, together with its manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.assets import asset_dir
from edge_agent.detect.automatic import best
from edge_agent.detect.manifest import ModelManifest, read_manifest, sha256_of
from edge_agent.errors import ModelError
from edge_agent.geometry import FrameSize

#: Directory with models of the household or the developer, searched before our own.
MODELS_ENV = "EDGE_AGENT_MODELS"
#: Has another format: which models can be fetched, and from where.
REGISTRY_FILE = "registry.toml"
#: Where `models pull` puts them, unless $EDGE_AGENT_MODELS says otherwise: in the state directory
#: that systemd makes, which the agent can read and a new version of it leaves alone.
PULLED_DIR = Path("/var/lib/edge-agent/models")


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A manifest and the file it describes (whose bytes are verified on opening)."""

    manifest: ModelManifest
    path: Path
    resized: bool = False  # `manifest.input` is not the size that the file was made for
    why: str = ""  # `auto` took it

    def in_words(self) -> str:
        """Its name, and why `auto` took it."""
        return f"{self.manifest.name} (auto: {self.why})" if self.why else self.manifest.name

    def is_verified(self) -> bool:
        """Has the file the size and hash that the manifest states?"""
        try:
            return (
                self.path.stat().st_size == self.manifest.bytes
                and sha256_of(self.path) == self.manifest.sha256
            )
        except OSError:
            return False

    def at(self, size: FrameSize | None) -> ResolvedModel:
        """The same network at another input size, if it is fully convolutional; None: its own.

        Raises ModelError when no grid of the model fits the size; opening says the rest.
        """
        spec, coarsest = self.manifest.input, max(self.manifest.strides)
        if size is None or size == spec.size:
            return self
        if size.width % coarsest or size.height % coarsest:
            raise ModelError(
                f"{self.manifest.name}: input size {size}: both sides must be multiples of "
                f"{coarsest}, its coarsest grid; try {_rounded(size, coarsest)}"
            )
        return ResolvedModel(self.manifest.sized(size), self.path, resized=True, why=self.why)


def default_model_dirs() -> tuple[Path, ...]:
    """Where models are looked for, first things first.

    $EDGE_AGENT_MODELS, what was pulled, the models/ that came with the agent, and shared/models
    beside a checkout.
    """
    dirs = [Path(os.environ[MODELS_ENV])] if os.environ.get(MODELS_ENV) else []
    dirs.append(PULLED_DIR)
    shipped = _shipped_dir()
    if shipped:
        dirs.append(shipped)
    developers = _developers_dir()
    if developers:
        dirs.append(developers)
    return tuple(dirs)


def pull_dir() -> Path:
    """Where a pulled model goes: $EDGE_AGENT_MODELS, or the state directory."""
    return Path(os.environ.get(MODELS_ENV) or PULLED_DIR)


def find_model(
    name_or_path: str, search_dirs: Sequence[Path] | None = None, *, cameras: int = 1
) -> ResolvedModel:
    """`auto` (the best one that this box affords for so many cameras), the name of a manifest, or
    the path of an ONNX file.

    A path is described by a manifest beside it (FILE.toml or FILE.onnx.toml) or, failing
    that, by one with its sha256 in the same folder or among the known ones.
    Raises ModelError saying what was searched.
    """
    dirs = default_model_dirs() if search_dirs is None else tuple(search_dirs)
    if name_or_path == "auto":
        return _automatic(dirs, cameras)
    if name_or_path.endswith(".onnx") or "/" in name_or_path:
        return _by_path(Path(name_or_path), dirs)
    return _by_name(name_or_path, dirs)


def installed_models(search_dirs: Sequence[Path] | None = None) -> tuple[ResolvedModel, ...]:
    """Every model whose manifest and file are here, in the order in which they are searched.

    Raises ModelError when a manifest is wrong.
    """
    dirs = default_model_dirs() if search_dirs is None else tuple(search_dirs)
    here: dict[str, ResolvedModel] = {}
    for manifest in _manifests(dirs):
        path = file_of(manifest, dirs)
        if path:
            here.setdefault(manifest.name, ResolvedModel(manifest, path))
    return tuple(here.values())


def _automatic(dirs: Sequence[Path], cameras: int) -> ResolvedModel:
    # What lies beside a checkout is for measuring: it is taken when there is nothing else.
    for searched in ([each for each in dirs if each != _developers_dir()], dirs):
        here = installed_models(searched)
        if here:
            model, why = best(here, cameras)
            return replace(model, why=why)
    raise ModelError(
        f"detector.model = auto: no detector is installed (searched {_dirs_text(dirs)}); put an "
        f"ONNX file that a manifest names there, or set {MODELS_ENV} to its directory"
    )


def _by_name(name: str, dirs: Sequence[Path]) -> ResolvedModel:
    known: dict[str, ModelManifest] = {}
    for manifest in _manifests(dirs):
        known.setdefault(manifest.name, manifest)
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ModelError(
            f"detector.model = {name}: no such model; known are {names} "
            f"(searched {_dirs_text(dirs)}); use one of them or the path of an ONNX file"
        )
    manifest = known[name]
    path = file_of(manifest, dirs)
    if path is None:
        source = f" (from {manifest.url})" if manifest.url else ""
        raise ModelError(
            f"detector.model = {name}: its file {manifest.file} is in none of {_dirs_text(dirs)}; "
            f"copy it there{source} or set {MODELS_ENV}"
        )
    return ResolvedModel(manifest, path)


def _by_path(path: Path, dirs: Sequence[Path]) -> ResolvedModel:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of an ONNX file or a model's name")
    for beside in (path.with_suffix(".toml"), path.with_name(path.name + ".toml")):
        if beside.is_file() and beside != path:
            return ResolvedModel(read_manifest(beside), path)
    digest = sha256_of(path)
    # Whatever else lies in that folder need not be a manifest.
    for found in manifests_in([path.parent]):
        if isinstance(found, ModelManifest) and found.sha256 == digest:
            return ResolvedModel(found, path)
    for manifest in _manifests((*dirs, *_shipped_dirs())):
        if manifest.sha256 == digest:
            return ResolvedModel(manifest, path)
    named = next((m for m in _manifests(dirs) if m.file == path.name), None)
    hint = f"; {named.name} expects {named.bytes} bytes with sha256 {named.sha256}" if named else ""
    raise ModelError(
        f"{path}: has no manifest and its sha256 {digest} ({path.stat().st_size} bytes) is of no "
        f"known model{hint}; write {path.with_suffix('.toml').name} beside it, as in "
        "models/README.md"
    )


def manifests_in(dirs: Iterable[Path]) -> Iterator[ModelManifest | ModelError]:
    """Every manifest in the directories, in their order, then by file name; or what is wrong."""
    for directory in dict.fromkeys(dirs):
        # Not is_dir(), which raises where a parent, the agent's state directory, is closed to us.
        if not os.access(directory, os.R_OK | os.X_OK):
            continue
        for path in sorted(directory.glob("*.toml")):
            if path.name == REGISTRY_FILE:
                continue
            try:
                yield read_manifest(path)
            except ModelError as error:
                yield error


def _manifests(dirs: Iterable[Path]) -> Iterator[ModelManifest]:
    """The same; raises ModelError at the first one that is wrong."""
    for found in manifests_in(dirs):
        if isinstance(found, ModelError):
            raise found
        yield found


def file_of(manifest: ModelManifest, dirs: Sequence[Path]) -> Path | None:
    """The first of the directories that has the manifest's file, whatever its bytes."""
    files = (directory / manifest.file for directory in dirs)
    return next((path for path in files if os.access(path, os.R_OK) and path.is_file()), None)


def _rounded(size: FrameSize, step: int) -> FrameSize:
    width, height = (max(step, round(side / step) * step) for side in (size.width, size.height))
    return FrameSize(width, height)


def _shipped_dir() -> Path | None:
    try:
        return asset_dir("models")
    except FileNotFoundError:
        return None


def _developers_dir() -> Path | None:
    """shared/models beside a checkout."""
    shipped = _shipped_dir()
    return shipped.parent.parent / "shared" / "models" if shipped else None


def _shipped_dirs() -> tuple[Path, ...]:
    shipped = _shipped_dir()
    return (shipped,) if shipped else ()


def _dirs_text(dirs: Sequence[Path]) -> str:
    return ", ".join(str(directory) for directory in dirs) or "no directory"
