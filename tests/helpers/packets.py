"""Packets of rendered clips, as a source would hand them on, and a look into written clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
from clips import Clip, render

from edge_agent.domain import Packet, PacketStream

KINDS = {
    "h264": ("a.mp4", Clip()),
    "h264-b-frames": ("b.mp4", Clip(b_frames=2)),
    "hevc": ("c.mp4", Clip(codec="libx265")),
    "mjpeg": ("d.avi", Clip(codec="mjpeg", pixel_format="yuvj420p")),
}


@dataclass(frozen=True)
class Recorded:
    """`container` keeps the template alive."""

    container: av.container.InputContainer
    stream: PacketStream
    packets: list[Packet]


def read(path: Path) -> Recorded:
    container = av.open(str(path))
    video = container.streams.video[0]
    stream = PacketStream(video.codec_context.name, video.time_base, video)
    packets = [
        Packet(float(unit.pts * video.time_base), 0.0, unit.is_keyframe, unit.size, unit)
        for unit in container.demux(video)
        if unit.size
    ]
    return Recorded(container, stream, packets)


def recorded(folder: Path, kind: str = "h264", **changes: int) -> Recorded:
    name, clip = KINDS[kind]
    return read(render(folder / name, replace(clip, **changes)))


@dataclass(frozen=True)
class Seen:
    """What a player sees of a file."""

    frames: int
    corrupt: int
    codec: str
    tag: str
    streams: int
    duration_s: float


def seen(path: Path) -> Seen:
    """Decodes all of it; a damaged packet is an error."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        video.codec_context.options = {"err_detect": "explode"}
        frames = list(container.decode(video))
        times = [float(frame.pts * video.time_base) for frame in frames]
        assert times == sorted(times)
        return Seen(
            len(frames),
            sum(frame.is_corrupt for frame in frames),
            video.codec_context.name,
            video.codec_context.codec_tag,
            len(container.streams),
            times[-1] - times[0] if times else 0.0,
        )
