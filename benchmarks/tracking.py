"""Tracking quality on the PETS09-S2L1 clip: MOTA, IDF1, identity switches; at 10 and 5 fps.

    python -m benchmarks.tracking [--model NAME|FILE] [--cache DIR]

Prints a Markdown table. Needs the footage and a model beside the checkout (set
EDGE_AGENT_SHARED, or keep a folder `shared` there) and motmetrics (`pip install .[dev]`).

Protocol. The full frame goes through the detector in one inference; every detection from
the candidate threshold up goes to the Tracker. A track is reported from the moment the
confirm rule holds (nothing is added afterwards), in the frames in which it was really
found. The rows `regions` are the agent as it runs: the whole pipeline with default settings,
where the detector sees only what moves and who is due for a look. A reported bbox is right
when its IoU with a labelled person is at least .5. Ground truth: MOT15 rows in pixels of
768x576, video frame i is row frame i + 1.

Masks. Nobody labelled the people far away: those who walk over the lawn at the top left
and those at the end of the road at the top right. Boxes whose feet are in these polygons
are taken out of the ground truth and of the tracks alike; the last rows are unmasked.

Left in, and counted as false: people half in the picture at its right and left edges, whom
the labels begin half a body later and end half a body earlier. Counted as missed: the looks
before a person is confirmed.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import motmetrics
import numpy as np
import pandas as pd

from edge_agent.config import CameraConfig, FileSource, PersonConfig
from edge_agent.detect import OnnxDetector, ResolvedModel, find_model
from edge_agent.domain import CameraId, Detection, EventId, Frame, Region, Track
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize, Polygon
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.sources.pixels import DecodedPixels
from edge_agent.track import Tracker

CLIP = "PETS09-S2L1_480x360.mp4"
GROUND_TRUTH = "PETS09-S2L1_gt.txt"
CLIP_FPS = 10
LABELLED_SIZE = FrameSize(768, 576)
MIN_IOU = 0.5

FAR_LAWN = Polygon.of([(0, 0), (0.5, 0), (0.5, 0.12), (0.30, 0.20), (0, 0.29)])
FAR_ROAD = Polygon.of([(0.84, 0), (1, 0), (1, 0.30), (0.93, 0.30), (0.84, 0.27)])
MASKS = (FAR_LAWN, FAR_ROAD)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A person as a labeller or a tracker sees them in one frame."""

    person: int
    bbox: BBox


Frames = Sequence[Sequence[Labelled]]
Found = Sequence[Sequence[Detection]]  # per frame of the clip
METRICS = ("mota", "idf1", "num_switches", "num_fragmentations", "recall", "precision")


def read_ground_truth(path: Path, frames: int) -> list[list[Labelled]]:
    labelled: list[list[Labelled]] = [[] for _ in range(frames)]
    for line in path.read_text().splitlines():
        frame, person, *box = (float(value) for value in line.split(",")[:6])
        x, y, w, h = box
        bbox = BBox.from_pixels(x - 1, y - 1, w, h, LABELLED_SIZE)
        if int(frame) <= frames:
            labelled[int(frame) - 1].append(Labelled(int(person), bbox))
    return labelled


def without(masks: Sequence[Polygon], frames: Frames) -> list[list[Labelled]]:
    return [
        [each for each in frame if not any(mask.contains(each.bbox.foot) for mask in masks)]
        for frame in frames
    ]


def run_tracker(
    detections: Found,
    fps: float,
    config: PersonConfig,
    confirm_threshold: float,
) -> list[list[Labelled]]:
    tracker = Tracker(config, high_score=confirm_threshold)
    confirmed: set[int] = set()
    reported = []
    for index, found in enumerate(detections):
        at_s = index / fps
        tracks: Sequence[Track] = tracker.update(found, [FULL_FRAME], at_s)
        confirmed |= {t.track_id for t in tracks if t.confidence >= confirm_threshold}
        reported.append(
            [
                Labelled(t.track_id, t.bbox)
                for t in tracks
                if t.track_id in confirmed and t.seen_s == at_s
            ]
        )
    return reported


