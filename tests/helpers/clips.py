"""Small videos for tests, rendered on the spot: every codec, size and defect that matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

#: (number, width, height) to BGR.
Painter = Callable[[int, int, int], np.ndarray]

X265_QUIET = {"x265-params": "log-level=none:keyint=15:bframes=0"}


@dataclass(frozen=True)
class Clip:
    """What to render. `bf=0`: no B-frames, as cameras send."""

    codec: str = "libx264"
    width: int = 320
    height: int = 240
    frames: int = 30
    fps: int = 15
    pixel_format: str = "yuv420p"
    gop: int = 15
    b_frames: int = 0
    rotation: int | None = None
    audio: bool = False
    options: dict[str, str] = field(default_factory=dict)


def picture(index: int, width: int, height: int) -> np.ndarray:
    """BGR: a grey ramp, its top left eighth white, and a bar that moves right by the frame."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(40, 120, width, dtype=np.uint8)[None, :, None]
    image[: height // 4, : width // 2] = 255
    left = index * 4 % width
    image[height // 2 :, left : left + max(2, width // 16)] = 230
    return image


def render(path: Path, clip: Clip | None = None, paint: Painter = picture) -> Path:
    """Encode the clip into `path`; the container follows from its suffix."""
    clip = clip or Clip()
    options = {"g": str(clip.gop), "bf": str(clip.b_frames), **clip.options}
    if clip.codec == "libx264":
        options.setdefault("preset", "ultrafast")
        options.setdefault("x264-params", "scenecut=0:log=0")
    if clip.codec == "libx265":
        options = {"preset": "ultrafast", **X265_QUIET, **clip.options}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(clip.codec, rate=clip.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pixel_format
        if clip.rotation is not None:
            stream.set_display_rotation(clip.rotation)
        sound = container.add_stream("aac", rate=16000) if clip.audio else None
        for index in range(clip.frames):
            image = paint(index, clip.width, clip.height)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, clip.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            silence(container, sound)
    return path


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        silence(container, container.add_stream("aac", rate=16000))
    return path


def silence(container: av.container.OutputContainer, stream: av.audio.AudioStream) -> None:
    for index in range(10):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, index * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def elementary(path: Path, clip: Clip | None = None) -> Path:
    """A bare H.264 stream: no container, so neither times nor a frame rate (zero fps)."""
    assert path.suffix == ".h264"
    return render(path, clip)


def truncated(source: Path, path: Path, share: float) -> Path:
    """The first `share` of the file's bytes."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def streamable(path: Path, clip: Clip | None = None) -> Path:
    """An mp4 whose index comes first: when cut it opens, and ends too early."""
    clip = clip or Clip()
    plain = render(path.with_suffix(".plain.mp4"), clip)
    with (
        av.open(str(plain)) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as container,
    ):
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    plain.unlink()
    return path
