"""What is wrong with an answer, in words; an empty text: nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.language import _

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_MOST_CHANNELS = 64


def id_problem(value: str) -> str:
    if _ID.fullmatch(value):
        return ""
    return _(
        "Use small letters a-z, digits, - and _; 32 at most, beginning with a letter or digit."
    )


def camera_id_problem(taken: Collection[str]) -> Callable[[str], str]:
    def problem(value: str) -> str:
        return _("This name is taken.") if value in taken else id_problem(value)

    return problem


def zone_problem(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _("There is no such time zone; in Vietnam it is Asia/Ho_Chi_Minh.")
    return ""


def host_problem(value: str) -> str:
    if value and not re.search(r"[\s/@?#]", value):
        return ""
    return _("Write the name or address only, as 192.168.1.64.")


def port_problem(value: str) -> str:
    return "" if _is_within(value, 65535) else _("A port is a number from 1 to 65535.")


def channel_problem(value: str) -> str:
    return "" if _is_within(value, _MOST_CHANNELS) else _("A channel is a number from 1 to 64.")


def number_problem(value: str, most: int) -> str:
    return "" if _is_within(value, most) else _("Write the number of a line above.")


def _is_within(value: str, most: int) -> bool:
    return value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most