def evaluate(truth: Frames, reported: Frames) -> pd.Series:
    """motmetrics' figures of one run: `METRICS` as floats."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for people, tracks in zip(truth, reported, strict=True):
        distance = np.array(
            [[1 - person.bbox.iou(each.bbox) for each in tracks] for person in people]
        ).reshape(len(people), len(tracks))
        distance[distance > 1 - MIN_IOU] = np.nan
        accumulator.update([p.person for p in people], [t.person for t in tracks], distance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # motmetrics 1.4 is older than pandas 3
        summary = motmetrics.metrics.create().compute(
            accumulator, metrics=list(METRICS), name="clip"
        )
    return summary.loc["clip"]


def read_detections(clip: Path, model: ResolvedModel, cache: Path | None) -> Found:
    """Detections of every frame, by full-frame inference; kept in `cache` between runs."""
    threshold = model.manifest.candidate_threshold
    key = hashlib.sha256(f"{clip.name} {model.manifest.sha256} {threshold}".encode()).hexdigest()
    kept = cache / f"detections-{key[:16]}.json" if cache else None
    if kept and kept.is_file():
        rows = json.loads(kept.read_text())
    else:
        rows = _detect(clip, OnnxDetector.open(model, threads=1), threshold)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(rows))
    return [[Detection(BBox(*row[:4]), row[4]) for row in frame] for frame in rows]


def _detect(clip: Path, detector: OnnxDetector, threshold: float) -> list[list[list[float]]]:
    rows = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            found = detector.detect(
                DecodedPixels(frame), [Region(FULL_FRAME)], candidate_threshold=threshold
            )
            rows.append([[d.bbox.x, d.bbox.y, d.bbox.w, d.bbox.h, d.score] for d in found])
    return rows


def run_agent(clip: Path, model: ResolvedModel, step: int) -> list[list[Labelled]]:
    """What the pipeline reports for every `step`-th frame, by its own motion and regions."""
    numbers = itertools.count()
    source = FileSource(path=str(clip))
    camera = CameraConfig(id="pets", source=source)
    detector = OnnxDetector.open(model, threads=1)
    pipeline = build_pipeline(camera, detector, lambda *_: EventId(str(next(numbers))))
    reported = []
    with av.open(str(clip)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index % step:
                continue
            at_s = index / CLIP_FPS
            frame = Frame(CameraId("pets"), at_s, DecodedPixels(picture))
            tracks = [hit.track for hit in pipeline.update(frame).hits]
            reported.append([Labelled(t.track_id, t.bbox) for t in tracks if t.seen_s == at_s])
    return reported


def row(how: str, masks: Sequence[Polygon], truth: Frames, reported: Frames) -> str:
    people, tracks = without(masks, truth), without(masks, reported)
    figures = evaluate(people, tracks)
    cells = [
        how,
        "far corners" if masks else "none",
        *(f"{figures[name]:.3f}" for name in ("mota", "idf1")),
        *(f"{figures[name]:.0f}" for name in ("num_switches", "num_fragmentations")),
        *(f"{figures[name]:.3f}" for name in ("recall", "precision")),
        *(
            str(len({each.person for frame in each_run for each in frame}))
            for each_run in (people, tracks)
        ),
    ]
    return f"| {' | '.join(cells)} |"


def table(clip: Path, model: ResolvedModel, found: Found, truth: Frames) -> str:
    confirm = model.manifest.confirm_threshold
    lines = [
        "| analysed | mask | MOTA | IDF1 | switches | frag. | recall | prec. | people | tracks |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    runs = {}
    for step in (1, 2):
        fps = CLIP_FPS / step
        full = run_tracker(found[::step], fps, PersonConfig(), confirm)
        runs[f"{fps:g} fps, full frame"] = step, full
        runs[f"{fps:g} fps, regions"] = step, run_agent(clip, model, step)
    for masks in (MASKS, ()):
        for how, (step, reported) in runs.items():
            lines.append(row(how, masks, truth[::step], reported))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="yolox-nano-416", help="a model's name or ONNX file")
    parser.add_argument("--cache", type=Path, help="directory that keeps the detections")
    arguments = parser.parse_args()
    footage = footage_dir()
    model = find_model(arguments.model)
    found = read_detections(footage / CLIP, model, arguments.cache)
    truth = read_ground_truth(footage / GROUND_TRUTH, len(found))
    manifest = model.manifest
    print(
        f"{CLIP}, {manifest.name}, candidates from {manifest.candidate_threshold:g}, "
        f"confirmed at {manifest.confirm_threshold:g}:\n"
    )
    print(table(footage / CLIP, model, found, truth))


def footage_dir() -> Path:
    """EDGE_AGENT_SHARED, or a folder `shared` beside the checkout."""
    named = os.environ.get("EDGE_AGENT_SHARED")
    base = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return base / "footage"


if __name__ == "__main__":
    main()
