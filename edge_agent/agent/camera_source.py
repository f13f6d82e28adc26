"""The body of a source thread: runs a camera's feed and tells the ward how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.agent.exchange import FrameExchange
from edge_agent.agent.recordings import is_recorded
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.contract import BoxTopics, CameraStatus, State, encode_camera_status
from edge_agent.domain import CameraId, Frame
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
_CRASHED = "crashed: an error in the agent; it tries again, see its journal"
#: The last words of an orderly stop.
STOPPED = "stopped: the agent was stopped"


@dataclass(frozen=True, slots=True)
class _Told:
    state: State
    reason: str
    remarks: tuple[str, ...]  # what is wrong though it plays
    plan: GatePlan | None  # how its packets are decoded

    @property
    def kind(self) -> tuple[str, str, int]:
        return self.reason, self.plan.policy if self.plan else "", len(self.remarks)


class CameraStatusTeller:
    """Owned by the main thread: publishes a camera's status whenever it changes."""

    def __init__(
        self,
        feed: CameraFeed,
        camera: CameraId,
        topics: BoxTopics,
        clock: Clock,
        set_status: Callable[[str, bytes], None],
    ) -> None:
        self._feed = feed
        self._camera = camera
        self._topics = topics
        self._clock = clock
        self._set_status = set_status
        self._told: _Told | None = None

    def poll(self, *, crashed: bool) -> None:
        """`crashed`: the source thread lies still, whatever its feed said last."""
        status = self._feed.status()
        state = status.state
        if state is FeedState.CONNECTING and self._told is not None and not crashed:
            return  # a try in between says nothing new
        online = state is FeedState.STREAMING and not crashed
        reason = _CRASHED if crashed else status.told or _REASONS[state]
        plan = status.gate.plan if status.gate else None
        now = _Told(State.ONLINE if online else State.OFFLINE, reason, status.remarks, plan)
        if self._told and now.kind == self._told.kind:
            return  # that the time between keyframes varies a little is no news
        self._say(now)

    def say_stopped(self) -> None:
        """Nobody watches it any more."""
        self._say(_Told(State.OFFLINE, STOPPED, (), None))

    def _say(self, now: _Told) -> None:
        self._told = now
        plan = now.plan
        payload = encode_camera_status(
            CameraStatus(
                self._camera,
                now.state,
                self._clock.read().utc_s,
                now.reason or "; ".join(now.remarks),
                str(plan) if plan else "",
            )
        )
        self._set_status(self._topics.camera_status(self._camera), payload)
