"""What the health stage costs, as ratios within one run.

    python -m benchmarks.eyes_cost [--seconds N]

One look at 1280x720, on one thread; and an idle camera: a stream of 1280x720 at 15 pictures a
second in which nothing happens, gated as by `run`, with health and without, in turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import cv2
import msgspec
import numpy as np

from benchmarks.eyes import SHARED, Still
from edge_agent.agent.clip_player import ClipPlayer
from edge_agent.analysis.detector import open_detector
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, DetectorConfig, FileSource
from edge_agent.config.camera import HealthConfig
from edge_agent.domain import U8
from edge_agent.geometry import FrameSize
from edge_agent.health import PictureHealth
from edge_agent.health.watch import CALM_LOOK_EVERY_S

_SCENE = SHARED / "ahmetozlu_pedestrian_survaillance.mp4"
#: In its first minute a view is learned, from every keyframe.
_FIRST_S = 70
_WIDTH, _HEIGHT, _FPS, _GOP = 1280, 720, 15, 30
#: _GOP is no multiple of it: else each keyframe shows the same one, and the camera is frozen.
_PICTURES = 13


@dataclass(slots=True)
class _Decoded:
    """A picture whose luma is there, as a decoder has it. Implements `domain.Pixels`."""

    picture: U8
    plane: U8

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.picture.shape[1], self.picture.shape[0])

    def luma(self) -> U8:
        return self.plane

    def bgr(self) -> U8:
        return self.picture


def scene() -> U8:
    with av.open(str(_SCENE)) as container:
        first = next(container.decode(container.streams.video[0])).to_ndarray(format="bgr24")
    return np.asarray(cv2.resize(first, (_WIDTH, _HEIGHT)), np.uint8)


def noisy(picture: U8, count: int) -> list[U8]:
    rng = np.random.default_rng(1)
    return [
        np.clip(picture + rng.normal(0, 2, picture.shape[:2])[..., None], 0, 255).astype(np.uint8)
        for _ in range(count)
    ]


def look_ms(pictures: list[U8]) -> tuple[float, float, float]:
    """Of 300 looks at a known view: the least of the glances, that of the others, and the mean."""
    health, spent = PictureHealth(), []
    stills = [_Decoded(picture, Still(picture).luma()) for picture in pictures]
    for number in range(400):
        began_s = time.thread_time()
        health.update(stills[number % len(stills)], number * CALM_LOOK_EVERY_S)
        spent.append(1000 * (time.thread_time() - began_s))
    glance, other = sorted((min(spent[100::2]), min(spent[101::2])))
    return glance, other, float(np.mean(spent[100:]))


def idle_clip(path: Path, pictures: list[U8], seconds: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _FPS)
        stream.options = {"preset": "ultrafast", "g": str(_GOP), "bf": "0", "crf": "28"}
        for number in range(seconds * _FPS):
            frame = av.VideoFrame.from_ndarray(pictures[number % len(pictures)], format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def idle_cpu_s(clip: Path, *, health: bool) -> float:
    """Of the whole process: the clip's source and its analysis."""
    player = ClipPlayer(
        open_detector(DetectorConfig()),
        default_fps=5,
        zone=ZoneInfo("UTC"),
        clock=SystemClock(),
        gate=True,
    )
    camera = CameraConfig(id="gate", source=FileSource(path=str(clip)))
    camera = msgspec.structs.replace(camera, health=HealthConfig(enabled=health))
    began_s = time.process_time()
    player.play(clip, camera)
    return time.process_time() - began_s


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    if not _SCENE.exists():
        print(f"no {_SCENE}", file=sys.stderr)
        return 1
    cv2.setNumThreads(1)
    pictures = noisy(scene(), _PICTURES)
    glance, other, usual = look_ms(pictures)
    print(
        f"a look at {_WIDTH}x{_HEIGHT}: least {glance:.2f} ms for a glance, {other:.2f} ms for the "
        f"view, {(glance + other) / 2:.2f} ms for both by turns; {usual:.2f} ms on average"
    )
    lengths = (_FIRST_S, _FIRST_S + arguments.seconds)
    with tempfile.TemporaryDirectory() as folder:
        clips = [idle_clip(Path(folder) / f"{s}.mp4", pictures, s) for s in lengths]
        idle_cpu_s(clips[0], health=True)
        spent: dict[tuple[int, bool], list[float]] = {}
        for _ in range(4):
            for number, clip in enumerate(clips):
                for health in (False, True):
                    took_s = idle_cpu_s(clip, health=health)
                    spent.setdefault((number, health), []).append(took_s)
    least_s = {key: min(times) for key, times in spent.items()}
    without, with_ = (least_s[1, health] - least_s[0, health] for health in (False, True))
    print(
        f"idle camera, {arguments.seconds} s after its first {_FIRST_S}: {without:.2f} s of "
        f"processor without health, {with_:.2f} s with it: {100 * (with_ / without - 1):+.1f} %"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
