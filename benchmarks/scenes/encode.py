"""Scenes as the cameras would send them: encoded by ffmpeg, kept in a cache beside their truth.

    python -m benchmarks.scenes.encode --only transits     render and encode what is missing

One rendering feeds all encodings of a scene. The cache is `edge-agent-scenes` in
XDG_CACHE_HOME (or ~/.cache), or where EDGE_AGENT_SCENES says; it may be deleted at any time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from benchmarks.scenes.activity import HEIGHTS_FRAC, Plan, Rendering, Transit
from benchmarks.scenes.backgrounds import CAR_PARK, COUNTER, MOTORWAY, ROOM, STREET, YARD, Place
from benchmarks.scenes.weather import Weather, changes_s

FULL_HD, SUBSTREAM, CIF = (1920, 1080), (640, 360), (352, 198)
FULL_HD_FPS, SUBSTREAM_FPS = 25.0, 15.0
#: A "smart codec" (H.264+, Zipstream) sends a keyframe when it thinks fit.
SMART_GOP_S = 16.7
#: Bits per second, as cameras are set out of the box.
CBR_BPS = {FULL_HD: 2_000_000, SUBSTREAM: 400_000, CIF: 200_000}
VBR_CRF = 25
#: Length of the scenes with many visits. They follow each other after 9.5 s at least, so that a
#: gate with a GOP of 4 s rests in between.
VISITS_S = 360.0
#: People who are a few pixels tall on a substream.
FAR_FRAC = (0.04, 0.10)
#: Changes with anything that changes the pictures, so that an old cache is not used.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a camera encodes."""

    codec: str  # h264 or h265
    rate: str  # cbr or vbr
    gop_s: float
    small: tuple[int, int] | None = None  # the scene made smaller, as a camera's substream

    @property
    def name(self) -> str:
        gop = "smart" if self.gop_s == SMART_GOP_S else f"{self.gop_s:g}s"
        small = f"-{self.small[1]}p" if self.small else ""
        return f"{self.codec}-{self.rate}-{gop}{small}"

    def options(self, size: tuple[int, int], fps: float) -> list[str]:
        """ffmpeg's output options; one thread, as all encodings run side by side."""
        smaller = []
        if self.small:
            size, fps = self.small, fps / 2
            smaller = ["-vf", f"fps={fps:g},scale={size[0]}:{size[1]}"]
        keyint = round(self.gop_s * fps)
        tied = f"keyint={keyint}:min-keyint={keyint}:scenecut=0:bframes=0"
        bps = CBR_BPS[size]
        rate = ["-b:v", str(bps), "-maxrate", str(bps), "-bufsize", str(bps)]
        if self.rate == "vbr":
            rate = ["-crf", str(VBR_CRF), "-maxrate", str(4 * bps), "-bufsize", str(8 * bps)]
        if self.codec == "h264":
            return [*smaller, "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency",
                    "-threads", "1", "-x264-params", tied, *rate]  # fmt: skip
        quiet = f"{tied}:log-level=error:pools=none:frame-threads=1"
        return [*smaller, "-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency",
                "-x265-params", quiet, *rate]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clip:
    """An encoded scene and what is true in it."""

    name: str
    path: Path
    plan: str
    weather: str
    size: tuple[int, int]
    fps: float
    seconds: float
    gop_s: float
    changes_s: tuple[float, ...]
    transits: tuple[Transit, ...]
    substream: bool = False


H264_1S, H264_2S, H264_4S = (Encoding("h264", "cbr", gop_s) for gop_s in (1.0, 2.0, 4.0))
H264_SMART = Encoding("h264", "vbr", SMART_GOP_S)
H264_VBR, H265_CBR = Encoding("h264", "vbr", 2.0), Encoding("h265", "cbr", 2.0)
SMALL = tuple(Encoding("h264", "cbr", 1.0, size) for size in (SUBSTREAM, CIF))
GOPS = (H264_1S, H264_2S, H264_4S)


def cache_dir() -> Path:
    named = os.environ.get("EDGE_AGENT_SCENES")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edge-agent-scenes"


def recall_plans() -> Iterable[Plan]:
    """More than 200 people at random moments, under all weathers, as a substream shows them."""
    places = (YARD, STREET, MOTORWAY, CAR_PARK, ROOM, COUNTER)
    for i in range(8):
        place = places[i % len(places)]
        yield _plan(f"calm-{i}", place, Weather.CALM, VISITS_S)
    for name, place, weather in (
        ("dusk", CAR_PARK, Weather.NOISY),
        ("lamp", ROOM, Weather.LAMP),
        ("infrared", YARD, Weather.INFRARED),
        ("rain", STREET, Weather.RAIN),
    ):
        yield _plan(name, place, weather, VISITS_S)


def _plan(name: str, place: Place, weather: Weather, seconds: float) -> Plan:
    return Plan(name, place, weather, SUBSTREAM, SUBSTREAM_FPS, seconds, (9.5, 15.0))


