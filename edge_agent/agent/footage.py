"""Footage to tune on: short clips around people, near misses and false wakes, if the household
agrees, and of a walk test, when a person asks.

    analysis thread   FootageWatch: when a clip begins and ends, and why it is kept
    footage thread    FootageClips.run: writes what the drains give, tidies up

A disk that is full or stuck costs footage and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from av.error import FFmpegError

from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.agent.coded_clip import CodedClip, Hiding
from edge_agent.agent.main_streams import masks
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config
from edge_agent.domain import CameraId, EventId, Frame, Packet, PacketStream
from edge_agent.errors import AgentError, MediaError, StorageError
from edge_agent.media import ClipFacts, ClipFile, ClipPart
from edge_agent.media.footage import FootageFiles, FootageReason
from edge_agent.pipeline import Analysis
from edge_agent.runtime import Mailbox, StopToken
from edge_agent.sources import PacketDrain, PacketTap, PictureRules

log = logging.getLogger(__name__)

PRE_S, POST_S = 5.0, 4.0
#: What lasts longer is left out until it was quiet, or for so long.
LONGEST_S, REST_S = 120.0, 600.0
#: A tree in the wind must not fill the ring: so many clips of nobody an hour.
WAKES_PER_H = 6
#: Motion must last to be a false wake; somebody seen once is often nothing.
_WAKE_S = 1.0
_LEAST_LOOKS = 2
_HOUR_S = 3600.0

_PUMP_EVERY_S = 0.5
_IDLE_WAIT_S = 1.0
_CHECK_EVERY_S = 5.0
_PRUNE_EVERY_S = 300.0
_REMIND_S = 600.0
_INBOX_CAPACITY = 100
_NO_EVENT = EventId("footage")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a camera's packets come from, and what must not be seen in them."""

    camera: CameraId
    tap: PacketTap
    hiding: Hiding


@dataclass(eq=False, slots=True)
class Taking:
    """One clip on its way. `reason` None: not over yet."""

    origin: Origin
    drain: PacketDrain
    start_s: float
    ends_s: float  # at the latest, monotonic
    late: FootageReason  # why it is kept when nobody ended it
    reason: FootageReason | None = None
    until_s: float = float("inf")


