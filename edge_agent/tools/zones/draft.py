"""What somebody drew: a camera's areas and heights, as the page sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from edge_agent.config import (
    CameraConfig,
    IgnoreZoneConfig,
    PersonConfig,
    PrivacyMaskConfig,
    ZoneConfig,
)

#: Fractions to a thousandth: a pixel of most cameras' substreams, and easy to read.
DIGITS = 3

Corner = tuple[float, float]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`was`: its number in the file, where it is not new."""

    name: Annotated[str, msgspec.Meta(max_length=200)]
    polygon: Annotated[tuple[Corner, ...], msgspec.Meta(min_length=3, max_length=200)]
    was: Annotated[int, msgspec.Meta(ge=0)] | None = None


Areas = Annotated[tuple[Area, ...], msgspec.Meta(max_length=100)]


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`base` names the version of the file that it was drawn on."""

    base: Annotated[str, msgspec.Meta(max_length=64)]
    zones: Areas
    ignore_zones: Areas
    privacy_masks: Areas
    min_height_frac: float
    max_height_frac: float


KINDS = ("zones", "ignore_zones", "privacy_masks")


def draft_of(camera: CameraConfig, base: str) -> Draft:
    """Nothing changed yet."""
    return Draft(
        base,
        _areas(camera.zones),
        _areas(camera.ignore_zones),
        _areas(camera.privacy_masks),
        camera.person.min_height_frac,
        camera.person.max_height_frac,
    )


def _areas(
    configured: Sequence[ZoneConfig | IgnoreZoneConfig | PrivacyMaskConfig],
) -> tuple[Area, ...]:
    return tuple(
        Area(each.name, tuple((float(x), float(y)) for x, y in each.polygon), number)
        for number, each in enumerate(configured)
    )


def rounded(polygon: Sequence[Corner]) -> list[list[float]]:
    return [[round(x, DIGITS), round(y, DIGITS)] for x, y in polygon]


def as_if_saved(camera: CameraConfig, draft: Draft) -> CameraConfig:
    """The camera with what was drawn; names need not be sound yet."""
    person: PersonConfig = msgspec.structs.replace(
        camera.person,
        min_height_frac=draft.min_height_frac,
        max_height_frac=draft.max_height_frac,
    )
    return msgspec.structs.replace(
        camera,
        person=person,
        zones=tuple(_zone(camera, area) for area in draft.zones),
        ignore_zones=tuple(
            IgnoreZoneConfig(name=area.name, polygon=area.polygon) for area in draft.ignore_zones
        ),
        privacy_masks=tuple(
            PrivacyMaskConfig(name=area.name, polygon=area.polygon) for area in draft.privacy_masks
        ),
    )


def _zone(camera: CameraConfig, area: Area) -> ZoneConfig:
    """With dwell, schedule and threshold of the zone that it was."""
    if area.was is None or area.was >= len(camera.zones):
        return ZoneConfig(name=area.name, polygon=area.polygon)
    return msgspec.structs.replace(camera.zones[area.was], name=area.name, polygon=area.polygon)
