"""Debian's `motion` as a contender: it plays a file like a camera, at its own pace."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

#: Motion's defaults, but nothing is written or served; 5 fps as for all. Events end after 3 s,
#: as the visits follow each other closely.
_CONFIG = """
setup_mode off
log_level 6
webcontrol_port 0
stream_port 0
framerate 5
width {width}
height {height}
picture_output off
movie_output off
event_gap 3
netcam_url file://{clip}
netcam_params capture_rate={fps:g}
on_event_start /bin/date +start=%s.%N
on_event_end /bin/date +end=%s.%N
"""
_EVENT = re.compile(r"^(start|end)=(\d+\.\d+)$", re.MULTILINE)


def daemon_missing() -> str:
    """Why the daemon cannot run; "" when it can."""
    return "" if shutil.which("motion") else "`motion` is not installed"


def run_daemon(clip: Path, seconds: float, size: tuple[int, int], fps: float) -> dict[str, Any]:
    """CPU seconds, and its events as (start, end) in seconds since it connected."""
    with tempfile.TemporaryDirectory() as folder:
        config, log = Path(folder) / "motion.conf", Path(folder) / "log"
        # Motion replaces strftime's letters; doubled, they reach `date`.
        text = _CONFIG.replace("%", "%%").format(clip=clip, width=size[0], height=size[1], fps=fps)
        config.write_text(text)
        with (
            log.open("w") as out,
            subprocess.Popen(
                ["motion", "-n", "-c", str(config)], cwd=folder, stdout=out, stderr=out
            ) as motion,
        ):
            begun_s = time.time()
            while "connected" not in log.read_text() and time.time() - begun_s < 10:
                time.sleep(0.02)
            begun_s = time.time()
            time.sleep(seconds - 0.5)  # at the end it would begin again
            used = psutil.Process(motion.pid).cpu_times()
            motion.terminate()
        found = _EVENT.findall(log.read_text())
    events: list[tuple[float, float]] = []
    start_s = 0.0
    for what, at in found:
        at_s = float(at) - begun_s
        if what == "start":
            start_s = at_s
        else:
            events.append((start_s, at_s))
    return {"cpu_s": used.user + used.system, "events": events}
