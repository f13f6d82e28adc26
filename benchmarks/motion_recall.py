"""Motion recall and cost beside a Frigate-like peer, on the same frames in the same run.

    python -m benchmarks.motion_recall

Recall is the share of ground-truth boxes whose centre lies in a region of at most four times
their area, at 5 fps, after 5 s. PETS has boxes. The one-by-one clip has only intervals of
presence: there it is the share of frames inside an interval that have any region, and what
regions come outside of them (half a second of tolerance) are false.

Cost is the CPU time of one update on one thread: the two take turns on every frame.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2

from benchmarks.frigate_like import FrigateLikeMotion, squares
from edge_agent.config.schema import MotionConfig
from edge_agent.domain import U8
from edge_agent.geometry import BBox, FrameSize
from edge_agent.motion import MotionDetector

FPS = 5.0
AFTER_S = 5.0
MAX_AREA_FACTOR = 4.0
PETS, PETS_TRUTH = "PETS09-S2L1_480x360.mp4", "PETS09-S2L1_gt.txt"
PETS_FPS, PETS_TRUTH_SIZE = 10.0, FrameSize(768, 576)
ONE_BY_ONE = "intel_one-by-one-person-detection.mp4"
ONE_BY_ONE_TRUTH = "intel_one-by-one_presence.json"
#: The intervals were read from pictures: their ends are good to a few frames.
EDGE_S = 0.5
RUNS = 3

Update = Callable[[U8, float], Sequence[BBox]]


def footage_dir() -> Path:
    """EDGE_AGENT_SHARED, or a folder `shared` beside the checkout."""
    named = os.environ.get("EDGE_AGENT_SHARED")
    base = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return base / "footage"


def luma_frames(clip: Path, fps: float = FPS) -> Iterator[tuple[float, U8]]:
    """(seconds, uint8 luma) of a clip at `fps`."""
    with av.open(str(clip)) as container:
        due_s = 0.0
        for frame in container.decode(video=0):
            at_s = float(frame.time or 0.0)
            if at_s + 1e-6 >= due_s:
                due_s += 1 / fps
                plane = frame.to_ndarray(format="gray")
                yield at_s, plane


def pets_truth(path: Path) -> dict[int, list[BBox]]:
    """Ground-truth boxes by video frame (0-based)."""
    truth: dict[int, list[BBox]] = {}
    for line in path.read_text().splitlines():
        frame, _, x, y, w, h, flag = (float(part) for part in line.split(",")[:7])
        if flag:
            box = BBox.from_pixels(x - 1, y - 1, w, h, PETS_TRUTH_SIZE).clipped()
            truth.setdefault(int(frame) - 1, []).append(box)
    return truth


def is_covered(box: BBox, regions: Sequence[BBox]) -> bool:
    """Does a region of at most four times the box's area hold its centre?"""
    limit = MAX_AREA_FACTOR * box.area_frac
    return any(r.area_frac <= limit and r.contains(box.center) for r in regions)


@dataclass
class Score:
    """What one detector did on one clip."""

    name: str
    update: Update
    hits: int = 0
    wanted: int = 0
    regions: int = 0
    frames: int = 0
    area_frac: float = 0.0
    empty_frames: int = 0
    false_frames: int = 0
    cpu_s: list[float] = field(default_factory=list)

    def look(self, luma: U8, at_s: float) -> Sequence[BBox]:
        start = time.thread_time()
        regions = self.update(luma, at_s)
        self.cpu_s.append(time.thread_time() - start)
        if at_s >= AFTER_S:
            self.frames += 1
            self.regions += len(regions)
            self.area_frac += sum(r.area_frac for r in regions)
        return regions

    @property
    def recall(self) -> float:
        return self.hits / self.wanted if self.wanted else float("nan")

    @property
    def cpu_us(self) -> float:
        """Mean over the frames of each one's best run: neighbours on the machine do not count."""
        return sum(self.cpu_s) / len(self.cpu_s) * 1e6


def contenders(size: FrameSize) -> list[Score]:
    """Fresh detectors: ours, and the peer with its motion boxes and its squares."""
    ours = MotionDetector(MotionConfig())
    peer, square_peer = FrigateLikeMotion(), FrigateLikeMotion()
    return [
        Score("edge-agent", lambda luma, at_s: [r.bbox for r in ours.update(luma, at_s).regions]),
        Score("frigate-like, boxes", lambda luma, _: peer.update(luma)),
        Score("frigate-like, squares", lambda luma, _: squares(square_peer.update(luma), size)),
    ]


def score_pets(folder: Path) -> list[Score]:
    truth = pets_truth(folder / PETS_TRUTH)
    scores: list[Score] = []
    for turn, (at_s, luma) in enumerate(list(luma_frames(folder / PETS))):
        scores = scores or contenders(FrameSize(luma.shape[1], luma.shape[0]))
        boxes = truth.get(round(at_s * PETS_FPS), [])
        for score in in_turns(scores, luma, turn):
            regions = score.look(luma, at_s)
            if at_s >= AFTER_S:
                score.wanted += len(boxes)
                score.hits += sum(is_covered(box, regions) for box in boxes)
    return scores


def score_one_by_one(folder: Path) -> list[Score]:
    truth = json.loads((folder / ONE_BY_ONE_TRUTH).read_text())
    spans = [(a / truth["fps"], b / truth["fps"]) for a, b in truth["presence_intervals"]]
    scores: list[Score] = []
    for turn, (at_s, luma) in enumerate(list(luma_frames(folder / ONE_BY_ONE))):
        scores = scores or contenders(FrameSize(luma.shape[1], luma.shape[0]))
        present = any(a <= at_s <= b for a, b in spans)
        near = any(a - EDGE_S <= at_s <= b + EDGE_S for a, b in spans)
        for score in in_turns(scores, luma, turn):
            regions = score.look(luma, at_s)
            if at_s < AFTER_S:
                continue
            if present:
                score.wanted += 1
                score.hits += bool(regions)
            elif not near:
                score.empty_frames += 1
                score.false_frames += bool(regions)
    return scores


def in_turns(scores: list[Score], luma: U8, turn: int) -> list[Score]:
    """The scores, another one first each time; the picture as warm as after decoding."""
    luma.max()
    first = turn % len(scores)
    return scores[first:] + scores[:first]


def measured(score_clip: Callable[[Path], list[Score]], folder: Path) -> list[Score]:
    """The scores of one run, with each frame's best CPU time of several."""
    runs = [score_clip(folder) for _ in range(RUNS)]
    for i, score in enumerate(runs[0]):
        score.cpu_s = [min(times) for times in zip(*(run[i].cpu_s for run in runs), strict=True)]
    return runs[0]


def _print(clip: str, scores: list[Score]) -> None:
    for score in scores:
        false = f"{score.false_frames}/{score.empty_frames}" if score.empty_frames else "-"
        print(
            f"{clip:12} {score.name:22} {score.recall:7.3f} {score.cpu_us:8.0f} "
            f"{score.regions / score.frames:9.2f} {score.area_frac / score.frames:9.3f} {false:>10}"
        )


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    cv2.setNumThreads(1)
    folder = footage_dir()
    print(f"{'clip':12} {'detector':22} {'recall':>7} {'us/frame':>8} {'regions':>9} ", end="")
    print(f"{'area':>9} {'false':>10}")
    _print("PETS", measured(score_pets, folder))
    _print("one-by-one", measured(score_one_by_one, folder))


if __name__ == "__main__":
    main()
