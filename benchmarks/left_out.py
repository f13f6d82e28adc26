"""Detectors on sources that the shipped one never learnt from: who is found, and who is made up.

    python -m benchmarks.left_out --data DATA [--limit N] [--told N] [--confirm N] [NAME ...]

DATA is what models/training collected (`left-*.zip`, `left-*.truth.npz`). Three tables: AP@0.5 /
recall at 1 / at 0.1 false positives a picture per source; AP by height of the person in the
picture, and of all pictures made grey, dark and noisy; pictures without people in which somebody
scores the confirm threshold. `--told N`: N pictures of one or two people, and N without, swayed
for six seconds and replayed through the whole agent: in how many is a person told? `--confirm N`:
the same of N with people and 2 N without, at several confirm thresholds, to choose one by.
Exit code 1 when there is nothing to measure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks._replays import MODEL, replayed, visits
from benchmarks._swaying import write_swaying
from edge_agent.config import PersonConfig
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.detect.evaluation import LabelledFrame, evaluate
from edge_agent.domain import F32, U8, Label, Region
from edge_agent.geometry import FULL_FRAME
from edge_agent.tools.trial.pictures import StillPicture
from models.training import teacher
from models.training.collect import read_pictures
from models.training.sources import Source, read_sources
from models.training.truth import truth_file

SOURCES = Path(__file__).parents[1] / "models" / "training" / "sources.toml"
SCORE_ABOVE = 0.02
#: Heights of people as shares of the picture's.
BINS = ((0.0, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.5), (0.5, 1.01))
#: What a confirm threshold is chosen of.
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture and its people (float32 (n, 4), corners in pixels); None where nobody labelled."""

    source: str
    bgr: U8
    people: F32 | None


def stills(data: Path, limit: int) -> list[Still]:
    """Of each left-out source at most `limit` pictures, evenly spread."""
    found: list[Still] = []
    for source in read_sources(SOURCES):
        shard = data / f"{source.shard_name}.zip"
        if source.left_out and shard.exists():
            found += list(_of_source(source, shard, limit))
    return found


def _of_source(source: Source, shard: Path, limit: int) -> Iterator[Still]:
    pictures = [bgr for _, bgr in read_pictures(shard)]
    truth: Sequence[F32 | None] = [None] * len(pictures)
    if source.label == "empty":
        truth = [np.zeros((0, 4), np.float32)] * len(pictures)
    elif truth_file(shard).exists():
        truth = [boxes[:, :4] for boxes in teacher.load(truth_file(shard))]
    chosen = np.unique(np.linspace(0, len(pictures) - 1, limit).astype(int))
    for i in chosen:
        yield Still(source.repository, pictures[i], truth[i])


def looked(detector: OnnxDetector, still: Still, change: Callable[[U8], U8]) -> LabelledFrame:
    picture = StillPicture(change(still.bgr))
    found = detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=SCORE_ABOVE)
    height, width = still.bgr.shape[:2]
    boxes = np.array([(d.bbox.x, d.bbox.y, d.bbox.x2, d.bbox.y2) for d in found], np.float32)
    truth = np.zeros((0, 4), np.float32) if still.people is None else still.people
    return LabelledFrame(
        truth,
        boxes.reshape(-1, 4) * np.array((width, height) * 2, np.float32),
        np.array([d.score for d in found], np.float32),
    )


def night(bgr: U8) -> U8:
    """Grey, three times darker and noisy, as an infrared camera's weak picture."""
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) / 3 + 8
    noise = np.random.default_rng(grey.size).normal(0, 5, grey.shape)
    dark = np.clip(grey + noise, 0, 255).astype(np.uint8)
    return np.asarray(cv2.merge((dark, dark, dark)), np.uint8)


def plain(bgr: U8) -> U8:
    return bgr


def of_height(frame: LabelledFrame, picture_px: int, low: float, high: float) -> LabelledFrame:
    """Only people of this height count; the others, and boxes far from it, do not."""
    share = (frame.truth[:, 3] - frame.truth[:, 1]) / picture_px
    own = (share >= low) & (share < high)
    found = (frame.boxes[:, 3] - frame.boxes[:, 1]) / picture_px
    near = (found >= low * 0.8) & (found < high * 1.25)
    return LabelledFrame(
        frame.truth[own], frame.boxes[near], frame.scores[near], ignored=frame.truth[~own]
    )


def figures(frames: Sequence[LabelledFrame]) -> str:
    if not any(len(frame.truth) for frame in frames):
        return ""
    quality = evaluate(frames)
    return f"{quality.ap:.3f} / {quality.recall_at_1:.3f} / {quality.recall_at_01:.3f}"


