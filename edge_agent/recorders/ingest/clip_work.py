"""What is done with one clip: resume, analyse, carry over. Nothing is stored here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.contract import RecordedEventIds, RecordedTimeline
from edge_agent.domain import CameraId, EndReason, Event
from edge_agent.errors import (
    AgentError,
    CarryOverRefused,
    MediaError,
    RetryableError,
    SourceStalled,
)
from edge_agent.pipeline import CameraPipeline
from edge_agent.pipeline.stages import Detector, Extras, build_pipeline
from edge_agent.recorders.find import ClipChanged, ClipGone, open_clip, shown_path
from edge_agent.recorders.ingest.clip_analysis import AnalysisAway, ClipAnalysis, PreparedClip
from edge_agent.recorders.ingest.clip_eyes import ClipEyes, ends_of
from edge_agent.recorders.ingest.clip_messages import ClipMessages, cut_off, packed, unpacked
from edge_agent.recorders.ingest.clip_untold import ClipUntold, KeepMinutes
from edge_agent.recorders.ingest.found import clip_to_open, timeline_of
from edge_agent.recorders.ingest.shown import LEFT_ALONE, SEAM_S, Shown
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, Run, RunHead
from edge_agent.runtime import Attempts, StopToken
from edge_agent.runtime.attempts import TRIES
from edge_agent.sources import PacketSource, PictureRules
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.view_file import ViewFile

log = logging.getLogger(__name__)

_NEXT_FRAME_S = 0.04
_EMPTY = "holds no pictures"
_NOTHING_NEW = f"{LEFT_ALONE}nothing new since it was shorter"

#: Stills of one burst are a second or two apart; longer, and it is the next visitor.
_BURST_GAP_S = 3.0
#: Keys of `person` that are other ones for stills, in every profile.
_OF_STILLS = ("confirm_looks", "lost_after_s", "cooldown_s")

_PUT_OFF_S = 30.0
#: A clip that crashes the analysis thread is tried so rarely that its crashes alone do not use up
#: what the supervisor bears (5 in 10 minutes) and take the agent down.
_AWAY_PUT_OFF_S = 180.0


_NOTHING_SHOWN = Shown()


class PutOff(Exception):
    """This clip cannot be analysed now; says why, and how long to leave the camera's clips.

    `by_analysis`: the clip can be read, the analysis was busy or broke: a batch waits for that.
    """

    def __init__(
        self, reason: str, delay_s: float = _PUT_OFF_S, *, by_analysis: bool = False
    ) -> None:
        super().__init__(reason)
        self.delay_s, self.by_analysis = delay_s, by_analysis


class ClipFolder(Protocol):
    """What must be known of the folder that a camera's clips lie in."""

    @property
    def path(self) -> Path: ...

    @property
    def lost(self) -> bool:
        """It cannot be seen: its files are not gone, it is. Looks anew."""
        ...

    @property
    def scanned(self) -> bool:
        """What lay there at the start was looked at."""
        ...

    def awaited(self, camera: CameraId) -> Sequence[float]:
        """About when each of this camera's clips was recorded (UTC) that was seen and will soon
        be in the ledger. One that is in it already may still be told."""
        ...


@dataclass(frozen=True, slots=True)
class IngestCamera:
    """A camera whose clips lie in a folder."""

    config: CameraConfig
    next_clip_s: float  # how long its next clip may take to come
    max_age_s: float  # older clips are left out
    analysis: ClipAnalysis
    folder: ClipFolder
    view: ViewFile | None = None  # where what is learned of its view is kept
    keep_untold: KeepMinutes | None = None  # None: nobody asks later who was not told


@dataclass(frozen=True, slots=True)
class ClipOutcome:
    """Of one clip: what is to be stored. `after` None: it says nothing to the next clip."""

    clip: LedgerClip
    after: Run | None
    ended: bool = False  # the run before is over with it


