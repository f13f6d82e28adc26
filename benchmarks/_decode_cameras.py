"""Idle cameras at their own pace in one process with the agent's own threads, and clips."""

from __future__ import annotations

import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._decode_contenders import FPS, MODEL, cpu_s, rss_mib
from edge_agent.agent.camera_source import CameraSource
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop, Seat, SeatCounters
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector, default_model_dirs, find_model
from edge_agent.domain import CameraId, Event, EventId, PacketStream, Snapshot
from edge_agent.media.clip_file import ClipFile
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.runtime import Heartbeat, StopToken, process
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.opening import open_source
from edge_agent.sources.ring import GopRing
from edge_agent.sources.tap import PacketTap

#: Streams are measured and backgrounds learned by then; what follows is idleness.
WARM_UP_S = 18.0


class _Counting:
    """Keeps nothing, as nothing happens; counts what was told all the same."""

    def __init__(self) -> None:
        self.events = 0

    def record(self, events: Sequence[Event]) -> None:
        self.events += len(events)

    def keep(self, snapshot: Snapshot) -> None:
        del snapshot


class IdleCameras:
    """The clip must be longer than warm-up and measurement together: it is not looped."""

    def __init__(self, clip: Path, cameras: int) -> None:
        process.keep_memory_small()  # as `edge-agent run` does first
        self._clock = SystemClock()
        self._exchange = FrameExchange()
        self._journal = _Counting()
        self._sources: list[CameraSource] = []
        self._feeds: list[CameraFeed] = []
        detector = OnnxDetector.open(find_model(MODEL, default_model_dirs()))
        seats = {}
        for i in range(cameras):
            name = CameraId(f"idle-{i}")
            config = CameraConfig(
                id=name, source=FileSource(path=str(clip), pace="realtime", gate="auto")
            )
            feed = CameraFeed(
                FeedSettings.of(config, FPS),
                credentials=CredentialGuard(None, self._clock),
                clock=self._clock,
            )
            self._exchange.add(name)
            self._feeds.append(feed)
            self._sources.append(CameraSource(config, feed, self._exchange, self._clock))
            pipeline = build_pipeline(config, detector, lambda *_: EventId("0" * 26))
            seats[name] = Seat(name, pipeline, SeatCounters(), tell=feed.told)
        self._loop = AnalysisLoop(
            self._exchange,
            seats,
            self._journal,
            clock=self._clock,
            heartbeat=Heartbeat("analysis", self._clock, limit_s=60.0),
            make_snapshot=None,
        )

    def go(self, seconds: float) -> dict[str, float]:
        """Shares of one core (total, user, system), resident MiB, what was decoded."""
        stop = StopToken()
        bodies = [self._loop.run, *(source.run for source in self._sources)]
        threads = [threading.Thread(target=body, args=(stop,), daemon=True) for body in bodies]
        for i, thread in enumerate(threads):
            thread.start()
            if i:  # cameras do not send their keyframes all at once
                stop.wait(2.0 / len(self._sources))
        stop.wait(WARM_UP_S)
        before_s, packets = cpu_s(), self._packets()
        stop.wait(seconds)
        used_s, rss = cpu_s() - before_s, rss_mib(peak=False)
        seen, decoded = (b - a for a, b in zip(packets, self._packets(), strict=True))
        stop.stop()
        for thread in threads:
            thread.join(10.0)
        return {
            "cameras": len(self._sources),
            "core_frac": used_s / seconds,
            "rss_mib": rss,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "packets": seen,
            "decoded_frac": decoded / seen if seen else 0.0,
            "events": self._journal.events,
        }

    def _packets(self) -> tuple[int, int]:
        """Seen and decoded, of all cameras."""
        gates = [feed.status().gate for feed in self._feeds]
        counters = [gate.counters for gate in gates if gate]
        return sum(c.packets for c in counters), sum(c.decoded_packets for c in counters)


def write_clip(source: Path, seconds: float, times: int = 5) -> dict[str, float]:
    """CPU of the ring, the tap and the file for one clip, without demuxing; the median."""
    clock, stop = SystemClock(), StopToken()
    opened = open_source(
        FileSource(path=str(source), pace="fast"),
        camera="clip",
        credentials=CredentialGuard(None, clock),
        stop=stop,
        clock=clock,
    )
    packets = [p for p in opened.packets() if p.pts_s < seconds]
    spent_s, size_bytes = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(times):
            begun_s = time.process_time()
            ring, tap = GopRing(), PacketTap()
            drain = tap.open(float("-inf"))
            file: ClipFile | None = None
            for packet in packets:
                ring.add(packet)
                tap.flows(packet, ring, 0.0)
                for item in drain.take():
                    if isinstance(item, PacketStream):
                        file = ClipFile(Path(folder) / f"{i}.mp4", item)
                    elif file is not None:
                        file.add(item.packet)
            assert file is not None
            size_bytes = file.seal().size_bytes
            file.close()
            spent_s.append(time.process_time() - begun_s)
    opened.close()
    return {"cpu_s": statistics.median(spent_s), "size_bytes": size_bytes, "packets": len(packets)}
