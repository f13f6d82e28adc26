"""What can be configured: one frozen struct per TOML table, every key with its reason.

The text in `Meta(description=...)` is the key's documentation: `edge-agent config schema`
and docs/config.md are made from it. `extra={"unit": ...}` names the unit where there is one.
Unknown keys are refused. Secrets are never values here: keys that end in `_file` name a
file (or, as `credential:NAME`, a systemd credential) that holds one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from edge_agent.config.camera import (
    CameraConfig,
    IgnoreZoneConfig,
    MotionConfig,
    PersonConfig,
    PrivacyMaskConfig,
    Schedule,
    ZoneConfig,
)
from edge_agent.config.folder import FolderSource, IngestConfig
from edge_agent.config.sources import FileSource, RtspSource, SourceConfig, UsbSource
from edge_agent.config.storage import ClipConfig, OutboxConfig, SnapshotConfig, TuningConfig
from edge_agent.config.tables import Id, InputSize, Megabytes, Table
from edge_agent.config.tables import meta as _meta
from edge_agent.geometry import FrameSize

DEFAULT_STATE_DIR = "/var/lib/edge-agent"

# --- agent.toml -----------------------------------------------------------------------


class BoxConfig(Table, frozen=True, kw_only=True):
    """Who this box is. Part of every MQTT topic, so the ward assigns both ids."""

    ward: Annotated[Id, _meta("The ward's id, as its server knows it.")]
    id: Annotated[Id, _meta("This box's id, unique in the ward; the certificate's common name.")]
    timezone: Annotated[
        str,
        _meta(
            "IANA time zone of the schedules, so that 22:00 means the household's 22:00, and of "
            "recorders whose camera names none."
        ),
    ] = "UTC"
    state_dir: Annotated[
        str,
        _meta(
            "Absolute path of the folder where the outbox, snapshots and learned state live; owned "
            "by the agent, one agent per folder."
        ),
    ] = DEFAULT_STATE_DIR
    max_rss_mb: Annotated[
        Megabytes | Literal["auto"],
        _meta(
            "With more resident memory than this for two seconds the agent stops in order and "
            "exits 1, so that the service manager starts it anew before the kernel kills it. "
            "`auto`: 400 for up to eight cameras, and 30 more for each further one, 640 at "
            "most (above, raise the unit's MemoryHigh and MemoryMax, too); four 720p cameras need "
            "half of 400.",
            unit="MB",
        ),
    ] = "auto"


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
    port: Annotated[
        int, _meta("TCP port; 8883 is the registered one of MQTT over TLS.", ge=1, le=65535)
    ] = 8883
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
        _meta(
            "A silent connection is found dead after 1.5 times this; less costs mobile data.",
            unit="s",
            ge=5,
            le=300,
        ),
    ] = 30
    window: Annotated[
        int,
        _meta(
            "Events in flight before the broker must acknowledge; its own limit also holds. So "
            "many may arrive twice after a lost connection.",
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
            "Longest wait between two tries; each wait is random below a doubling bound, so that "
            "a restarted broker is not stormed.",
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
            "`auto` (the best one that is here and that the box affords), a name from models/, "
            "or the path of an ONNX file with its manifest."
        ),
    ] = "auto"
    threads: Annotated[
        int,
        _meta(
            "Threads of one inference. One leaves the other cores to decoding; more answer sooner.",
            unit="threads",
            ge=1,
            le=16,
        ),
    ] = 1
    input_size: Annotated[
        InputSize,
        _meta(
            "Size of the detector's input: its `own`, or another one for networks that take any. "
            "`models bench` says what each costs here.",
            unit="px",
        ),
    ] = "own"
    mirror: Annotated[
        str | None,
        _meta("Where `models pull` fetches files instead of their makers' sites: https://..."),
    ] = None
    proxy: Annotated[
        str | None,
        _meta("Proxy of `models pull`, http://HOST:PORT; else what HTTPS_PROXY says."),
    ] = None

    @property
    def input_px(self) -> FrameSize | None:
        """None: the model's own."""
        if self.input_size == "own":
            return None
        width, height = map(int, self.input_size.split("x"))
        return FrameSize(width, height)


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
    max_picture_side_px: Annotated[
        int,
        _meta(
            "Wider or higher pictures are refused before they are decoded, in streams, clips and "
            "stills: a small file can hold a picture that takes all memory.",
            unit="px",
            ge=64,
            le=65535,
        ),
    ] = 8192
    max_picture_mpx: Annotated[
        float,
        _meta(
            "Most pixels of a picture, likewise. A 4K camera has 8.3, the largest household "
            "cameras 32; each costs about 1.5 bytes, several times over.",
            unit="megapixels",
            ge=0.1,
            le=500,
        ),
    ] = 40.0


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
    selftest_every_h: Annotated[
        float,
        _meta(
            "How often a known clip with a person goes through analysis, outbox and broker, told "
            "as a health event `selftest`; 0: never.",
            unit="h",
            ge=0,
            le=720,
        ),
    ] = 24.0