class ClipWork:
    """For the ingest thread."""

    def __init__(
        self,
        camera: IngestCamera,
        detector: Detector,
        drafter: EventDrafter,
        clock: Clock,
        attempts: Attempts,
    ) -> None:
        self._attempts = attempts
        self._camera = camera
        self._config = camera.config
        self._detector = detector
        self._drafter = drafter
        self._clock = clock
        self._began_s = clock.mono_s()
        self._tried: set[int] = set()  # in vain, by this process
        self.eyes = ClipEyes(self._config, camera.view, clock)

    def apply(self, config: CameraConfig, default_fps: float, detector: Detector) -> None:
        """Between two clips."""
        self._config, self._detector = config, detector
        self._camera.analysis.apply(config, default_fps)
        self.eyes.apply(config)

    def begun(self, clip: LedgerClip, shown: Shown = _NOTHING_SHOWN) -> PreparedClip:
        """With nothing before it; what was shown is left out."""
        pipeline = self._pipeline(clip, self.eyes)
        return self._prepared(clip, shown, pipeline, timeline_of(clip), (), shown.skip_s(None))

    def resumed(
        self, clip: LedgerClip, run: Run, shown: Shown = _NOTHING_SHOWN
    ) -> PreparedClip | None:
        """Going on where the clip before ended; None where that cannot be used."""
        grown = shown.grown_from is not None
        offset_s = clip.start_s - run.start_s if grown else offset_in(run, clip)
        pipeline = self._pipeline(clip, self.eyes)
        try:
            pipeline.resume(run.carry, offset_s=offset_s)
        except CarryOverRefused as error:
            log.info("%s: nothing is carried over: %s", shown_path(clip.path), error)
            return None
        timeline = replace(timeline_of(clip), first_frame_utc_s=run.start_s + offset_s)
        still_open = unpacked(run.open_events, offset_s)
        return self._prepared(clip, shown, pipeline, timeline, still_open, shown.skip_s(run.last_s))

    def _prepared(
        self,
        clip: LedgerClip,
        shown: Shown,
        pipeline: CameraPipeline,
        timeline: RecordedTimeline,
        still_open: Sequence[Event],
        skip_s: float,
    ) -> PreparedClip:
        self.eyes.begin(RecordedEventIds(clip.camera, clip.digest), still_open)
        messages = ClipMessages(self._drafter, timeline, open_events=still_open, told=clip.told)
        return PreparedClip(
            pipeline,
            timeline,
            messages,
            shown=shown.spans,
            untold=self._untold(clip, timeline),
            skip_s=skip_s,
        )

    def play(
        self,
        clip: LedgerClip,
        prepared: PreparedClip,
        each_frame: Callable[[], None],
        stop: StopToken,
    ) -> ClipOutcome:
        """Analyse it as far as it goes. Raises PutOff."""
        state, reason = self._play(clip, prepared, each_frame, stop)
        if clip.told > prepared.messages.count and (reason or not prepared.frames):
            # It cannot be seen any more as far as it was told before a kill.
            prepared.messages.cut_off(unpacked(clip.open_events))
            return ClipOutcome(over(clip, _final(state), reason or _EMPTY), None, ended=True)
        if state is ClipProgress.GONE and not prepared.messages.stored_in_part:
            # What was seen may be a mixture of two recordings.
            prepared.messages.take()
            return ClipOutcome(replace(clip, state=state, reason=reason), None)
        if not prepared.frames and not reason and (prepared.skip_s or prepared.shown):
            return ClipOutcome(over(clip, ClipProgress.DONE, _NOTHING_NEW), None)
        if not prepared.frames:
            # A file without pictures says nothing of what was before or comes after it.
            failed = ClipProgress.FAILED if state is ClipProgress.DONE else state
            return ClipOutcome(replace(clip, state=failed, reason=reason or _EMPTY), None)
        prepared.messages.record(self.eyes.take())
        if prepared.untold and self._camera.keep_untold and state is ClipProgress.DONE:
            self._camera.keep_untold(clip.camera, prepared.untold.finish())
        start_s = prepared.timeline.first_frame_utc_s
        seen_until_s = start_s + prepared.last_s
        stated_s = seen_until_s if reason or clip.end_s is None else clip.end_s
        after = Run(
            clip=clip.key,
            camera=clip.camera,
            start_s=start_s,
            last_s=prepared.last_s,
            end_s=max(seen_until_s, stated_s),
            found_s=clip.found_s,
            carry=prepared.pipeline.carry_over(),
            open_events=packed(prepared.messages.open_events),
        )
        # A file that still grows says nothing of its length, or too little.
        seen = replace(clip, end_s=max(seen_until_s, clip.end_s or seen_until_s))
        return ClipOutcome(over(seen, ClipProgress.DONE, reason), after)

    def last_messages(self, run: Run, clip: LedgerClip) -> ClipMessages:
        """The ends of what is open in a run that is over, dated by its last `clip`."""
        timeline = replace(timeline_of(clip), first_frame_utc_s=run.start_s)
        messages = ClipMessages(self._drafter, timeline, open_events=(), told=0)
        messages.record(self._last_events(run, clip))
        return messages

    def _last_events(self, run: Run, clip: LedgerClip) -> Sequence[Event]:
        pipeline = self._pipeline(clip)
        try:
            pipeline.resume(run.carry, offset_s=0.0)
        except CarryOverRefused as error:
            log.warning("%s: events end with their newest message: %s", run.camera, error)
            return cut_off(unpacked(run.open_events))
        # The pictures end, the person does not: nobody may read "gone" into that.
        ended = pipeline.close(EndReason.CAMERA_LOST, run.last_s)
        return [*ended, *ends_of(unpacked(run.open_events), run.last_s)]

    def _play(
        self,
        clip: LedgerClip,
        prepared: PreparedClip,
        each_frame: Callable[[], None],
        stop: StopToken,
    ) -> tuple[ClipProgress, str]:
        """What became of it, and why it ended early."""

        def opener(*_: object, rules: PictureRules, **__: object) -> PacketSource:
            return open_clip(
                clip_to_open(clip),
                stop=stop,
                clock=self._clock,
                skip_s=prepared.skip_s,
                rules=rules,
            )

        camera = self._camera
        tries = self._attempts.count(clip.digest)
        if tries >= TRIES:
            return ClipProgress.FAILED, f"the analysis crashed or hung {TRIES} times over it"
        rested_s = self._clock.mono_s() - self._began_s
        if tries and clip.key not in self._tried and rested_s < _AWAY_PUT_OFF_S:
            reason = "the analysis crashed or hung over it"
            raise PutOff(reason, _AWAY_PUT_OFF_S - rested_s, by_analysis=True)
        try:
            with self._attempts.survived(clip.digest, AgentError):
                camera.analysis.play(prepared, opener, each_frame, stop)
        except (MediaError, SourceStalled) as error:
            if camera.folder.lost:
                raise PutOff(str(error)) from error
            # Under another name it is found again.
            gone = isinstance(error, ClipGone | ClipChanged)
            return ClipProgress.GONE if gone else ClipProgress.DONE, _reason(error, clip)
        except AnalysisAway as error:
            self._tried.add(clip.key)
            raise PutOff(str(error), _AWAY_PUT_OFF_S, by_analysis=True) from error
        except RetryableError as error:
            raise PutOff(str(error)) from error
        return ClipProgress.DONE, ""

    def _untold(self, clip: LedgerClip, timeline: RecordedTimeline) -> ClipUntold | None:
        if self._camera.keep_untold is None or clip.kind == "still":
            return None
        return ClipUntold(self._config, self._detector, timeline.first_frame_utc_s)

    def _pipeline(self, clip: LedgerClip, eyes: ClipEyes | None = None) -> CameraPipeline:
        camera = self._config
        if clip.kind == "still":
            # A burst's pictures are of another size and sharpness than the video's.
            camera, eyes = for_stills(camera), None
        new_id = RecordedEventIds(clip.camera, clip.digest)
        return build_pipeline(camera, self._detector, new_id, Extras(health=eyes))


