"""How the detector is used: whole frames or crops, alone or packed, and at which input size.

    python -m benchmarks.model_use [--model NAME ...] [--report FILE.md]

The agent's own pipeline at 5 fps with default settings; only what the detector does with the
regions that it is asked about differs:

- whole: one look at the whole frame whenever there is a region
- alone: every crop has an inference of its own
- packed: the crops of a frame share one input (what the agent does); where the network takes
  inputs of any size, it ends where they end
- packed, full input: the same in inputs of the full size
- joint: so do those of all cameras that are looked at in the same moment (four at once)
- packed, N looks: a person counts from the N-th score within two seconds on (the agent's N is 3)

AP: PETS, labelled frames from 5 s on, scores above .02; who is not looked for is missed. right,
late: visits of the one-by-one clip with an event of IoU >= .8, told within 1.5 s or later. wrong:
other person events there and on the three clips without people. looks/s: inferences per second
of video on all five clips; ms/s: with the least CPU time of one look of this model and size, taken
in turns, and the share of the full input's area that the looks had. Figures of one run can be
compared with each other only.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import cv2

from benchmarks import _pets
from benchmarks._replays import Visit, replayed, visits
from benchmarks.emptiness import NO_PERSON_CLIPS
from benchmarks.events import MAX_DELAY_S, MIN_IOU, intervals, paired
from benchmarks.motion_recall import ONE_BY_ONE, ONE_BY_ONE_TRUTH, footage_dir
from edge_agent.agent.clip_player import PlayedClip, PlayedFrame
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource, PersonConfig
from edge_agent.contract import MediaTimeSource, RecordedTimeline, UlidGenerator
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.detect.evaluation import LabelledFrame, evaluate
from edge_agent.detect.mapping import Found, distinct, to_detections, to_frame
from edge_agent.detect.regions import groups, look_at
from edge_agent.domain import (
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Pixels,
    Region,
)
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.tools.trial.cost import street

MODELS = ("edge-person-int8", "edge-person", "yolox-nano-416", "lwpd-192x320", "fastestdet-352")
SIZES = (FrameSize(416, 256), FrameSize(256, 160))
EMPTY = NO_PERSON_CLIPS
CLIPS = (_pets.CLIP, ONE_BY_ONE, *EMPTY)
FPS, FROM_FRAME = 5.0, 50
ROUNDS = 15


class Use:
    """A `stages.Detector` that looks in one of the ways, and remembers what it saw above .02."""

    def __init__(self, inner: OnnxDetector, how: str) -> None:
        self.inner = inner
        self.how = how
        self.cell = inner._cell  # noqa: SLF001
        if "full input" in how:
            inner._cell = None  # noqa: SLF001
        self.candidate_threshold = inner.candidate_threshold
        self.confirm_threshold = inner.confirm_threshold
        self.seen: Sequence[Detection] = ()

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        if self.how == "alone":
            self.seen = self._alone(pixels, regions)
        else:
            asked = [Region(FULL_FRAME)] if self.how == "whole" else regions
            self.seen = self.inner.detect(pixels, asked, candidate_threshold=_pets.SCORE_ABOVE)
        return [d for d in self.seen if d.score >= candidate_threshold]

    def _alone(self, pixels: Pixels, regions: Sequence[Region]) -> Sequence[Detection]:
        frame, spec = pixels.size, self.inner.manifest.input
        found = []
        for group in groups(regions, frame, spec.size):
            for crops in [(crop,) for crop in group] or [()]:
                look = look_at(crops, frame, spec.size, spec.fit)
                candidates = self.inner._look([(pixels.bgr(), look)], _pets.SCORE_ABOVE)  # noqa: SLF001
                found.append(to_frame(candidates, look, frame))
        merged = distinct(Found.together(found), self.inner.manifest.nms_iou)
        return to_detections(merged, regions, frame)


@dataclass(slots=True)
class Outcome:
    """What one way of looking led to on all clips."""

    model: str
    size: FrameSize
    how: str
    frames: list[LabelledFrame] = field(default_factory=list)
    right: int = 0
    late: int = 0
    wrong: int = 0
    looks: int = 0
    input_px: int = 0
    seconds: float = 0.0

    def label(self, number: int, seen: Sequence[Detection], size: FrameSize) -> None:
        """Keep the answer if this PETS frame counts."""
        if number in _pets.FRAMES and number >= FROM_FRAME:
            truth = _pets.truths(footage_dir() / _pets.LABELS)[number // _pets.FRAMES.step]
            self.frames.append(_pets.labelled(truth, seen, size))

    def judge(self, clip: str, found: Sequence[Visit], until_s: float) -> None:
        """Count the person events of a clip that was watched until a moment."""
        if clip == _pets.CLIP:
            return
        if clip != ONE_BY_ONE:
            self.wrong += len(found)
            return
        spans = intervals(footage_dir() / ONE_BY_ONE_TRUTH)
        pairings, others = paired([span for span in spans if span[1] <= until_s + 1], found)
        self.wrong += sum(visit.start_s < until_s - 5 for visit in others)
        for pairing in pairings:
            if pairing.visit and pairing.iou >= MIN_IOU:
                in_time = pairing.visit.told_s - pairing.interval[0] <= MAX_DELAY_S
                self.right += in_time
                self.late += not in_time

    def row(self, ms: float) -> str:
        rate = self.looks / self.seconds
        full_looks = self.input_px / self.size.area_px / self.seconds
        ap = f"{evaluate(self.frames).ap:.3f}" if self.frames else "-"
        return (
            f"| {self.model} | {self.size} | {self.how} | {ap} | {self.right} | {self.late} "
            f"| {self.wrong} | {rate:.2f} | {full_looks * ms:.1f} |"
        )


HEADER = """\
| model | input | use | AP | right | late | wrong | looks/s | ms/s |
|---|---|---|---|---|---|---|---|---|"""


def one_camera(detector: OnnxDetector, how: str, looks: int | None = None) -> Outcome:
    """Every clip by itself, as `edge-agent replay` does it; `looks` confirm a person."""
    spec = detector.manifest.input
    told = how if looks is None else f"{how}, {looks} looks"
    outcome = Outcome(detector.manifest.name, spec.size, told)
    use = Use(detector, how)
    person = None if looks is None else PersonConfig(confirm_looks=looks)
    for clip in CLIPS if looks is None else CLIPS[1:]:
        before, before_px = detector.inferences, detector.input_px

        def watch(step: PlayedFrame, clip: str = clip) -> None:
            if clip == _pets.CLIP:
                seen = use.seen if step.analysis.searched else ()
                outcome.label(round(step.frame.captured_s * 10), seen, step.frame.pixels.size)

        result = replayed(footage_dir() / clip, use, watch, person)  # type: ignore[arg-type]
        outcome.judge(clip, visits(result), float("inf"))
        outcome.looks += detector.inferences - before
        outcome.input_px += detector.input_px - before_px
        outcome.seconds += result.duration_s
    detector._cell = use.cell  # noqa: SLF001
    return outcome


# --- four cameras at once -----------------------------------------------------------------------

#: All four see something nearly all the time: the case in which sharing could help.
_NO_TIME = RecordedTimeline(0.0, MediaTimeSource.MTIME, 0.0)
TOGETHER = (_pets.CLIP, ONE_BY_ONE, "intel_car-detection.mp4", "dvrscan_traffic_camera.mp4")


def frames_of(clip: str, camera: CameraConfig) -> Iterator[Frame]:
    """At 5 fps; a copy of each, as they are looked at later than they come."""
    clock = SystemClock()
    feed = CameraFeed(
        FeedSettings.of(camera, FPS), credentials=CredentialGuard(None, clock), clock=clock
    )
    taken: list[Frame] = []

    class Enough(Exception):
        """The shortest way out of the feed's loop."""

    def take(frame: Frame) -> None:
        taken.append(frame)
        if frame.captured_s > 75:
            raise Enough

    with contextlib.suppress(Enough):
        feed.run_once(StopToken(), take)
    return iter(taken)


