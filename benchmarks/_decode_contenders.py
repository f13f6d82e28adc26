"""Who is compared in `benchmarks.decode`, each run in a process of its own.

    python -m benchmarks._decode_contenders agent CLIP       with the gate, as `edge-agent run`
    python -m benchmarks._decode_contenders full CLIP        every packet decoded
    python -m benchmarks._decode_contenders pipe CLIP        ffmpeg pipe and Frigate-like motion
    python -m benchmarks._decode_contenders cameras FILE     agents' cameras at their own pace
    python -m benchmarks._decode_contenders clip FILE        a clip written from the ring

Prints one JSON object (`Run`). CPU is user and system time of the work, without the start of
Python. "Inference left out" means that the agent asks a stand-in for a detector which knows
the planted people: it costs nothing, and gate and tracker are told what they would be told.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av.logging
import cv2
import numpy as np

from benchmarks.frigate_like import FrigateLikeMotion, squares
from edge_agent.agent.closer_look import CloserLook
from edge_agent.analysis.loop import finding_of
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.config.schema import MotionConfig
from edge_agent.detect import OnnxDetector, default_model_dirs, find_model
from edge_agent.domain import (
    U8,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Lighting,
    Packet,
    Phase,
    Pixels,
    Region,
)
from edge_agent.geometry import BBox, FrameSize
from edge_agent.pipeline import Analysis
from edge_agent.pipeline.stages import Detector, Extras, build_pipeline
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CloserView, CredentialGuard, FeedSettings, GopRing
from edge_agent.sources.opening import open_source
from edge_agent.sources.ring import REWIND_SPAN_S

FPS = 5.0
MODEL = "auto"
#: People follow each other more closely here than at a front door.
QUIET_S = 3.0
#: Until then a run warms up: stream measured, background learned.
SETTLED_S = 15.0
#: What Frigate is usually given to look at: 720 lines of a main stream, a substream as it is.
PIPE_LINES = 720
_TALLY_EVERY_S = 0.5

Boxes = list[tuple[float, float, float, float]]


@dataclass(slots=True)
class Look:
    """A picture in which something moved, or a person was tracked."""

    at_s: float  # of the picture
    known_s: float  # how far the stream was when it was analysed
    moving: Boxes
    people: Boxes = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """How far a run was at a moment of the stream."""

    known_s: float
    cpu_s: float
    decoded: int  # packets
    packets: int
    wakes: int
    false_wakes: int  # by the gate's own count
    nuisance_frac: float


@dataclass(slots=True)
class Run:
    """What a contender did with a clip."""

    cpu_s: float = 0.0
    settled_cpu_s: float | None = None  # from SETTLED_S on
    rss_mib: float = 0.0
    analysed: int = 0
    looks: list[Look] = field(default_factory=list)
    motion_starts: list[tuple[float, float]] = field(default_factory=list)  # start, told
    person_starts: list[tuple[float, float]] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    inferences: int = 0
    main_packets: int = 0  # of the main stream beside it
    main_decoded: int = 0
    mode: str = ""
    model: str = ""


def cpu_s() -> float:
    """User and system time of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )


def _plain(boxes: Iterator[BBox]) -> Boxes:
    return [(round(b.x, 4), round(b.y, 4), round(b.w, 4), round(b.h, 4)) for b in boxes]


class KnowingDetector:
    """Knows where the planted people are; sees those that a region shows at least half of."""

    candidate_threshold = 0.3
    confirm_threshold = 0.5

    def __init__(self, truth: Path | None, fps: float) -> None:
        self._people = json.loads(truth.read_text()) if truth and truth.exists() else []
        self._fps = fps
        self.at_s = 0.0

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        del pixels, candidate_threshold
        found = []
        for person in self._people:
            if not person["start_s"] <= self.at_s <= person["end_s"]:
                continue
            first = int(np.ceil(person["start_s"] * self._fps))
            index = min(max(0, round(self.at_s * self._fps) - first), len(person["boxes"]) - 1)
            box = BBox(*person["boxes"][index])
            enough = 0.5 * box.area_frac
            if enough > 0 and any(box.intersection_frac(r.bbox) >= enough for r in regions):
                found.append(Detection(box, 0.9))
        return found


