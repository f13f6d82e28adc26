"""What stays on the box: the queue of events, pictures and clips. See `schema` for how it reads."""

from __future__ import annotations

from typing import Annotated

from edge_agent.config.tables import Table
from edge_agent.config.tables import meta as _meta


class OutboxConfig(Table, frozen=True, kw_only=True):
    """The durable queue of events the ward does not yet have."""

    max_mb: Annotated[
        int,
        _meta(
            "Most space the queue takes; beyond it the least important rows are shed and "
            "announced.",
            unit="MB",
            ge=1,
            le=16384,
        ),
    ] = 256
    max_disk_frac: Annotated[
        float,
        _meta(
            "The same as a share of the disk, so that a small card is never filled; the smaller "
            "of both holds.",
            unit="share of the disk",
            ge=0.001,
            le=1,
        ),
    ] = 0.1
    max_age_days: Annotated[
        float,
        _meta(
            "Older rows are shed and announced, whatever the space: an old alarm helps nobody.",
            unit="days",
            ge=0.04,
            le=3650,
        ),
    ] = 30.0


class SnapshotConfig(Table, frozen=True, kw_only=True):
    """Best-frame JPEGs. Off unless the household agrees; they stay on the box."""

    enabled: Annotated[bool, _meta("Keep one JPEG per person event on this box.")] = False
    allow_upload: Annotated[
        bool, _meta("Let the ward's server fetch a kept JPEG with cmd/snapshot.")
    ] = False
    draw_boxes: Annotated[
        bool, _meta("Draw the person's rectangle into the JPEG; evidence is better without.")
    ] = False
    retention_h: Annotated[
        float,
        _meta(
            "JPEGs older than this are erased, also after days without power. Three days let a "
            "household look back over a weekend.",
            unit="h",
            ge=1,
            le=8760,
        ),
    ] = 72.0
    max_mb: Annotated[
        int,
        _meta(
            "Most space for JPEGs, some 2,000 at the default; the oldest go first.",
            unit="MB",
            ge=1,
            le=65536,
        ),
    ] = 256
    max_width_px: Annotated[
        int,
        _meta(
            "Wider pictures are scaled down. 1280 shows a face at a door and fits the ward's limit "
            "of 200 kB.",
            unit="px",
            ge=160,
            le=4096,
        ),
    ] = 1280


class ClipConfig(Table, frozen=True, kw_only=True):
    """Video of person events, as the camera sent it, without sound. Off unless the household
    agrees; clips stay on the box unless it agrees to that, too.

    Privacy masks cannot blacken packets that are never decoded, so a camera with masks keeps
    no clips.
    """

    enabled: Annotated[bool, _meta("Keep a clip of each person event on this box.")] = False
    allow_upload: Annotated[
        bool, _meta("Let the ward's server fetch kept clips with cmd/clip.")
    ] = False
    pre_s: Annotated[
        float,
        _meta(
            "How long before the person was first seen a clip begins: with the keyframe before "
            "that, so up to one I-frame interval earlier. Memory holds some 10 s per camera.",
            unit="s",
            ge=0,
            le=8,
        ),
    ] = 5.0
    post_s: Annotated[
        float,
        _meta(
            "How long after the person was last seen a clip ends; at the latest when the event's "
            "end is told (person.lost_after_s or cooldown_s, and confirm_window_s later: 4 s at "
            "their defaults), because the end carries the clip's fingerprint.",
            unit="s",
            ge=0,
            le=60,
        ),
    ] = 4.0
    retention_h: Annotated[
        float,
        _meta(
            "Clips older than this are erased, also after days without power. Three days let a "
            "household look back over a weekend.",
            unit="h",
            ge=1,
            le=8760,
        ),
    ] = 72.0
    max_mb: Annotated[
        int,
        _meta(
            "Most space for clips, some 700 of 11 s at 2 Mbit/s by default; the oldest go first.",
            unit="MB",
            ge=1,
            le=1_048_576,
        ),
    ] = 2048


class TuningConfig(Table, frozen=True, kw_only=True):
    """Short clips to tune on: around events, near misses and false wakes. Off unless the household
    agrees; they stay on the box. `edge-agent record` writes here too, when a person asks.

    Cameras with privacy masks: their clips are encoded anew, with the masks black.
    """

    keep: Annotated[
        bool,
        _meta(
            "Keep clips of people who were told, of people who were seen and not told, and of "
            "motion that was nobody, to tune on (docs/zones.md)."
        ),
    ] = False
    blur: Annotated[
        bool,
        _meta(
            "Keep them so coarse that nobody can be recognised. Motion, light and zones can be "
            "tuned on them, the detector's thresholds can not. Costs encoding while they are kept."
        ),
    ] = False
    retention_days: Annotated[
        float,
        _meta(
            "Clips older than this are erased, also after days without power. A week holds each "
            "weekday once.",
            unit="days",
            ge=0.04,
            le=90,
        ),
    ] = 7.0
    max_mb: Annotated[
        int,
        _meta(
            "Most space for them, some 700 of 20 s at 300 kbit/s by default; the oldest go first.",
            unit="MB",
            ge=1,
            le=1_048_576,
        ),
    ] = 512
