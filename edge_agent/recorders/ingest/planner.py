"""Which clip is next: cameras in turn, fresh ones first; of each the newest run, oldest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from edge_agent.clock import Clock
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.recorders.ingest.runs import OpenRuns
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, LedgerReader

#: A clip this young is news: it comes before other cameras' past.
FRESH_S = 900.0

#: Stills analysed in one go: half a minute of one a second.
_BURST_STILLS = 32
_VIDEOS_EVERY_S = 60.0
#: A camera that uploaded a video in the last day most likely uploads one of this still's moment
#: too; it takes as long as the recording and its upload.
_VIDEOS_SINCE_S = 86_400.0
_VIDEO_MAY_COME_S = 120.0


class ClipPlanner:
    """For one thread; reads the ledger. Raises StorageError when that fails."""

    def __init__(
        self,
        cameras: Sequence[CameraId],
        reader: LedgerReader,
        clock: Clock,
        *,
        complete: bool = False,
    ) -> None:
        """`complete`: all that there will ever be was found."""
        self._complete = complete
        self.runs = OpenRuns(reader)
        self._turn = deque(cameras)
        self._reader = reader
        self._clock = clock
        self._plans: dict[CameraId, deque[int]] = {}
        self._newest_s: dict[CameraId, float] = {}  # when the plan was made
        self._videos: dict[CameraId, tuple[bool, float]] = {}  # has some; asked again when
        self._not_before_s: dict[CameraId, float] = {}
        self._of_analysis: set[CameraId] = set()  # of those that were put off

    def put_off(self, camera: CameraId, delay_s: float, *, by_analysis: bool = False) -> None:
        """This camera's clips cannot be dealt with now; their order stays. `by_analysis`: they can
        be read, the analysis was busy or broke."""
        self._plans.pop(camera, None)
        self._not_before_s[camera] = self._clock.mono_s() + delay_s
        if by_analysis:
            self._of_analysis.add(camera)
        else:
            self._of_analysis.discard(camera)

    def wait_for_analysis_s(self, cameras: Sequence[CameraId]) -> float | None:
        """How long (s) until one of these cameras is looked at again that the analysis put off and
        that has clips; None: there is none."""
        now_s = self._clock.mono_s()
        waits = [
            max(0.0, self._not_before_s[camera] - now_s)
            for camera in self._of_analysis.intersection(cameras)
            if self._reader.newest_waiting_s(camera) is not None
        ]
        return min(waits, default=None)

    def plan_anew(self, camera: CameraId) -> None:
        """What was taken from its plan could not be dealt with: none of it may be skipped."""
        self._plans.pop(camera, None)

    def next(self, cameras: Sequence[CameraId]) -> Sequence[LedgerClip]:
        """The next clip of one of these cameras, or the next stills; empty: nothing waits."""
        waiting = self._waiting(cameras)
        if not waiting:
            return ()
        now_s = self._clock.read().utc_s
        fresh = {camera for camera, newest_s in waiting.items() if now_s - newest_s < FRESH_S}
        for camera in list(self._turn):
            if camera not in (fresh or waiting):
                continue
            self._turn.remove(camera)
            self._turn.append(camera)
            try:
                clip = self._of_camera(camera, waiting[camera])
                if clip is not None:
                    return (clip, *self._burst(clip))
            except StorageError:
                self.plan_anew(camera)
                raise
        return ()

    def newest_s(self, camera: CameraId) -> float:
        """When the newest clip of this camera begins that was ever found."""
        return self._reader.newest_s(camera)

    def _stills_before_s(self, camera: CameraId) -> float:
        """Stills found later than this (UTC) wait: a video of their moment may be on its way."""
        if self._complete:
            return float("inf")
        now_s, now_utc_s = self._clock.mono_s(), self._clock.read().utc_s
        known, until_s = self._videos.get(camera, (False, now_s))
        if now_s >= until_s:
            known = self._reader.has_videos(camera, now_utc_s - _VIDEOS_SINCE_S)
            self._videos[camera] = known, now_s + _VIDEOS_EVERY_S
        return now_utc_s - _VIDEO_MAY_COME_S if known else float("inf")

    def _burst(self, first: LedgerClip) -> Iterator[LedgerClip]:
        """The stills that follow this one."""
        plan, before = self._plans[first.camera], first
        for _ in range(_BURST_STILLS - 1):
            if first.kind != "still" or not plan:
                return
            clip = self._reader.clip(plan[0])
            if clip is None or clip.kind != "still" or clip.state is not ClipProgress.WAITING:
                return
            before_s = self._stills_before_s(first.camera)
            if self._reader.waiting_before(clip, before_s) not in (None, before.key):
                return  # that one was found after the plan was made
            plan.popleft()
            before = clip
            yield clip

    def _waiting(self, cameras: Sequence[CameraId]) -> dict[CameraId, float]:
        """Cameras of which clips wait, and when the newest of them begins."""
        now_s = self._clock.mono_s()
        found = {
            camera: self._reader.newest_waiting_s(camera, self._stills_before_s(camera))
            for camera in cameras
            if now_s >= self._not_before_s.get(camera, now_s)
        }
        return {camera: newest_s for camera, newest_s in found.items() if newest_s is not None}

    def _of_camera(self, camera: CameraId, newest_s: float) -> LedgerClip | None:
        if self._newest_s.get(camera) != newest_s:
            self._plans.pop(camera, None)  # something newer came, or the newest is done
            self._newest_s[camera] = newest_s
        for _ in range(2):
            plan = self._plans.setdefault(camera, deque())
            while plan:
                clip = self._reader.clip(plan.popleft())
                if clip is None or clip.state is not ClipProgress.WAITING:
                    continue
                if self._reader.waiting_before(clip, self._stills_before_s(camera)) is not None:
                    break  # it was found after the plan was made
                return clip
            before_s = self._stills_before_s(camera)
            self._plans[camera] = deque(self._reader.newest_run(camera, before_s))
        return None
