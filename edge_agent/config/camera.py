"""The tables of one camera: cameras.d/*.toml, and [defaults] in agent.toml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from edge_agent.config.sources import SourceConfig
from edge_agent.config.tables import AutoShare, Id, Points, Share, Table, text
from edge_agent.config.tables import meta as _meta

# --- tables that a camera may override; defaults in agent.toml under [defaults] ---------


class MotionConfig(Table, frozen=True, kw_only=True):
    """Which change of the picture counts as motion."""

    sensitivity: Annotated[
        float,
        _meta(
            "Multiplies how small a change counts; the threshold follows the picture's own noise. "
            "2 sees half the contrast, 0.5 needs twice.",
            unit="factor",
            ge=0.1,
            le=10,
        ),
    ] = 1.0
    min_area_frac: Annotated[
        float,
        _meta(
            "Smallest moving spot, as a share of the frame. The default is a person of about 5 % "
            "of the picture's height.",
            unit="share of the frame",
            ge=0,
            le=0.5,
        ),
    ] = 0.0002
    events: Annotated[bool, _meta("Report motion events, not only people.")] = True
    min_duration_s: Annotated[
        float,
        _meta(
            "Motion must last this long to be an event: a passing moth is none.",
            unit="s",
            ge=0,
            le=60,
        ),
    ] = 1.0
    quiet_s: Annotated[
        float,
        _meta(
            "A motion event ends after this long without motion; shorter pauses belong to it.",
            unit="s",
            ge=0.5,
            le=600,
        ),
    ] = 10.0


class PersonConfig(Table, frozen=True, kw_only=True):
    """When a person is a person, and when their event starts and ends."""

    candidate_threshold: Annotated[
        AutoShare,
        _meta(
            "Detections that score lower are ignored altogether. `auto` is the model's own.",
            unit="score",
        ),
    ] = "auto"
    confirm_threshold: Annotated[
        AutoShare,
        _meta(
            "A person is reported once `confirm_looks` detections of them within "
            "`confirm_window_s` scored at least this. `auto` is the model's own.",
            unit="score",
        ),
    ] = "auto"
    confirm_looks: Annotated[
        int,
        _meta("Detections needed to be sure. More is surer and slower.", unit="looks", ge=1, le=20),
    ] = 3
    confirm_window_s: Annotated[
        float,
        _meta(
            "Within which time they must come; several single mistakes hours apart are no person.",
            unit="s",
            ge=0.2,
            le=60,
        ),
    ] = 2.0
    min_height_frac: Annotated[
        Share,
        _meta("Smaller people are ignored: distant streets, posters.", unit="share of the height"),
    ] = 0.0
    max_height_frac: Annotated[
        Share,
        _meta(
            "Taller people are ignored: a spider on the lens. 1 ignores none.",
            unit="share of the height",
        ),
    ] = 1.0
    lost_after_s: Annotated[
        float,
        _meta(
            "A person unseen for this long is gone; shorter gaps (a pillar, a missed look) do not "
            "end the event.",
            unit="s",
            ge=0.5,
            le=60,
        ),
    ] = 2.0
    cooldown_s: Annotated[
        float,
        _meta(
            "A person who appears within this time near where another was last seen continues "
            "that event instead of starting a new one. Below lost_after_s it changes nothing.",
            unit="s",
            ge=0,
            le=600,
        ),
    ] = 2.0
    events_per_10min: Annotated[
        int,
        _meta(
            "More people in ten minutes than that are told as one event `storm` with their count, "
            "until they are half as many; 0: any number one by one. Live cameras only.",
            unit="events",
            ge=0,
            le=10000,
        ),
    ] = 120


class Schedule(Table, frozen=True, kw_only=True):
    """A time of the week, in the box's time zone. `end` before `start` runs past midnight."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
        _meta("Days on which the time begins; empty means every day."),
    ] = ()
    start: Annotated[
        Annotated[str, text(r"^([01]\d|2[0-3]):[0-5]\d$", "a time HH:MM, 00:00 to 23:59")],
        _meta("It begins at this time.", unit="HH:MM"),
    ] = "00:00"
    end: Annotated[
        Annotated[str, text(r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", "a time HH:MM, 00:00 to 24:00")],
        _meta("It ends at this time; 24:00 is the end of the day.", unit="HH:MM"),
    ] = "24:00"


class ZoneConfig(Table, frozen=True, kw_only=True):
    """A polygon that matters. With zones, only people whose feet are in one are reported."""

    name: Annotated[Id, _meta("Appears in events as zones.current and zones.entered.")]
    polygon: Annotated[Points, _meta("Corners [x, y] as fractions of the frame, at least three.")]
    dwell_s: Annotated[
        float,
        _meta(
            "A person must be inside this long to count: more than 0 lets passers-by pass.",
            unit="s",
            ge=0,
            le=3600,
        ),
    ] = 0.0
    confirm_threshold: Annotated[
        AutoShare,
        _meta("This zone's own confirm_threshold; `auto` is the camera's.", unit="score"),
    ] = "auto"
    schedule: Annotated[
        tuple[Schedule, ...], _meta("When the zone is watched; empty means always.")
    ] = ()


class IgnoreZoneConfig(Table, frozen=True, kw_only=True):
    """People standing in it do not count, and motion in it wakes nobody. Pixels stay visible."""

    name: Annotated[Id, _meta("For messages and logs.")]
    polygon: Annotated[Points, _meta("Corners [x, y] as fractions of the frame, at least three.")]


class PrivacyMaskConfig(Table, frozen=True, kw_only=True):
    """Blackened before anything else sees the picture: motion, detector, snapshots."""

    name: Annotated[Id, _meta("For messages and logs.")]
    polygon: Annotated[Points, _meta("Corners [x, y] as fractions of the frame, at least three.")]


# --- cameras.d/*.toml -----------------------------------------------------------------


#: As `edge_agent.health.Fault` has them; a test compares the two.
FaultName = Literal[
    "black",
    "dark",
    "overexposed",
    "frozen",
    "glitching",
    "blocked",
    "moved",
    "blurred",
    "low_frame_rate",
    "lost",
]


class HealthConfig(Table, frozen=True, kw_only=True):
    """Whether the camera still sees: events of the label `health`."""

    enabled: Annotated[
        bool, _meta("Tell when the picture is black, covered, turned, blurred, frozen or broken.")
    ] = True
    ignore: Annotated[
        tuple[FaultName, ...],
        _meta("Faults that are usual here: `dark` for a room without lamp at night."),
    ] = ()


#: Keys as a profile writes them; `edge_agent.config.profiles` lays them over the camera's.
Overrides = dict[str, Any]


def _as(table: str, description: str) -> Any:
    """Documentation of overrides, which editors complete as that table's keys."""
    return Meta(description=description, extra_json_schema={"$ref": f"#/$defs/{table}"})


class ProfileConfig(Table, frozen=True, kw_only=True):
    """Other settings at night, say: what is not written here is as for the camera.

    Of several profiles whose time and darkness hold the first in the file is in force. One with
    neither `schedule` nor `dark` is in force only when somebody asks for it: `cmd/profile`, or
    `edge-agent camera profile`.
    """

    schedule: Annotated[
        tuple[Schedule, ...], _meta("At these times, in the box's time zone; empty: at any.")
    ] = ()
    dark: Annotated[
        bool,
        _meta(
            "Only while the picture is dark, or grey under the camera's infrared light; a torch "
            "or headlights change nothing: it must hold for 20 s."
        ),
    ] = False
    person: Annotated[Overrides, _as("PersonConfig", "Overrides of [person], key by key.")] = {}  # noqa: RUF012 - msgspec copies it
    motion: Annotated[Overrides, _as("MotionConfig", "Overrides of [motion], key by key.")] = {}  # noqa: RUF012
    zones: Annotated[
        tuple[Overrides, ...],
        _meta(
            "One with the name of a zone of the camera changes its keys; another name is a zone "
            "that is there in this profile only."
        ),
    ] = ()
    ignore_zones: Annotated[
        tuple[Overrides, ...], _meta("As `zones`, of the camera's ignore zones.")
    ] = ()


class CameraConfig(Table, frozen=True, kw_only=True):
    """One camera: a file of its own in cameras.d/."""

    id: Annotated[Id, _meta("Part of the MQTT topic; never reuse one for another viewpoint.")]
    name: Annotated[str, _meta("For people; may be anything, stays on the box.")] = ""
    enabled: Annotated[bool, _meta("false keeps the file but opens no stream.")] = True
    source: Annotated[SourceConfig, _meta("Where its pictures come from.")]
    fps: Annotated[
        Annotated[float, Meta(ge=0.5, le=30)] | None,
        _meta("This camera's own analysis.fps; left out, that one holds.", unit="1/s"),
    ] = None
    clips: Annotated[
        bool,
        _meta(
            "Keep clips of this camera where [clips] enabled = true. Must be false with "
            "privacy_masks: clips are not decoded, so nothing can be blackened in them."
        ),
    ] = True
    motion: Annotated[MotionConfig, _meta("Overrides of [defaults.motion], key by key.")] = (
        MotionConfig()
    )
    person: Annotated[PersonConfig, _meta("Overrides of [defaults.person], key by key.")] = (
        PersonConfig()
    )
    health: Annotated[HealthConfig, _meta("Whether the camera sees.")] = HealthConfig()
    zones: Annotated[tuple[ZoneConfig, ...], _meta("Where people matter; none: everywhere.")] = ()
    ignore_zones: Annotated[
        tuple[IgnoreZoneConfig, ...], _meta("Where nothing matters: a street, a flag.")
    ] = ()
    privacy_masks: Annotated[
        tuple[PrivacyMaskConfig, ...], _meta("What nobody may see: a neighbour's window.")
    ] = ()
    profiles: Annotated[
        dict[Id, ProfileConfig],
        _meta("Other thresholds, zones and times, by name: [profiles.night]."),
    ] = {}  # noqa: RUF012 - msgspec copies it
