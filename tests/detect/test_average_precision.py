"""Every known detector file reaches the accuracy it is known for on the PETS clip.

The figures are those of the detectors' table: whole frame, one inference, score > .02. They
hold only when colour order, normalisation, letterbox and decoder are all right.
"""

from __future__ import annotations

import pytest
from shared_data import require_footage, require_model

from benchmarks import _pets
from edge_agent.detect import OnnxDetector, find_model

#: The table has three decimals; so has the comparison.
TOLERANCE = 0.02


@pytest.mark.parametrize(
    ("file", "ap"),
    [
        ("fastestdet_352.onnx", 0.780),
        ("lwpd_192.onnx", 0.678),
        ("lwpd_192x320.onnx", 0.857),
        ("nanodet_m_320.onnx", 0.892),
        ("ndplus_m_416.onnx", 0.909),
        ("yolox_nano_416.onnx", 0.889),
    ],
)
def test_average_precision_on_pets_is_that_of_the_table(file: str, ap: float) -> None:
    _check(str(require_model(file)), ap)


@pytest.mark.parametrize(("name", "ap"), [("edge-person", 0.900), ("edge-person-int8", 0.908)])
def test_the_shipped_detectors_are_as_good_as_their_card_says(name: str, ap: float) -> None:
    _check(name, ap)


def _check(model: str, ap: float) -> None:
    clip = require_footage(_pets.CLIP)
    labels = require_footage(_pets.LABELS)
    detector = OnnxDetector.open(find_model(model))
    quality = _pets.full_frame_quality(detector, clip, labels)
    assert abs(round(quality.ap, 3) - ap) <= TOLERANCE + 1e-9