def four_cameras(detector: OnnxDetector, how: str) -> Outcome:
    """`packed`: each camera's frame by itself; `joint`: the four frames of a moment together."""
    spec = detector.manifest.input
    outcome = Outcome(detector.manifest.name, spec.size, f"4 cameras, {how}")
    ids = UlidGenerator()
    pipelines, streams = [], []
    for i, clip in enumerate(TOGETHER):
        source = FileSource(path=str(footage_dir() / clip), pace="fast", gate="off")
        camera = CameraConfig(id=f"c{i}", source=source)
        pipelines.append(
            build_pipeline(camera, Use(detector, how), lambda *_: EventId(ids.next(0.0)))
        )
        streams.append(frames_of(clip, camera))
    events: list[list[Event]] = [[] for _ in TOGETHER]
    ends = [0.0] * len(TOGETHER)
    before, before_px = detector.inferences, detector.input_px
    for moment in zip_longest(*streams):
        searches = {i: pipelines[i].search(frame) for i, frame in enumerate(moment) if frame}
        asked = [i for i, search in searches.items() if search.regions]
        requests = [(moment[i].pixels, searches[i].regions) for i in asked]
        answers = dict(zip(asked, _answers(detector, how, requests), strict=True))
        for i, search in searches.items():
            seen, frame = answers.get(i, ()), moment[i]
            found = [d for d in seen if d.score >= detector.candidate_threshold]
            events[i] += pipelines[i].conclude(frame, search, found).events
            ends[i] = frame.captured_s
            if TOGETHER[i] == _pets.CLIP:
                outcome.label(round(frame.captured_s * 10), seen, frame.pixels.size)
    outcome.looks = detector.inferences - before
    outcome.input_px = detector.input_px - before_px
    outcome.seconds = sum(ends)
    for i, clip in enumerate(TOGETHER):
        events[i] += pipelines[i].close(EndReason.CAMERA_LOST, ends[i])
        result = PlayedClip(0, 0, ends[i], 0, tuple(events[i]), _NO_TIME)
        outcome.judge(clip, visits(result, Label.PERSON), ends[i])
    return outcome


