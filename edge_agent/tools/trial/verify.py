"""Is an installed model what it should be, and does it work here? Step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.detect import OnnxDetector, ResolvedModel, sha256_of
from edge_agent.domain import Region
from edge_agent.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ModelError
from edge_agent.geometry import FULL_FRAME
from edge_agent.tools.trial.cost import street


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """`trouble` is empty when it went well; `exit_code` is the command's answer to it."""

    name: str
    found: str
    trouble: str = ""
    exit_code: int = EXIT_OK


def verify(model: ResolvedModel) -> Iterator[VerifyStep]:
    """Bytes, network and outputs, one inference. Ends with the first step that fails.

    A damaged file is a failure (1); a manifest and a file that contradict each other are a
    wrong configuration (78).
    """
    manifest = model.manifest
    try:
        digest = sha256_of(model.path)
    except ModelError as error:
        yield VerifyStep("bytes", "", str(error), EXIT_FAILED)
        return
    size = model.path.stat().st_size
    if digest != manifest.sha256:
        trouble = (
            f"expected {manifest.bytes} bytes with sha256 {manifest.sha256}, found {size} bytes "
            f"with {digest}; pull or copy the file again"
        )
        yield VerifyStep("bytes", "", trouble, EXIT_FAILED)
        return
    yield VerifyStep("bytes", f"{size}, sha256 {digest[:12]}...")
    try:
        detector = OnnxDetector.open(model)
    except ModelError as error:
        yield VerifyStep("network", "", str(error), EXIT_CONFIG)
        return
    yield VerifyStep(
        "network", f"opens; input {manifest.input.size}, outputs fit {manifest.decoder}"
    )
    yield _inference(detector)


def _inference(detector: OnnxDetector) -> VerifyStep:
    """On a picture of noise: nothing of use is found, but what is found must be boxes."""
    try:
        found = detector.detect(
            street(detector.manifest.input.size), [Region(FULL_FRAME)], candidate_threshold=0.001
        )
    except ModelError as error:
        return VerifyStep("inference", "", str(error), EXIT_FAILED)
    values = [v for d in found for v in (d.bbox.x, d.bbox.y, d.bbox.w, d.bbox.h, d.score)]
    if not all(math.isfinite(value) for value in values):
        return VerifyStep("inference", "", "answers with numbers that are none (NaN)", EXIT_FAILED)
    best = max((d.score for d in found), default=0.0)
    confirm = detector.confirm_threshold
    if best >= confirm:
        trouble = (
            f"sees a person in noise, with score {best:.2f} (confirmed from {confirm:g} on): "
            "colours, scale, mean, std or scores of its manifest are wrong"
        )
        return VerifyStep("inference", "", trouble, EXIT_CONFIG)
    return VerifyStep("inference", f"noise: best score {best:.2f}")
