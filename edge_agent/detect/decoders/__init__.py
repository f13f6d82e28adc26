"""Decoders: a network's raw outputs become boxes in the input's pixels. Pure numpy.

Each decoder is a module with two functions: `output_shapes(manifest)`, what the outputs
must look like, and `decode(outputs, manifest, threshold)`. A new network is a new module
and one line in `DECODERS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.detect.decoders import fastestdet, nanodet, nanodet_plus, point, yolox
from edge_agent.detect.decoders.candidates import Candidates, OutputDecoder, Shape

DECODERS: Mapping[str, OutputDecoder] = {
    "yolox": OutputDecoder(yolox.output_shapes, yolox.decode),
    "nanodet": OutputDecoder(nanodet.output_shapes, nanodet.decode),
    "nanodet_plus": OutputDecoder(nanodet_plus.output_shapes, nanodet_plus.decode),
    "fastestdet": OutputDecoder(fastestdet.output_shapes, fastestdet.decode),
    "point": OutputDecoder(point.output_shapes, point.decode),
}

__all__ = ["DECODERS", "Candidates", "OutputDecoder", "Shape"]