def judge(name: str, pictures: Sequence[Still]) -> dict[str, str]:
    """Every cell of this model's column."""
    detector = OnnxDetector.open(find_model(name))
    labelled = [still for still in pictures if still.people is not None and len(still.people)]
    frames = [looked(detector, still, plain) for still in labelled]
    column: dict[str, str] = {}
    for source in sorted({still.source for still in labelled}):
        pairs = zip(labelled, frames, strict=True)
        column[source] = figures([frame for still, frame in pairs if still.source == source])
    column["all with people"] = figures(frames)
    for low, high in BINS:
        binned = [
            of_height(frame, still.bgr.shape[0], low, high)
            for still, frame in zip(labelled, frames, strict=True)
        ]
        people = sum(len(frame.truth) for frame in binned)
        column[f"{low * 100:.0f}-{min(high, 1) * 100:.0f} % high ({people})"] = (
            f"{evaluate(binned).ap:.3f}" if people else ""
        )
    column["all, grey, dark, noisy"] = figures([looked(detector, s, night) for s in labelled])
    for source in sorted({s.source for s in pictures if s.people is not None} - set(column)):
        empty = [s for s in pictures if s.source == source]
        scores = [looked(detector, still, plain).scores.max(initial=0.0) for still in empty]
        sure = sum(float(score) >= detector.confirm_threshold for score in scores)
        column[f"nobody: {source}"] = (
            f"{sure} of {len(empty)}; 98 %: {np.quantile(scores, 0.98):.2f}"
        )
    return column


def told(name: str, pictures: Sequence[Still], most: int) -> dict[str, str]:
    """Whole pipeline: in how many swaying pictures is a person told?"""
    detector = OnnxDetector.open(find_model(name))
    column = {}
    titles = ("told, 1-2 people", "told, nobody")
    for title, chosen in zip(titles, _few_and_none(pictures), strict=True):
        some = _spread(chosen, most)
        count = sum(_is_told(detector, still) for still in some)
        column[title] = f"{count} of {len(some)}"
    return column


def _few_and_none(pictures: Sequence[Still]) -> tuple[list[Still], list[Still]]:
    labelled = [(s, len(s.people)) for s in pictures if s.people is not None]
    return [s for s, n in labelled if n in (1, 2)], [s for s, n in labelled if not n]


def _spread(chosen: Sequence[Still], most: int) -> list[Still]:
    return [chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, most).astype(int))]


def _is_told(detector: OnnxDetector, still: Still) -> bool:
    return told_at(detector, still, [detector.confirm_threshold]) == 1


def told_at(detector: OnnxDetector, still: Still, thresholds: Sequence[float]) -> int:
    """At how many of these confirm thresholds, least first, is the swaying picture told?

    Who is told at one of them is told at the lower ones, so halving finds it.
    """
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "swaying.mp4"
        write_swaying(still.bgr, clip)

        def is_untold(threshold: float) -> bool:
            person = PersonConfig(confirm_threshold=threshold)
            return not visits(replayed(clip, detector, person=person), Label.PERSON)

        return bisect_left(thresholds, True, key=is_untold)


def curve(name: str, pictures: Sequence[Still], most: int) -> dict[str, str]:
    """Told at each confirm threshold: of `most` swaying pictures with people, 2 `most` without."""
    detector = OnnxDetector.open(find_model(name))
    few, none = _few_and_none(pictures)
    counts = []
    for chosen, number in ((few, most), (none, 2 * most)):
        some = _spread(chosen, number)
        reached = [told_at(detector, still, THRESHOLDS) for still in some]
        counts.append([sum(each > i for each in reached) for i in range(len(THRESHOLDS))])
    return {
        f"told at {threshold:.2f}: people, nobody": f"{people}, {nobody}"
        for threshold, people, nobody in zip(THRESHOLDS, *counts, strict=True)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=[MODEL, "yolox-nano-416"])
    parser.add_argument("--data", type=Path, default=Path("../training-data"))
    parser.add_argument("--limit", type=int, default=120, help="pictures a source")
    parser.add_argument("--told", type=int, default=0, metavar="N")
    parser.add_argument("--confirm", type=int, default=0, metavar="N")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = stills(options.data, options.limit)
    if not pictures:
        print(f"{options.data}: no left-*.zip; models/training/README.md says how to get them")
        return 1
    columns = {}
    for name in options.names:
        columns[name] = judge(name, pictures)
        if options.confirm:
            columns[name] |= curve(name, pictures, options.confirm)
        if options.told:
            columns[name] |= told(name, pictures, options.told)
        print(name, columns[name], file=sys.stderr, flush=True)
    print("| |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for key in next(iter(columns.values())):
        print(f"| {key} |", " | ".join(column[key] for column in columns.values()), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
