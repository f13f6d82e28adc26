"""One camera that is watched: its streams, its place in the analysis, its clips, its status.

    source-<camera> --frames--> exchange --> seat in the analysis
    main-<camera>, where a main stream is named: clips, pictures, closer looks

All of it begins with `start`, goes on with other settings after `apply`, and ends with `stop`;
other cameras notice nothing. A `Camera` belongs to the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from edge_agent.agent.camera_source import CameraSource, CameraStatusTeller
from edge_agent.agent.clips import ClipCamera, EventClips, keeps_clips
from edge_agent.agent.eyes import PictureEyes
from edge_agent.agent.following import FollowedCamera
from edge_agent.agent.footage import FootageClips, FootageWatch, Origin, Taking, hiding_of
from edge_agent.agent.kept_profiles import KeptProfiles
from edge_agent.agent.main_pictures import MainCamera, MainPictures
from edge_agent.agent.main_streams import closer_look, main_stream, masks
from edge_agent.agent.stream_eyes import StreamEyes
from edge_agent.agent.usual import Usual
from edge_agent.analysis.detector import BlindDetector, NamedDetector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.live_view import LiveView
from edge_agent.analysis.loop import AnalysisLoop, Seat, SeatCounters
from edge_agent.analysis.recordings import is_recorded, recording_time
from edge_agent.analysis.sights import Sights
from edge_agent.analysis.untold_seat import UntoldSeat
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, FileSource, RtspSource
from edge_agent.contract import BoxTopics
from edge_agent.domain import CameraId, Event, EventId, Frame, Label
from edge_agent.events import Governor
from edge_agent.media.footage import FootageReason
from edge_agent.pipeline.health import ignored_of
from edge_agent.pipeline.local_time import dated
from edge_agent.pipeline.profiles import Profiles
from edge_agent.pipeline.stages import Extras, build_pipeline
from edge_agent.runtime import StopToken, Supervisor, Worker
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, FeedStatus

log = logging.getLogger(__name__)

#: A source thread sees its stop token within a second or two, unless a driver hangs.
JOIN_S = 5.0
#: The analysis takes up what it is asked between two frames, each a second at the very worst.
ASK_S = 5.0


@dataclass(slots=True)
class Shared:
    """What cameras share. `config` and `detector` change while cameras run."""

    config: Config
    detector: NamedDetector | BlindDetector
    exchange: FrameExchange
    analysis: AnalysisLoop
    supervisor: Supervisor
    credentials: CredentialGuard
    pictures: MainPictures
    clips: EventClips | None
    footage: FootageClips
    new_event_id: Callable[[Label, float], EventId]
    topics: BoxTopics
    set_status: Callable[[str, bytes], None]
    record: Callable[[Sequence[Event]], None]
    clock: Clock

    @property
    def detects(self) -> bool:
        return self.detector.name is not None


class Camera:
    """A camera that sends its pictures now: a stream, a USB device, a file that is played."""

    def __init__(self, config: CameraConfig, shared: Shared) -> None:
        self.config = config
        self.name = name = CameraId(config.id)
        self._shared = shared
        state_dir = Path(shared.config.box.state_dir)
        self._kept_profiles = KeptProfiles(config, state_dir)
        self._profile = self.profiles.in_force  # that the main thread acted upon
        followed = FollowedCamera(config.id, self._other_hosts, state_dir=state_dir)
        self.feed = CameraFeed(
            self._feed_settings(),
            credentials=shared.credentials,
            clock=shared.clock,
            opener=followed.open,
        )
        self.recording = recording_time(config, self.feed)
        self.counters = SeatCounters()
        self.sights = Sights(shared.clock)
        #: Who was not told; None: a recording, which `replay --why` answers for.
        self.untold = None if self.recording else UntoldSeat(config, shared.detector)
        self.view = LiveView(shared.clock)
        self._footage = self._footage_watch()
        self._walk: Taking | None = None
        self._eyes = PictureEyes(config, state_dir, shared.clock, shared.new_event_id)
        self._usual = Usual(name, state_dir, shared.clock, shared.new_event_id)
        self._governor = Governor(name, shared.new_event_id, config.person.events_per_10min)
        self._stream_eyes = (
            StreamEyes(name, ignored_of(config.health), shared.new_event_id, shared.record)
            if not is_recorded(config)
            else None
        )
        self._main = main_stream(
            shared.config,
            config,
            shared.credentials,
            shared.clock,
            detects=shared.detects,
            where=followed.where,
        )
        self._closer = closer_look(config, self._main, detects=shared.detects)
        self._stop = StopToken()
        source = CameraSource(config, self.feed, shared.exchange, shared.clock, self._dated)
        self._workers = [Worker(f"source-{name}", source.run, self._stop, vital=False)]
        if self._main is not None:
            self._workers.append(Worker(f"main-{name}", self._main.run, self._stop, vital=False))
        self._teller = CameraStatusTeller(
            self.feed, name, shared.topics, shared.clock, shared.set_status, self
        )

    def start(self) -> None:
        """Whatever was called so before has ended by then: the analysis keeps the order."""
        shared, seat = self._shared, self._seat()

        def enter() -> None:
            shared.analysis.enter(seat)
            self._put_aside()
            shared.exchange.add(self.name, recorded=is_recorded(self.config))

        self._in_analysis(enter)
        for worker in self._workers:
            shared.supervisor.start(worker)

    def apply(self, config: CameraConfig) -> None:
        """Go on with other settings, which need no other stream; what is open stays open."""
        new_view = config.privacy_masks != self.config.privacy_masks
        self.config = config
        profiles = self.profiles
        now = self._kept_profiles.apply(config)
        before, self._footage = self._footage, self._footage_watch()
        if new_view:
            self.record(0)  # with the masks of before
        self.feed.apply(self._feed_settings())
        if self._stream_eyes is not None:
            self._stream_eyes.ignore(ignored_of(config.health))
        if new_view:
            self._closer = closer_look(config, self._main, detects=self._shared.detects)
        seat = self._seat()

        def swap() -> None:
            now.restore(profiles.state())
            if before is not None:
                before.close()
            if self.untold is not None:
                self.untold.apply(config, self._shared.detector)
            self._eyes.watch.ignore(ignored_of(config.health))
            self._governor.unsettle(self._shared.clock.mono_s())
            if new_view:
                self._eyes.watch.accept()
            self._shared.analysis.swap(seat, new_view=new_view)
            self._put_aside()

        self._in_analysis(swap)

    def halt(self) -> None:
        """Tell its threads to end; does not wait."""
        self._stop.stop()
        for worker in self._workers:
            self._shared.supervisor.forget(worker)

    def halted(self, timeout_s: float) -> None:
        """Wait for its threads after `halt`. What hangs in a driver is left behind."""
        deadline_s = self._shared.clock.mono_s() + timeout_s
        for worker in self._workers:
            if not worker.join(max(0.0, deadline_s - self._shared.clock.mono_s())):
                log.warning("%s does not stop; leaving it behind", worker.name)

    def stop(self) -> None:
        """End it alone: its events end, the other cameras go on."""
        self.halt()
        self.halted(JOIN_S)
        shared = self._shared
        if self._stream_eyes is not None:
            self._stream_eyes.close(shared.clock.mono_s())

        def leave() -> None:
            if self._footage is not None:
                self._footage.close()
            shared.analysis.leave(self.name)
            shared.exchange.remove(self.name)
            shared.pictures.remove(self.name)
            if shared.clips is not None:
                shared.clips.remove(self.name)

        self._in_analysis(leave)

    def ask_profile(self, name: str) -> None:
        """Have a profile in force from now on; `auto`: by the next picture. It is remembered."""

        def ask() -> None:
            self.profiles.ask(name)
            self._shared.analysis.follow(self.name)

        self._in_analysis(ask)
        self._look_at_profile()

    @property
    def profiles(self) -> Profiles:
        """Read by any thread."""
        return self._kept_profiles.profiles

    @property
    def holding(self) -> CameraConfig:
        """The settings in force: its own, or with a profile's."""
        return self.profiles.camera

    def forget_nuisances(self) -> None:
        """Places that were taken for a person again and again are told of again."""
        self._in_analysis(lambda: self._shared.analysis.forget_nuisances(self.name))

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the pictures that come, or with how they come."""
        more = self._stream_eyes.faults if self._stream_eyes is not None else ()
        seen = self._eyes.faults
        return (*seen, *(fault for fault in more if fault not in seen))

    @property
    def status(self) -> FeedStatus:
        return self.feed.status()

    @property
    def online(self) -> bool:
        """As the ward was told last."""
        return self._teller.online

    @property
    def picture_faults(self) -> tuple[str, ...]:
        """What is wrong with the pictures that come, in words."""
        return self._teller.picture_faults

    @property
    def since_utc_s(self) -> float:
        """When it came to stand as it does."""
        return self._teller.since_utc_s

    @property
    def clock_figures(self) -> Mapping[str, float]:
        """For telemetry: how far the camera's own clock is ahead, and how often it jumped."""
        clock = self._teller.camera_clock
        if clock.offset_s is None:
            return {}
        return {"clock_offset_s": clock.offset_s, "clock_jumps": clock.jumps}

    def poll(self) -> None:
        """Tell the ward how it stands, when that changed."""
        self._eyes.poll(self._in_analysis)
        self._usual.poll(self._in_analysis)
        asked = self._kept_profiles.asked()
        if asked is not None:
            self.ask_profile(asked)
        self._look_at_profile()
        if self._stream_eyes is not None:
            self._stream_eyes.poll(self.feed.status(), self._shared.clock.mono_s())
        self._teller.poll(
            crashed=self._workers[0].crash is not None,
            nuisances=self.counters.nuisances,
            profile=self.profiles.in_force,
        )

    def record(self, seconds: float) -> None:
        """Of a walk test, by any thread; 0 ends it. In place of one that is recorded now."""
        footage, before = self._shared.footage, self._walk
        if before is not None:
            footage.end(before, FootageReason.WALK, float("inf"))
        self._walk = None
        if seconds > 0:
            since_s = self.counters.last_captured_s
            self._walk = footage.begin(self._origin(), since_s, seconds, FootageReason.WALK)

    def say_stopped(self) -> None:
        """The last status: the agent was stopped."""
        for memory in (self._eyes, self._usual):
            memory.keep(lambda work: work())  # the analysis has ended
        self._kept_profiles.keep()
        self._teller.say_stopped()

    # --- parts ---

    def _look_at_profile(self) -> None:
        """What the pipeline changed by itself the camera's other parts follow."""
        self._kept_profiles.keep()
        profile = self.profiles.in_force
        if profile == self._profile:
            return
        self._profile = profile
        log.info("%s: %s", self.name, _in_force(profile, self.profiles.by))
        self.feed.apply(self._feed_settings())
        self._in_analysis(self._put_aside)

    def _in_analysis(self, work: Callable[[], None]) -> None:
        if not self._shared.analysis.ask(work, ASK_S):
            log.warning("%s: the analysis is behind; its settings follow", self.name)

    def _other_hosts(self) -> set[str]:
        """Of all cameras but this one."""
        return {
            urlsplit(each.source.url).hostname or ""
            for each in self._shared.config.cameras
            if each.id != self.config.id and isinstance(each.source, RtspSource)
        }

    def _feed_settings(self) -> FeedSettings:
        shared = self._shared
        return FeedSettings.of(
            self.holding,
            shared.config.analysis.fps,
            clips=keeps_clips(shared.config, self.config) or shared.config.tuning.keep,
            detects=shared.detects,
            analysis=shared.config.analysis,
        )

    def _origin(self) -> Origin:
        hiding = hiding_of(self._shared.config, self.config)
        return Origin(self.name, self.feed.tap, hiding)

    def _footage_watch(self) -> FootageWatch | None:
        """None where the household did not agree."""
        if not self._shared.config.tuning.keep:
            return None
        return FootageWatch(self._shared.footage, self._origin())

    def _seat(self) -> Seat:
        shared = self._shared
        # It has no exposure that settles, and no hour of the week.
        played = isinstance(self.config.source, FileSource)
        return Seat(
            self.name,
            build_pipeline(
                self.config,
                shared.detector,
                shared.new_event_id,
                Extras(
                    self._closer,
                    self._eyes.watch,
                    governor=None if played else self._governor,
                    usual=None if played else self._usual.watch,
                    profiles=self.profiles,
                ),
            ),
            self.counters,
            self.recording,
            self.feed.told,
            partial(shared.pictures.ready, self.name),
            None if self.recording else shared.detector,
            sights=self.sights,
            untold=self.untold,
            watchers=(self.view.add, *([self._footage.add] if self._footage else [])),
        )

    def _put_aside(self) -> None:
        """Where clips and pictures are taken from, as configured now."""
        shared = self._shared
        if self._main is not None:
            shared.pictures.put(self.name, MainCamera(self._main, masks(self.config)))
        if shared.clips is not None and keeps_clips(shared.config, self.config):
            clips = ClipCamera(self.feed.tap, self.holding.person, self._main)
            shared.clips.put(self.name, clips)

    def _dated(self, frame: Frame) -> Frame:
        if self.recording is not None:
            utc_s = self.recording.timeline().utc_s(frame.captured_s)
        else:
            utc_s = self._shared.clock.read().utc_s
        return dated(frame, utc_s, ZoneInfo(self._shared.config.box.timezone))


def _in_force(profile: str, by: str) -> str:
    if not profile:
        return "its own settings are in force" + (f" ({by})" if by else "")
    return f"profile {profile} is in force ({by})"
