"""What the decode gate saves and what it misses, beside three who decode everything.

    python -m benchmarks.decode                     everything (an hour on two cores);
                                                    stopped, it goes on where it was
    python -m benchmarks.decode --only calm-0       parts of clips' names
    python -m benchmarks.decode --report FILE       also write the tables to FILE

The same clips for all, one process each. (a) the agent with its gate, (b) the agent decoding
every packet, (c) an ffmpeg pipe `fps=5,scale` with Frigate-like motion, (d) Debian's `motion`.
Scenes are rendered on first use (`benchmarks.scenes.encode`); CPU is user and system time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2

from benchmarks._decode_motion_daemon import daemon_missing
from benchmarks._decode_results import Results
from benchmarks._decode_scores import (
    alone_decoded_frac,
    decoded_frac,
    explained,
    false_bursts,
    false_wakes,
    long_enough,
    seen_of,
    sightings,
)
from benchmarks._decode_small import small_table
from benchmarks._decode_visits import (
    COMMON_GOP_S,
    Row,
    common,
    cpu_a_second,
    ms,
    ratio,
    recall_table,
    table,
)
from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.encode import SUBSTREAM, Clip, clips

#: What the agent takes by itself, and one that costs three times as much.
MODELS = ("auto", "yolox-nano-416")
CURVE = (1, 4, 16)
CURVE_SECONDS = 35.0
CLIP_SECONDS = 11.0
#: The nuisance map may learn so long before foliage is judged.
FOLIAGE_SETTLED_S = 600.0
REAL_CLIPS = (
    "PETS09-S2L1_480x360.mp4",
    "intel_one-by-one-person-detection.mp4",
    "intel_car-detection.mp4",
    "ahmetozlu_pedestrian_survaillance.mp4",
    "ahmetozlu_vehicle_survaillance.mp4",
    "dvrscan_traffic_camera.mp4",
)

#: What stands above this line in a report is written by hand.
FIGURES_BELOW = "<!-- figures of `make bench-decode` below -->"


def idle_table(results: Results, idle: Sequence[Clip]) -> str:
    """CPU and false wakes where nothing happens."""
    rows: list[Row] = []
    for clip in idle:
        ours, full, pipe = (results.run(who, clip) for who in ("agent", "full", "pipe"))
        ours_s, full_s = ours["settled_cpu_s"], full["settled_cpu_s"]
        pipe_s = cpu_a_second(pipe, clip)
        hours = clip.seconds / 3600
        rows.append(
            (
                clip.name,
                ms(ours_s),
                ms(full_s),
                ms(pipe_s),
                ratio(ours_s, full_s),
                f"**{ratio(ours_s, pipe_s)}**",
                f"{decoded_frac(ours, 15.0):.1%}",
                f"{false_wakes(clip, ours) / hours:.0f}/h",
                f"{false_bursts(clip, full, 15.0) / hours:.0f}/h",
                f"{false_bursts(clip, pipe, 15.0) / hours:.0f}/h",
            )
        )
    head = (
        "idle clip", "(a) ms", "(b) ms", "(c) ms", "(a)/(b)", "(a)/(c)", "packets decoded",
        "wakes (a)", "motion (b)", "motion (c)",
    )  # fmt: skip
    note = (
        "ms of CPU per second of video; (a) and (b) after the first 15 s, in which the stream is "
        "measured and everything decoded. Wakes and bursts of motion are false: nobody is there."
    )
    return table("Nothing happens", head, rows, note)


def day_table(results: Results, day: Sequence[Clip]) -> str:
    """CPU over a stretch with little activity, from the first packet to the last."""
    rows: list[Row] = []
    for clip in day:
        busy = sum(t.length_s for t in clip.transits) / clip.seconds
        full = results.run("full", clip)
        for model in (None, *MODELS):
            ours, pipe = (results.run(who, clip, model=model) for who in ("agent", "pipe"))
            ours_s, pipe_s = cpu_a_second(ours, clip), cpu_a_second(pipe, clip)
            rows.append(
                (
                    clip.name,
                    f"{busy:.1%}",
                    ours["model"] or "out",
                    ms(ours_s),
                    "-" if model else ms(cpu_a_second(full, clip)),
                    ms(pipe_s),
                    f"**{ratio(ours_s, pipe_s)}**",
                    f"{decoded_frac(ours):.1%}",
                    f"{ours['inferences']} / {pipe['inferences']}",
                    f"{seen_of(sightings(clip, ours))}, {seen_of(sightings(clip, pipe))}",
                )
            )
    head = (
        "clip", "activity", "inference", "(a) ms", "(b) ms", "(c) ms", "(a)/(c)",
        "packets decoded", "inferences a / c", "seen by (a), (c)",
    )  # fmt: skip
    return table("A day with a little activity", head, rows)


def weather_table(results: Results, scenes: Sequence[Clip]) -> str:
    """Scene by scene with the common GOP."""
    rows: list[Row] = []
    for clip in common(scenes):
        runs = [results.run(who, clip) for who in ("agent", "full", "pipe")]
        hours = clip.seconds / 3600
        rows.append(
            (
                clip.plan,
                *(seen_of(sightings(clip, run)) for run in runs),
                *(ms(cpu_a_second(run, clip)) for run in runs),
                f"{decoded_frac(runs[0]):.0%}",
                f"{false_wakes(clip, runs[0]) / hours:.0f}/h",
                *(f"{false_bursts(clip, run) / hours:.0f}/h" for run in runs[1:]),
            )
        )
    head = (
        "scene, GOP 2 s", "seen (a)", "(b)", "(c)", "ms (a)", "(b)", "(c)", "packets decoded",
        "false wakes (a)", "false motion (b)", "(c)",
    )  # fmt: skip
    return table("Scene by scene", head, rows)


def foliage_table(results: Results, windy: Sequence[Clip]) -> str:
    """Does the gate rest in wind and rain, and are people there still found?"""
    rows: list[Row] = []
    for clip in windy:
        ours, full = results.run("agent", clip), results.run("full", clip)
        after = [s for s in sightings(clip, ours) if s.transit.start_s >= FOLIAGE_SETTLED_S]
        oracle = [s for s in sightings(clip, full) if s.transit.start_s >= FOLIAGE_SETTLED_S]
        settled_s = clip.seconds - FOLIAGE_SETTLED_S
        busy = sum(s.transit.length_s for s in after) / settled_s
        rows.append(
            (
                clip.name,
                f"{decoded_frac(ours, 15.0):.0%}",
                f"**{decoded_frac(ours, FOLIAGE_SETTLED_S):.0%}**",
                f"{alone_decoded_frac(clip, ours, FOLIAGE_SETTLED_S):.0%}",
                f"{false_wakes(clip, ours, FOLIAGE_SETTLED_S) * 3600 / settled_s:.0f}/h",
                f"{busy:.0%}",
                seen_of(after),
                seen_of(long_enough(after, clip.gop_s)),
                seen_of(oracle),
                f"{ours['tallies'][-1]['nuisance_frac']:.0%}",
            )
        )
    head = (
        "clip", "decoded", "after 10 min", "of that with nobody there", "wakes then",
        "someone there", "then seen by (a)",
        "of those as long as a GOP + 0.2 s", "by (b)", "picture known as nuisance",
    )  # fmt: skip
    return table("Wind and rain", head, rows)


def curve_table(results: Results, clip: Clip) -> str:
    rows = []
    for cameras in CURVE:
        found = results.cameras(clip.path, cameras, CURVE_SECONDS)
        rows.append(
            (
                cameras,
                f"{found['core_frac']:.1%}",
                f"{found['core_frac'] / cameras:.2%}",
                f"{found['rss_mib']:.0f}",
                f"{found['peak_rss_mib']:.0f}",
                f"{found['decoded_frac']:.1%}",
            )
        )
    head = ("cameras", "of one core", "each", "RSS MiB", "peak", "packets decoded")
    note = f"{clip.name} at its own pace, all threads and the loaded model in one process."
    return table("Idle cameras in one process", head, rows, note)


def clip_table(results: Results, some: Sequence[Clip]) -> str:
    rows: list[Row] = []
    for clip in some:
        found = results.clips(clip.path, CLIP_SECONDS)
        size = f"{found['size_bytes'] / 2**20:.1f}"
        rows.append((clip.name, found["packets"], size, f"**{ms(found['cpu_s'])}**"))
    head = (f"{CLIP_SECONDS:g} s clip of", "packets", "MiB", "CPU ms")
    return table("Keeping a clip", head, rows, "Ring, tap, remuxing, SHA-256 and writing.")


def real_table(results: Results) -> str:
    """The real clips as they are: short, busy, and encoded for the web."""
    rows: list[Row] = []
    for clip in _real_clips():
        runs = [results.run(who, clip) for who in ("agent", "full", "pipe")]
        analysed = max(1, runs[0]["analysed"])
        rows.append(
            (
                clip.name.removeprefix("real/"),
                *(ms(cpu_a_second(run, clip)) for run in runs),
                f"{decoded_frac(runs[0]):.0%}",
                f"{len(runs[0]['looks']) / analysed:.0%}",
                runs[0]["mode"],
            )
        )
    head = (
        "clip", "(a) ms", "(b) ms", "(c) ms", "packets decoded", "pictures with motion (a)",
        "how (a) decodes",
    )  # fmt: skip
    return table("Real clips as they are", head, rows)


def _real_clips() -> list[Clip]:
    found = []
    for name in REAL_CLIPS:
        path = footage_dir() / name
        if not path.exists():
            continue
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or 25)
            seconds = float((container.duration or 0) / av.time_base)
            size = (stream.codec_context.width, stream.codec_context.height)
        label = f"real/{path.stem}"
        found.append(Clip(label, path, path.stem, "real", size, fps, seconds, 0.0, (), ()))
    return found


def daemon_table(results: Results, some: Sequence[Clip]) -> str:
    """Debian's `motion`, where it is installed."""
    missing = daemon_missing()
    if missing:
        text = f"(d) was left out: {missing}.\n\n"
        print(text)
        return text
    rows: list[Row] = []
    for clip in some:
        ours, daemon = results.run("agent", clip), results.daemon(clip)
        ours_s, daemon_s = cpu_a_second(ours, clip), cpu_a_second(daemon, clip)
        rows.append(
            (
                clip.name,
                ms(ours_s),
                ms(daemon_s),
                ratio(ours_s, daemon_s),
                seen_of(sightings(clip, ours)) if clip.transits else "-",
                _daemon_seen(clip, daemon) if clip.transits else "-",
                _daemon_false(clip, daemon),
            )
        )
    head = (
        "clip", "(a) ms", "(d) ms", "(a)/(d)", "seen by (a)", "by (d)", "false events (d)",
    )  # fmt: skip
    note = (
        "(d) gets the clip at its own pace and tells only when an event begins and ends: a visit "
        "counts as seen when an event runs during it, wherever in the picture."
    )
    return table("Debian's motion", head, rows, note)


