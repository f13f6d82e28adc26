"""What can be configured: one frozen struct per TOML table, every key with its reason.

The text in `Meta(description=...)` is the key's documentation: `edge-agent config schema`
and docs/config.md are made from it. `extra={"unit": ...}` names the unit where there is one.
Unknown keys are refused. Secrets are never values here: keys that end in `_file` name a
file (or, as `credential:NAME`, a systemd credential) that holds one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every configuration table."""


def _meta(
    description: str, *, unit: str = "", ge: float | None = None, le: float | None = None
) -> Any:
    return Meta(description=description, ge=ge, le=le, extra={"unit": unit} if unit else None)


Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Point = tuple[
    Annotated[float, Meta(ge=0, le=1)],
    Annotated[float, Meta(ge=0, le=1)],
]
Points = Annotated[
    tuple[Point, ...],
    Meta(min_length=3, description="Corners [x, y] as fractions of the frame, (0, 0) top left."),
]
Share = Annotated[float, Meta(ge=0, le=1)]
AutoShare = Literal["auto"] | Annotated[float, Meta(ge=0.01, le=0.99)]


# --- agent.toml -----------------------------------------------------------------------


class BoxConfig(Table, frozen=True, kw_only=True):
    """Who this box is. Part of every MQTT topic, so the ward assigns both ids."""

    ward: Annotated[Id, _meta("The ward's id, as its server knows it.")]
    id: Annotated[Id, _meta("This box's id, unique in the ward; the certificate's common name.")]
    timezone: Annotated[
        str, _meta("IANA time zone of the schedules, so that 22:00 means the household's 22:00.")
    ] = "UTC"
    state_dir: Annotated[
        str, _meta("Where the outbox, snapshots and learned state live; owned by the agent.")
    ] = "/var/lib/edge-agent"


class TlsConfig(Table, frozen=True, kw_only=True):
    """How the box and the broker prove who they are. TLS 1.2 or newer, name always checked."""

    ca_file: Annotated[
        str | None, _meta("PEM file of the ward's CA; without it the system's CAs are trusted.")
    ] = None
    cert_file: Annotated[str | None, _meta("PEM certificate of this box, for mutual TLS.")] = None
    key_file: Annotated[
        str | None, _meta("PEM private key of this box: a path or `credential:NAME`.")
    ] = None


class MqttConfig(Table, frozen=True, kw_only=True):
    """The ward's broker and how events are delivered to it."""

    host: Annotated[str, _meta("Name of the broker, as its certificate names it.")]
    port: Annotated[int, _meta("TCP port; 8883 is MQTT over TLS.", ge=1, le=65535)] = 8883
    version: Annotated[
        Literal["auto", "5", "3.1.1"],
        _meta("`auto` speaks MQTT 5 and falls back to 3.1.1 when the broker knows only that."),
    ] = "auto"
    username: Annotated[
        str | None, _meta("Login name; leave out when the certificate is the login.")
    ] = None
    password_file: Annotated[
        str | None, _meta("File with the password (mode 0600), or `credential:NAME`.")
    ] = None
    tls: Annotated[TlsConfig, _meta("Certificates.")] = TlsConfig()
    allow_insecure: Annotated[
        bool,
        _meta("Speak plain MQTT without TLS. Only for a broker on this box or a closed test net."),
    ] = False
    keepalive_s: Annotated[
        int,
        _meta("A silent connection is found dead after 1.5 times this.", unit="s", ge=5, le=300),
    ] = 30
    window: Annotated[
        int,
        _meta(
            "Events in flight before the broker must acknowledge; its own limit also holds.",
            unit="messages",
            ge=1,
            le=100,
        ),
    ] = 20
    backlog_jitter_s: Annotated[
        float,
        _meta(
            "After a connection the backlog waits a random part of this, so that the boxes of a "
            "ward do not all start at once.",
            unit="s",
            ge=0,
            le=300,
        ),
    ] = 30.0
    backlog_per_s: Annotated[
        float,
        _meta(
            "How fast the backlog drains, so that 312 boxes do not flood the ward after an outage; "
            "live events do not wait for it.",
            unit="messages/s",
            ge=0.1,
            le=10000,
        ),
    ] = 5.0
    reconnect_max_s: Annotated[
        float,
        _meta(
            "Longest wait between two tries; each wait is random below a doubling bound.",
            unit="s",
            ge=0.05,
            le=3600,
        ),
    ] = 300.0


class DetectorConfig(Table, frozen=True, kw_only=True):
    """The person detector, shared by all cameras."""

    model: Annotated[
        str,
        _meta(
            "`auto` (the shipped one), a name from models/, or the path of an ONNX file with its "
            "manifest."
        ),
    ] = "auto"
    threads: Annotated[
        int,
        _meta(
            "Threads of one inference. One leaves the other cores to decoding.",
            unit="threads",
            ge=1,
            le=16,
        ),
    ] = 1


