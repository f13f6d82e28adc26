"""Where the source threads leave frames and the analysis thread takes them.

Live cameras: only the newest frame waits; an older one that nobody took is dropped and
counted, so that latency stays bounded under load. What must not be dropped (a recording, or
a live camera's past that is decoded after the fact) is `put`: the source waits or comes again,
so that nothing is skipped; newer live frames queue behind it. The analysis takes cameras in
turn, so that a busy camera cannot starve the others.

Live cameras come before recordings; but where live frames leave no time at all, recordings get a
twentieth of it, so that they advance on an overloaded box too.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from edge_agent.domain import CameraId, Frame

#: Frames that must not be dropped and wait. Two keep decoder and analysis busy together.
RECORDED_CAPACITY = 2

#: Of the analysis' time, while live frames wait.
RECORDED_SHARE = 0.05
#: What recordings did not use they may take later, but not more of it at once than this.
_CREDIT_LIMIT_S = 0.5


@dataclass(frozen=True, slots=True)
class SourceLost:
    """The camera's stream broke at `at_s`: no more frames until it is back."""

    camera: CameraId
    at_s: float


@dataclass(frozen=True, slots=True)
class ExchangeStats:
    """Counted since the camera was added; 0 for one that is not there."""

    offered: int
    dropped: int


@dataclass(slots=True)
class _Queue:
    items: deque[Frame | SourceLost]
    last_may_go: bool = False  # the newest item is a live frame that a newer one replaces
    offered: int = 0
    dropped: int = 0


class FrameExchange:
    """Many producers (one per camera), one consumer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[CameraId, _Queue] = {}
        self._live_turn: deque[CameraId] = deque()  # cameras in the order of their next turn
        self._recorded_turn: deque[CameraId] = deque()
        self._woken = False
        self._credit_s = 0.0  # how much of the analysis' time recordings may take before others

    def add(self, camera: CameraId, *, recorded: bool = False) -> None:
        with self._changed:
            self._queues[camera] = _Queue(deque())
            (self._recorded_turn if recorded else self._live_turn).append(camera)

    def remove(self, camera: CameraId) -> None:
        """What waits of it goes, and what its source still leaves."""
        with self._changed:
            self._queues.pop(camera, None)
            for turn in (self._live_turn, self._recorded_turn):
                if camera in turn:
                    turn.remove(camera)
            self._changed.notify_all()

    def offer(self, frame: Frame) -> None:
        """Leave a live frame; a frame of this camera that still waits is dropped."""
        with self._changed:
            queue = self._queues.get(frame.camera)
            if queue is None:
                return
            queue.offered += 1
            if queue.items and queue.last_may_go:
                queue.items.pop()
                queue.dropped += 1
            queue.items.append(frame)
            queue.last_may_go = True
            self._changed.notify_all()

    def put(self, frame: Frame, timeout_s: float) -> bool:
        """Leave a frame that must not be dropped; False when there was no room in time."""
        with self._changed:
            queue = self._queues.get(frame.camera)
            if queue is None:
                return True  # it was removed: nobody waits for its frames
            room = self._changed.wait_for(lambda: len(queue.items) < RECORDED_CAPACITY, timeout_s)
            if room:
                queue.offered += 1
                queue.items.append(frame)
                queue.last_may_go = False
                self._changed.notify_all()
            return room

    def lost(self, camera: CameraId, at_s: float) -> None:
        """Tell the analysis, behind the frames that still wait, that the stream broke."""
        with self._changed:
            queue = self._queues.get(camera)
            if queue is not None and not (queue.items and isinstance(queue.items[-1], SourceLost)):
                queue.items.append(SourceLost(camera, at_s))
                queue.last_may_go = False
                self._changed.notify_all()

    def wake(self) -> None:
        """Let `take` return now: its thread is wanted for something else."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Frame | SourceLost | None:
        """The next item of the camera whose turn it is; None when nothing came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._anything(), timeout_s)
            self._woken = False
            turns = [self._live_turn, self._recorded_turn]
            if self._credit_s > 0:
                turns.reverse()
            for turn in turns:
                for _ in range(len(turn)):
                    camera = turn[0]
                    turn.rotate(-1)
                    if self._queues[camera].items:
                        item = self._queues[camera].items.popleft()
                        self._changed.notify_all()
                        return item
            return None

    def take_more(self, taken: CameraId, limit: int) -> list[Frame]:
        """The next frame of each other live camera that has one waiting, in their turn.

        Empty as long as the analysis keeps up. A camera whose stream broke waits for its turn.
        """
        frames: list[Frame] = []
        with self._changed:
            for camera in tuple(self._live_turn):
                items = self._queues[camera].items
                if camera == taken or not items or len(frames) == limit:
                    continue
                if isinstance(items[0], Frame):
                    frames.append(items[0])
                    items.popleft()
                    self._live_turn.remove(camera)
                    self._live_turn.append(camera)
            if frames:
                self._changed.notify_all()
        return frames

    def spent(self, camera: CameraId, busy_s: float) -> None:
        """A frame of this camera took so long to analyse."""
        with self._changed:
            if camera in self._recorded_turn:
                self._credit_s -= busy_s
            else:
                self._credit_s += busy_s * RECORDED_SHARE / (1 - RECORDED_SHARE)
            self._credit_s = min(max(self._credit_s, -_CREDIT_LIMIT_S), _CREDIT_LIMIT_S)

    def stats(self, camera: CameraId) -> ExchangeStats:
        with self._changed:
            queue = self._queues.get(camera)
            return ExchangeStats(queue.offered, queue.dropped) if queue else ExchangeStats(0, 0)

    def empty(self) -> bool:
        with self._changed:
            return not self._anything()

    def _anything(self) -> bool:
        return any(queue.items for queue in self._queues.values())
