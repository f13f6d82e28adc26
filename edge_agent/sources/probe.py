"""Look at a stream for some seconds and say what it is and what would make it better."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from edge_agent.clock import Clock
from edge_agent.config.schema import FileSource, RtspSource, SourceConfig, UsbSource
from edge_agent.config.words import scrubbed
from edge_agent.domain import U8
from edge_agent.errors import ConfigError, ConfigProblem, MediaError, SourceStalled
from edge_agent.geometry import FrameSize
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.credentials import CredentialGuard
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.gate.policy import (
    GOOD_KEY_INTERVAL_S,
    MEASURING,
    POOR_KEY_INTERVAL_S,
    plan_for,
)
from edge_agent.sources.meter import StreamFigures, StreamMeter
from edge_agent.sources.opening import Opener, open_source
from edge_agent.sources.packets import PacketSource, StreamInfo
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.pixels import UPRIGHT, DecodedPixels

#: Long enough to see two keyframes of a camera with a GOP of 4 s.
WATCH_S = 10.0

#: A recording is read this far.
WATCH_FILE_S = 30.0


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was seen. Durations count from the start of connecting."""

    shown: str  # the address without login
    info: StreamInfo
    figures: StreamFigures
    size: FrameSize  # as it is analysed: upright
    rotated: bool
    connected_s: float
    first_key_s: float
    watched_s: float  # stream time
    decode_errors: int
    pictures: int  # decoded
    damaged: int  # of them, with something made up
    lost_packets: int  # of the network
    remarks: tuple[str, ...]
    advice: tuple[str, ...]
    #: The last whole picture: uint8 BGR (height, width, 3), upright, nothing masked.
    picture: U8 | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class _Seen:
    meter: StreamMeter
    first_key_s: float | None = None
    size: FrameSize | None = None
    rotated: bool = False
    pixel_format: str | None = None
    picture: Picture | None = None
    decode_errors: int = 0
    pictures: int = 0
    damaged: int = 0
    lost_packets: int = 0
    remarks: tuple[str, ...] = ()
    first_pts_s: float | None = None
    last_pts_s: float = 0.0

    @property
    def watched_s(self) -> float:
        return 0.0 if self.first_pts_s is None else max(0.0, self.last_pts_s - self.first_pts_s)


def probe_source(  # noqa: PLR0913 - what a command line can say of a camera
    address: str,
    *,
    username: str | None = None,
    password_file: str | None = None,
    transport: str = "tcp",
    rotate: Literal[0, 90, 180, 270] = 0,
    allow_basic: bool = False,
    ca_file: str | None = None,
    allow_insecure: bool = False,
) -> SourceConfig:
    """The source that a command line means: an rtsp:// URL, a /dev/video device, or a file.

    Raises ConfigError for a login inside the URL: every user of the machine could read it
    in the list of processes.
    """
    scheme = urlsplit(address).scheme.lower()
    if scheme in ("rtsp", "rtsps"):
        if "@" in address:  # anywhere: a password may hold a slash
            raise _problem(
                scrubbed(address),
                "holds a login, which everyone on this machine can see in the process list",
                "leave it out and give --username NAME --password-file FILE",
            )
        return RtspSource(
            url=address,
            transport="udp" if transport == "udp" else "tcp",
            username=username,
            password_file=password_file,
            rotate=rotate,
            allow_basic=allow_basic,
            ca_file=ca_file,
            allow_insecure=allow_insecure,
        )
    if scheme not in ("", "file"):
        raise _problem(
            scrubbed(address), f"{scheme}:// is not spoken", "give rtsp://, /dev/video* or a file"
        )
    if address.startswith("/dev/"):
        return UsbSource(device=address, rotate=rotate)
    return FileSource(path=address.removeprefix("file://"), pace="fast", rotate=rotate)