class AnalysisConfig(Table, frozen=True, kw_only=True):
    """How often pictures are looked at."""

    fps: Annotated[
        float,
        _meta(
            "Pictures analysed per second and camera. Five see a walking person several times "
            "per step; more costs in proportion.",
            unit="1/s",
            ge=0.5,
            le=30,
        ),
    ] = 5.0


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
        Share, _meta("The same as a share of the disk; the smaller of both holds.")
    ] = 0.1
    max_age_days: Annotated[
        float,
        _meta(
            "Older rows are shed and announced, whatever the space.", unit="days", ge=0.04, le=3650
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
        float, _meta("JPEGs older than this are erased.", unit="h", ge=1, le=8760)
    ] = 72.0
    max_mb: Annotated[
        int, _meta("Most space for JPEGs; the oldest go first.", unit="MB", ge=1, le=65536)
    ] = 256
    max_width_px: Annotated[
        int, _meta("Wider pictures are scaled down.", unit="px", ge=160, le=4096)
    ] = 1280


class TelemetryConfig(Table, frozen=True, kw_only=True):
    """Health figures sent with QoS 0; never stored."""

    interval_s: Annotated[
        float,
        _meta(
            "`online` is believed by the server for three of these intervals.",
            unit="s",
            ge=1,
            le=3600,
        ),
    ] = 60.0


class LogConfig(Table, frozen=True, kw_only=True):
    """What goes to stderr, hence to the journal."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _meta("`info` writes one line per change of state, none per frame."),
    ] = "info"


# --- tables that a camera may override; defaults in agent.toml under [defaults] ---------


class MotionConfig(Table, frozen=True, kw_only=True):
    """Which change of the picture counts as motion."""

    sensitivity: Annotated[
        float,
        _meta(
            "Multiplies how small a change counts; the threshold follows the picture's own noise. "
            "2 sees half the contrast, 0.5 needs twice.",
            ge=0.1,
            le=10,
        ),
    ] = 1.0
    min_area_frac: Annotated[
        float,
        _meta(
            "Smallest moving spot, as a share of the frame. The default is a person of about 5 % "
            "of the picture's height.",
            ge=0,
            le=0.5,
        ),
    ] = 0.0002
    events: Annotated[bool, _meta("Report motion events, not only people.")] = True
    min_duration_s: Annotated[
        float,
        _meta("Motion must last this long to be an event.", unit="s", ge=0, le=60),
    ] = 1.0
    quiet_s: Annotated[
        float,
        _meta("A motion event ends after this long without motion.", unit="s", ge=0.5, le=600),
    ] = 10.0


class PersonConfig(Table, frozen=True, kw_only=True):
    """When a person is a person, and when their event starts and ends."""

    candidate_threshold: Annotated[
        AutoShare,
        _meta("Detections that score lower are ignored altogether. `auto` is the model's own."),
    ] = "auto"
    confirm_threshold: Annotated[
        AutoShare,
        _meta(
            "A person is reported once `confirm_looks` detections of them within "
            "`confirm_window_s` scored at least this. `auto` is the model's own."
        ),
    ] = "auto"
    confirm_looks: Annotated[
        int,
        _meta("Detections needed to be sure. More is surer and slower.", unit="looks", ge=1, le=20),
    ] = 3
    confirm_window_s: Annotated[
        float, _meta("Within which time they must come.", unit="s", ge=0.2, le=60)
    ] = 2.0
    min_height_frac: Annotated[
        Share, _meta("Smaller people are ignored: distant streets, posters.")
    ] = 0.0
    max_height_frac: Annotated[Share, _meta("Taller ones are: a spider on the lens.")] = 1.0
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
            "A person who appears within this time where another event just ended continues that "
            "event instead of starting a new one.",
            unit="s",
            ge=0,
            le=600,
        ),
    ] = 2.0


class Schedule(Table, frozen=True, kw_only=True):
    """When a zone is watched, in the box's time zone. `to` before `from` runs past midnight."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
        _meta("Days on which the time begins; empty means every day."),
    ] = ()
    start: Annotated[
        str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="From this time, HH:MM.")
    ] = "00:00"
    end: Annotated[
        str,
        Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", description="Until this time, HH:MM."),
    ] = "24:00"


