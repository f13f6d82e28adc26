"""What an event's clip costs: CPU of ring, tap and file for 11 s of video, by camera.

    python -m benchmarks.clips [--repeat 20]

Packets come from files that ffmpeg encodes as cameras do (no B-frames, fixed GOP), and go
the agent's own way: GOP ring, tap, drain, fragmented MP4 with its SHA-256 on a real disk. The
CPU time (user + system, getrusage) of demuxing is measured apart and left out. Every clip is
then decoded: damaged frames count.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av

from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.clock import SystemClock
from edge_agent.config import ClipConfig
from edge_agent.domain import CameraId, EventId, Packet
from edge_agent.media import ClipStore
from edge_agent.sources import GopRing, PacketTap

CLIP_S = 11.0
PRE_S = 5.0
PUMP_EVERY_S = 0.5  # as the clip thread does
PROMISE_MS = 10.0


@dataclass(frozen=True)
class Camera:
    name: str
    size: str
    fps: int
    encoder: tuple[str, ...]


def _rate(kbit: int) -> tuple[str, ...]:
    return ("-b:v", f"{kbit}k", "-maxrate", f"{kbit}k", "-bufsize", f"{kbit}k")


H264 = ("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency")
H265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0")
CAMERAS = (
    Camera("360p15 H.264 0.5 Mbit/s", "640x360", 15, (*H264, "-g", "15", *_rate(500))),
    Camera("1080p25 H.264 2 Mbit/s", "1920x1080", 25, (*H264, "-g", "50", *_rate(2000))),
    Camera("1080p25 H.264 4 Mbit/s", "1920x1080", 25, (*H264, "-g", "50", *_rate(4000))),
    Camera("1080p25 H.265 2 Mbit/s", "1920x1080", 25, (*H265, "-g", "50", *_rate(2000))),
    Camera("480p15 MJPEG", "640x480", 15, ("-c:v", "mjpeg", "-q:v", "6")),
)


def encode(camera: Camera, path: Path) -> Path:
    """Noise over a test picture, which no encoder makes small."""
    scene = f"testsrc2=size={camera.size}:rate={camera.fps},noise=alls=12:allf=t"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", scene, "-t", "14"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", *camera.encoder, str(path)], check=True)
    return path


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one_clip(packets: list[Packet], store: ClipStore, number: int) -> tuple[float, float, Path]:
    """CPU seconds of ring and tap alone, and of the clip in all; the file."""
    before_s = cpu_s()
    ring, tap = GopRing(), PacketTap()
    for packet in packets:
        ring.add(packet)
        tap.flows(packet, ring, 0.0)
    ring_s = cpu_s() - before_s
    event_id = EventId(f"01J{number:023d}")
    before_s = cpu_s()
    ring, tap = GopRing(), PacketTap()
    recording: ClipRecording | None = None
    pumped_s = 0.0
    for packet in packets:
        ring.add(packet)
        tap.flows(packet, ring, 0.0)
        if recording is None and packet.pts_s >= PRE_S:
            drain = tap.open(packet.pts_s - PRE_S)
            order = ClipOrder(CameraId("bench"), event_id, packet.pts_s)
            recording = ClipRecording(order, drain, store, SystemClock())
        elif recording and packet.pts_s - pumped_s >= PUMP_EVERY_S:
            pumped_s = packet.pts_s
            recording.pump()
    assert recording is not None
    recording.finish(1e9)
    store.sync(10.0)
    path = store.find(event_id)
    assert path is not None
    return ring_s, cpu_s() - before_s, path


def damaged(path: Path) -> tuple[int, int]:
    """(frames, damaged ones)"""
    with av.open(str(path)) as container:
        frames = [frame.is_corrupt for frame in container.decode(video=0)]
        return len(frames), sum(frames)


def measure(camera: Camera, folder: Path, repeat: int) -> str:
    suffix = "avi" if "mjpeg" in camera.encoder else "mp4"
    with av.open(str(encode(camera, folder / f"camera.{suffix}"))) as container:
        video = container.streams.video[0]
        packets = [
            Packet(float(unit.pts * unit.time_base), 0.0, unit.is_keyframe, unit.size, unit)
            for unit in container.demux(video)
            if unit.size and unit.pts * unit.time_base < CLIP_S
        ]
        store = ClipStore(folder, ClipConfig(enabled=True), SystemClock())
        one_clip(packets, store, 0)  # loads libraries
        runs = [one_clip(packets, store, number) for number in range(1, repeat + 1)]
    path = runs[-1][2]
    frames, bad = damaged(path)
    clip_ms = sorted(1000 * run[1] for run in runs)
    return (
        f"| {camera.name} | {path.stat().st_size / 1e6:.2f} | {frames} | {bad} "
        f"| {1000 * statistics.median(run[0] for run in runs):.2f} "
        f"| {statistics.median(clip_ms):.2f} | {clip_ms[-1]:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    print(f"clips of {CLIP_S:g} s, median and worst of {options.repeat}; promise {PROMISE_MS} ms\n")
    print("| camera | MB | frames | damaged | ring alone, ms | ring + clip, ms | worst, ms |")
    print("|---|---|---|---|---|---|---|")
    for camera in CAMERAS:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            print(measure(camera, Path(folder), options.repeat))


if __name__ == "__main__":
    main()