def scenes() -> list[tuple[Plan, tuple[Encoding, ...]]]:
    """Every scene of the benchmark with its encodings."""
    found: list[tuple[Plan, tuple[Encoding, ...]]] = []
    for plan in recall_plans():
        more = (H264_SMART, H264_VBR, H265_CBR) if plan.name == "calm-0" else ()
        found.append((plan, (*GOPS, *more)))
    substream = (SUBSTREAM, SUBSTREAM_FPS)
    wind = Plan("foliage", STREET, Weather.FOLIAGE, *substream, 960, (18.0, 30.0))
    gale = Plan("gale", STREET, Weather.GALE, *substream, 960, (35.0, 60.0))
    shower = Plan("shower", STREET, Weather.RAIN, *substream, 960, (35.0, 60.0))
    idle = Plan("idle-360", YARD, Weather.CALM, *substream, 900, None)
    dark = Plan("idle-360-dusk", STREET, Weather.NOISY, *substream, 300, None)
    found += [
        (wind, (H264_1S, H264_2S)),
        (gale, (H264_1S, H264_2S)),
        (shower, (H264_1S, H264_2S)),
        (idle, (H264_1S, H264_2S)),
        (dark, (H264_1S, H264_2S)),
    ]
    main = (FULL_HD, FULL_HD_FPS)
    still = Plan("idle-1080", YARD, Weather.CALM, *main, 60, None)
    day = Plan("day-1080", YARD, Weather.CALM, *main, 400, (70.0, 110.0), first_s=50.0)
    far = Plan("far", YARD, Weather.CALM, *main, 240, (3.0, 6.0), heights_frac=FAR_FRAC)
    return [
        *found,
        (still, (H264_2S, H264_VBR, H265_CBR)),
        (day, (H264_2S,)),
        (far, (H264_2S, *SMALL)),
    ]


def clips(only: Sequence[str] = ()) -> list[Clip]:
    """All encoded scenes whose name contains one of `only`; renders what is not cached."""
    found: list[Clip] = []
    for plan, encodings in scenes():
        names = {e: f"{plan.name}/{e.name}" for e in encodings}
        wanted = [e for e in encodings if not only or any(part in names[e] for part in only)]
        if not wanted:
            continue
        folder = cache_dir() / f"{plan.name}-{_fingerprint(plan)}"
        missing = [e for e in wanted if not (folder / f"{e.name}.mp4").exists()]
        if missing:
            _render(plan, missing, folder)
        transits = _read(folder / "truth.json")
        found += [
            Clip(
                names[e],
                folder / f"{e.name}.mp4",
                plan.name,
                plan.weather,
                e.small or plan.size,
                plan.fps,
                plan.seconds,
                e.gop_s,
                changes_s(plan.weather, plan.seconds),
                transits,
                e.small is not None,
            )
            for e in wanted
        ]
    return found


def _fingerprint(plan: Plan) -> str:
    text = f"{VERSION} {plan!r}"
    if plan.heights_frac != HEIGHTS_FRAC:
        text += f" {plan.heights_frac}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _read(path: Path) -> tuple[Transit, ...]:
    rows = json.loads(path.read_text())
    return tuple(Transit(**{**row, "boxes": tuple(map(tuple, row["boxes"]))}) for row in rows)


def _render(plan: Plan, encodings: Sequence[Encoding], folder: Path) -> None:
    """Render once, encode all; a file has its name only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    begun_s = time.perf_counter()
    width, height = plan.size
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p",
               "-s", f"{width}x{height}", "-r", f"{plan.fps:g}", "-i", "pipe:0"]  # fmt: skip
    for encoding in encodings:
        part = folder / f"{encoding.name}.part.mp4"
        command += ["-map", "0:v", *encoding.options(plan.size, plan.fps), str(part)]
    rendering = Rendering(plan)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin is not None
        for picture in rendering.pictures():
            ffmpeg.stdin.write(picture.data)
        ffmpeg.stdin.close()
    if ffmpeg.returncode:
        raise RuntimeError(f"ffmpeg failed for {plan.name}: exit status {ffmpeg.returncode}")
    (folder / "truth.json").write_text(json.dumps([asdict(t) for t in rendering.transits()]))
    for encoding in encodings:
        (folder / f"{encoding.name}.part.mp4").rename(folder / f"{encoding.name}.mp4")
    took_s = time.perf_counter() - begun_s
    print(f"rendered {plan.name} x {len(encodings)} in {took_s:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="parts of names; default: all")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for clip in clips(args.only):
        size = clip.path.stat().st_size * 8 / clip.seconds / 1000
        print(
            f"{clip.name:28} {clip.seconds:5.0f} s {size:6.0f} kbit/s {len(clip.transits)} people"
        )


if __name__ == "__main__":
    main()
