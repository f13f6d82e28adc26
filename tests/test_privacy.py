"""A household's box talks to its ward and to nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOAD = """
import edge_agent.agent
import onnxruntime
onnxruntime.get_available_providers()
onnxruntime.SessionOptions()
"""


def test_loading_the_detectors_library_leaves_no_trace_of_its_telemetry(tmp_path: Path) -> None:
    """onnxruntime 1.32 leaves `.ses` in TMPDIR and an id in ~/.cache where it may report."""
    places = {
        "HOME": tmp_path / "home",
        "TMPDIR": tmp_path / "tmp",
        "XDG_CACHE_HOME": tmp_path / "c",
    }
    for place in places.values():
        place.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    env |= {name: str(place) for name, place in places.items()}
    subprocess.run([sys.executable, "-B", "-c", LOAD], check=True, env=env, timeout=60)
    assert [path for place in places.values() for path in place.rglob("*")] == []
