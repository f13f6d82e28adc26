"""What the agent that runs on this configuration knows of its cameras: codecs, keyframes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from edge_agent.config import LoadedConfig
from edge_agent.runtime import read_local_socket
from edge_agent.tools.preflight.diagnosis import Diagnosis

_SOCKET_NAME = "status.sock"
_RUNTIME_DIR = Path("/run/edge-agent")
_TIMEOUT_S = 2.0


def running_diagnoses(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    """Nothing where no agent runs, or where this user may not ask it."""
    state_dir = loaded.config.box.state_dir
    indices = {camera.id: index for index, camera in enumerate(loaded.config.cameras, start=1)}
    for folder in (_RUNTIME_DIR, Path(state_dir)):
        try:
            status = json.loads(read_local_socket(folder / _SOCKET_NAME, _TIMEOUT_S))
        except (OSError, ValueError):
            continue
        if status.get("state_dir") != state_dir:
            continue  # another agent of this machine
        for camera in status["cameras"]:
            index = indices.get(camera["id"])
            for remark in camera.get("stream_remarks", ()) if index is not None else ():
                problem = loaded.problem(index or 0, "source", remark, "")
                yield Diagnosis(problem, is_error=False)
        return
