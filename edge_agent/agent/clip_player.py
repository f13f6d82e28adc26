"""Runs a clip through the same pipeline as a camera's stream, as fast as it goes.

Nothing here touches the outbox or the network: what comes out are the events, and on
request the very payloads that the box would have sent (epoch `replay`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.analysis.loop import finding_of
from edge_agent.analysis.recordings import ProfiledGate, RecordingTime
from edge_agent.clock import Clock
from edge_agent.config import AnalysisConfig, CameraConfig, FileSource
from edge_agent.config.profiles import in_profile
from edge_agent.contract import (
    Position,
    RecordedTimeline,
    Sender,
    UlidGenerator,
)
from edge_agent.domain import CameraId, EndReason, Event, EventId, Frame, Label
from edge_agent.errors import MediaError
from edge_agent.pipeline import Analysis, CameraPipeline
from edge_agent.pipeline.health import HealthWatch, ignored_of
from edge_agent.pipeline.local_time import dated
from edge_agent.pipeline.stages import Detector, Extras, build_pipeline
from edge_agent.pipeline.stillness import StillnessTrials
from edge_agent.pipeline.untold import Untold, UntoldBook
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.writer.drafting import EventDrafter


@dataclass(frozen=True, slots=True)
class PlayedFrame:
    """One analysed frame; `progress` is 0..1, None where the clip does not say its length."""

    frame: Frame
    analysis: Analysis
    progress: float | None


@dataclass(frozen=True, slots=True)
class PlayedClip:
    """What a clip led to."""

    frames: int
    looks: int  # frames for which the detector was asked
    duration_s: float
    decoded: int  # pictures
    events: tuple[Event, ...]
    timeline: RecordedTimeline
    fault: MediaError | None = None  # the clip broke off: this is what was found up to there
    untold: Untold | None = None  # where it was asked for


class ClipPlayer:
    """Plays clips one after the other; each clip is a camera's life of its own.

    `watch` sees every analysed frame while its pixels are valid. Raises MediaError for a
    file without a single readable frame; where it breaks off later, the result has the fault.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        default_fps: float,
        zone: ZoneInfo,
        clock: Clock,
        gate: bool = False,
        analysis: AnalysisConfig | None = None,
    ) -> None:
        """`gate`: decode as `run` does, mostly keyframes while nothing happens."""
        self._gate = gate
        self._analysis = analysis
        self._detector = detector
        self._default_fps = default_fps
        self._zone = zone
        self._clock = clock
        self._ids = UlidGenerator()

    def play(
        self,
        clip: Path,
        camera: CameraConfig,
        watch: Callable[[PlayedFrame], None] = lambda step: None,
        stop: StopToken | None = None,
        *,
        why: bool = False,
    ) -> PlayedClip:
        """`why`: also find out who was not told, and why. The events are the same."""
        stop = stop or StopToken()
        gate: Literal["auto", "off"] = "auto" if self._gate else "off"
        source = FileSource(path=str(clip), pace="fast", gate=gate, rotate=camera.source.rotate)
        camera = msgspec.structs.replace(camera, source=source)
        feed = self._feed(camera)
        book = UntoldBook(camera, self._detector) if why else None
        pipeline = build_pipeline(
            camera,
            self._detector,
            self._new_event_id,
            Extras(
                health=HealthWatch(
                    CameraId(camera.id), ignored_of(camera.health), self._new_event_id
                ),
                near_misses=book.watch if book else None,
            ),
        )
        motion = ProfiledGate(feed, lambda profile: self._settings(in_profile(camera, profile)))
        playing = _Playing(clip, feed, motion, pipeline, self._zone, watch, book)
        try:
            feed.run_once(stop, playing.take)
        except MediaError as fault:
            if not playing.frames:
                raise
            return playing.finish(fault)
        result = playing.finish()
        return self._stirred(result, camera, book, stop) if book else result

    def _settings(self, camera: CameraConfig) -> FeedSettings:
        return FeedSettings.of(camera, self._default_fps, analysis=self._analysis)

    def _feed(self, camera: CameraConfig) -> CameraFeed:
        return CameraFeed(
            self._settings(camera),
            credentials=CredentialGuard(None, self._clock),
            clock=self._clock,
        )

    def _stirred(
        self, result: PlayedClip, camera: CameraConfig, book: UntoldBook, stop: StopToken
    ) -> PlayedClip:
        """Which motion settings would have had those looked at who were not: the clip is played
        once more, if there are any."""
        if result.untold is None:
            return result
        trials = StillnessTrials(result.untold.whys, book.moments, camera, self._detector)
        if not trials:
            return result

        def see(frame: Frame) -> None:
            if not frame.recalled:
                trials.see(frame.pixels.luma(), frame.captured_s)

        self._feed(camera).run_once(stop, see)
        whys = trials.answered(result.untold.whys)
        return replace(result, untold=replace(result.untold, whys=whys))

    def _new_event_id(self, label: Label, at_s: float) -> EventId:
        return EventId(self._ids.next(self._clock.read().utc_s))


class _Playing:
    """One clip on its way through the pipeline."""

    def __init__(
        self,
        clip: Path,
        feed: CameraFeed,
        gate: ProfiledGate,
        pipeline: CameraPipeline,
        zone: ZoneInfo,
        watch: Callable[[PlayedFrame], None],
        book: UntoldBook | None,
    ) -> None:
        self._feed, self._gate = feed, gate
        self._book = book
        self._time = RecordingTime(clip, self._duration_s)
        self._pipeline = pipeline
        self._zone = zone
        self._watch = watch
        self.frames = 0
        self._looks = 0
        self._last_s = 0.0
        self._events: list[Event] = []

    def take(self, frame: Frame) -> None:
        utc_s = self._time.timeline().utc_s(frame.captured_s)
        frame = dated(frame, utc_s, self._zone)
        analysis = self._pipeline.update(frame)
        self._looks += bool(analysis.searched)
        if frame.recalled:
            return
        self._feed.told(finding_of(frame.captured_s, analysis))
        self._gate.follow(analysis.profile)
        self.frames += 1
        self._last_s = frame.captured_s
        self._events += analysis.events
        if self._book:
            self._book.add(frame.captured_s, frame.weekminute, analysis)
        duration_s = self._duration_s()
        progress = min(1.0, frame.captured_s / duration_s) if duration_s else None
        self._watch(PlayedFrame(frame, analysis, progress))

    def finish(self, fault: MediaError | None = None) -> PlayedClip:
        # The pictures end, the person does not: nobody may read "gone" into that.
        self._events += self._pipeline.close(EndReason.CAMERA_LOST, self._last_s)
        return PlayedClip(
            self.frames,
            self._looks,
            self._last_s,
            self._feed.status().decoded,
            tuple(self._events),
            self._time.timeline(),
            fault,
            self._book.close() if self._book else None,
        )

    def _duration_s(self) -> float | None:
        info = self._feed.status().info
        return info.duration_s if info else None


class PayloadWriter:
    """The contract's payloads of what was told, numbered from 1 in the epoch `replay`."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._seq = 0

    def payloads(self, result: PlayedClip) -> list[bytes]:
        drafter = EventDrafter(self._sender, self._clock, lambda _: result.timeline)
        payloads = []
        for event in result.events:
            self._seq += 1
            _topic, payload = drafter.draft(event).encode(Position("replay", self._seq))
            payloads.append(payload)
        return payloads
