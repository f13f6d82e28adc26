"""Memory and CPU of `edge-agent run` on four 720p cameras, beside an ffmpeg pipe per camera.

    python -m benchmarks.resources [--seconds 30] [--turns 2] [--clips FOLDER]

Four file cameras at their own pace: 1280x720 H.264, 25 fps, a keyframe every 2 s, no
B-frames, made of the footage with some sensor noise (kept in FOLDER, default
out/benchmarks). 5 pictures a second are analysed; every packet is decoded. Four contenders
take turns over the same stretch of the clips:

    edge-agent               decode, motion, person detection, tracking, events, outbox, MQTT
    edge-agent, no detector  the same without a model: motion alone
    ffmpeg pipe + motion     `ffmpeg -vf fps=5 -f rawvideo` a camera, and benchmarks/frigate_like
                             on the luma of what comes through the pipes, in one Python process;
                             no detection
    ffmpeg alone             the same pipes read and thrown away

CPU is user + system time per camera, as a share of one core, of all processes of a contender
(the broker is left out). `peak` is the most resident memory (VmHWM) of the agent's process;
for several processes the sum of their PSS at the end. Wanted: at most 200 MiB with all on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks._box import (
    AgentProcess,
    Mosquitto,
    config_folder,
    cpu_s,
    peak_rss_mib,
    pss_mib,
)
from benchmarks._replays import MODEL
from benchmarks.frigate_like import FrigateLikeMotion
from benchmarks.motion_recall import footage_dir

MAX_RSS_MIB = 200
WIDTH, HEIGHT, FPS, ANALYSED_FPS = 1280, 720, 25, 5
#: Clip and the second at which its four cameras begin: somebody or something moves in each.
SOURCES = (
    ("intel_one-by-one-person-detection.mp4", 20),
    ("PETS09-S2L1_480x360.mp4", 0),
    ("ahmetozlu_pedestrian_survaillance.mp4", 0),
    ("ahmetozlu_vehicle_survaillance.mp4", 0),
)
CLIP_S = 90
#: Start-up and the learning of the background are not measured.
SETTLE_S = 8.0
NO_MODEL = "/nowhere/no-model.onnx"


@dataclass
class Measured:
    """One contender, over all its turns."""

    name: str
    cpu_share: list[float] = field(default_factory=list)  # of one core and camera, per turn
    memory_mib: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        return sum(self.cpu_share) / len(self.cpu_share)


def make_clips(folder: Path, footage: Path) -> list[Path]:
    """What four cameras would send; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for name, from_s in SOURCES:
        clip = folder / f"{Path(name).stem}-720p.mp4"
        clips.append(clip)
        if clip.is_file():
            continue
        partial = clip.with_suffix(".partial.mp4")
        shape = f"scale={WIDTH}:{HEIGHT},fps={FPS},noise=alls=5:allf=t,format=yuv420p"
        command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-ss", str(from_s), "-i"]
        command += [str(footage / name), "-t", str(CLIP_S), "-vf", shape, "-an"]
        command += ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2M", "-maxrate", "2M"]
        command += ["-bufsize", "4M", "-bf", "0", "-g", str(2 * FPS), "-sc_threshold", "0"]
        subprocess.run([*command, str(partial)], check=True, stdin=subprocess.DEVNULL)
        partial.rename(clip)
    return clips


@dataclass(frozen=True, slots=True)
class Running:
    """A contender at work."""

    cpu_s: Callable[[], float]
    memory_mib: Callable[[], float]


@contextmanager
def agent(clips: list[Path], broker: Mosquitto, model: str) -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as name:
        cameras = {
            f"cam{i}": f'kind = "file"\npath = "{clip.resolve()}"\nloop = true'
            for i, clip in enumerate(clips)
        }
        process = AgentProcess(config_folder(Path(name) / "box", broker.port, model, cameras))
        try:
            process.ready()
            watched = psutil.Process(process.process.pid)
            yield Running(lambda: cpu_s(watched), lambda: peak_rss_mib(watched.pid))
            if process.stop() != 0:
                raise RuntimeError(process.log)
        finally:
            process.close()


@contextmanager
def pipes(clips: list[Path], *, motion: bool) -> Iterator[Running]:
    """One ffmpeg a camera; the reader is a process of its own."""
    reader = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.resources", "--read-pipes", *map(str, clips)]
        + (["--motion"] if motion else []),
        stdin=subprocess.PIPE,
    )
    watched = psutil.Process(reader.pid)
    try:
        yield Running(
            lambda: sum(cpu_s(p) for p in (watched, *watched.children())),
            lambda: sum(pss_mib(p) for p in (watched, *watched.children())),
        )
    finally:
        reader.communicate()  # the end of its input asks it to stop


def read_pipes(clips: list[Path], *, motion: bool) -> None:
    """Body of the reader: until stdin closes."""
    cv2.setNumThreads(1)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-re", "-stream_loop", "-1"]
    shape = ["-vf", f"fps={ANALYSED_FPS}", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-an", "pipe:"]
    with ExitStack() as stack:
        for clip in clips:
            process = subprocess.Popen(
                [*command, "-i", str(clip), *shape], stdout=subprocess.PIPE, bufsize=0
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            threading.Thread(target=_read_pipe, args=(process, motion), daemon=True).start()
        sys.stdin.read()


def _read_pipe(process: subprocess.Popen[bytes], motion: bool) -> None:
    detector = FrigateLikeMotion()
    picture = np.empty(WIDTH * HEIGHT * 3 // 2, np.uint8)
    view = memoryview(picture)
    assert process.stdout
    while True:
        filled = 0
        while filled < len(picture):
            count = process.stdout.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                return
            filled += count
        if motion:
            detector.update(picture[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH))


def measure(measured: Measured, running: Running, seconds: float, cameras: int) -> None:
    time.sleep(SETTLE_S)
    before_s, began_s = running.cpu_s(), time.monotonic()
    time.sleep(seconds)
    used_s = running.cpu_s() - before_s
    measured.cpu_share.append(used_s / (time.monotonic() - began_s) / cameras)
    measured.memory_mib.append(running.memory_mib())


def report(contenders: list[Measured], peer: Measured) -> str:
    lines = ["| | CPU per camera | beside the pipe + motion | memory |", "|---|---|---|---|"]
    for each in contenders:
        lines.append(
            f"| {each.name} | {100 * each.cpu:.1f} % of a core | {each.cpu / peer.cpu:.2f} "
            f"| {max(each.memory_mib):.0f} MiB |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--clips", type=Path, default=Path("out/benchmarks"), metavar="FOLDER")
    parser.add_argument("--read-pipes", type=Path, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--motion", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read_pipes:
        read_pipes(arguments.read_pipes, motion=arguments.motion)
        return 0
    clips = make_clips(arguments.clips, footage_dir())
    whole, blind = Measured("edge-agent"), Measured("edge-agent, no detector")
    peer, bare = Measured("ffmpeg pipe + motion"), Measured("ffmpeg pipe alone")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        broker = Mosquitto(Path(folder) / "broker").start()
        stack.callback(broker.stop)
        for _ in range(arguments.turns):
            for measured, contender in (
                (whole, lambda: agent(clips, broker, MODEL)),
                (peer, lambda: pipes(clips, motion=True)),
                (blind, lambda: agent(clips, broker, NO_MODEL)),
                (bare, lambda: pipes(clips, motion=False)),
            ):
                with contender() as running:
                    measure(measured, running, arguments.seconds, len(clips))
    print(report([whole, blind, peer, bare], peer))
    return 0 if max(whole.memory_mib) <= MAX_RSS_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
