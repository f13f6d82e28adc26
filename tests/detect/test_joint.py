"""Regions of several pictures in one inference."""

from __future__ import annotations

import random

import pytest
from looks import looks_at

from edge_agent.detect.joint import plan_joint
from edge_agent.detect.regions import GAP_PX, PixelRect, least_scale
from edge_agent.domain import Region
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize

INPUT = FrameSize(416, 416)
HD, VGA = FrameSize(1280, 720), FrameSize(640, 480)
SMALL = [Region(BBox(0.5, 0.5, 0.05, 0.1))]
WHOLE = [Region(FULL_FRAME)]


def test_small_regions_of_several_cameras_share_an_inference() -> None:
    (joint,) = plan_joint([(SMALL, HD), (SMALL, VGA), (SMALL, HD)], INPUT, "top_left")
    assert sorted(request for request, _ in joint.parts) == [0, 1, 2]


def test_a_whole_frame_shares_with_nobody() -> None:
    joints = plan_joint([(WHOLE, HD), (SMALL, HD), (WHOLE, VGA)], INPUT, "top_left")
    assert [len(joint.parts) for joint in joints] == [1, 1, 1]


def test_alone_a_picture_is_looked_at_as_ever() -> None:
    (joint,) = plan_joint([(SMALL, HD)], INPUT, "top_left")
    assert joint.parts == ((0, looks_at(SMALL, HD, INPUT)[0]),)
    assert plan_joint([([], HD)], INPUT, "top_left") == ()


def overlap(a: PixelRect, b: PixelRect) -> bool:
    return a.shared_px(PixelRect(b.x - GAP_PX, b.y - GAP_PX, b.w + GAP_PX, b.h + GAP_PX)) > 0


def test_every_crop_is_there_once_apart_from_others_and_larger_than_in_the_whole() -> None:
    dice = random.Random(5)
    shared = 0
    for _ in range(200):
        requests = [
            (
                [
                    Region(BBox(dice.random() * 0.9, dice.random() * 0.8, 0.08, 0.15))
                    for _ in range(dice.randint(0, 3))
                ],
                dice.choice((HD, VGA)),
            )
            for _ in range(4)
        ]
        joints = plan_joint(requests, INPUT, "top_left")
        for joint in joints:
            shared += len(joint.parts) > 1
            placed = [(i, p) for i, look in joint.parts for p in look.placements]
            for n, (i, p) in enumerate(placed):
                assert p.slot.x + p.slot.w <= INPUT.width
                assert p.slot.y + p.slot.h <= INPUT.height
                assert not any(overlap(p.slot, q.slot) for _, q in placed[n + 1 :])
                if len(joint.parts) > 1:
                    least = least_scale(requests[i][1], INPUT)
                    assert p.slot.w / p.crop.w >= least * 0.98
        for i, (regions, frame) in enumerate(requests):
            alone = {c.crop for look in looks_at(regions, frame, INPUT) for c in look.placements}
            mine = [look for joint in joints for j, look in joint.parts if j == i]
            assert bool(mine) == bool(alone)
    assert shared > 20


@pytest.mark.parametrize("fit", ["top_left", "centered", "stretch"])
def test_every_region_lies_in_a_crop(fit: str) -> None:
    regions = [Region(BBox(0.1, 0.1, 0.05, 0.1)), Region(BBox(0.8, 0.7, 0.05, 0.1))]
    joints = plan_joint([(regions, HD), (regions, VGA)], INPUT, fit)  # type: ignore[arg-type]
    for i, frame in enumerate((HD, VGA)):
        crops = [p.crop for j in joints for k, look in j.parts if k == i for p in look.placements]
        for region in regions:
            x1, y1, x2, y2 = region.bbox.to_pixels(frame)
            rect = PixelRect(x1, y1, x2 - x1, y2 - y1)
            assert any(crop.shared_px(rect) == rect.area_px for crop in crops)
