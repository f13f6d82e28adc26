"""The demo camera: where a point of the courtyard appears in the picture.

The courtyard is measured in metres: x to the right, y up from the ground, z away from the
camera, whose foot stands at (0, 0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import FrameSize

F64 = NDArray[np.float64]

#: A household camera under the eaves: 2.6 m high, looking down a little, with a 70 degree lens.
_HEIGHT_M = 2.6
_TILT_RAD = math.radians(12)
_HALF_FIELD_RAD = math.radians(35)


@dataclass(frozen=True, slots=True)
class PinholeCamera:
    """A pinhole camera for pictures of one size."""

    size: FrameSize

    @property
    def focal_px(self) -> float:
        return self.size.width / 2 / math.tan(_HALF_FIELD_RAD)

    def project(self, points: F64) -> tuple[F64, F64]:
        """(n, 3) metres -> (n, 2) pixels, and (n,) depths in metres along the optical axis."""
        x, y, z = points[:, 0], points[:, 1] - _HEIGHT_M, points[:, 2]
        depth = np.maximum(z * math.cos(_TILT_RAD) - y * math.sin(_TILT_RAD), 0.05)
        down = -y * math.cos(_TILT_RAD) - z * math.sin(_TILT_RAD)
        pixels = np.stack([x, down], axis=1) * (self.focal_px / depth)[:, None]
        middle = np.array([self.size.width / 2, self.size.height / 2])
        return pixels + middle, depth

    def facing(self, direction: tuple[float, float, float]) -> F64:
        """A direction of the courtyard in the camera's own axes: right, down, forward; unit."""
        x, y, z = direction
        turned = np.array(
            [
                x,
                -y * math.cos(_TILT_RAD) - z * math.sin(_TILT_RAD),
                z * math.cos(_TILT_RAD) - y * math.sin(_TILT_RAD),
            ]
        )
        return np.asarray(turned / np.linalg.norm(turned))
