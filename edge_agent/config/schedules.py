"""Schedules of a box whose time zone nobody wrote down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from edge_agent.config.camera import CameraConfig, Schedule
from edge_agent.config.schema import BoxConfig
from edge_agent.config.time_zones import machine_zone
from edge_agent.config.validate import ConfigFinding

#: Where most boxes stand; shown where the machine itself does not know.
_USUAL_ZONE = "Asia/Ho_Chi_Minh"


def schedules_without_zone(box: BoxConfig, camera: CameraConfig) -> Iterator[ConfigFinding]:
    """A warning for each zone and profile with a schedule: which hours it would be."""
    schedules = {f"zones[{at}].schedule": zone.schedule for at, zone in enumerate(camera.zones)}
    schedules |= {f"profiles.{at}.schedule": each.schedule for at, each in camera.profiles.items()}
    schedules = {key: schedule for key, schedule in schedules.items() if schedule}
    here = _this_zone() if schedules else ""
    for key, schedule in schedules.items():
        hours = [_shifted(entry, box.timezone, here) for entry in schedule]
        written = [f"{entry.start} to {entry.end}" for entry in schedule]
        if hours == written:
            continue
        yield ConfigFinding(
            key,
            f"{', '.join(written)} is in {box.timezone}, because box.timezone of agent.toml is "
            f"not written: {', '.join(hours)} in {here}",
            f'write timezone = "{here}" below [box]',
            is_warning=True,
        )


def _shifted(entry: Schedule, written: str, here: str) -> str:
    """The hours of `entry`, of the zone `written`, as a clock in the zone `here` shows them."""
    today = dt.datetime.now(dt.UTC).date()
    shown = []
    for moment in (entry.start, entry.end):
        hour, minute = map(int, moment.split(":"))
        at = dt.datetime.combine(today, dt.time(), ZoneInfo(written))
        at += dt.timedelta(hours=hour, minutes=minute)
        shown.append(f"{at.astimezone(ZoneInfo(here)):%H:%M}")
    return " to ".join(shown)


def _this_zone() -> str:
    """This machine's zone; where it is set to none, the one of most boxes."""
    name = machine_zone()
    return _USUAL_ZONE if name in ("UTC", "Etc/UTC", "GMT", "Zulu", "Universal") else name
