"""What somebody drew: a camera's areas and heights, as the page sends them."""

from __future__ import annotations

import contextlib
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
from edge_agent.config.camera import Schedule
from edge_agent.rules import parse_schedules

#: Fractions to a thousandth: a pixel of most cameras' substreams, and easy to read.
DIGITS = 3

Corner = tuple[float, float]


Word = Annotated[str, msgspec.Meta(max_length=5)]


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As an entry of a schedule; not checked before it is saved."""

    start: Word
    end: Word
    days: Annotated[tuple[Word, ...], msgspec.Meta(max_length=7)] = ()


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`was`: its number in the file, where it is not new. Of a zone also how long somebody must
    stay, and when it is watched; None: as it was."""

    name: Annotated[str, msgspec.Meta(max_length=200)]
    polygon: Annotated[tuple[Corner, ...], msgspec.Meta(min_length=3, max_length=200)]
    was: Annotated[int, msgspec.Meta(ge=0)] | None = None
    dwell_s: float | None = None
    schedule: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=20)] | None = None


Areas = Annotated[tuple[Area, ...], msgspec.Meta(max_length=100)]


class ZonesDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`base` names the version of the file that it was drawn on."""

    base: Annotated[str, msgspec.Meta(max_length=64)]
    zones: Areas
    ignore_zones: Areas
    privacy_masks: Areas
    min_height_frac: float
    max_height_frac: float


KINDS = ("zones", "ignore_zones", "privacy_masks")


def draft_of(camera: CameraConfig, base: str) -> ZonesDraft:
    """Nothing changed yet."""
    return ZonesDraft(
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
        Area(
            each.name,
            tuple((float(x), float(y)) for x, y in each.polygon),
            number,
            *(_timing(each) if isinstance(each, ZoneConfig) else ()),
        )
        for number, each in enumerate(configured)
    )


def _timing(zone: ZoneConfig) -> tuple[float, tuple[Hours, ...]]:
    hours = (Hours(each.start, each.end, tuple(each.days)) for each in zone.schedule)
    return float(zone.dwell_s), tuple(hours)


def rounded(polygon: Sequence[Corner]) -> list[list[float]]:
    return [[round(x, DIGITS), round(y, DIGITS)] for x, y in polygon]


def as_if_saved(camera: CameraConfig, draft: ZonesDraft) -> CameraConfig:
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
    """With the threshold of the zone that it was, and its hours where they are none yet."""
    zone = ZoneConfig(name=area.name, polygon=area.polygon)
    if area.was is not None and area.was < len(camera.zones):
        zone = msgspec.structs.replace(camera.zones[area.was], name=area.name, polygon=area.polygon)
    if area.dwell_s is not None:
        zone = msgspec.structs.replace(zone, dwell_s=area.dwell_s)
    if area.schedule is not None:
        with contextlib.suppress(msgspec.ValidationError, ValueError):
            schedule = msgspec.convert(msgspec.to_builtins(area.schedule), tuple[Schedule, ...])
            parse_schedules(schedule)
            zone = msgspec.structs.replace(zone, schedule=schedule)
    return zone