def probe(  # noqa: PLR0913 - what to look at, how, and what errors call it
    config: SourceConfig,
    *,
    credentials: CredentialGuard,
    stop: StopToken,
    clock: Clock,
    watch_s: float = WATCH_S,
    camera: str = "probe",
    opener: Opener = open_source,
    rules: PictureRules = ANY_CAMERA,
) -> ProbeReport:
    """Watch the source for `watch_s` (a recording: for 30 s of its own time).

    `camera` is what errors call it.

    Raises the AgentErrors of opening and reading, and SourceStalled when no picture came.
    """
    begin_s = clock.mono_s()
    shown = shown_address(config)
    opened = opener(
        config, camera=camera, credentials=credentials, stop=stop, clock=clock, rules=rules
    )
    with closing(opened) as source:
        connected_s = clock.mono_s() - begin_s
        seen = _watch(source, begin_s, watch_s, clock, rules)
        info = source.info
    if seen.first_key_s is None or seen.size is None:
        found = "no keyframe came" if seen.first_key_s is None else "no picture could be decoded"
        raise SourceStalled(f"{shown}: watched for {watch_s:g} s, but {found}")
    info = StreamInfo(
        info.codec, info.size or seen.size, seen.pixel_format, info.fps, info.transport
    )
    figures = seen.meter.figures()
    return ProbeReport(
        shown,
        info,
        figures,
        seen.size,
        seen.rotated,
        connected_s,
        seen.first_key_s,
        seen.watched_s,
        seen.decode_errors,
        seen.pictures,
        seen.damaged,
        seen.lost_packets,
        seen.remarks,
        tuple(advice_for(info, figures, seen.watched_s, seen.size)),
        _shown(seen.picture),
    )


def _watch(
    source: PacketSource, begin_s: float, watch_s: float, clock: Clock, rules: PictureRules
) -> _Seen:
    seen = _Seen(StreamMeter())
    decoder = Decoder(source.stream, source.time_base, rules)
    for packet in source.packets():
        seen.meter.add(packet)
        seen.last_pts_s = max(seen.last_pts_s, packet.pts_s)
        if seen.first_pts_s is None:
            seen.first_pts_s = seen.last_pts_s = packet.pts_s
        if packet.is_key and seen.first_key_s is None:
            seen.first_key_s = packet.received_s - begin_s
        if seen.first_key_s is not None:
            _note_pictures(seen, decoder, decoder.decode(packet))
            if decoder.complaint:
                raise MediaError(f"the source {decoder.complaint}")
        seen.lost_packets, seen.remarks = source.lost_packets, source.remarks
        enough = seen.watched_s >= WATCH_FILE_S
        if enough or (source.live and clock.mono_s() - begin_s >= watch_s):
            return seen
    if seen.size is None:
        _note_pictures(seen, decoder, decoder.drain())
    return seen


def _note_pictures(seen: _Seen, decoder: Decoder, pictures: list[Picture]) -> None:
    seen.decode_errors += decoder.take_errors()
    seen.pictures += len(pictures)
    seen.damaged += decoder.take_damaged()
    if pictures and (seen.picture is None or not pictures[-1].damaged):
        seen.picture = pictures[-1]
    if pictures and seen.size is None:
        unit, orientation = pictures[0].unit, pictures[0].orientation
        seen.size = DecodedPixels(unit, (), orientation).size
        seen.rotated = orientation != UPRIGHT
        seen.pixel_format = unit.format.name


def _shown(picture: Picture | None) -> U8 | None:
    if picture is None:
        return None
    return DecodedPixels(picture.unit, (), picture.orientation).bgr()


_ALL_INTRA = ("mjpeg", "rawvideo")
ENOUGH_WIDTH_PX = 1280
ENOUGH_FPS = 15.5
MUCH_BPS = 4_000_000


def advice_for(
    info: StreamInfo, figures: StreamFigures, watched_s: float, size: FrameSize
) -> list[str]:
    """What to change at the camera, most useful first; empty when all is well."""
    lines = [_key_advice(figures, watched_s)] if info.codec not in _ALL_INTRA else []
    if max(size.width, size.height) > ENOUGH_WIDTH_PX:
        lines.append(
            f"{size} is more than finding people needs: use the camera's substream "
            "(640x360, 10-15 fps); decoding costs in proportion to the pixels"
        )
    if info.codec == "hevc":
        lines.append("H.265 costs about 1.7 times as much to decode as H.264: choose H.264")
    if info.codec == "mjpeg" and info.transport in ("tcp", "udp"):
        lines.append("MJPEG needs several times the network of H.264: choose H.264")
    if figures.reordered:
        lines.append("B-frames delay every picture: switch them off (profile Baseline or Main)")
    if figures.fps is not None and figures.fps > ENOUGH_FPS:
        lines.append(f"{figures.fps:.0f} fps are more than needed: 10 to 15 are enough")
    if figures.bitrate_bps is not None and figures.bitrate_bps > MUCH_BPS:
        lines.append(
            f"{figures.bitrate_bps / 1e6:.1f} Mbit/s is much for analysis: 0.5 to 1 is enough"
        )
    if info.transport == "udp":
        lines.append('UDP loses packets on Wi-Fi: use transport = "tcp" if the camera can')
    return [line for line in lines if line]


