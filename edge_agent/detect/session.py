"""The only place that knows onnxruntime: opens a file, runs it, translates its errors."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from edge_agent.detect.catalog import ResolvedModel
from edge_agent.detect.decoders import DECODERS, Shape
from edge_agent.detect.input_size import with_input_size
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32
from edge_agent.errors import ModelError
from edge_agent.geometry import FrameSize


class NetworkSession(Protocol):
    """A loaded network."""

    def run(self, blob: F32) -> Sequence[F32]:
        """All outputs for one input (1, 3, height, width)."""
        ...


class OnnxSession:
    """One onnxruntime session on the CPU. Owned by one thread."""

    def __init__(self, inner: Any, model: ResolvedModel) -> None:
        self._inner = inner
        self._model = model
        self._input: str = inner.get_inputs()[0].name
        self.open_sides = False  # takes inputs of any whole number of cells

    @classmethod
    def open(cls, model: ResolvedModel, *, threads: int) -> OnnxSession:
        """Verify, load and try a model.

        Raises ModelError when the bytes are not the manifest's, when they are no network that
        this onnxruntime can run, or when inputs or outputs do not fit the manifest.
        """
        data = _verified_bytes(model)
        if model.resized:
            data = _resized(data, model)
        # Late: a command that only checks the configuration does not pay its 30 MB.
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # Measured resident memory of yolox-nano-416: 34 MiB so, 38 with the pattern, 41 without
        # the arena, at the same speed (benchmarks/detectors.py).
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = False
        # Exporters' advice at every start helps no technician; at a size of our own choice, an
        # error is an answer.
        options.log_severity_level = 4 if model.resized else 3
        # Spinning threads would burn a core between two frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        with _translated(model):
            inner = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            _check_inputs(inner.get_inputs(), model)
            session = cls(inner, model)
        session._try(model)
        session.open_sides = session._takes_less(model)
        return session

    def run(self, blob: F32) -> Sequence[F32]:
        with _translated(self._model):
            outputs: Sequence[F32] = self._inner.run(None, {self._input: blob})
        return outputs

    def _try(self, model: ResolvedModel) -> None:
        """Raises ModelError when the outputs for a picture of the manifest's size do not fit."""
        spec = model.manifest.input
        check_outputs(self.run(np.zeros((1, 3, spec.height, spec.width), np.float32)), model)

    def _takes_less(self, model: ResolvedModel) -> bool:
        """Whether smaller inputs are possible: tried, as names of sides promise nothing."""
        if any(isinstance(side, int) for side in self._inner.get_inputs()[0].shape[2:]):
            return False
        size, cell = model.manifest.input.size, max(model.manifest.strides)
        if min(size.width, size.height) <= cell:
            return False
        smaller = FrameSize(size.width - cell, size.height - cell)
        try:
            self._try(replace(model, manifest=model.manifest.sized(smaller)))
        except ModelError:
            return False
        return True


def check_outputs(outputs: Sequence[F32], model: ResolvedModel) -> None:
    """Raises ModelError when the outputs are not what the manifest's decoder reads."""
    accepted = DECODERS[model.manifest.decoder].output_shapes(model.manifest)
    found = tuple(tuple(output.shape) for output in outputs)
    if found not in accepted:
        expected = " or ".join(_shapes_text(shapes) for shapes in accepted)
        raise ModelError(
            f"{model.path}: outputs do not fit the manifest {model.manifest.name}: decoder "
            f"{model.manifest.decoder} with {model.manifest.classes} classes expects {expected}, "
            f"found {_shapes_text(found)}; correct decoder, classes, strides or input size"
        )
    if any(output.dtype != np.float32 for output in outputs):
        kinds = ", ".join(str(output.dtype) for output in outputs)
        raise ModelError(
            f"{model.path}: outputs must be float32, found {kinds}; export the model in float32"
        )


def _verified_bytes(model: ResolvedModel) -> bytes:
    try:
        data = model.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{model.path}: cannot be read: {error.strerror or error}") from error
    manifest = model.manifest
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.sha256:
        size = "" if len(data) == manifest.bytes else f" ({len(data)} of {manifest.bytes} bytes)"
        raise ModelError(
            f"{model.path}: sha256 is {digest}{size}, the manifest {manifest.name} says "
            f"{manifest.sha256}; copy the file again, or correct the manifest if this file is meant"
        )
    return data


def _resized(data: bytes, model: ResolvedModel) -> bytes:
    try:
        return with_input_size(data, model.manifest.input.size)
    except ValueError as error:
        raise ModelError(f"{model.path}: no other input size is possible: {error}") from error


def _check_inputs(inputs: Sequence[Any], model: ResolvedModel) -> None:
    expected = _expected_input(model.manifest)
    found = tuple(tuple(item.shape) for item in inputs)
    fits = len(found) == 1 and len(found[0]) == 4
    # A dimension that is not a number (batch, "height") takes any value.
    if not fits or any(
        isinstance(f, int) and f != e for f, e in zip(found[0], expected, strict=True)
    ):
        raise ModelError(
            f"{model.path}: input does not fit the manifest {model.manifest.name}: expected "
            f"{_shapes_text([expected])}, found {_shapes_text(found)}; correct input.width and "
            "input.height"
        )
    if inputs[0].type != "tensor(float)":
        raise ModelError(
            f"{model.path}: input must be tensor(float), found {inputs[0].type}; "
            "export the model in float32"
        )


def _expected_input(manifest: ModelManifest) -> Shape:
    return (1, 3, manifest.input.height, manifest.input.width)


def _shapes_text(shapes: Sequence[Sequence[object]]) -> str:
    return ", ".join("x".join(str(side) for side in shape) for shape in shapes) or "none"


@contextlib.contextmanager
def _translated(model: ResolvedModel) -> Iterator[None]:
    """onnxruntime's errors as ModelError."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (
        state.EPFail,
        state.EngineError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )
    try:
        yield
    except kinds as error:
        reason = str(error).strip().splitlines()[0]
        if model.resized:
            raise ModelError(
                f"{model.path}: does not run at {model.manifest.input.size}: only fully "
                f"convolutional files take another input size than their own ({reason})"
            ) from error
        raise ModelError(
            f"{model.path}: onnxruntime cannot run this file: {reason}; export it again as ONNX "
            "with plain operators"
        ) from error