def for_stills(camera: CameraConfig) -> CameraConfig:
    """A burst has a picture a second or fewer, so one look has to do; and who is in two pictures
    of a burst is one person."""
    person = camera.person
    profiles = {
        name: msgspec.structs.replace(
            each, person={k: v for k, v in each.person.items() if k not in _OF_STILLS}
        )
        for name, each in camera.profiles.items()
    }
    return msgspec.structs.replace(
        camera,
        profiles=profiles,
        person=msgspec.structs.replace(
            person,
            confirm_looks=1,
            lost_after_s=max(person.lost_after_s, _BURST_GAP_S),
            cooldown_s=max(person.cooldown_s, _BURST_GAP_S),
        ),
    )


def told_part(clip: LedgerClip, messages: ClipMessages) -> LedgerClip:
    """With what was told of it so far; the analysis may still repeat what was told before."""
    if messages.count < clip.told:
        return clip
    return replace(clip, told=messages.count, open_events=packed(messages.open_events))


def offset_in(run: RunHead, clip: LedgerClip) -> float:
    """At which moment of the run (s) the clip that goes on with it begins."""
    offset_s = clip.start_s - run.start_s
    if 0 <= run.last_s - offset_s <= SEAM_S:
        return run.last_s + _NEXT_FRAME_S
    return offset_s


def over(clip: LedgerClip, state: ClipProgress, reason: str) -> LedgerClip:
    """Nothing more comes of it."""
    return replace(clip, state=state, reason=reason, told=0, open_events=b"")


def _final(state: ClipProgress) -> ClipProgress:
    """Of a clip that was told in part: found again, it must not be told from its beginning."""
    return ClipProgress.DONE if state is ClipProgress.GONE else state


def _reason(error: AgentError, clip: LedgerClip) -> str:
    """Without the camera and the path, which the ledger has already."""
    return str(error).removeprefix(f"{clip.camera}: {shown_path(clip.path)} ")
