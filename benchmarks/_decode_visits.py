"""Cells and rows of the tables of `benchmarks.decode`, and its tables of planted visits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from benchmarks._decode_results import Result, Results
from benchmarks._decode_scores import (
    Sighting,
    decoded_frac,
    false_wakes,
    long_enough,
    quantile,
    seen_of,
    sightings,
)
from benchmarks.scenes.encode import Clip

#: (b) and (c) do not care about keyframes: on scenes with several GOPs they run on this one.
COMMON_GOP_S = 2.0
LENGTHS_S = (0.8, 1.2, 2.0, 4.0, 20.1)

Row = Sequence[object]


def table(title: str, head: Row, rows: Sequence[Row], note: str = "") -> str:
    lines = [f"### {title}", ""]
    for i, row in enumerate((head, *rows)):
        lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
        if i == 0:
            lines.append("|" + "---|" * len(head))
    text = "\n".join([*lines, *(("", note) if note else ())]) + "\n\n"
    print(text, flush=True)
    return text


def ms(seconds: float | None) -> str:
    return "-" if seconds is None or math.isnan(seconds) else f"{1000 * seconds:.1f}"


def seconds(value_s: float) -> str:
    return "-" if math.isnan(value_s) else f"{value_s:.2f}"


def ratio(ours: float | None, theirs: float) -> str:
    return "-" if not ours else f"1/{theirs / ours:.1f}"


def cpu_a_second(run: Result, clip: Clip) -> float:
    return float(run["cpu_s"]) / clip.seconds


def recall_table(results: Results, scenes: Sequence[Clip]) -> str:
    """Recall, delay and start times over all visits, by encoding."""
    rows: list[Row] = []
    oracle = {c.plan: sightings(c, results.run("full", c)) for c in common(scenes)}
    pipe = {c.plan: sightings(c, results.run("pipe", c)) for c in common(scenes)}
    by_encoding: dict[str, list[Clip]] = {}
    for clip in scenes:
        by_encoding.setdefault(clip.name.split("/")[1], []).append(clip)
    for encoding, group in by_encoding.items():
        found = {clip.plan: sightings(clip, results.run("agent", clip)) for clip in group}
        wakes = _wakes(results, group)
        rows.append(_recall_row(f"(a) {encoding}", found, oracle, group, wakes))
    shared = common(scenes)
    rows.append(_recall_row("(b) full decode", oracle, oracle, shared))
    rows.append(_recall_row("(c) pipe", pipe, oracle, shared))
    head = (
        "who", "clips", "seen", "of those as long as a GOP + 0.2 s", "shorter", "delay p50", "p95",
        "added to (b) p95", "start error p50", "p95", "false wakes", "packets decoded",
    )  # fmt: skip
    note = (
        "Seen: motion or a track lies on the planted person while they are there. Delays and "
        "errors in seconds; the start is that of the event that tells of the visit, which needs "
        "a second of motion or three looks at a person. False wakes: outside of every visit and "
        "change of light, per hour."
    )
    return table("Visits", head, rows, note) + length_table(results, by_encoding, oracle, pipe)


def _recall_row(
    who: str,
    found: dict[str, list[Sighting]],
    oracle: dict[str, list[Sighting]],
    group: Sequence[Clip],
    wakes: tuple[str, str] = ("-", "-"),
) -> Row:
    gop_s = group[0].gop_s
    flat = [s for clip in group for s in found[clip.plan]]
    surely = long_enough(flat, gop_s)
    shorter = [s for s in flat if s not in surely]
    pairs = zip(flat, (s for clip in group for s in oracle[clip.plan]), strict=True)
    added = [
        mine.delay_s - best.delay_s
        for mine, best in pairs
        if mine.delay_s is not None and best.delay_s is not None
    ]
    delays = [s.delay_s for s in flat if s.delay_s is not None]
    errors = [abs(s.start_error_s) for s in flat if s.start_error_s is not None]
    return (
        who,
        len(group),
        f"{seen_of(flat)} ({sum(s.seen for s in flat) / len(flat):.1%})",
        seen_of(surely),
        seen_of(shorter),
        seconds(quantile(delays, 0.5)),
        seconds(quantile(delays, 0.95)),
        seconds(quantile(added, 0.95)),
        seconds(quantile(errors, 0.5)),
        f"{seconds(quantile(errors, 0.95))} (of {len(errors)})",
        *wakes,
    )


def _wakes(results: Results, group: Sequence[Clip]) -> tuple[str, str]:
    """False wakes per hour, and the share of packets that were decoded."""
    runs = [(clip, results.run("agent", clip)) for clip in group]
    hours = sum(clip.seconds for clip in group) / 3600
    wakes = sum(false_wakes(clip, run) for clip, run in runs) / hours
    shares = [decoded_frac(run) for _, run in runs]
    return f"{wakes:.0f}/h", f"{sum(shares) / len(shares):.0%}"


def common(scenes: Sequence[Clip]) -> list[Clip]:
    """One clip a scene, for those who do not care about keyframes."""
    return [c for c in scenes if c.gop_s == COMMON_GOP_S and "/h264-cbr" in c.name]


def length_table(
    results: Results,
    by_encoding: dict[str, list[Clip]],
    oracle: dict[str, list[Sighting]],
    pipe: dict[str, list[Sighting]],
) -> str:
    """Seen, by how long the person was there."""
    spans = list(itertools.pairwise(LENGTHS_S))

    def row(who: str, found: Sequence[Sighting]) -> Row:
        by_span = ([s for s in found if a <= s.transit.length_s < b] for a, b in spans)
        return (who, *(seen_of(each) for each in by_span))

    rows = [
        row(f"(a) {name}", [s for c in group for s in sightings(c, results.run("agent", c))])
        for name, group in by_encoding.items()
    ]
    rows.append(row("(b) full decode", [s for found in oracle.values() for s in found]))
    rows.append(row("(c) pipe", [s for found in pipe.values() for s in found]))
    head = ("seen, by length of the visit", *(f"{a:g}-{b:.0f} s" for a, b in spans))
    return table("Visits by length", head, rows)
