"""Model manifests: what a detector file expects, returns, and how its scores are meant.

A manifest is a TOML file beside (or shipped for) an ONNX file. Nothing about a model is
guessed from the file itself: two exports of one network may differ in colour order,
normalisation and activation, and a wrong guess merely finds nobody.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_agent.errors import ModelError
from edge_agent.geometry import FrameSize

DecoderName = Literal["yolox", "nanodet", "nanodet_plus", "fastestdet", "point"]

Share = Annotated[float, Meta(gt=0, lt=1)]
Triple = tuple[float, float, float]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the manifest's tables: a key with a typing error is an error."""


class ModelInput(_Table, frozen=True, kw_only=True):
    """How pixels become the network's input: ``(pixel * scale - mean) / std``, per channel.

    `mean` and `std` are in the order of `colour`. `fit` says how a picture of another shape
    is placed: scaled without distortion in the `top_left` or `centered`, the rest filled
    with `pad`; or `stretch`ed to the full input.
    """

    width: Annotated[int, Meta(ge=32, le=4096)]
    height: Annotated[int, Meta(ge=32, le=4096)]
    layout: Literal["NCHW"] = "NCHW"
    colour: Literal["bgr", "rgb"] = "bgr"
    scale: Annotated[float, Meta(gt=0)] = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[
        Annotated[float, Meta(gt=0)], Annotated[float, Meta(gt=0)], Annotated[float, Meta(gt=0)]
    ] = (1.0, 1.0, 1.0)
    fit: Literal["top_left", "centered", "stretch"] = "top_left"
    pad: Annotated[int, Meta(ge=0, le=255)] = 114

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.width, self.height)


class ModelManifest(_Table, frozen=True, kw_only=True):
    """One detector file.

    `candidate_threshold`: detections that score lower are ignored. `confirm_threshold`: a
    person is reported once three detections within two seconds scored at least this. Both
    mean something else for every model, hence they are measured and stored here.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
    file: Annotated[str, Meta(pattern=r"^[^/\\]+\.onnx\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    bytes: Annotated[int, Meta(gt=0)]
    licence: Annotated[str, Meta(min_length=1)]
    decoder: DecoderName
    input: ModelInput
    strides: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]
    candidate_threshold: Share
    confirm_threshold: Share
    nms_iou: Share = 0.5
    classes: Annotated[int, Meta(ge=1)] = 1
    person_class: Annotated[int, Meta(ge=0)] = 0
    scores: Literal["sigmoid", "logits"] = "sigmoid"  # how the file returns class scores
    ap: Share | None = None  # mean AP@0.5 on the sets of benchmarks/models.md; advice goes by it
    #: CPU time of one look beside yolox-nano-416's, one thread; `auto` goes by it.
    cost: Annotated[float, Meta(gt=0)] | None = None
    #: No picture scores more: a threshold above it confirms nobody.
    highest_score: Share | None = None
    url: str | None = None
    default: bool = False  # of equally accurate ones `auto` takes this

    def cells(self) -> tuple[int, ...]:
        """Number of grid cells per stride; sides that do not divide are rounded up."""
        size = self.input
        return tuple(-(-size.width // s) * -(-size.height // s) for s in self.strides)

    def sized(self, size: FrameSize) -> ModelManifest:
        """The same network for another input size."""
        changed = msgspec.structs.replace(self.input, width=size.width, height=size.height)
        return msgspec.structs.replace(self, input=changed)

    def problem(self) -> tuple[str, str] | None:
        """(key, what is wrong) of the first contradiction between keys, or None."""
        if self.person_class >= self.classes:
            return "person_class", f"is {self.person_class}, but there are {self.classes} classes"
        if self.confirm_threshold < self.candidate_threshold:
            both = f"is {self.confirm_threshold:g}, below candidate_threshold"
            return "confirm_threshold", f"{both} {self.candidate_threshold:g}"
        if self.highest_score is not None and self.confirm_threshold > self.highest_score:
            both = f"is {self.confirm_threshold:g}, above highest_score {self.highest_score:g}"
            return "confirm_threshold", f"{both}: nobody would be confirmed"
        if self.decoder == "fastestdet" and len(self.strides) != 1:
            return "strides", f"has {len(self.strides)} values, fastestdet has one grid"
        if self.decoder == "point" and self.classes != 1:
            return "classes", f"is {self.classes}, but decoder point has one class: person"
        return None


def read_manifest(path: Path) -> ModelManifest:
    """Read and validate one manifest.

    Raises ModelError naming the file, the key, what was found and what to do.
    """
    try:
        manifest = msgspec.toml.decode(path.read_bytes(), type=ModelManifest)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise manifest_error(path, error) from error
    problem = manifest.problem()
    if problem:
        raise ModelError(f"{path}: {problem[0]}: {problem[1]}; correct one of the two keys")
    return manifest


def manifest_error(path: Path, error: Exception) -> ModelError:
    """What msgspec says about a manifest, with file, key and what to do."""
    if isinstance(error, msgspec.ValidationError):
        what, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`") or "manifest"
        return ModelError(
            f"{path}: {key}: {what}; correct this key as described in models/README.md"
        )
    return ModelError(f"{path}: is not TOML: {error}; correct the line it names")


def manifest_text(manifest: ModelManifest) -> bytes:
    """The manifest as `read_manifest` takes it."""
    import tomlkit  # the daemon writes no manifests

    fields = msgspec.to_builtins(manifest)
    return tomlkit.dumps({k: v for k, v in fields.items() if v is not None}).encode()


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file. Raises ModelError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