def _answers(
    detector: OnnxDetector, how: str, requests: Sequence[tuple[Pixels, Sequence[Region]]]
) -> list[Sequence[Detection]]:
    above = _pets.SCORE_ABOVE
    if how == "joint":
        return detector.detect_together(requests, candidate_threshold=above)
    return [detector.detect(p, regions, candidate_threshold=above) for p, regions in requests]


def _uses(detector: OnnxDetector, *, own: bool) -> list[str]:
    uses = ["whole", "alone", "packed"] if own else ["whole", "packed"]
    if detector._cell:  # noqa: SLF001
        uses.append("packed, full input")
    return uses


# --- all of it ----------------------------------------------------------------------------------


def least_ms(detectors: Sequence[OnnxDetector]) -> list[float]:
    """CPU time of one look of each, taking turns."""
    best = [float("inf")] * len(detectors)
    pictures = [street(detector.manifest.input.size) for detector in detectors]
    for _ in range(ROUNDS):
        for i, (detector, picture) in enumerate(zip(detectors, pictures, strict=True)):
            begun_s = time.thread_time()
            detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=0.1)
            best[i] = min(best[i], 1000 * (time.thread_time() - begun_s))
    return best


def key(detector: OnnxDetector) -> tuple[str, FrameSize]:
    return detector.manifest.name, detector.manifest.input.size


def detectors_of(names: Sequence[str], sizes: Sequence[FrameSize]) -> list[OnnxDetector]:
    """Each model at its own size, then at `sizes` where it runs too."""
    found = []
    for name in names:
        model = find_model(name)
        found.append(OnnxDetector.open(model))
        for size in sizes:
            try:
                found.append(OnnxDetector.open(model.at(size)))
            except ModelError as error:
                print(f"left out: {error}", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="append", help="this model; may be given several times")
    parser.add_argument(
        "--part", choices=("one", "four", "looks"), action="append", help="default: all three"
    )
    parser.add_argument("--report", type=Path, help="write the tables to this file too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    lines: list[str] = []

    def tell(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    names = arguments.model or MODELS
    parts = arguments.part or ["one", "four", "looks"]
    sizes = SIZES if "one" in parts else ()
    detectors = detectors_of(names, sizes)
    times = dict(zip(map(key, detectors), least_ms(detectors), strict=True))
    own = {key(detector) for detector in detectors_of(names, ())}
    tell(HEADER)
    if "one" in parts:
        for detector in detectors:
            for how in _uses(detector, own=key(detector) in own):
                tell(one_camera(detector, how).row(times[key(detector)]))
    if "four" in parts:
        for detector in detectors:
            for how in ("packed", "joint") if key(detector) in own else ():
                tell(four_cameras(detector, how).row(times[key(detector)]))
    if "looks" in parts:
        for detector in detectors:
            for looks in (1, 2, 3) if key(detector) in own else ():
                tell(one_camera(detector, "packed", looks).row(times[key(detector)]))
    if arguments.report:
        arguments.report.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
