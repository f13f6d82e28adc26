"""What every configuration table is made of: the base struct and the annotations of its keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_agent.domain import ID


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every configuration table."""


def meta(
    description: str, *, unit: str = "", ge: float | None = None, le: float | None = None
) -> Any:
    """A key's documentation with its unit and range."""
    return Meta(
        description=description,
        ge=ge,
        le=le,
        extra={"unit": unit} if unit else None,
        extra_json_schema={"x-unit": unit} if unit else None,
    )


def text(pattern: str, words: str) -> Any:
    """A text of which all is of this form; `words` say the pattern to a person."""
    return Meta(pattern=pattern, extra={"words": words})


#: Ids are parts of MQTT topics and of file names (docs/mqtt.md).
Id = Annotated[
    str,
    text(f"^{ID}$", "1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit"),
]
Point = tuple[
    Annotated[float, Meta(ge=0, le=1)],
    Annotated[float, Meta(ge=0, le=1)],
]
Points = Annotated[
    tuple[Point, ...],
    Meta(min_length=3, description="Corners [x, y] as fractions of the frame, (0, 0) top left."),
]
InputSize = Annotated[
    str, text(r"^(own|[1-9]\d{1,3}x[1-9]\d{1,3})$", '"own" or WIDTHxHEIGHT, such as "416x256"')
]
Rotation = Annotated[
    Literal[0, 90, 180, 270],
    meta(
        "Turns the picture clockwise before anything looks at it, for a camera that hangs on its "
        "side or head: no network finds people who lie. Zones, ignore zones and privacy masks are "
        "given in the turned picture. Clips stay as the camera sends them.",
        unit="degrees",
    ),
]
Megabytes = Annotated[int, Meta(ge=64, le=65536)]
Share = Annotated[float, Meta(ge=0, le=1)]
AutoShare = Literal["auto"] | Annotated[float, Meta(ge=0.01, le=0.99)]