class FootageClips:
    """`run` belongs to the footage thread, `begin` and `end` to any."""

    def __init__(self, files: FootageFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._inbox: Mailbox[Taking] = Mailbox(_INBOX_CAPACITY)
        self._open: list[tuple[Taking, ClipRecording, _Keeper]] = []
        self._pruned_s = self._checked_s = self._logged_s = float("-inf")

    def begin(
        self,
        origin: Origin,
        since_s: float,
        longest_s: float,
        late: FootageReason = FootageReason.CUT,
    ) -> Taking | None:
        """What the tap gives from then on; None when the thread is stuck."""
        ends_s, tap = self._clock.mono_s() + longest_s, origin.tap
        taking = Taking(origin, tap.open(since_s), since_s, ends_s, late)
        if not self._inbox.put(taking, 0.0):
            tap.close(taking.drain)
            return None
        return taking

    def end(self, taking: Taking, reason: FootageReason | None, until_s: float) -> None:
        """It is over; None: and not worth keeping."""
        taking.until_s = until_s if reason is not None else float("-inf")
        taking.reason = reason or FootageReason.CUT  # last: the thread looks at it first

    # --- the thread ---

    def run(self, stop: StopToken) -> None:
        stop.wakes(self._inbox.wake)
        for each in tuple(self._open):
            self._finish(*each)  # after a crash of this thread: what was open then
        self._guarded(self._files.recover)
        while not stop.stopped:
            wait_s = _PUMP_EVERY_S if self._open else _IDLE_WAIT_S
            for taking in self._inbox.get_all(wait_s):
                self._take_up(taking)
            for each in tuple(self._open):
                self._pump(*each)
            self._keep_house()
        for each in tuple(self._open):
            self._finish(*each)

    def _take_up(self, taking: Taking) -> None:
        keeper = _Keeper(self._files, taking.origin.hiding)
        order = ClipOrder(taking.origin.camera, _NO_EVENT, taking.start_s)
        recording = ClipRecording(order, taking.drain, keeper, self._clock)
        self._open.append((taking, recording, keeper))

    def _pump(self, taking: Taking, recording: ClipRecording, keeper: _Keeper) -> None:
        late = self._clock.mono_s() > taking.ends_s
        if taking.reason is None and not late and recording.trouble is None:
            recording.pump()
        else:
            self._finish(taking, recording, keeper)

    def _finish(self, taking: Taking, recording: ClipRecording, keeper: _Keeper) -> None:
        self._open.remove((taking, recording, keeper))
        taking.origin.tap.close(taking.drain)
        unwanted = taking.until_s == float("-inf")
        recording.finish(taking.until_s)
        if recording.trouble is not None:
            self._complain(f"{taking.origin.camera}: {recording.trouble}")
        for path in keeper.paths:
            if unwanted:
                self._files.drop(path)
            else:
                self._guarded(partial(self._files.finish, path, taking.reason or taking.late))

    def _keep_house(self) -> None:
        now_s = self._clock.mono_s()
        if self._open and now_s - self._checked_s >= _CHECK_EVERY_S:
            self._checked_s = now_s
            self._guarded(self._files.check_room)
        if now_s - self._pruned_s >= _PRUNE_EVERY_S:
            self._pruned_s = now_s
            self._guarded(self._files.prune)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StorageError as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        now_s = self._clock.mono_s()
        if now_s - self._logged_s >= _REMIND_S:
            self._logged_s = now_s
            log.warning("no footage to tune on is kept: %s", text)


class _Keeper:
    """Gives a `ClipRecording` files of the ring. `paths`: those that have something in them."""

    def __init__(self, files: FootageFiles, hiding: Hiding) -> None:
        self._files = files
        self._hiding = hiding
        self.paths: list[Path] = []

    def begin(self, part: ClipPart, stream: PacketStream) -> ClipFile | CodedClip:
        path = self._files.begin(part.camera, part.begin_utc_s)
        try:
            clip = (
                CodedClip(path, stream, self._hiding)
                if self._hiding.anything
                else ClipFile(path, stream)
            )
        except FFmpegError as error:
            self._files.drop(path)
            raise MediaError(f"{path}: cannot be made: {error.strerror}") from None
        except OSError as error:
            self._files.drop(path)
            raise StorageError(f"{path}: {error.strerror or error}") from error
        except AgentError:
            self._files.drop(path)
            raise
        self.paths.append(path)
        return clip

    def add(self, clip: ClipFile | CodedClip, packet: Packet) -> None:
        try:
            clip.add(packet)
        except OSError as error:
            raise StorageError(f"{clip.path}: {error.strerror or error}") from error

    def finish(self, clip: ClipFile | CodedClip, *, cut: bool = False) -> ClipFacts | None:
        del cut
        facts = clip.seal()
        with contextlib.suppress(OSError):
            os.fdatasync(clip.fileno())
        clip.close()
        if facts.duration_s <= 0:
            self.paths.remove(clip.path)
            self._files.drop(clip.path)
            return None
        return facts


@dataclass(slots=True)
class _Seen:
    """What a clip that is being taken shows so far."""

    taking: Taking
    begun_s: float
    active_s: float
    told: bool = False
    looks: int = 0

    @property
    def reason(self) -> FootageReason:
        if self.told:
            return FootageReason.PERSON
        return FootageReason.MISS if self.looks >= _LEAST_LOOKS else FootageReason.WAKE


@dataclass(slots=True)
class FootageWatch:
    """One camera's. Owned by the analysis thread."""

    footage: FootageClips
    origin: Origin
    _seen: _Seen | None = None
    _moving_s: float | None = None  # since when something moves
    _rests_s: float = float("-inf")  # until then, unless it was quiet
    _wakes: deque[float] = field(default_factory=lambda: deque(maxlen=WAKES_PER_H))

    def add(self, frame: Frame, analysis: Analysis) -> None:
        """One picture that was analysed; none that was recalled."""
        at_s = frame.captured_s
        told, seen = bool(analysis.hits), bool(analysis.detections)
        moving = bool(analysis.motion.regions)
        self._moving_s = (at_s if self._moving_s is None else self._moving_s) if moving else None
        woken = self._moving_s is not None and at_s - self._moving_s >= _WAKE_S
        if self._seen is None:
            self._perhaps_begin(at_s, people=told or seen, woken=woken)
        if self._seen is None:
            return
        self._seen.told |= told
        self._seen.looks += seen
        self._seen.taking.late = self._seen.reason
        if told or seen or moving:
            self._seen.active_s = at_s
        self._perhaps_end(at_s)

    def close(self) -> None:
        """The stream broke, or other settings hold: what is there is kept."""
        if self._seen is not None:
            self._end(self._seen, self._seen.active_s)

    def _perhaps_begin(self, at_s: float, *, people: bool, woken: bool) -> None:
        if not (people or woken):
            if self._moving_s is None:
                self._rests_s = float("-inf")  # it was quiet
            return
        if at_s < self._rests_s or (not people and not self._may_wake(at_s)):
            return
        taking = self.footage.begin(self.origin, at_s - PRE_S, LONGEST_S + PRE_S + 2 * POST_S)
        if taking is not None:
            self._seen = _Seen(taking, at_s, at_s)

    def _may_wake(self, at_s: float) -> bool:
        return len(self._wakes) < WAKES_PER_H or at_s - self._wakes[0] >= _HOUR_S

    def _perhaps_end(self, at_s: float) -> None:
        seen = self._seen
        assert seen is not None
        if at_s - seen.begun_s >= LONGEST_S:
            self._rests_s = at_s + REST_S
            self._end(seen, at_s)
        elif at_s - seen.active_s >= POST_S:
            self._end(seen, seen.active_s + POST_S)

    def _end(self, seen: _Seen, until_s: float) -> None:
        self._seen = None
        reason: FootageReason | None = seen.reason
        if reason is FootageReason.WAKE:
            if self._may_wake(seen.begun_s):
                self._wakes.append(seen.begun_s)
            else:
                reason = None
        self.footage.end(seen.taking, reason, until_s)


def hiding_of(config: Config, camera: CameraConfig) -> Hiding:
    """What nobody may see in this camera's footage."""
    rules = PictureRules.of(camera.source, config.analysis)
    return Hiding(masks(camera), config.tuning.blur, rules)


def open_footage(config: Config, clock: Clock) -> FootageClips:
    """Without consent too: for walk tests, and what is there still ages."""
    return FootageClips(FootageFiles(Path(config.box.state_dir), config.tuning, clock), clock)
