from __future__ import annotations

import itertools
import random

import pytest
from looks import looks_at

from edge_agent.detect.regions import GAP_PX, MAX_UPSCALE, Inference, PixelRect
from edge_agent.domain import Region
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize

INPUT = FrameSize(416, 416)
HD = FrameSize(1280, 720)


def plan(*bboxes: BBox, frame: FrameSize = HD, target: FrameSize = INPUT) -> tuple[Inference, ...]:
    return looks_at([Region(bbox) for bbox in bboxes], frame, target)


def whole(look: Inference, frame: FrameSize = HD) -> bool:
    return look.placements[0].crop == PixelRect(0, 0, frame.width, frame.height)


SMALL = BBox(0.5, 0.5, 0.05, 0.15)


def test_a_small_region_fills_the_input_with_its_surroundings() -> None:
    ((placement,),) = (look.placements for look in plan(SMALL))
    assert placement.slot == PixelRect(0, 0, 416, 416)
    assert placement.crop.w == placement.crop.h == pytest.approx(416 / MAX_UPSCALE, abs=1)


def test_distant_small_regions_share_one_inference() -> None:
    corners = [BBox(x, y, 0.04, 0.12) for x in (0.05, 0.9) for y in (0.05, 0.8)]
    (look,) = plan(*corners)
    assert len(look.placements) == 4


def test_overlapping_regions_become_one_crop() -> None:
    (look,) = plan(SMALL, BBox(0.52, 0.5, 0.05, 0.15))
    assert len(look.placements) == 1


@pytest.mark.parametrize(
    "bboxes",
    [
        (FULL_FRAME,),
        (BBox(0.1, 0.1, 0.7, 0.8),),
        (BBox(-1, -1, 3, 3),),
        tuple(BBox(x / 4, y / 3, 0.22, 0.3) for x in range(4) for y in range(3)),
    ],
)
def test_regions_that_cover_much_are_seen_in_the_whole_frame(bboxes: tuple[BBox, ...]) -> None:
    looks = plan(*bboxes)
    assert len(looks) == 1
    assert whole(looks[0])


def test_a_large_region_does_not_hide_a_small_one_elsewhere() -> None:
    looks = plan(BBox(0.0, 0.0, 0.5, 0.7), BBox(0.9, 0.85, 0.03, 0.1), frame=FrameSize(640, 480))
    assert [len(look.placements) for look in looks] == [1, 1]
    large, small = (look.placements[0] for look in looks)
    assert large.crop.h == 480
    assert small.slot.w / small.crop.w > 1.4


@pytest.mark.parametrize("bbox", [BBox(1.2, 0, 0.1, 0.1), BBox(0.5, 0.5, 0, 0.2)])
def test_a_region_outside_the_frame_or_without_area_asks_for_nothing(bbox: BBox) -> None:
    assert plan(bbox) == ()


def test_no_region_no_look() -> None:
    assert plan() == ()


def test_a_frame_smaller_than_the_input_is_never_cut() -> None:
    tiny = FrameSize(16, 16)
    (look,) = plan(BBox(0.4, 0.4, 0.1, 0.1), frame=tiny)
    assert whole(look, tiny)


def test_every_plan_covers_its_regions_within_its_bounds() -> None:
    dice = random.Random(5)
    for _ in range(300):
        frame = FrameSize(dice.choice((352, 640, 1920, 3840)), dice.choice((288, 480, 1080, 2160)))
        target = dice.choice((INPUT, FrameSize(320, 192), FrameSize(192, 192)))
        bboxes = [
            BBox(dice.uniform(-0.01, 0.95), dice.uniform(-0.01, 0.95), *dice.choices(SIDES, k=2))
            for _ in range(dice.randint(1, 12))
        ]
        looks = plan(*bboxes, frame=frame, target=target)
        assert 1 <= len(looks) <= 2
        for look in looks:
            check_slots(look, target)
        crops = [p.crop for look in looks for p in look.placements]
        assert all(c.x >= 0 and c.x + c.w <= frame.width for c in crops)
        assert all(c.y >= 0 and c.y + c.h <= frame.height for c in crops)
        for bbox in bboxes:
            x1, y1, x2, y2 = bbox.to_pixels(frame)
            region = PixelRect(x1, y1, x2 - x1, y2 - y1)
            assert any(crop.shared_px(region) == region.area_px for crop in crops)


SIDES = (0.02, 0.05, 0.1, 0.3)


def check_slots(look: Inference, target: FrameSize) -> None:
    slots = [placement.slot for placement in look.placements]
    for slot in slots:
        assert slot.x >= 0
        assert slot.y >= 0
        assert slot.x + slot.w <= target.width
        assert slot.y + slot.h <= target.height
    for one, two in itertools.combinations(slots, 2):
        apart_x = max(one.x, two.x) - min(one.x + one.w, two.x + two.w)
        apart_y = max(one.y, two.y) - min(one.y + one.h, two.y + two.h)
        assert max(apart_x, apart_y) >= GAP_PX