def _daemon_seen(clip: Clip, daemon: dict[str, Any]) -> str:
    seen = sum(
        any(a <= t.end_s + 1.0 and b >= t.start_s for a, b in daemon["events"])
        for t in clip.transits
    )
    return f"{seen}/{len(clip.transits)}"


def _daemon_false(clip: Clip, daemon: dict[str, Any]) -> str:
    false = [e for e in daemon["events"] if not explained(clip, e[0])]
    return f"{len(false) * 3600 / clip.seconds:.0f}/h"


def report(results: Results, only: Sequence[str]) -> str:
    """All tables of the clips chosen, as Markdown."""
    found = clips(only)
    idle = [clip for clip in found if not clip.transits]
    windy = [clip for clip in found if clip.plan in ("foliage", "gale", "shower")]
    far = [clip for clip in found if clip.plan == "far"]
    day = [clip for clip in found if clip.plan.startswith("day")]
    scenes = [c for c in found if c.transits and c.size == SUBSTREAM and c not in (*windy, *far)]
    full_hd = [c for c in idle if c.size != SUBSTREAM and c.gop_s == COMMON_GOP_S]
    parts = []
    if idle:
        parts.append(idle_table(results, idle))
    if day:
        parts.append(day_table(results, day))
    if common(scenes):
        parts.append(recall_table(results, scenes))
        parts.append(weather_table(results, scenes))
    if windy:
        parts.append(foliage_table(results, windy))
    if far:
        parts.append(small_table(results, far, MODELS))
    if full_hd:
        parts.append(curve_table(results, full_hd[0]))
        parts.append(clip_table(results, [c for c in idle if c.size != SUBSTREAM]))
        parts.append(daemon_table(results, [*full_hd[:1], *common(scenes)[:1]]))
    if not only or "real" in only:
        parts.append(real_table(results))
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="parts of clips' names; `real`")
    parser.add_argument("--rounds", type=int, default=1, help="the cheapest of so many runs counts")
    parser.add_argument("--again", action="store_true", help="measure anew what is known")
    parser.add_argument("--report", type=Path, help="replace the figures in this Markdown file")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    text = report(Results(args.again, args.rounds), args.only)
    if args.report:
        before, mark, _ = args.report.read_text().partition(FIGURES_BELOW)
        args.report.write_text(f"{before}{mark}\n\n{text.rstrip()}\n")


if __name__ == "__main__":
    main()