def _key_advice(figures: StreamFigures, watched_s: float) -> str:
    interval_s = figures.longest_key_interval_s
    if interval_s is None:
        if watched_s <= POOR_KEY_INTERVAL_S:
            return ""
        return (
            f"only one keyframe in {watched_s:.0f} s: set the I-frame interval to 1 s and switch "
            "the smart codec (H.264+, H.265+) off"
        )
    if interval_s > POOR_KEY_INTERVAL_S:
        return (
            f"a keyframe only every {interval_s:.1f} s: set the I-frame interval to 1 s and "
            "switch the smart codec (H.264+, H.265+) off; after a broken connection the picture "
            "comes back that much later"
        )
    if interval_s > GOOD_KEY_INTERVAL_S:
        return f"a keyframe every {interval_s:.1f} s: an I-frame interval of 1 s would be better"
    return ""


def format_report(report: ProbeReport) -> str:
    """The report for a terminal, several lines."""
    info, figures = report.info, report.figures
    rotated = f", stored as {info.size} and rotated" if report.rotated else ""
    gop = "one keyframe seen"
    if figures.key_interval_s is not None:
        gop = f"{figures.gop_packets} packets, a keyframe every {figures.key_interval_s:.2f} s"
    rows = [
        ("source", report.shown),
        ("codec", f"{info.codec}, {info.pixel_format or 'pixel format not known'}"),
        ("size", f"{report.size}{rotated}"),
        ("fps", f"{_number(figures.fps, '.1f')} measured, {_number(info.fps, 'g')} announced"),
        ("GOP", gop),
        ("decoding", decoding_of(report)),
        (
            "bitrate",
            "not known"
            if figures.bitrate_bps is None
            else f"{figures.bitrate_bps / 1000:.0f} kbit/s",
        ),
        ("transport", info.transport),
        ("reordering", "B-frames" if figures.reordered else "none"),
        ("connected", f"after {report.connected_s:.2f} s"),
        ("first keyframe", f"after {report.first_key_s:.2f} s"),
        ("pictures", _pictures(report)),
    ]
    lines = [f"{name:<15} {value}" for name, value in rows]
    lines += [f"attention       {line}" for line in report.remarks]
    good = ("nothing to improve",) if not report.remarks else ()
    lines += [f"advice          {line}" for line in report.advice or good]
    return "\n".join(lines)


def _pictures(report: ProbeReport) -> str:
    """How whole what came was."""
    text = f"{report.pictures} decoded, {report.decode_errors} errors"
    if report.damaged:
        text += f", {report.damaged} damaged on their way"
    if report.lost_packets:
        text += f", {report.lost_packets} packets lost"
    return text


def decoding_of(report: ProbeReport) -> str:
    """What the gate will do with such a stream."""
    figures = report.figures
    plan = MEASURING
    if report.info.codec in _ALL_INTRA or figures.gop_packets == 1:
        plan = plan_for((), all_intra=True)
    elif figures.longest_key_interval_s is not None and figures.key_interval_s is not None:
        plan = plan_for((figures.longest_key_interval_s, figures.key_interval_s))
    elif report.watched_s > POOR_KEY_INTERVAL_S:
        plan = plan_for((report.watched_s,))
    return f"{plan.policy}, {plan.reason}"


def shown_address(config: SourceConfig) -> str:
    """Where the pictures come from, for people: never with a login."""
    if isinstance(config, RtspSource):
        return scrubbed(config.url)
    return config.device if isinstance(config, UsbSource) else config.path


def _number(value: float | None, form: str) -> str:
    return "not known" if value is None else format(value, form)


def _problem(shown: str, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem("command line", shown, found, fix)])
