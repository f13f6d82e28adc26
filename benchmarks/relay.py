"""What the relay costs: the thread that hands an RTSP camera's packets to libav.

A clip of noise over a moving test picture, encoded as a camera would and served over TCP from a
process of its own; one camera is watched, everything decoded. CPU is that of each thread.

    python -m benchmarks.relay --seconds 30
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import CameraId
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings

#: Size, pictures a second, kbit/s.
STREAMS = (("640x360", 15, 500), ("1280x720", 25, 2000), ("1920x1080", 25, 4000))
_SETTLE_S = 5.0
_CLIP_S = 12


def render(path: Path, size: str, fps: int, kbits: int) -> None:
    picture = f"testsrc2=size={size}:rate={fps},noise=alls=12:allf=t"
    rate = f"{kbits}k"
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", str(fps)]
    bits = ["-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-pix_fmt", "yuv420p"]
    source = ["-f", "lavfi", "-i", picture, "-t", str(_CLIP_S)]
    subprocess.run(["ffmpeg", "-v", "error", *source, *codec, *bits, str(path)], check=True)


def serve(path: Path, urls: multiprocessing.Queue[str]) -> None:
    with RtspServer({"camera": Media.load(path)}) as server:
        urls.put(server.url("camera"))
        threading.Event().wait()


def thread_cpu_s() -> dict[int, float]:
    found = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[int(task.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def measured(url: str, seconds: float) -> dict[str, float]:
    """CPU seconds in a second, by the thread's name."""
    stop = StopToken()
    feed = CameraFeed(
        FeedSettings(CameraId("camera"), RtspSource(url=url, gate="off"), 5.0),
        credentials=CredentialGuard(None, SystemClock()),
        clock=SystemClock(),
    )
    source = threading.Thread(target=feed.run_once, args=(stop, lambda _frame: None), name="source")
    source.start()
    time.sleep(_SETTLE_S)
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    before, begin_s = thread_cpu_s(), time.monotonic()
    time.sleep(seconds)
    after, lasted_s = thread_cpu_s(), time.monotonic() - begin_s
    stop.stop()
    source.join()
    return {name: (after[key] - before[key]) / lasted_s for key, name in names.items() if key}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    print("| stream | relay | reading and decoding |\n|---|---|---|")
    for size, fps, kbits in STREAMS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mp4"
            render(path, size, fps, kbits)
            urls: multiprocessing.Queue[str] = multiprocessing.Queue()
            server = multiprocessing.Process(target=serve, args=(path, urls), daemon=True)
            server.start()
            used = measured(urls.get(timeout=30), arguments.seconds)
            server.terminate()
        relay, source = used.get("rtsp-camera", 0.0), used.get("source", 0.0)
        print(f"| {size}, {fps} fps, {kbits / 1000:g} Mbit/s | {relay:.2%} | {source:.2%} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
