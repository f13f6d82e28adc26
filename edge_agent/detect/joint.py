"""Crops of several pictures, also of several cameras, in one inference. Pure arithmetic.

Each picture is planned as if it were alone (`regions`); looks that hold crops are then put
together as long as every crop stays larger than its whole frame would show it. A whole frame
never shares an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.detect.regions import (
    MAX_UPSCALE,
    Fit,
    Inference,
    PixelRect,
    Placement,
    groups,
    least_scale,
    look_at,
    pack,
)
from edge_agent.domain import Region
from edge_agent.geometry import FrameSize

#: The common gain in scale is searched downwards in steps of this factor.
_STEP = 0.93
_MOST_GAIN = 4.0

#: Regions to look at, and the frame that they are in.
Request = tuple[Sequence[Region], FrameSize]


@dataclass(frozen=True, slots=True)
class JointLook:
    """One inference: what of it belongs to which request, by its index."""

    parts: tuple[tuple[int, Inference], ...]


@dataclass(slots=True)
class _Group:
    """Crops of one request that stay together, and their least useful scale."""

    request: int
    crops: tuple[PixelRect, ...]
    least: float

    @property
    def area_px(self) -> float:
        return sum(crop.area_px for crop in self.crops) * self.least**2


def plan_joint(requests: Sequence[Request], target: FrameSize, fit: Fit) -> tuple[JointLook, ...]:
    """Looks that cover every region of every request."""
    alone: list[_Group] = []
    shared: list[_Group] = []
    for i, (regions, frame) in enumerate(requests):
        for crops in groups(regions, frame, target):
            group = _Group(i, crops, least_scale(frame, target))
            (shared if crops else alone).append(group)
    bins: list[list[_Group]] = [[group] for group in alone]
    open_bins: list[list[_Group]] = []
    for group in sorted(shared, key=lambda group: -group.area_px):
        for members in open_bins:
            if _packed([*members, group], 1.0, target):
                members.append(group)
                break
        else:
            open_bins.append([group])
    return tuple(_look(members, requests, target, fit) for members in bins + open_bins)


def _look(
    members: Sequence[_Group], requests: Sequence[Request], target: FrameSize, fit: Fit
) -> JointLook:
    if len(members) == 1:
        (group,) = members
        frame = requests[group.request][1]
        return JointLook(((group.request, look_at(group.crops, frame, target, fit)),))
    gain = _MOST_GAIN
    while gain > 1:
        placements = _packed(members, gain, target)
        if placements:
            break
        gain *= _STEP
    else:
        placements = _packed(members, 1.0, target)
    assert placements  # it was put together because it fits
    parts, at = [], 0
    for group in members:
        parts.append((group.request, Inference(placements[at : at + len(group.crops)])))
        at += len(group.crops)
    return JointLook(tuple(parts))


def _packed(
    members: Sequence[_Group], gain: float, target: FrameSize
) -> tuple[Placement, ...] | None:
    """All crops at `gain` times their own least scale."""
    scaled = [
        (crop, max(group.least, min(MAX_UPSCALE, gain * group.least)))
        for group in members
        for crop in group.crops
    ]
    return pack(scaled, target)
