"""Ids for the cameras that a folder's names tell apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

_MOST_LETTERS = 28


def camera_ids(channels: Sequence[str]) -> Iterator[str]:
    """An id for each, of the letters that ids may have: `Sân trước` becomes `san-truoc`."""
    taken: set[str] = set()
    for channel in channels:
        name = _plain(channel)
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        yield unique


def _plain(channel: str) -> str:
    plain = unicodedata.normalize("NFKD", channel.lower().replace("đ", "d"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in plain).split("-")
    name = "-".join(word for word in words if word)[:_MOST_LETTERS].rstrip("-")
    if not name:
        return "camera"
    return name if any(c.isalpha() for c in name) else f"camera-{name}"
