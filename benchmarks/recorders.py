"""Recorder folders: nothing lost or told twice, what it costs, and 100,000 files at the start.

    python -m benchmarks.recorders [kills] [pieces] [many] [--clips 500] [--kills 10] [--seed N]

kills    A script with every bad habit of the field (tests/helpers/recorder.py) writes 500 files
         of three recorders, while a real `edge-agent run` is killed at 10 random points. The same
         files are written, in the same order, for an agent that nobody disturbs. Wanted: every
         readable clip analysed once, and the same messages by id.
pieces   A clip of six visits, cut into files of 10 s, in `edge-agent ingest --once`; beside it the
         whole clip in `edge-agent replay`. Wanted: the same six person events.
many     100,000 files that are too old lie there when the agent starts; then a clip is uploaded.
         Wanted: its event within 10 s of the last byte, at most 30 MiB more memory than an agent
         with an empty folder, at most 1 % of a core when idle.

CPU is user + system time of the agent's process. With real footage and a detector where they are
(tests/helpers/shared_data.py); without, `kills` draws its pictures and compares motion
events alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

import agent_process
import shared_data
from agent_process import AgentProcess
from broker import Mosquitto
from recorder import FPS, VISIT_S, Shelf, drawn_pictures, record
from recorder_chaos import FolderOutcome, FolderPlan, FolderRun, difference

ROOM = "intel_one-by-one-person-detection.mp4"
MODEL = "yolox_nano_416.onnx"
#: Somebody comes, walks about and leaves between these seconds of the clip.
_VISIT_FROM_S = 2.0
_SIZE = (384, 216)

MANY = 100_000
MAX_EVENT_S, MAX_GROWTH_MIB, MAX_IDLE_FRAC = 10.0, 30.0, 0.01
_IDLE_S = 30.0
PIECE_S = 10


# --- kills ------------------------------------------------------------------------------


def visit_pictures() -> list[np.ndarray]:
    """One visit of the footage, small; or a drawn one."""
    clip = shared_data.footage(ROOM)
    if clip is None:
        return drawn_pictures()
    pictures = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if len(pictures) == VISIT_S * FPS:
                break
            if frame.time >= _VISIT_FROM_S - 1e-3:
                picture = frame.to_ndarray(format="bgr24")
                pictures.append(cv2.resize(picture, _SIZE, interpolation=cv2.INTER_AREA))
    return pictures


def kills(arguments: argparse.Namespace) -> bool:
    begin_s = float(int(time.time()) - 2 * 86400)
    recording = record(arguments.seed, arguments.clips, begin_utc_s=begin_s)
    model = arguments.model or shared_data.model(MODEL)
    readable = len(recording.readable)
    print(
        f"seed {arguments.seed}: {len(recording.files)} files, {readable} readable clips, "
        f"{recording.visits} visits, {len(recording.steps)} steps",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as both:
        shelf = Shelf(Path(name) / "shelf", visit_pictures())

        def play(count: int) -> FolderOutcome:
            plan = FolderPlan.killing(
                recording,
                count,
                arguments.seed,
                model=str(model or ""),
                fps=arguments.fps,
                delay_s=8.0,
                settle_timeout_s=3600.0,
            )
            outcome = FolderRun(Path(name) / f"kills{count}", plan).run(recording, shelf)
            _tell(outcome, readable)
            return outcome

        undisturbed, disturbed = both.map(play, (0, arguments.kills))
    found = difference(undisturbed, disturbed)
    print(
        f"by message id: {len(found.missing)} missing, {len(found.added)} added, "
        f"{len(found.changed)} changed"
    )
    for text in (*found.missing[:5], *found.added[:5], *found.changed[:5]):
        print(f"  {text}: {undisturbed.messages.get(text)} / {disturbed.messages.get(text)}")
    whole = undisturbed.count("done") == disturbed.count("done") == readable
    people = len(undisturbed.events("person"))
    told_all = model is None or people == recording.visits
    sound = not any(each.torn() or each.rivals for each in (undisturbed, disturbed))
    return whole and told_all and sound and not found


def _tell(outcome: FolderOutcome, readable: int) -> None:
    print(
        f"{outcome.kills} kills: {outcome.count('done')} of {readable} clips done, "
        f"{outcome.count('failed')} failed, {outcome.count('gone')} gone, "
        f"{outcome.count('refused')} files refused; {len(outcome.messages)} messages "
        f"({outcome.resent} resent, {outcome.rivals} rivals), {outcome.stored} stored; "
        f"{len(outcome.events('person'))} person and {len(outcome.events('motion'))} motion "
        f"events, {len(outcome.torn())} torn; {outcome.took_s:.0f} s, {outcome.cpu_s:.0f} s of CPU",
        flush=True,
    )
    for text in outcome.torn()[:5]:
        print(f"  torn: {text}")


# --- pieces -----------------------------------------------------------------------------


def cut(clip: Path, folder: Path, piece_s: int) -> int:
    """Remux `clip` into files of `piece_s` from keyframe to keyframe; how many."""
    begin = dt.datetime.fromtimestamp(int(time.time()) - 86400, dt.UTC)
    day = folder / f"{begin:%Y-%m-%d}"
    day.mkdir(parents=True)
    target: av.container.OutputContainer | None = None
    number, stream = -1, None
    with av.open(str(clip)) as source:
        template = source.streams.video[0]
        for packet in source.demux(template):
            if packet.dts is None or packet.pts is None:
                continue
            if packet.is_keyframe and packet.pts * packet.time_base >= (number + 1) * piece_s:
                number += 1
                if target is not None:
                    target.close()
                start = begin + dt.timedelta(seconds=number * piece_s)
                end = start + dt.timedelta(seconds=piece_s)
                target = av.open(str(day / f"{start:%H.%M.%S}-{end:%H.%M.%S}.mp4"), "w")
                stream = target.add_stream_from_template(template)
            packet.stream = stream
            target.mux(packet)
    target.close()
    return number + 1


def pieces(_: argparse.Namespace) -> bool:
    clip, model = shared_data.footage(ROOM), shared_data.model(MODEL)
    if clip is None or model is None:
        print(f"{ROOM} or {MODEL} is not here")
        return True
    with av.open(str(clip)) as container:
        duration_s = float(container.duration / av.time_base)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clips"
        count = cut(clip, folder, PIECE_S)
        common = ["--json", "--model", str(model)]
        whole = _timed(["replay", *common, str(clip)])
        once = ["ingest", str(folder), "--once", "--time-zone", "UTC", *common]
        parts = _timed(once)
    print("| | person events | s of CPU | x real time by CPU | s |")
    print("|---|---|---|---|---|")
    rows = (("`replay` of the whole", whole), (f"`ingest` of {count} files", parts))
    for title, (spans, cpu_s, wall_s) in rows:
        print(f"| {title} | {len(spans)} | {cpu_s:.1f} | {duration_s / cpu_s:.0f} | {wall_s:.1f} |")
    furthest_s = max(
        (
            abs(a - b)
            for one, other in zip(whole[0], parts[0], strict=False)
            for a, b in zip(one, other, strict=True)
        ),
        default=0.0,
    )
    print(
        f"\nCPU {parts[1] / whole[1]:.2f} times; starts, ends differ by {furthest_s:.1f} s at most"
    )
    return len(whole[0]) == len(parts[0]) == 6 and furthest_s <= 1.0


def _timed(command: list[str]) -> tuple[list[tuple[float, float]], float, float]:
    """Spans of the person events from the first one's start on, s of CPU, s."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run(
        [sys.executable, "-m", "edge_agent", *command], check=True, stdout=subprocess.PIPE
    ).stdout
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began_s
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ends = [
        body["data"]
        for body in map(json.loads, out.splitlines())
        if body["data"]["label"] == "person" and body["data"]["phase"] == "end"
    ]
    spans = sorted((_utc_s(end["start_time"]), _utc_s(end["end_time"])) for end in ends)
    zero_s = spans[0][0] if spans else 0.0
    return [(start - zero_s, end - zero_s) for start, end in spans], cpu_s, wall_s


