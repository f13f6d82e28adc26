"""Who is who when people meet, hide, come back or stand: the whole pipeline on drawn encounters.

    python -m benchmarks.encounters [--model NAME|FILE ...] [--only NAME ...] [--long]

Real people over real empty places (`scenes/encounters`), six variants of each situation: places,
people and sizes. What is wanted of each situation is in docs/tracking.md. Columns:

- right: variants with exactly the wanted number of person events, each told within 2 s of the
  moment from which its person is to be seen whole and apart from others
- told: person events of all variants, of those wanted
- late: wanted events told later than that
- hops: moments at which a person event went from one person to another
- looks: share of the pictures for which the detector was asked
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.scenes.encounters import VARIANTS, Shot, Situation, long_stand, shots, situations
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector, default_model_dirs, find_model
from edge_agent.domain import U8, CameraId, EndReason, Event, EventId, Frame, Label, Phase
from edge_agent.geometry import BBox, FrameSize
from edge_agent.pipeline import Analysis
from edge_agent.pipeline.stages import build_pipeline

MODELS = ("edge-person-int8", "yolox-nano-416")
#: A track shows whom it overlaps most, and at least this much.
_OWNER_IOU = 0.35
#: Who overlaps another so much in the picture cannot be told from them: no hop is counted.
_MIXED_IOU = 0.2
TOLD_WITHIN_S = 2.0
_SLACK_S = 0.01


@dataclass(frozen=True, slots=True)
class Drawn:
    """A rendered picture as the pipeline wants it."""

    picture: U8

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.picture.shape[1], self.picture.shape[0])

    def luma(self) -> U8:
        weights = np.array([0.098, 0.504, 0.257])  # BT.601, as decoders give it
        return np.asarray(self.picture @ weights + 16, np.uint8)

    def bgr(self) -> U8:
        return self.picture


@dataclass
class Score:
    """What became of the variants of one situation."""

    right: int = 0
    variants: int = 0
    told: int = 0
    wanted: int = 0
    late: int = 0
    hops: int = 0
    looks: int = 0
    pictures: int = 0

    def row(self, name: str) -> str:
        looks = self.looks / max(1, self.pictures)
        return (
            f"| {name} | {self.right}/{self.variants} | {self.told}/{self.wanted} "
            f"| {self.late} | {self.hops} | {looks:.2f} |"
        )


def play(situation: Situation, variant: int, detector: OnnxDetector, score: Score) -> None:
    numbers = itertools.count()
    camera = CameraConfig(id="scene", source=FileSource(path="drawn"))
    pipeline = build_pipeline(camera, detector, lambda label, _: EventId(f"{label}{next(numbers)}"))
    events: list[Event] = []
    owners: dict[int, int] = {}
    there_s: dict[int, float] = {}
    for shot in shots(situation, variant):
        analysis = pipeline.update(Frame(CameraId("scene"), shot.at_s, Drawn(shot.bgr)))
        events += analysis.events
        score.looks += bool(analysis.searched)
        score.pictures += 1
        score.hops += 0 if situation.one_person else _hops(analysis, shot, owners)
        for person in _plain(shot):
            there_s.setdefault(person, shot.at_s)
    events += pipeline.close(EndReason.CAMERA_LOST, situation.seconds)
    told = sorted(e.at_s for e in events if e.label is Label.PERSON and e.phase is Phase.START)
    late = _late(told, sorted(there_s.values())[: situation.events])
    score.variants += 1
    score.told += len(told)
    score.wanted += situation.events
    score.late += late
    score.right += len(told) == situation.events and not late


def _plain(shot: Shot) -> list[int]:
    """Who is to be seen whole and beside everybody else."""
    people = {person: BBox(*box) for person, box in shot.people.items()}
    return [
        person
        for person in shot.whole
        if all(people[person].iou(box) < _MIXED_IOU for i, box in people.items() if i != person)
    ]


def _late(told: Sequence[float], there_s: Sequence[float]) -> int:
    """How many were not told within TOLD_WITHIN_S of being plainly there."""
    pairs = itertools.zip_longest(there_s, told[: len(there_s)], fillvalue=float("inf"))
    return sum(at_s > from_s + TOLD_WITHIN_S + _SLACK_S for from_s, at_s in pairs)


def _hops(analysis: Analysis, shot: Shot, owners: dict[int, int]) -> int:
    """How many tracks of events went to somebody else since they last showed one for sure."""
    people = {person: BBox(*box) for person, box in shot.people.items()}
    hops = 0
    for hit in analysis.hits:
        track = hit.track
        if track.seen_s < shot.at_s or not people:
            continue
        person = max(people, key=lambda each: people[each].iou(track.bbox))
        apart = all(
            people[person].iou(box) < _MIXED_IOU for i, box in people.items() if i != person
        )
        if people[person].iou(track.bbox) < _OWNER_IOU or not apart:
            continue
        hops += owners.setdefault(track.track_id, person) != person
        owners[track.track_id] = person
    return hops


def rows(model: str, chosen: Sequence[Situation]) -> Iterator[str]:
    detector = OnnxDetector.open(find_model(model, default_model_dirs()), threads=1)
    yield f"\n{model}, confirmed at {detector.confirm_threshold:g}:\n"
    yield "| situation | right | told | late | hops | looks |\n|---|---|---|---|---|---|"
    total = Score()
    for situation in chosen:
        score = Score()
        for variant in range(VARIANTS if situation.seconds < 100 else 2):
            play(situation, variant, detector, score)
        yield score.row(situation.name)
        for name in ("right", "variants", "told", "wanted", "late", "hops", "looks", "pictures"):
            setattr(total, name, getattr(total, name) + getattr(score, name))
    yield total.row("all")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", default=list(MODELS))
    parser.add_argument("--only", nargs="*", default=[], help="parts of names; default: all")
    parser.add_argument("--long", action="store_true", help="also ten minutes of standing still")
    arguments = parser.parse_args()
    chosen = [*situations(), *([long_stand()] if arguments.long else [])]
    if arguments.only:
        chosen = [each for each in chosen if any(part in each.name for part in arguments.only)]
    for model in arguments.model:
        for line in rows(model, chosen):
            print(line, flush=True)


if __name__ == "__main__":
    main()
