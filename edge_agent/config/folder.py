"""The tables of recorder folders: a camera's [source], and what all folders share ([ingest])."""

from __future__ import annotations

from typing import Annotated, Literal

from edge_agent.config.tables import Rotation, Table
from edge_agent.config.tables import meta as _meta

#: Decoding of what the files hold. The same words as for streams.
_GATE = (
    "`auto` decodes keyframes only while nothing happens in a clip, which serves recorders that "
    "record day and night. `off` decodes everything, which serves those that record motion only."
)


class FolderSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="folder"):
    """Clips or stills that a recorder or camera uploads into a folder. Never altered."""

    path: Annotated[
        str,
        _meta(
            "The folder, as deep as its files go; cameras that name the same one share a watcher. "
            "A relative path is relative to the camera's file."
        ),
    ]
    template: Annotated[
        str,
        _meta(
            "How the files below `path` are named: a built-in name (see `edge-agent probe "
            'FOLDER`), or a pattern as "{camera}/{date:%Y-%m-%d}/**/{start:%H.%M.%S}*.mp4".'
        ),
    ] = "generic-one"
    channel: Annotated[
        str | None,
        _meta(
            "What stands for this camera at {camera} in the names. Left out, the files of a tree "
            "without {camera} are all this camera's; with {camera}, it is the camera's id."
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        _meta("IANA time zone of the recorder's clock; left out, that of the box."),
    ] = None
    watch: Annotated[
        Literal["auto", "notify", "poll"],
        _meta(
            "`notify` is told by the kernel and works on local disks; `poll` looks again and "
            "again, for network mounts. `auto` chooses by the mount table."
        ),
    ] = "auto"
    max_age_days: Annotated[
        float,
        _meta(
            "Clips that are older when they are found stay unopened; they are counted and told.",
            unit="days",
            ge=0.01,
            le=3650,
        ),
    ] = 7.0
    next_clip_s: Annotated[
        float,
        _meta(
            "So long after a clip the next one may come and carry its events on; then they end "
            "with the clip. More than the recorder's clips are long, and their upload takes.",
            unit="s",
            ge=1,
            le=7200,
        ),
    ] = 180.0
    gate: Annotated[Literal["auto", "off"], _meta(_GATE)] = "off"
    rotate: Rotation = 0


class IngestConfig(Table, frozen=True, kw_only=True):
    """How much recorder folders may cost."""

    cpu_frac: Annotated[
        float,
        _meta(
            "Most of one CPU core that the analysis of recorded clips takes; live cameras go first "
            "whatever it says. 1 does not slow it down.",
            unit="share of a core",
            ge=0.05,
            le=1,
        ),
    ] = 0.5
