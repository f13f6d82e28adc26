"""Snapshots from the main stream: the moment that the substream showed best, in full size.

The snapshot of the substream is taken first, by the analysis; this one takes its place a
second later, if the event is still open and no better moment came. So a main stream that
fails costs size, never the picture.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.domain import BestFrame, CameraId, EventId, Frame, PacketStream, Snapshot
from edge_agent.errors import MediaError
from edge_agent.geometry import Polygon
from edge_agent.runtime import StopToken
from edge_agent.sources import DecodedPixels, MainStream, TimedPacket, picture_at

log = logging.getLogger(__name__)

#: A person who comes nearer is seen best again and again; decoding a GOP for each of these
#: moments would cost more than all else, so only the newest one of this time is.
_DECODE_EVERY_S = 1.0
#: How long the main stream may lag behind the substream.
_LAG_S = 1.5
_LOOK_EVERY_S = 0.1
_REMEMBERED = 256

Taker = Callable[[Frame, BestFrame], Snapshot]


@dataclass(frozen=True, slots=True)
class MainCamera:
    """A camera whose main stream gives the pictures."""

    main: MainStream
    privacy_masks: tuple[Polygon, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    camera: CameraId
    at_s: float
    best: BestFrame


class MainPictures:
    """`run` belongs to a thread of its own, `ask` and `ready` to the analysis thread; `put` and
    `remove` may be called from any."""

    def __init__(self, take: Taker) -> None:
        self._cameras: dict[CameraId, MainCamera] = {}
        self._take = take
        self._lock = threading.Lock()
        self._wishes: dict[EventId, _Wish] = {}
        self._newest_s: dict[EventId, float] = {}
        self._done: dict[CameraId, deque[Snapshot]] = {}

    def put(self, name: CameraId, camera: MainCamera) -> None:
        """This camera's main stream gives pictures from now on."""
        self._done[name] = deque()
        self._cameras[name] = camera

    def remove(self, name: CameraId) -> None:
        self._cameras.pop(name, None)
        self._done.pop(name, None)

    def ask(self, frame: Frame, best: BestFrame) -> None:
        """This moment is the best of its event so far; earlier ones no longer matter."""
        if frame.camera not in self._cameras:
            return
        with self._lock:
            self._wishes[best.event_id] = _Wish(frame.camera, frame.captured_s, best)
            self._newest_s[best.event_id] = frame.captured_s
            if len(self._newest_s) > _REMEMBERED:
                del self._newest_s[next(iter(self._newest_s))]

    def ready(self, camera: CameraId) -> list[Snapshot]:
        """What was taken since the last call and is still the best moment of its event."""
        done = self._done.get(camera)
        if not done:
            return []
        taken = [done.popleft() for _ in range(len(done))]
        with self._lock:
            return [one for one in taken if self._newest_s.get(one.event_id) == one.captured_s]

    def run(self, stop: StopToken) -> None:
        while not stop.stopped:
            with self._lock:
                wishes, self._wishes = list(self._wishes.values()), {}
            for wish in wishes:
                snapshot = self._snapshot(wish, stop)
                done = self._done.get(wish.camera)
                if snapshot is not None and done is not None:
                    done.append(snapshot)
            stop.wait(_DECODE_EVERY_S)

    def _snapshot(self, wish: _Wish, stop: StopToken) -> Snapshot | None:
        camera = self._cameras.get(wish.camera)
        if camera is None or not camera.main.flowing:
            return None
        try:
            picture = picture_at(
                self._packets(camera.main, wish.at_s, stop), wish.at_s, camera.main.rules
            )
        except MediaError as error:
            log.warning("%s: no picture from the main stream: %s", wish.camera, error)
            return None
        if picture is None:
            return None
        pixels = DecodedPixels(picture.unit, camera.privacy_masks, picture.orientation)
        return self._take(Frame(wish.camera, wish.at_s, pixels), wish.best)

    def _packets(
        self, main: MainStream, at_s: float, stop: StopToken
    ) -> list[PacketStream | TimedPacket]:
        """From the keyframe before that moment to just after it."""
        drain = main.tap.open(at_s)
        items: list[PacketStream | TimedPacket] = []
        waited_s = 0.0
        while not stop.stopped and waited_s < _LAG_S:
            items += drain.take()
            newest = items[-1] if items else None
            if isinstance(newest, TimedPacket) and newest.captured_s >= at_s:
                break
            stop.wait(_LOOK_EVERY_S)
            waited_s += _LOOK_EVERY_S
        main.tap.close(drain)
        return items
