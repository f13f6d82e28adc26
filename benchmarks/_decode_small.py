"""Tables of `benchmarks.decode`: people too small on the substream."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._decode_results import Result, Results
from benchmarks._decode_scores import seen_of, sightings
from benchmarks._decode_visits import Row, cpu_a_second, ms, table
from benchmarks.scenes.encode import Clip

#: An event's start that belongs to a visit lies in it, give or take this.
_EDGE_S = 1.0


def small_table(results: Results, far: Sequence[Clip], models: Sequence[str]) -> str:
    """People of a few pixels: on the substream alone, and with closer looks at the main stream."""
    main = next(clip for clip in far if not clip.substream)
    rows: list[Row] = []
    for clip in far:
        if not clip.substream:
            continue
        for model in models:
            for closer in (False, True):
                run = results.run("agent", clip, model=model, main=main if closer else None)
                told, doubled = _told(clip, run)
                share = run["main_decoded"] / run["main_packets"] if closer else 0.0
                rows.append(
                    (
                        "{}x{}".format(*clip.size),
                        run["model"],
                        "main stream, too" if closer else "substream only",
                        seen_of(sightings(clip, run)),
                        f"**{told}/{len(clip.transits)}**",
                        doubled,
                        ms(cpu_a_second(run, clip)),
                        f"{share:.0%}" if closer else "-",
                    )
                )
    low, high = min(t.height_frac for t in main.transits), max(t.height_frac for t in main.transits)
    busy = sum(t.length_s for t in main.transits) / main.seconds
    head = (
        "substream", "model", "looked at", "motion or track", "told as a person", "told again",
        "ms", "main stream decoded",
    )  # fmt: skip
    note = (
        f"People of {low:.0%} to {high:.0%} of the picture's height, somebody there {busy:.0%} of "
        "the time. ms of CPU per second of video, all in; told again: further person events of "
        "the same visit."
    )
    return table("People too small on the substream", head, rows, note)


def _told(clip: Clip, run: Result) -> tuple[int, int]:
    """Visits that a person event tells of, and events beyond the first of each."""
    told = doubled = 0
    for transit in clip.transits:
        low_s, high_s = transit.start_s - _EDGE_S, transit.end_s + _EDGE_S
        starts = [start_s for start_s, _ in run["person_starts"] if low_s <= start_s <= high_s]
        told += bool(starts)
        doubled += max(0, len(starts) - 1)
    return told, doubled