class _Watched:
    """A packet source that remembers how far the stream is."""

    def __init__(self, source: Any, run: AgentRun) -> None:
        self._source, self._run = source, run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def packets(self) -> Iterator[Packet]:
        for packet in self._source.packets():
            self._run.newest_s = packet.pts_s
            if self._run.main is not None:
                self._run.main.flow_to(packet.pts_s)
            yield packet


class _MainBeside:
    """A main stream that is as far as the substream."""

    def __init__(self, clip: Path, clock: SystemClock) -> None:
        config = FileSource(path=str(clip), pace="fast")
        self._source = open_source(
            config,
            camera="main",
            credentials=CredentialGuard(None, clock),
            stop=StopToken(),
            clock=clock,
        )
        self._packets = self._source.packets()
        self._next = next(self._packets, None)
        self._ring = GopRing(REWIND_SPAN_S)
        self.view = CloserView()
        self.packets = 0

    def flow_to(self, pts_s: float) -> None:
        while self._next is not None and self._next.pts_s <= pts_s:
            packet, self._next = self._next, next(self._packets, None)
            self.packets += 1
            self._ring.add(packet)
            self.view.flows(packet, self._ring, 0.0, self._source)


class AgentRun:
    """A camera of the agent from file to event, in one thread, as fast as it goes."""

    def __init__(
        self,
        clip: Path,
        *,
        gated: bool,
        fps: float,
        model: str | None = None,
        main: Path | None = None,
    ) -> None:
        """Without a `model` it asks the stand-in."""
        self.newest_s = 0.0
        self.result = Run()
        self._knowing = KnowingDetector(clip.parent / "truth.json", fps)
        self._onnx = None
        if model:
            self._onnx = OnnxDetector.open(find_model(model, default_model_dirs()))
        detector: Detector = self._onnx or self._knowing
        clock = SystemClock()
        self.main = _MainBeside(main, clock) if main else None
        closer = CloserLook(self.main.view) if self.main else None
        source = FileSource(path=str(clip), pace="fast", gate="auto" if gated else "off")
        camera = CameraConfig(id="bench", source=source, motion=MotionConfig(quiet_s=QUIET_S))
        self._pipeline = build_pipeline(camera, detector, self._new_id, Extras(closer))
        self._feed = CameraFeed(
            FeedSettings.of(camera, FPS),
            credentials=CredentialGuard(None, clock),
            clock=clock,
            opener=lambda *args, **how: _Watched(open_source(*args, **how), self),
        )
        self._events = 0
        self._tallied_s = float("-inf")

    def _new_id(self, label: Label, at_s: float) -> EventId:
        self._events += 1
        return EventId(f"{self._events:026d}")

    def go(self) -> Run:
        begun_s = cpu_s()
        self._begun_s = begun_s
        self._feed.run_once(StopToken(), self._take)
        self._note_events(self._pipeline.close(EndReason.CAMERA_LOST, self.newest_s))
        self._tally()
        result = self.result
        result.cpu_s = cpu_s() - begun_s
        settled = [t for t in result.tallies if t.known_s >= SETTLED_S]
        if settled:
            rest_s = self.newest_s - settled[0].known_s
            if rest_s > 0:
                result.settled_cpu_s = (result.cpu_s - settled[0].cpu_s) / rest_s
        gate = self._feed.status().gate
        if gate:
            result.mode = f"{gate.plan.policy}: {gate.plan.reason}"
        if self._onnx:
            result.inferences = self._onnx.inferences
            result.model = self._onnx.manifest.name
        if self.main:
            result.main_packets = self.main.packets
            result.main_decoded = self.main.view.decoded_packets
        return result

    def _take(self, frame: Frame) -> None:
        self._knowing.at_s = frame.captured_s
        analysis = self._pipeline.update(frame)
        self._feed.told(finding_of(frame.captured_s, analysis))
        self.result.analysed += 1
        self._note(analysis, frame.captured_s)
        self._note_events(analysis.events)
        if self.newest_s - self._tallied_s >= _TALLY_EVERY_S:
            self._tally()

    def _note(self, analysis: Analysis, at_s: float) -> None:
        steady = analysis.motion.lighting is Lighting.STEADY
        moving = _plain(r.bbox for r in analysis.motion.regions) if steady else []
        people = _plain(t.bbox for t in analysis.tracks if t.seen_s == at_s)
        if moving or people:
            self.result.looks.append(Look(at_s, self.newest_s, moving, people))

    def _note_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.phase is Phase.START:
                motion = event.label is Label.MOTION
                starts = self.result.motion_starts if motion else self.result.person_starts
                starts.append((event.start_s, self.newest_s))

    def _tally(self) -> None:
        self._tallied_s = self.newest_s
        gate = self._feed.status().gate
        if gate is None:
            return
        counters = gate.counters
        self.result.tallies.append(
            Tally(
                self.newest_s,
                cpu_s() - self._begun_s,
                counters.decoded_packets,
                counters.packets,
                counters.wakes,
                counters.false_wakes,
                gate.nuisance_frac,
            )
        )


