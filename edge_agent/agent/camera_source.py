"""The body of a source thread: runs a camera's feed and tells the ward how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.agent.camera_clock import CameraClock
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.recordings import is_recorded
from edge_agent.clock import STEP_S, Clock, ClockReading
from edge_agent.config import CameraConfig
from edge_agent.contract import BoxTopics, CameraStatus, Nuisance, State, encode_camera_status
from edge_agent.contract.reasons import CRASHED, FAULT_WORDS, STOPPED
from edge_agent.domain import CameraId, Frame, NuisanceSpot
from edge_agent.geometry import BBox
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, FeedState, GatePlan

#: How long a recording's source waits for room before it looks at the stop token again.
_PUT_TIMEOUT_S = 0.5


class CameraSource:
    """One camera's source thread."""

    def __init__(
        self,
        camera: CameraConfig,
        feed: CameraFeed,
        exchange: FrameExchange,
        clock: Clock,
        date: Callable[[Frame], Frame] = lambda frame: frame,
    ) -> None:
        """`date` adds the minute of the week."""
        self._camera = CameraId(camera.id)
        self._waits = is_recorded(camera)
        self._feed = feed
        self._exchange = exchange
        self._clock = clock
        self._date = date
        self._last_s = 0.0

    def run(self, stop: StopToken) -> None:
        def deliver(frame: Frame) -> None:
            ended = stop.stopped
            if ended:
                return  # its name may be another stream's by now
            self._last_s = max(self._last_s, frame.captured_s)
            frame = self._date(frame)
            if not self._waits:
                self._exchange.offer(frame)
                return
            while not self._exchange.put(frame, _PUT_TIMEOUT_S):
                if stop.stopped:
                    return

        def keep(frame: Frame) -> bool:
            self._last_s = max(self._last_s, frame.captured_s)
            return stop.stopped or self._exchange.put(self._date(frame), 0.0)

        def lost() -> None:
            if not stop.stopped:
                moment_s = self._last_s if self._waits else self._clock.mono_s()
                self._exchange.lost(self._camera, moment_s)

        try:
            self._feed.run(stop, deliver, lost, None if self._waits else keep)
        finally:
            lost()  # a recording's end, or a crash: no more frames either


#: What the ward may know: addresses, users and file names stay in the box's journal.
_REASONS = {
    FeedState.CONNECTING: "connecting: no picture yet",
    FeedState.STREAMING: "",
    FeedState.STALLED: "stalled: connected, but no picture comes",
    FeedState.UNREACHABLE: "unreachable: the camera does not answer",
    FeedState.REFUSED: "refused: the camera does not accept the login",
    FeedState.UNUSABLE: "unusable: a setting or a file is wrong",
    FeedState.ENDED: "ended: the stream was closed",
}


class _PictureFaults(Protocol):
    """What the camera's pictures are worth: `camera.Camera`."""

    @property
    def faults(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class _Told:
    state: State
    reason: str
    remarks: tuple[str, ...]  # what is wrong though it plays
    plan: GatePlan | None  # how its packets are decoded
    nuisances: tuple[NuisanceSpot, ...] = ()
    profile: str = ""

    @property
    def kind(self) -> tuple[str, str, int, tuple[BBox, ...], str]:
        places = tuple(spot.bbox for spot in self.nuisances)
        policy = self.plan.policy if self.plan else ""
        return self.reason, policy, len(self.remarks), places, self.profile


class CameraStatusTeller:
    """Owned by the main thread: publishes a camera's status whenever it changes."""

    def __init__(
        self,
        feed: CameraFeed,
        camera: CameraId,
        topics: BoxTopics,
        clock: Clock,
        set_status: Callable[[str, bytes], None],
        eyes: _PictureFaults,
    ) -> None:
        self._feed = feed
        self._eyes = eyes
        self._camera = camera
        self._topics = topics
        self._clock = clock
        self._set_status = set_status
        self.camera_clock = CameraClock(camera)
        self._told: _Told | None = None
        self._since_s = clock.mono_s()  # of the state that was told last
        self._told_offset_s = 0.0  # UTC minus monotonic, as it was then

    def poll(
        self, *, crashed: bool, nuisances: tuple[NuisanceSpot, ...] = (), profile: str = ""
    ) -> None:
        """`crashed`: the source thread lies still, whatever its feed said last. `nuisances`:
        places that the analysis tells nobody of. `profile`: the one in force."""
        status = self._feed.status()
        self.camera_clock.heard(status.sender_ahead_s, self._clock.read())
        state = status.state
        if state is FeedState.CONNECTING and self._told is not None and not crashed:
            return  # a try in between says nothing new
        online = state is FeedState.STREAMING and not crashed
        reason = CRASHED if crashed else status.told or _REASONS[state]
        plan = status.gate.plan if status.gate else None
        faults = self._eyes.faults if online else ()
        if faults:
            reason = "; ".join(FAULT_WORDS[fault] for fault in faults)
        seeing = State.DEGRADED if faults else State.ONLINE
        remarks = tuple(text for text in (*status.remarks, self.camera_clock.remark) if text)
        standing = seeing if online else State.OFFLINE
        now = _Told(standing, reason, remarks, plan, nuisances, profile)
        reading = self._clock.read()
        stepped = abs(reading.utc_s - reading.mono_s - self._told_offset_s) >= STEP_S
        drifted = self.camera_clock.take_news()
        if self._told and now.kind == self._told.kind and not (stepped or drifted):
            return  # that the time between keyframes varies a little is no news
        self._say(now)

    @property
    def since_utc_s(self) -> float:
        """When it came to stand as it does: what was before the clock was set, too."""
        return self._utc_s(self._clock.read())

    def _utc_s(self, now: ClockReading) -> float:
        return now.utc_s - (now.mono_s - self._since_s)

    @property
    def online(self) -> bool:
        return self._told is not None and self._told.state is not State.OFFLINE

    @property
    def picture_faults(self) -> tuple[str, ...]:
        """What is wrong with the pictures that come, in words."""
        return tuple(FAULT_WORDS[fault] for fault in self._eyes.faults) if self.online else ()

    def say_stopped(self) -> None:
        """Nobody watches it any more."""
        self._say(_Told(State.OFFLINE, STOPPED, (), None))

    def _say(self, now: _Told) -> None:
        reading = self._clock.read()
        if self._told is None or now.state is not self._told.state:
            self._since_s = reading.mono_s
        self._told, self._told_offset_s = now, reading.utc_s - reading.mono_s
        plan = now.plan
        payload = encode_camera_status(
            CameraStatus(
                self._camera,
                now.state,
                self._utc_s(reading),
                now.reason or "; ".join(now.remarks),
                str(plan) if plan else "",
                clock_offset_s=self.camera_clock.offset_s,
                nuisances=tuple(_nuisance(spot) for spot in now.nuisances),
                profile=now.profile,
            )
        )
        self._set_status(self._topics.camera_status(self._camera), payload)


def _nuisance(spot: NuisanceSpot) -> Nuisance:
    box = spot.bbox.clipped()
    return Nuisance((box.x, box.y, box.w, box.h), spot.times)
