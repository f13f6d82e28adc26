"""The figures of `tm`: how the box and its cameras do, as numbers by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent import __version__
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import SeatCounters
from edge_agent.clock import Clock
from edge_agent.contract import IngestFigures, Telemetry
from edge_agent.domain import CameraId
from edge_agent.runtime import process
from edge_agent.sources import CameraFeed, GateStatus


class _TelemetryCamera(Protocol):
    """A camera's two ends: where packets come in, and where frames are analysed."""

    @property
    def feed(self) -> CameraFeed: ...

    @property
    def counters(self) -> SeatCounters: ...

    @property
    def clock_figures(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class _Mark:
    """Counters at the previous telemetry, for rates."""

    at_s: float
    cpu_s: float
    frames: Mapping[CameraId, int]


class FolderTelemetry(Protocol):
    """Figures of the cameras whose clips lie in folders."""

    def cameras(self) -> Mapping[str, Mapping[str, float]]: ...

    def ingest(self) -> Mapping[str, IngestFigures]: ...


class TelemetrySource:
    """Called by the publisher thread; reads counters that others write."""

    def __init__(
        self,
        cameras: Mapping[CameraId, _TelemetryCamera],
        exchange: FrameExchange,
        clock: Clock,
        state_dir: Path,
        more: Callable[[], Mapping[str, float]] = dict,
        folders: FolderTelemetry | None = None,
    ) -> None:
        self._cameras = cameras  # the main thread adds to it and removes from it
        self._exchange = exchange
        self._clock = clock
        self._state_dir = state_dir
        self._more = more  # figures of parts that not every box has
        self._folders = folders
        self._started_s = clock.mono_s()
        self._mark = self._take_mark()

    def telemetry(self) -> Telemetry:
        """Epoch, last_seq and backlog are the publisher's to fill in."""
        watched = dict(self._cameras)
        before, self._mark = self._mark, self._take_mark()
        reading = self._clock.read()
        return Telemetry(
            clock=reading,
            agent_version=__version__,
            uptime_s=reading.mono_s - self._started_s,
            epoch="",
            last_seq=0,
            backlog=0,
            figures=self._box(before),
            cameras={
                **{name: self._camera(name, camera, before) for name, camera in watched.items()},
                **(self._folders.cameras() if self._folders else {}),
            },
            ingest=self._folders.ingest() if self._folders else {},
        )

    def _take_mark(self) -> _Mark:
        frames = {name: camera.counters.frames for name, camera in dict(self._cameras).items()}
        return _Mark(self._clock.mono_s(), process.cpu_s(), frames)

    def _box(self, before: _Mark) -> dict[str, float]:
        span_s = max(self._mark.at_s - before.at_s, 1e-3)
        figures: dict[str, float] = {
            "rss_mib": round(process.rss_mib(), 1),
            "cpu_frac": round((self._mark.cpu_s - before.cpu_s) / span_s, 4),
            "threads": threading.active_count(),
            "open_files": process.open_files(),
            **self._more(),
        }
        return figures | _readable(
            "disk_free_mib", lambda: round(process.disk_free_mib(self._state_dir))
        )

    def _camera(self, name: CameraId, camera: _TelemetryCamera, before: _Mark) -> dict[str, float]:
        status, counters = camera.feed.status(), camera.counters
        stats = self._exchange.stats(name)
        span_s = max(self._mark.at_s - before.at_s, 1e-3)
        # A camera that was started anew counts from 0 again.
        analysed = max(0, self._mark.frames.get(name, 0) - before.frames.get(name, 0))
        figures: dict[str, float] = {
            "analysed_fps": round(analysed / span_s, 2),
            "frames_dropped": stats.dropped,
            "looks": counters.looks,
            "busy_s": round(counters.busy_s, 2),
            "decoded": status.decoded,
            "decode_errors": status.decode_errors,
            "damaged": status.damaged,
            "lost_packets": status.lost_packets,
            "connections": status.connections,
        }
        optional = {
            "stream_fps": status.figures.fps,
            "bitrate_bps": status.figures.bitrate_bps,
            "last_packet_age_s": status.last_packet_age_s,
        }
        optional |= camera.clock_figures
        known = {name: round(value, 2) for name, value in optional.items() if value is not None}
        return figures | known | (_gate(status.gate) if status.gate else {})


def _gate(gate: GateStatus) -> dict[str, float]:
    """What the gate saved, and what it cost."""
    counters = gate.counters
    return {
        "decoded_frac": round(counters.decoded_frac, 4),
        "idle_s": round(counters.idle_s, 1),
        "key_looks": counters.looks,
        "wakes": counters.wakes,
        "false_wakes": counters.false_wakes,
        "nuisance_frac": round(gate.nuisance_frac, 3),
        "source_cpu_s": round(gate.cpu_s, 2),
    }


def _readable(name: str, read: Callable[[], float]) -> dict[str, float]:
    """A figure of a disk, which may have gone."""
    try:
        return {name: read()}
    except OSError:
        return {}
