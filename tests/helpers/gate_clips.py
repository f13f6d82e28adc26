"""A grey yard, somebody who crosses it, and an analysis that only sees motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource, MotionConfig
from edge_agent.domain import CameraId, Frame, Motion
from edge_agent.motion import MotionDetector
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, Finding

FPS = 15
WIDTH, HEIGHT = 320, 180

CODECS = {
    "h264": ("libx264", {"preset": "superfast", "bf": "0", "x264-params": "scenecut=0:log=0"}),
    "b-frames": ("libx264", {"preset": "veryfast", "bf": "2", "x264-params": "scenecut=0:log=0"}),
    "hevc": ("libx265", {"preset": "ultrafast"}),
    "mjpeg": ("mjpeg", {"qmin": "3", "qmax": "3"}),
}


@dataclass(frozen=True)
class Transit:
    """Somebody `height_px` tall crosses from left to right."""

    begin_s: float
    end_s: float
    height_px: int = 60
    level: int = 225


def render(
    path: Path,
    duration_s: float,
    *transits: Transit,
    codec: str = "h264",
    gop_s: float = 1.0,
    noise: float = 1.5,
) -> Path:
    name, options = CODECS[codec]
    gop = round(gop_s * FPS)
    options = {**options, "g": str(gop)}
    if codec == "hevc":
        options["x265-params"] = (
            f"log-level=none:keyint={gop}:min-keyint={gop}:bframes=0:scenecut=0"
        )
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    yard = 100 + 30 * np.sin(columns / 23) + 20 * np.cos(rows / 17)
    grains = [random.normal(0, noise, yard.shape) for _ in range(7)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=FPS, options=options)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(round(duration_s * FPS)):
            luma = yard + grains[index % 7]
            for transit in transits:
                _draw(luma, transit, index / FPS)
            planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            planes[:HEIGHT] = np.clip(luma, 16, 235).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _draw(luma: np.ndarray, transit: Transit, at_s: float) -> None:
    share = (at_s - transit.begin_s) / (transit.end_s - transit.begin_s)
    if 0 <= share < 1:
        width = max(4, transit.height_px // 3)
        left = round(share * (WIDTH - width))
        luma[HEIGHT - 40 - transit.height_px : HEIGHT - 40, left : left + width] = transit.level


@dataclass
class Played:
    """What a feed handed on, and what a motion stage made of it."""

    feed: CameraFeed
    times_s: list[float] = field(default_factory=list)
    lumas: dict[float, np.ndarray] = field(default_factory=dict)
    moving_s: list[float] = field(default_factory=list)

    def found(self, transit: Transit) -> bool:
        return any(transit.begin_s <= at_s <= transit.end_s + 0.1 for at_s in self.moving_s)


def play(path: Path, *, gate: str = "auto", fps: float = 5.0, keep_lumas: bool = False) -> Played:
    clock = SystemClock()
    source = FileSource(path=str(path), pace="fast", gate=gate)
    feed = CameraFeed(
        FeedSettings(CameraId("yard"), source, fps),
        credentials=CredentialGuard(None, clock),
        clock=clock,
    )
    played, detector = Played(feed), MotionDetector(MotionConfig())

    def analyse(frame: Frame) -> None:
        motion: Motion = detector.update(frame.pixels.luma(), frame.captured_s)
        at_s = round(frame.captured_s, 3)
        played.times_s.append(at_s)
        if keep_lumas:
            played.lumas[at_s] = frame.pixels.luma().copy()
        if motion.regions:
            played.moving_s.append(at_s)
        feed.told(Finding.of(frame.captured_s, motion, (), ()))

    feed.run_once(StopToken(), analyse)
    return played