class LogConfig(Table, frozen=True, kw_only=True):
    """What goes to stderr, hence to the journal."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _meta("`info` writes one line per change of state, none per frame."),
    ] = "info"


class DefaultsConfig(Table, frozen=True, kw_only=True):
    """What cameras use where their own file says nothing."""

    motion: Annotated[MotionConfig, _meta("Motion settings of every camera.")] = MotionConfig()
    person: Annotated[PersonConfig, _meta("Person settings of every camera.")] = PersonConfig()


class AgentFile(Table, frozen=True, kw_only=True):
    """Everything but the cameras: the box, the broker, and what all cameras share."""

    box: Annotated[BoxConfig, _meta("Who this box is.")]
    mqtt: Annotated[MqttConfig, _meta("The ward's broker.")]
    detector: Annotated[DetectorConfig, _meta("The person detector.")] = DetectorConfig()
    analysis: Annotated[AnalysisConfig, _meta("How often pictures are looked at.")] = (
        AnalysisConfig()
    )
    ingest: Annotated[IngestConfig, _meta("Recorder folders.")] = IngestConfig()
    outbox: Annotated[OutboxConfig, _meta("The durable queue of events.")] = OutboxConfig()
    snapshots: Annotated[SnapshotConfig, _meta("Best-frame JPEGs.")] = SnapshotConfig()
    clips: Annotated[ClipConfig, _meta("Video of person events.")] = ClipConfig()
    tuning: Annotated[TuningConfig, _meta("Clips to tune on.")] = TuningConfig()
    telemetry: Annotated[TelemetryConfig, _meta("Health figures.")] = TelemetryConfig()
    log: Annotated[LogConfig, _meta("What goes to the journal.")] = LogConfig()
    defaults: Annotated[DefaultsConfig, _meta("What cameras use unless they say otherwise.")] = (
        DefaultsConfig()
    )


class Config(AgentFile, frozen=True, kw_only=True):
    """The whole configuration: agent.toml plus the cameras of cameras.d/."""

    cameras: tuple[CameraConfig, ...] = ()


__all__ = [
    "AgentFile",
    "AnalysisConfig",
    "BoxConfig",
    "CameraConfig",
    "ClipConfig",
    "Config",
    "DefaultsConfig",
    "DetectorConfig",
    "FileSource",
    "FolderSource",
    "IgnoreZoneConfig",
    "IngestConfig",
    "LogConfig",
    "MotionConfig",
    "MqttConfig",
    "OutboxConfig",
    "PersonConfig",
    "PrivacyMaskConfig",
    "RtspSource",
    "Schedule",
    "SnapshotConfig",
    "SourceConfig",
    "Table",
    "TelemetryConfig",
    "TlsConfig",
    "TuningConfig",
    "UsbSource",
    "ZoneConfig",
]
