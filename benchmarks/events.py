"""Six people walk through a room one by one: are there six events, and when?

    python -m benchmarks.events [--model NAME ...]

`edge-agent replay` of the one-by-one clip with default settings, beside the intervals during
which a person is in the picture (any part of them, 0.8 % of the pixels). IoU is that of the two
spans of time. `first seen` is the event's start minus the interval's; `told` is the moment of
the first message, which is what a ward waits for. Wanted of the shipped model: one event an
interval with an IoU of at least .8, told at most 1.5 s after the interval's start, and none
elsewhere. The other models are for information. Exit code 1 when the shipped one falls short.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._replays import MODEL, Visit, open_detector, replayed, visits
from benchmarks.motion_recall import ONE_BY_ONE, ONE_BY_ONE_TRUTH, footage_dir
from edge_agent.detect.catalog import installed_models
from edge_agent.errors import ModelError

MIN_IOU = 0.8
MAX_DELAY_S = 1.5

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pairing:
    """One interval of presence and the event that overlaps it most, if any."""

    interval: Span
    visit: Visit | None

    @property
    def iou(self) -> float:
        return overlap(self.interval, self.visit) if self.visit else 0.0

    @property
    def good(self) -> bool:
        if self.visit is None or self.iou < MIN_IOU:
            return False
        return self.visit.told_s - self.interval[0] <= MAX_DELAY_S


def intervals(truth: Path) -> list[Span]:
    """Seconds from the first frame with somebody to the end of the last."""
    data = json.loads(truth.read_text())
    fps = data["fps"]
    return [(first / fps, (last + 1) / fps) for first, last in data["presence_intervals"]]


def overlap(span: Span, visit: Visit) -> float:
    """Intersection over union in time."""
    shared = min(span[1], visit.end_s) - max(span[0], visit.start_s)
    return max(0.0, shared) / (max(span[1], visit.end_s) - min(span[0], visit.start_s))


def paired(spans: Sequence[Span], found: Sequence[Visit]) -> tuple[list[Pairing], list[Visit]]:
    """Each interval with its best event, each event used once; and the events left over."""
    left = list(found)
    pairings = []
    for span in spans:
        best = max(left, key=lambda visit: overlap(span, visit), default=None)
        if best is None or overlap(span, best) == 0:
            pairings.append(Pairing(span, None))
            continue
        left.remove(best)
        pairings.append(Pairing(span, best))
    return pairings, left


def report(pairings: Sequence[Pairing], others: Sequence[Visit]) -> str:
    lines = [
        "| person in the picture | event | IoU | first seen | told | score | ended |",
        "|---|---|---|---|---|---|---|",
    ]
    for pairing in pairings:
        (start_s, end_s), visit = pairing.interval, pairing.visit
        span = f"| {start_s:.1f} - {end_s:.1f} s "
        if visit is None:
            lines.append(f"{span}| none | 0 | - | - | - | - |")
            continue
        lines.append(
            f"{span}| {visit.start_s:.1f} - {visit.end_s:.1f} s | {pairing.iou:.3f} "
            f"| {visit.start_s - start_s:+.1f} s | {visit.told_s - start_s:+.1f} s "
            f"| {visit.top_score:.2f} | {visit.end_reason} |"
        )
    lines += [f"| nobody | {v.start_s:.1f} - {v.end_s:.1f} s | 0 | - | - | - | - |" for v in others]
    return "\n".join(lines)


def summary(name: str, pairings: Sequence[Pairing], others: Sequence[Visit]) -> str:
    met = [p for p in pairings if p.visit]
    delays = [p.visit.told_s - p.interval[0] for p in pairings if p.visit]
    worst_iou = f"{min(p.iou for p in met):.3f}" if met else "-"
    worst_delay = f"{max(delays):+.1f} s" if delays else "-"
    return f"| {name} | {len(met)} | {worst_iou} | {worst_delay} | {len(others)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="append", help="this model; may be given several times")
    names: list[str] = parser.parse_args().model or [
        MODEL,
        *(m.manifest.name for m in installed_models() if m.manifest.name != MODEL),
    ]
    folder = footage_dir()
    spans = intervals(folder / ONE_BY_ONE_TRUTH)
    good = True
    summaries = []
    for name in names:
        try:
            detector = open_detector(name)
        except ModelError as error:
            print(f"left out: {error}", file=sys.stderr)
            good = good and name != MODEL
            continue
        pairings, others = paired(spans, visits(replayed(folder / ONE_BY_ONE, detector)))
        summaries.append(summary(name, pairings, others))
        if name == MODEL:
            print(report(pairings, others) + "\n", flush=True)
            good = all(pairing.good for pairing in pairings) and not others
    print("| model | intervals met | least IoU | told, at worst | further events |")
    print("|---|---|---|---|---|")
    print("\n".join(summaries))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
