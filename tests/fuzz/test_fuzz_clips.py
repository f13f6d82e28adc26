"""Spoilt uploads of every container through the real open path: refused or shown, never fatal."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import av
import clips
import dhav
import pytest
import spoilt_clips

from edge_agent.sources.jpeg_head import jpeg_size

RUNS = int(os.environ.get("FUZZ_RUNS", "60"))
SEED = os.environ.get("FUZZ_SEED", "1")


def still(path: Path) -> Path:
    clip = clips.Clip("mjpeg", frames=1, pixel_format="yuvj420p")
    with av.open(str(clips.render(path.with_suffix(".avi"), clip))) as container:
        path.write_bytes(bytes(next(container.demux(video=0))))
    return path


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    small = clips.Clip(width=64, height=48, frames=6, gop=3)
    for name in ("a.mp4", "b.avi", "c.ts", "d.mkv", "e.flv"):
        clips.render(tmp_path / name, small)
    still(tmp_path / "f.jpg")
    dhav.write_dav(tmp_path / "g.dav")
    return tmp_path


def test_spoilt_clips_never_end_the_process(originals: Path) -> None:
    script = Path(spoilt_clips.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(originals), SEED, str(RUNS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + RUNS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"after {lines[-1:]}: {done.stderr[-2000:]}"
    assert len(lines) == RUNS


def test_spoilt_jpeg_heads_have_a_size_or_none(tmp_path: Path) -> None:
    data = still(tmp_path / "a.jpg").read_bytes()
    for run in range(10 * RUNS):
        size = jpeg_size(spoilt_clips.spoil(data, random.Random(f"{SEED}/{run}"))[:4096])
        assert size is None or (0 < size.width < 65536 and 0 < size.height < 65536)
