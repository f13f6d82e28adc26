"""Where a camera's pictures come from: [source] of cameras.d/*.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from edge_agent.config.folder import FolderSource
from edge_agent.config.tables import Rotation, Table
from edge_agent.config.tables import meta as _meta

_GATE = (
    "`auto` decodes keyframes only while nothing happens, at a tenth of the cost, and everything "
    "from the last keyframe on when something does; streams with rare keyframes are decoded "
    "altogether. Visits shorter than the time between keyframes may be missed: set the camera's "
    "I-frame interval to 1 s. `off` decodes everything."
)
_GATE_OF_FILES = f"{_GATE} A recording has time for everything; `replay --gate` tries the gate."
Gate = Literal["auto", "off"]


class RtspSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="rtsp"):
    """A network camera or one channel of a recorder."""

    url: Annotated[
        str,
        _meta("rtsp://host[:port]/path, without user and password: those have their own keys."),
    ]
    main_url: Annotated[
        str | None,
        _meta(
            "The same camera's main stream, when `url` is its substream: clips are taken from it, "
            "and snapshots, for which a few of its pictures are decoded; see also `closer_look`. "
            "Same login. Opened only where one of these is wanted."
        ),
    ] = None
    closer_look: Annotated[
        Literal["auto", "off"],
        _meta(
            "With `main_url`: `auto` decodes the main stream, too, while something moves or "
            "somebody walks who is less than 20 pixels tall on the substream, and looks "
            "for people there. In vain for at most a tenth of the time. `off` saves receiving "
            "the main stream, some 0.6 % of a core at 1080p, where it gives nothing else."
        ),
    ] = "auto"
    transport: Annotated[
        Literal["tcp", "udp"],
        _meta("`tcp` survives lossy Wi-Fi; `udp` for cameras that know only that."),
    ] = "tcp"
    video_track: Annotated[
        int,
        _meta(
            "Which video track, where the camera offers several at one address.",
            unit="number",
            ge=1,
            le=16,
        ),
    ] = 1
    username: Annotated[str | None, _meta("The camera's user; one with view rights only.")] = None
    password_file: Annotated[
        str | None, _meta("File with the password (mode 0600), or `credential:NAME`.")
    ] = None
    identity: Annotated[
        str | None,
        _meta(
            "Serial number or hardware address, as `edge-agent camera discover` shows it. With it, "
            "a camera that does not answer is looked for in its network over ONVIF, once for each "
            "try, and followed to its new address, also after a restart. Its login goes there, "
            "by digest, so leave this out where strangers have a cable in the network.",
        ),
    ] = None
    allow_basic: Annotated[
        bool,
        _meta(
            "Send the password in clear to a camera that knows no Digest login. Everyone in the "
            "household's network can read it then; over rtsps:// it is never in clear."
        ),
    ] = False
    ca_file: Annotated[
        str | None,
        _meta(
            "PEM file of the CA, or of the camera's own certificate, that rtsps:// is checked "
            "against; without it the system's CAs are trusted."
        ),
    ] = None
    allow_insecure: Annotated[
        bool,
        _meta("Speak rtsps:// with any certificate. Somebody in between can then read the login."),
    ] = False
    open_timeout_s: Annotated[
        float,
        _meta(
            "How long connecting may take. Slow recorders need up to 5 s.", unit="s", ge=1, le=60
        ),
    ] = 8.0
    stall_timeout_s: Annotated[
        float,
        _meta(
            "No packet for this long means the stream hangs; it is opened anew.",
            unit="s",
            ge=1,
            le=60,
        ),
    ] = 5.0
    gate: Annotated[Gate, _meta(_GATE)] = "auto"
    rotate: Rotation = 0


class UsbSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="usb"):
    """A USB camera (Video4Linux 2)."""

    device: Annotated[
        str,
        _meta("/dev/v4l/by-id/... names the camera itself; /dev/videoN may change at each boot."),
    ]
    width: Annotated[
        int,
        _meta(
            "Picture width asked of the camera; it may answer with its nearest. 640 is enough to "
            "find people in a room.",
            unit="px",
            ge=16,
            le=7680,
        ),
    ] = 640
    height: Annotated[
        int, _meta("Picture height asked of the camera, with `width`.", unit="px", ge=16, le=4320)
    ] = 480
    fps: Annotated[
        float,
        _meta(
            "Pictures per second asked of the camera. Few cameras offer less than 15; more only "
            "costs decoding.",
            unit="1/s",
            ge=1,
            le=120,
        ),
    ] = 15.0
    pixel_format: Annotated[
        str, _meta("`mjpeg`, `yuyv422`, `h264`, or `auto` for what the driver prefers.")
    ] = "auto"
    stall_timeout_s: Annotated[
        float,
        _meta(
            "No frame for this long means the camera hangs; it is opened anew.",
            unit="s",
            ge=1,
            le=60,
        ),
    ] = 5.0
    gate: Annotated[Gate, _meta(_GATE)] = "auto"
    rotate: Rotation = 0


class FileSource(Table, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """A recording played as if it were a camera: for trials and tests."""

    path: Annotated[
        str,
        _meta("Any file that FFmpeg reads; a relative path is relative to the camera's file."),
    ]
    pace: Annotated[
        Literal["realtime", "fast"],
        _meta("`realtime` plays at its own speed, `fast` as quickly as it is analysed."),
    ] = "realtime"
    loop: Annotated[bool, _meta("Begin again at the end.")] = False
    gate: Annotated[Gate, _meta(_GATE_OF_FILES)] = "off"
    rotate: Rotation = 0


SourceConfig = RtspSource | UsbSource | FileSource | FolderSource