class _PipePixels:
    """A picture from the pipe, for the detector."""

    def __init__(self, i420: U8, size: FrameSize) -> None:
        self._i420, self.size = i420, size

    def luma(self) -> U8:
        return self._i420[: self.size.height]

    def bgr(self) -> U8:
        return np.asarray(cv2.cvtColor(self._i420, cv2.COLOR_YUV2BGR_I420), np.uint8)


def run_pipe(clip: Path, *, size: FrameSize, model: str | None = None) -> Run:
    """What Frigate does: ffmpeg decodes all, picks 5 fps, scales, and pipes raw pictures."""
    result, motion = Run(mode="ffmpeg pipe"), FrigateLikeMotion()
    detector = OnnxDetector.open(find_model(model, default_model_dirs())) if model else None
    height = min(PIPE_LINES, size.height)
    shown = FrameSize(round(size.width * height / size.height / 2) * 2, height)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(clip), "-vf",
               f"fps={FPS:g},scale={shown.width}:{shown.height}", "-threads", "1",
               "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1"]  # fmt: skip
    rows, frame_bytes = height * 3 // 2, shown.area_px * 3 // 2
    begun_s = cpu_s()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdout is not None
        while len(raw := ffmpeg.stdout.read(frame_bytes)) == frame_bytes:
            at_s = result.analysed / FPS
            result.analysed += 1
            i420 = np.frombuffer(raw, np.uint8).reshape(rows, shown.width)
            boxes = motion.update(i420[:height])
            if not boxes:
                continue
            result.looks.append(Look(at_s, at_s, _plain(iter(boxes))))
            if detector:
                regions = [Region(box) for box in squares(boxes, shown)]
                pixels = _PipePixels(i420, shown)
                threshold = detector.candidate_threshold
                detector.detect(pixels, regions, candidate_threshold=threshold)
    result.cpu_s = cpu_s() - begun_s
    if detector:
        result.inferences = detector.inferences
        result.model = detector.manifest.name
    return result


def rss_mib(peak: bool = True) -> float:
    if peak:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("contender", choices=("agent", "full", "pipe", "cameras", "clip"))
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", help="a real detector; without it a stand-in is asked")
    parser.add_argument("--main", type=Path, help="the main stream of the substream CLIP")
    parser.add_argument("--fps", type=float, default=25.0, help="of the planted truth")
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080))
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    av.logging.set_level(None)
    if args.contender in ("cameras", "clip"):
        from benchmarks._decode_cameras import IdleCameras, write_clip

        if args.contender == "clip":
            json.dump(write_clip(args.clip, args.seconds), sys.stdout)
        else:
            json.dump(IdleCameras(args.clip, args.cameras).go(args.seconds), sys.stdout)
        return
    begun_s = time.perf_counter()
    if args.contender == "pipe":
        run = run_pipe(args.clip, size=FrameSize(*args.size), model=args.model)
    else:
        gated = args.contender == "agent"
        run = AgentRun(args.clip, gated=gated, fps=args.fps, model=args.model, main=args.main).go()
    run.rss_mib = rss_mib()
    print(f"{time.perf_counter() - begun_s:.1f} s", file=sys.stderr)
    json.dump(asdict(run), sys.stdout)


if __name__ == "__main__":
    main()