class ZoneConfig(Table, frozen=True, kw_only=True):
    """A polygon that matters. With zones, only people whose feet are in one are reported."""

    name: Annotated[Id, _meta("Appears in events as zones.current and zones.entered.")]
    polygon: Annotated[Points, _meta("Corners [x, y] as fractions of the frame, at least three.")]
    dwell_s: Annotated[
        float,
        _meta("A person must be inside this long to count.", unit="s", ge=0, le=3600),
    ] = 0.0
    confirm_threshold: Annotated[
        AutoShare,
        _meta("This zone's own confirm_threshold; `auto` is the camera's."),
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


class DefaultsConfig(Table, frozen=True, kw_only=True):
    """What cameras use where their own file says nothing."""

    motion: Annotated[MotionConfig, _meta("Motion settings of every camera.")] = MotionConfig()
    person: Annotated[PersonConfig, _meta("Person settings of every camera.")] = PersonConfig()


# --- cameras.d/*.toml -----------------------------------------------------------------


class RtspSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="rtsp"):
    """A network camera or one channel of a recorder."""

    url: Annotated[
        str,
        _meta("rtsp://host[:port]/path, without user and password: those have their own keys."),
    ]
    transport: Annotated[
        Literal["tcp", "udp"],
        _meta("`tcp` survives lossy Wi-Fi; `udp` for cameras that know only that."),
    ] = "tcp"
    username: Annotated[str | None, _meta("The camera's user; one with view rights only.")] = None
    password_file: Annotated[
        str | None, _meta("File with the password (mode 0600), or `credential:NAME`.")
    ] = None
    open_timeout_s: Annotated[
        float, _meta("How long connecting may take.", unit="s", ge=1, le=60)
    ] = 8.0
    stall_timeout_s: Annotated[
        float,
        _meta("No packet for this long means the stream hangs.", unit="s", ge=1, le=60),
    ] = 5.0


class UsbSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="usb"):
    """A USB camera (Video4Linux 2)."""

    device: Annotated[
        str,
        _meta("/dev/v4l/by-id/... names the camera itself; /dev/videoN may change at each boot."),
    ]
    width: Annotated[int, _meta("Asked of the camera.", unit="px", ge=16, le=7680)] = 640
    height: Annotated[int, _meta("Asked of the camera.", unit="px", ge=16, le=4320)] = 480
    fps: Annotated[float, _meta("Asked of the camera.", unit="1/s", ge=1, le=120)] = 15.0
    pixel_format: Annotated[
        str, _meta("`mjpeg`, `yuyv422`, `h264`, or `auto` for what the driver prefers.")
    ] = "auto"
    stall_timeout_s: Annotated[
        float, _meta("No frame for this long means the camera hangs.", unit="s", ge=1, le=60)
    ] = 5.0


class FileSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """A recording played as if it were a camera: for trials and tests."""

    path: Annotated[str, _meta("Any file that FFmpeg reads.")]
    pace: Annotated[
        Literal["realtime", "fast"],
        _meta("`realtime` plays at its own speed, `fast` as quickly as it is analysed."),
    ] = "realtime"
    loop: Annotated[bool, _meta("Begin again at the end.")] = False


SourceConfig = RtspSource | UsbSource | FileSource


class CameraConfig(Table, frozen=True, kw_only=True):
    """One camera: a file of its own in cameras.d/."""

    id: Annotated[Id, _meta("Part of the MQTT topic; never reuse one for another viewpoint.")]
    name: Annotated[str, _meta("For people; may be anything, stays on the box.")] = ""
    enabled: Annotated[bool, _meta("false keeps the file but opens no stream.")] = True
    source: Annotated[SourceConfig, _meta("Where its pictures come from.")]
    fps: Annotated[
        Annotated[float, Meta(ge=0.5, le=30)] | None,
        _meta("This camera's own analysis.fps.", unit="1/s"),
    ] = None
    motion: Annotated[MotionConfig, _meta("Overrides of [defaults.motion], key by key.")] = (
        MotionConfig()
    )
    person: Annotated[PersonConfig, _meta("Overrides of [defaults.person], key by key.")] = (
        PersonConfig()
    )
    zones: Annotated[tuple[ZoneConfig, ...], _meta("Where people matter; none: everywhere.")] = ()
    ignore_zones: Annotated[
        tuple[IgnoreZoneConfig, ...], _meta("Where nothing matters: a street, a flag.")
    ] = ()
    privacy_masks: Annotated[
        tuple[PrivacyMaskConfig, ...], _meta("What nobody may see: a neighbour's window.")
    ] = ()


class Config(Table, frozen=True, kw_only=True):
    """The whole configuration: agent.toml plus the cameras of cameras.d/."""

    box: BoxConfig
    mqtt: MqttConfig
    detector: DetectorConfig = DetectorConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    outbox: OutboxConfig = OutboxConfig()
    snapshots: SnapshotConfig = SnapshotConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    log: LogConfig = LogConfig()
    defaults: DefaultsConfig = DefaultsConfig()
    cameras: tuple[CameraConfig, ...] = ()