def _utc_s(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


# --- many -------------------------------------------------------------------------------


def many(arguments: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        broker = Mosquitto(base / "broker")
        broker.start()
        try:
            empty_mib = _with_files(base / "none", broker, 0)[0]
            full_mib, event_s, idle_frac, scan = _with_files(base / "many", broker, arguments.files)
        finally:
            broker.kill()
    growth_mib = full_mib - empty_mib
    print(
        f"{arguments.files} files at the start: first scan {scan}; a new clip's event "
        f"{event_s[0]:.1f} s after its last byte while that goes on, {event_s[1]:.1f} s later; "
        f"{full_mib:.1f} MiB resident, {growth_mib:+.1f} beside an empty folder; "
        f"idle {idle_frac:.2%} of a core"
    )
    return (
        max(event_s) <= MAX_EVENT_S and growth_mib <= MAX_GROWTH_MIB and idle_frac <= MAX_IDLE_FRAC
    )


def _with_files(
    folder: Path, broker: Mosquitto, files: int
) -> tuple[float, list[float], float, str]:
    """Resident MiB, s until the events of two clips, idle share, how long the first scan took."""
    root = folder / "clips"
    root.mkdir(parents=True)
    _fill(root, files)
    model = str(shared_data.model(MODEL) or "")
    camera = (
        f'[source]\nkind = "folder"\npath = "{root}"\ntemplate = "dahua"\nchannel = "001"\n'
        'time_zone = "UTC"\nnext_clip_s = 600\n'
    )
    extra = f"[detector]\nmodel = {json.dumps(model)}\n" if model else ""
    config = agent_process.write_config(
        folder / "config", broker.port, {"gate": camera}, box=f"box{files}", extra=extra
    )
    with agent_process.listening(broker, f"box{files}") as (heard, _):
        process = AgentProcess(config)
        try:
            process.ready()
            began_s = time.monotonic()

            def figure(key: str) -> float:
                told = heard.bodies("/tm")
                return float(told[-1]["cameras"]["gate"].get(key, -1)) if told else -1.0

            event_s = [_upload(root, heard, 1)]  # while the first scan goes on
            heard.wait(lambda: figure("files_seen") >= files, timeout_s=1800)
            scan = f"{time.monotonic() - began_s:.0f} s"
            time.sleep(5)
            watched = psutil.Process(process.process.pid)
            idle_frac = _idle(watched)
            event_s.append(_upload(root, heard, 2))
            resident_mib = watched.memory_info().rss / 2**20
        finally:
            process.close()
    return resident_mib, event_s, idle_frac, scan


def _fill(root: Path, files: int) -> None:
    """Names of the last months; nobody looks into what is too old."""
    newest = dt.datetime.now(dt.UTC) - dt.timedelta(days=9)
    for number in range(files):
        start = newest - dt.timedelta(seconds=60 * number)
        day = root / f"{start:%Y-%m-%d}/001/dav/{start:%H}"
        day.mkdir(parents=True, exist_ok=True)
        path = day / f"{start:%H.%M.%S}-{start:%H.%M}.59[M][0@0][0].dav"
        path.touch()
        os.utime(path, (start.timestamp(), start.timestamp()))


def _idle(process: psutil.Process) -> float:
    before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(_IDLE_S)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began_s)


def _upload(root: Path, heard: agent_process.Heard, number: int) -> float:
    """A clip in which somebody moves, and the seconds until its first event."""
    pictures = visit_pictures()
    now = dt.datetime.now(dt.UTC)
    before = len(heard.bodies("/ev/gate/"))
    day = root / f"{now:%Y-%m-%d}/001/dav/{now:%H}"
    day.mkdir(parents=True, exist_ok=True)
    end = now + dt.timedelta(seconds=VISIT_S)
    path = day / f"{now:%H.%M.%S}-{end:%H.%M.%S}[M][0@0][0].mp4"
    temporary = root.parent / "clip.mp4"
    _write_clip(temporary, pictures[: len(pictures) - number])  # no two are alike
    data = temporary.read_bytes()
    with path.open("wb") as file:
        for part in range(4):
            file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
            file.flush()
            time.sleep(0.5 if part < 3 else 0.0)
    began_s = time.monotonic()
    heard.wait(lambda: len(heard.bodies("/ev/gate/")) > before, timeout_s=300)
    return time.monotonic() - began_s


def _write_clip(path: Path, pictures: list[np.ndarray]) -> None:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for picture in pictures:
        writer.write(picture)
    writer.release()


PARTS: dict[str, Callable[[Any], bool]] = {"kills": kills, "pieces": pieces, "many": many}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", help="kills: the detector (default: as in the other parts)")
    parser.add_argument("--fps", type=float, default=5.0, help="kills: pictures analysed a second")
    parser.add_argument("--files", type=int, default=MANY)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    kept = True
    for name in arguments.parts or PARTS:
        print(f"\n### {name}\n", flush=True)
        good = PARTS[name](arguments)
        print(f"\n{name}: {'kept' if good else 'fell short'}", flush=True)
        kept &= good
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
