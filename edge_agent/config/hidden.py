"""Cameras whose picture is mostly hidden from the agent by what the configuration masks."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.config.camera import CameraConfig
from edge_agent.config.validate import ConfigFinding
from edge_agent.geometry import Polygon

#: With less than the half left a mask was probably drawn the wrong way round, or in haste.
_MUCH_FRAC = 0.5
#: Points a side that are tried: shares are right to some 2 %.
_SIDE = 50


def mostly_hidden(camera: CameraConfig) -> Iterator[ConfigFinding]:
    """A warning where privacy masks, or ignore zones, leave less than half of the picture."""
    for key, areas, what, then in (
        ("privacy_masks", camera.privacy_masks, "privacy masks hide", "nobody behind them is seen"),
        ("ignore_zones", camera.ignore_zones, "ignore zones cover", "nobody in them is told"),
    ):
        share = _covered([Polygon.of(area.polygon) for area in areas])
        if share > _MUCH_FRAC:
            yield ConfigFinding(
                key,
                f"{what} {share:.0%} of the picture: {then}",
                "draw them smaller",
                is_warning=True,
            )


def _covered(polygons: list[Polygon]) -> float:
    """The share of the frame that lies in any of them."""
    if not polygons:
        return 0.0
    middles = [(i + 0.5) / _SIDE for i in range(_SIDE)]
    hidden = sum(any(p.contains((x, y)) for p in polygons) for y in middles for x in middles)
    return hidden / _SIDE**2
