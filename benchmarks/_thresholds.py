"""Measure what candidate and confirm thresholds a model needs: `python -m benchmarks._thresholds`.

For every model and clip, at 5 fps, with the agent's own motion detector and tracker, twice:
looking at whole frames only, and at the crops that the pipeline asks for. Printed is the
best confidence (third best score within two seconds) that any track reaches: on clips
without people it must stay below `confirm_threshold`, in every visit of the one-by-one clip
it must reach it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import av

from edge_agent.config import MotionConfig, PersonConfig
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import Lighting, Region
from edge_agent.geometry import FULL_FRAME
from edge_agent.motion import MotionDetector
from edge_agent.sources.pixels import DecodedPixels
from edge_agent.track import Tracker

EMPTY = (
    "intel_car-detection.mp4",
    "ahmetozlu_vehicle_survaillance.mp4",
    "dvrscan_traffic_camera.mp4",
)
VISITS = "intel_one-by-one-person-detection.mp4"
FPS = 5.0


def sampled(clip: Path) -> Iterator[tuple[float, DecodedPixels]]:
    """(moment, picture) at 5 fps."""
    next_s = 0.0
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= next_s - 1e-3:
                next_s = frame.time + 1 / FPS
                yield frame.time, DecodedPixels(frame)


def confidences(
    detector: OnnxDetector, clip: Path, *, crops: bool, candidate: float
) -> list[tuple[float, float]]:
    """(moment, best confidence of any track) of every picture."""
    motion = MotionDetector(MotionConfig())
    tracker = Tracker(PersonConfig(), high_score=max(candidate, 0.3))
    rows, blind_s = [], -1.0
    for at_s, pixels in sampled(clip):
        seen = motion.update(pixels.luma(), at_s)
        regions = [*seen.regions, *tracker.due(at_s)]
        if not crops or (seen.lighting is not Lighting.STEADY and at_s - blind_s >= 1):
            regions, blind_s = [Region(FULL_FRAME)], at_s
        found = detector.detect(pixels, regions, candidate_threshold=candidate)
        tracks = tracker.update(found, [region.bbox for region in regions], at_s)
        rows.append((at_s, max((track.confidence for track in tracks), default=0.0)))
    return rows


def visits(rows: list[tuple[float, float]], footage: Path) -> tuple[list[float], float]:
    """Best confidence within each visit, and outside of all of them (0.5 s of grace)."""
    presence = json.loads((footage / "intel_one-by-one_presence.json").read_text())
    spans = [(a / presence["fps"], b / presence["fps"]) for a, b in presence["presence_intervals"]]
    best = [max(c for s, c in rows if a <= s <= b) for a, b in spans]
    # A track outlives its person by lost_after_s.
    outside = [c for s, c in rows if not any(a <= s <= b + 2.5 for a, b in spans)]
    return best, max(outside, default=0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--footage", type=Path, default=Path("../shared/footage"))
    parser.add_argument("--candidate", type=float)
    options = parser.parse_args()
    for name in options.models:
        detector = OnnxDetector.open(find_model(name))
        candidate = options.candidate or detector.candidate_threshold
        for crops in (False, True):
            before = detector.inferences
            empty = [
                max(c for _, c in confidences(detector, clip, crops=crops, candidate=candidate))
                for clip in (options.footage / clip for clip in EMPTY)
            ]
            rows = confidences(detector, options.footage / VISITS, crops=crops, candidate=candidate)
            best, outside = visits(rows, options.footage)
            print(
                f"{name:16} {'crops' if crops else 'full ':5} candidate {candidate:.2f} empty "
                + " ".join(f"{c:.2f}" for c in empty)
                + f" | between visits {outside:.2f} | visits "
                + " ".join(f"{c:.2f}" for c in best)
                + f" | {detector.inferences - before} inferences",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
