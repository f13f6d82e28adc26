"""Scenes that nobody tuned on: when is the first person told, how many, and who is made up?

    python -m benchmarks.unmet [--model NAME ...] [--clips FOLDER]

`edge-agent replay` with default settings of the clips in FOLDER (default: scenes/ of the shared
footage). For judging only: nothing may be chosen on them. `told`: person events. `first`: second at
which the first was told; wanted is at most 2.5 s after somebody is visible, and none before.
`matched`: of yolox-nano-416's person events those that overlap one of this model's in time, each
event once. `more`: events of this model that match none of these. Exit code 1 when fewer than seven
of the eight clips with people are in time, or somebody is told where nobody is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks._replays import MODEL, Visit, open_detector, replayed, visits
from benchmarks.motion_recall import footage_dir
from edge_agent.detect import OnnxDetector
from edge_agent.domain import Label

REFERENCE = "yolox-nano-416"
WITHIN_S = 2.5
WANTED_IN_TIME = 7


@dataclass(frozen=True, slots=True)
class Scene:
    """`visible_s`: when the first person is visible near enough; None: nobody ever is."""

    clip: str
    visible_s: float | None


SCENES = (
    Scene("shop_door.mp4", 1.2),
    Scene("office_wide.mp4", 0.0),
    Scene("stairs.mp4", 0.0),
    Scene("lobby_above.mp4", 0.0),
    Scene("overpass.mp4", 4.0),
    Scene("infrared_corridor.mp4", 7.0),
    Scene("night_street.mp4", 0.0),
    Scene("busy_street.m4v", 0.0),
    Scene("puppy.mp4", None),
    Scene("cow.mp4", None),
)


def in_time(scene: Scene, told: Sequence[Visit]) -> bool:
    """The first person within WITHIN_S; where nobody is, nobody."""
    if scene.visible_s is None:
        return not told
    first_s = min((visit.told_s for visit in told), default=float("inf"))
    return first_s <= scene.visible_s + WITHIN_S


def matched(reference: Sequence[Visit], told: Sequence[Visit]) -> int:
    """Pairs of events that overlap in time, each event once, longest overlap first."""
    overlaps = sorted(
        (
            (min(a.end_s, b.end_s) - max(a.start_s, b.start_s), i, j)
            for i, a in enumerate(reference)
            for j, b in enumerate(told)
        ),
        reverse=True,
    )
    left: set[int] = set()
    right: set[int] = set()
    for shared_s, i, j in overlaps:
        if shared_s > 0 and i not in left and j not in right:
            left.add(i)
            right.add(j)
    return len(left)


def told_in(clip: Path, detector: OnnxDetector) -> list[Visit]:
    return visits(replayed(clip, detector), Label.PERSON)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="*", default=[MODEL], help="names or ONNX files")
    parser.add_argument("--clips", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    folder = options.clips or footage_dir() / "scenes"
    reference = open_detector(REFERENCE)
    detectors = {name: open_detector(name) for name in options.model}
    on_time = dict.fromkeys(detectors, 0)
    made_up = dict.fromkeys(detectors, 0)
    print("| clip | visible | model | told | first | matched | more |")
    print("|---|---|---|---|---|---|---|")
    for scene in SCENES:
        wanted = told_in(folder / scene.clip, reference)
        for name, detector in [(REFERENCE, reference), *detectors.items()]:
            told = wanted if name == REFERENCE else told_in(folder / scene.clip, detector)
            first = f"{min(v.told_s for v in told):.1f}" if told else "-"
            pairs = matched(wanted, told)
            visible = "nobody" if scene.visible_s is None else f"{scene.visible_s:g}"
            print(
                f"| {scene.clip} | {visible} | {name} | {len(told)} | {first} "
                f"| {pairs} of {len(wanted)} | {len(told) - pairs} |",
                flush=True,
            )
            if name in detectors and scene.visible_s is not None:
                on_time[name] += in_time(scene, told)
            elif name in detectors:
                made_up[name] += len(told)
    for name in detectors:
        print(f"\n{name}: in time {on_time[name]} of 8; told where nobody is: {made_up[name]}")
    kept = all(n >= WANTED_IN_TIME for n in on_time.values()) and not any(made_up.values())
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
