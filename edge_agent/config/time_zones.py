"""Time zones as people write them: found, or refused with the name that was meant."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
import zoneinfo
from pathlib import Path

_LOCALTIME = Path("/etc/localtime")

#: How people call their zone, in lower case and without accents; a name of a city needs no entry.
_WORDS = {
    "vietnam": "Asia/Ho_Chi_Minh",
    "viet nam": "Asia/Ho_Chi_Minh",
    "vn": "Asia/Ho_Chi_Minh",
    "ict": "Asia/Ho_Chi_Minh",
    "indochina": "Asia/Ho_Chi_Minh",
    "hanoi": "Asia/Ho_Chi_Minh",
    "ha noi": "Asia/Ho_Chi_Minh",
    "saigon": "Asia/Ho_Chi_Minh",
    "sai gon": "Asia/Ho_Chi_Minh",
    "hcm": "Asia/Ho_Chi_Minh",
    "hcmc": "Asia/Ho_Chi_Minh",
    "tp hcm": "Asia/Ho_Chi_Minh",
    "tphcm": "Asia/Ho_Chi_Minh",
    "tp.hcm": "Asia/Ho_Chi_Minh",
    "ho chi minh": "Asia/Ho_Chi_Minh",
    "ho chi minh city": "Asia/Ho_Chi_Minh",
    "da nang": "Asia/Ho_Chi_Minh",
    "danang": "Asia/Ho_Chi_Minh",
    "hai phong": "Asia/Ho_Chi_Minh",
    "haiphong": "Asia/Ho_Chi_Minh",
    "can tho": "Asia/Ho_Chi_Minh",
    "hue": "Asia/Ho_Chi_Minh",
    "nha trang": "Asia/Ho_Chi_Minh",
    "gio viet nam": "Asia/Ho_Chi_Minh",
    "beijing": "Asia/Shanghai",
    "peking": "Asia/Shanghai",
    "china": "Asia/Shanghai",
    "india": "Asia/Kolkata",
    "ist": "Asia/Kolkata",
    "cet": "Europe/Berlin",
    "cest": "Europe/Berlin",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "edt": "America/New_York",
}

#: By their offset from UTC in minutes: the zone of most people, the ward's own first.
_OFFSETS = {
    -480: "America/Los_Angeles",
    -420: "America/Denver",
    -360: "America/Chicago",
    -300: "America/New_York",
    -180: "America/Sao_Paulo",
    0: "UTC",
    60: "Europe/Berlin",
    120: "Europe/Kyiv",
    180: "Europe/Istanbul",
    210: "Asia/Tehran",
    240: "Asia/Dubai",
    270: "Asia/Kabul",
    300: "Asia/Karachi",
    330: "Asia/Kolkata",
    345: "Asia/Kathmandu",
    360: "Asia/Dhaka",
    390: "Asia/Yangon",
    420: "Asia/Ho_Chi_Minh",
    480: "Asia/Singapore",
    540: "Asia/Tokyo",
    570: "Australia/Adelaide",
    600: "Australia/Sydney",
    720: "Pacific/Auckland",
}

_CALLED_UTC = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "Zulu", "Universal", "UCT")

_OFFSET = re.compile(r"(?:utc|gmt|z)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?")
_ETC = re.compile(r"etc/gmt([+-])(\d{1,2})")


class BadZone(ValueError):
    """No zone is called so, or another one than was meant; `fix` says what to write."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


def zone_called(name: str) -> zoneinfo.ZoneInfo:
    """Raises BadZone."""
    inverted = _ETC.fullmatch(name.strip().casefold())
    if inverted and inverted[2] != "0":
        raise BadZone(*_inverted(name, inverted[1], int(inverted[2])))
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        meant = zone_meant(name)
        fix = f'did you mean "{meant}"?' if meant else 'use an IANA name, as "Asia/Ho_Chi_Minh"'
        raise BadZone(f'is "{name[:60]}", which no time zone is called', fix) from None


def _inverted(name: str, sign: str, hours: int) -> tuple[str, str]:
    """POSIX counts west of Greenwich."""
    really = "-" if sign == "+" else "+"
    meant = _OFFSETS.get((1 if sign == "+" else -1) * hours * 60)
    fix = f'for UTC{sign}{hours} write "{meant}"' if meant else "use the name of a city"
    return f'is "{name}", which is UTC{really}{hours}: its sign counts to the west', fix


def zone_meant(name: str) -> str | None:
    """The IANA name that a person means who writes this; None: nobody can say."""
    plain = _plain(name)
    city = plain.rpartition("/")[2].replace("_", " ").strip()
    for word in (plain, city):
        if word in _WORDS:
            return _WORDS[word]
    offset = _OFFSET.fullmatch(plain)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return _OFFSETS.get(-minutes if offset[1] == "-" else minutes)
    names = zoneinfo.available_timezones()
    cities = {each.rpartition("/")[2].replace("_", " ").casefold(): each for each in sorted(names)}
    if city in cities:
        return cities[city]
    close = difflib.get_close_matches(name, names, n=1) or [
        cities[each] for each in difflib.get_close_matches(city, cities, n=1, cutoff=0.8)
    ]
    return close[0] if close else None


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name.strip().casefold().replace("đ", "d"))
    return "".join(c for c in text if not unicodedata.combining(c)).rstrip(".")


def _is_zone(name: str) -> bool:
    """Without reading through all files of all zones."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def machine_zone() -> str:
    """This machine's zone by its IANA name; UTC where it has none."""
    named = os.environ.get("TZ", "").removeprefix(":")
    link = os.path.realpath(_LOCALTIME).rpartition("/zoneinfo/")[2].removeprefix("posix/")
    for name in (named, link):
        if name and _is_zone(name):
            return "UTC" if name in _CALLED_UTC else name
    return "UTC"
