"""The sockets by which the box's own tools ask a running agent: files 0600, never the network.

status.sock    `local_status`, at once
live.sock      `live_view`, one line asked
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.agent.local_status import SOCKET_NAME, local_status, socket_dir
from edge_agent.analysis.live_view import LIVE_SOCKET, WatchedCamera, live_answer
from edge_agent.clock import Clock
from edge_agent.errors import StorageError
from edge_agent.pipeline.stages import thresholds
from edge_agent.runtime import LocalSocket

if TYPE_CHECKING:
    from edge_agent.agent.assembly import Assembly

log = logging.getLogger(__name__)


def open_local_sockets(assembly: Assembly, clock: Clock) -> dict[str, LocalSocket]:
    """By the name of their thread. An agent that cannot open one runs without."""
    folder = socket_dir(Path(assembly.facts.config.box.state_dir))
    started_s = clock.mono_s()
    opened = {
        "status": _opened(
            "status",
            lambda: LocalSocket(
                folder / SOCKET_NAME, lambda: local_status(assembly, clock, started_s)
            ),
        ),
        "live": _opened(
            "snapshot, zones and walk",
            lambda: LocalSocket(
                folder / LIVE_SOCKET,
                answer_line=lambda line: live_answer(line, _watched(assembly)),
            ),
        ),
    }
    return {name: local for name, local in opened.items() if local is not None}


def _opened(commands: str, make: Callable[[], LocalSocket]) -> LocalSocket | None:
    try:
        return make()
    except StorageError as error:
        log.warning("`edge-agent %s` will not reach this agent: %s", commands, error)
        return None


def _watched(assembly: Assembly) -> dict[str, WatchedCamera]:
    """By any thread."""
    return {
        name: WatchedCamera(
            camera.view,
            str(camera.status.state),
            camera.status.reason or "",
            thresholds(camera.holding.person, assembly.detector),
            camera.record,
            camera.profiles.in_force,
        )
        for name, camera in tuple(assembly.cameras.live.items())
    }
