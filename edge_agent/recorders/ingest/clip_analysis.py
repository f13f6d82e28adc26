"""One clip through the pipeline: frame by frame, the next one when the last one is analysed.

In lockstep, so that the same clip always gives the same events, also where the gate listens to
what the analysis finds; and so that the CPU budget needs no queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import Seat, SeatCounters
from edge_agent.analysis.recordings import GivenTime, ProfiledGate
from edge_agent.clock import Clock, thread_cpu_s
from edge_agent.config import AnalysisConfig, CameraConfig, FileSource, FolderSource
from edge_agent.config.profiles import OWN, in_profile
from edge_agent.contract import RecordedTimeline
from edge_agent.domain import CameraId, Frame
from edge_agent.pipeline import CameraPipeline
from edge_agent.pipeline.local_time import dated
from edge_agent.recorders.ingest.clip_messages import ClipMessages
from edge_agent.recorders.ingest.clip_untold import ClipUntold
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.runtime import StopToken
from edge_agent.sources import (
    CameraFeed,
    CredentialGuard,
    FeedSettings,
    Finding,
    Opener,
)
from edge_agent.sources.refusal import GivenUp

_STEP_TIMEOUT_S = 0.25
#: Live cameras leave recordings a twentieth of the analysis' time; longer than this, and the frame
#: went down with a crash of that thread.
_AWAY_S = 60.0
#: Where one wait took longer, this thread did not run either: the process was stopped, or the
#: machine slept or was starved.
_LONGEST_STEP_S = 1.0


class AnalysisAway(Exception):
    """The analysis crashed or hung, or memory was short: the clip is to be analysed again from its
    beginning, and it counts as a try."""


@dataclass(slots=True)
class PreparedClip:
    """A clip on its way. Moments are seconds on its timeline."""

    pipeline: CameraPipeline
    timeline: RecordedTimeline
    messages: ClipMessages
    last_s: float = 0.0  # moment of the newest frame
    frames: int = 0
    shown: tuple[tuple[float, float], ...] = ()  # UTC (s): moments that another file showed
    untold: ClipUntold | None = None  # None: nobody asks later
    skip_s: float = 0.0  # from its first frame: analysed when the file was shorter

    def was_shown(self, captured_s: float) -> bool:
        if captured_s < self.skip_s:
            return True
        utc_s = self.timeline.first_frame_utc_s + captured_s
        return any(begin_s <= utc_s < end_s for begin_s, end_s in self.shown)


class ClipAnalysis:
    """For the ingest thread; the analysis thread sees the seat while a frame is on its way."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        camera: CameraConfig,
        exchange: FrameExchange,
        enter: Callable[[Seat], None],
        *,
        default_fps: float,
        zone: ZoneInfo,
        counters: SeatCounters,
        pace: Pace,
        clock: Clock,
        analysis: AnalysisConfig | None = None,
    ) -> None:
        self._analysis = analysis
        self.apply(camera, default_fps)
        self._exchange = exchange
        self._enter = enter
        self._zone = zone
        self._counters = counters
        self._pace = pace
        self._clock = clock
        self._analysed = threading.Event()
        self.feed: CameraFeed | None = None  # of the clip that is analysed now

    def apply(self, camera: CameraConfig, default_fps: float) -> None:
        """From the next clip on."""
        source = camera.source
        gate: Literal["auto", "off"] = "off"
        if isinstance(source, FolderSource):
            gate = source.gate
        self._camera = msgspec.structs.replace(
            camera, source=FileSource(path="", pace="fast", gate=gate, rotate=source.rotate)
        )
        self._default_fps = default_fps

    def play(
        self, clip: PreparedClip, opener: Opener, after: Callable[[], None], stop: StopToken
    ) -> None:
        """Analyse the clip; `after` each frame its messages are in `clip.messages`.

        Returns when all was analysed, or stopped. Raises what `CameraFeed.run_once` does, and
        AnalysisAway.
        """
        camera, default_fps = self._camera, self._default_fps

        def settings(profile: str) -> FeedSettings:
            holding = in_profile(camera, profile)
            return FeedSettings.of(holding, default_fps, analysis=self._analysis)

        feed = CameraFeed(
            settings(OWN),
            credentials=CredentialGuard(None, self._clock),
            clock=self._clock,
            opener=opener,
        )

        def tell(finding: Finding) -> None:
            feed.told(finding)
            self._analysed.set()

        self._enter(
            Seat(
                CameraId(self._camera.id),
                clip.pipeline,
                self._counters,
                GivenTime(clip.timeline),
                tell,
                journal=clip.messages,
                untold=clip.untold.seat if clip.untold else None,
            )
        )
        gate = ProfiledGate(feed, settings)
        gate.follow(clip.pipeline.profile)
        mark_s, seen_s = thread_cpu_s(), clip.pipeline.seen_s  # by the clip before

        def deliver(frame: Frame) -> None:
            nonlocal mark_s
            if frame.captured_s <= seen_s or stop.stopped or clip.was_shown(frame.captured_s):
                return
            analysed_s = self._counters.busy_s
            utc_s = clip.timeline.utc_s(frame.captured_s)
            if not self._step(dated(frame, utc_s, self._zone), stop):
                return
            gate.follow(clip.pipeline.profile)
            if clip.untold:
                clip.untold.seen(frame.captured_s)
            clip.last_s, clip.frames = max(clip.last_s, frame.captured_s), clip.frames + 1
            after()
            cpu_s = thread_cpu_s()
            self._pace.worked(cpu_s - mark_s + self._counters.busy_s - analysed_s, stop)
            mark_s = cpu_s

        self.feed = feed
        try:
            feed.run_once(stop, deliver)
        except GivenUp as error:
            raise AnalysisAway(str(error)) from error
        finally:
            self.feed = None

    def _step(self, frame: Frame, stop: StopToken) -> bool:
        """Hand over one frame and wait until it is analysed; False: it is time to stop."""
        self._analysed.clear()
        while not self._exchange.put(frame, _STEP_TIMEOUT_S):
            if stop.stopped:
                return False
        before_s, away_s = self._clock.mono_s(), 0.0
        while not self._analysed.wait(_STEP_TIMEOUT_S):
            if stop.stopped:
                return False
            now_s = self._clock.mono_s()
            away_s += min(now_s - before_s, _LONGEST_STEP_S)
            before_s = now_s
            if away_s > _AWAY_S:
                raise AnalysisAway(f"{frame.camera}: a frame was not analysed in {_AWAY_S:g} s")
        return True
