"""Brings the reasons of each minute, and who was seen and not told, from the cameras to the ring.

The main thread collects once a minute and leaves a batch with the writer every five, or one minute
after a near miss: an SD card wears by the write. A power cut costs what was not written yet.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from edge_agent.agent.minute_reason import Supply, reason_of
from edge_agent.agent.untold_ring import SCHEMA, Batch, MinuteRow, Settings, UntoldRing, WindowRow
from edge_agent.analysis.exchange import ExchangeStats
from edge_agent.analysis.untold_seat import UntoldSeat
from edge_agent.clock import Clock, ClockQuality, ClockReading
from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.pipeline.untold_watch import KeptWindow, UntoldTally
from edge_agent.recorders.ingest.clip_untold import ClipMinute
from edge_agent.sources import FeedState, FeedStatus

log = logging.getLogger(__name__)

MINUTE_S = 60.0
_WRITE_EVERY_S = 300.0
#: Windows of cameras that have many may take so much of the ring an hour, with some at once:
#: with the minutes' rows that is seven days.
_BYTES_PER_H = 150_000.0  # before compression, to a good half
_BYTES_AT_ONCE = 600_000.0
#: While the clock is not set minutes wait in memory for it: two hours of one camera.
_MOST_WAITING, _MOST_WINDOWS = 120, 16


class _UntoldCamera(Protocol):
    """A camera, as far as it matters here."""

    @property
    def name(self) -> CameraId: ...

    @property
    def config(self) -> CameraConfig: ...

    @property
    def status(self) -> FeedStatus: ...

    @property
    def untold(self) -> UntoldSeat | None: ...


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of a camera since its start, at the end of a minute."""

    decoded: int = 0
    dropped: int = 0
    idle_s: float = 0.0


@dataclass(slots=True)
class _Pending:
    """What is not written yet. Minutes with the monotonic moment at which each began; those of
    recorders' clips, and their windows, with the UTC instead."""

    minutes: list[tuple[float, MinuteRow]] = field(default_factory=list)
    windows: list[tuple[CameraId, KeptWindow, float | None]] = field(default_factory=list)
    clip_minutes: list[MinuteRow] = field(default_factory=list)


class UntoldKeeper:
    """Owned by the main thread; `last` may be read by any."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        in_writer: Callable[[Callable[[], None]], None],
        dropped: Callable[[CameraId], ExchangeStats],
    ) -> None:
        """`in_writer` has something done by the thread that writes the state directory."""
        self._ring = UntoldRing(state_dir)
        self._clock = clock
        self._in_writer = in_writer
        self._stats = dropped
        self._pending = _Pending()
        self._counts: dict[CameraId, _Counts] = {}
        self._minute_s = self._written_s = clock.mono_s()
        self._allowed, self._allowed_s = _BYTES_AT_ONCE, self._minute_s
        self._failed = False
        self._clips: deque[tuple[CameraId, Sequence[ClipMinute]]] = deque()
        #: Of each camera, the newest whole minute.
        self.last: dict[CameraId, MinuteRow] = {}

    def keep_clip(self, camera: CameraId, minutes: Sequence[ClipMinute]) -> None:
        """Of a recorder's clip, which was analysed; by any thread."""
        self._clips.append((camera, minutes))

    def poll(self, cameras: Iterable[_UntoldCamera]) -> None:
        """Collect when a minute is over; costs a comparison otherwise."""
        now_s = self._clock.mono_s()
        if now_s - self._minute_s < MINUTE_S:
            return
        self._collect(cameras, now_s)
        if now_s - self._written_s >= self._waits_s() - 1.0:
            self._write()

    def unwritten(self) -> tuple[float, float | None]:
        """Since when nothing is on disk, and when it will be, both monotonic; by any thread.

        None: when the clock is set. Sooner where somebody is missed before.
        """
        begun = [begin_s for begin_s, _ in tuple(self._pending.minutes)]
        from_s = min([*begun, self._minute_s])
        if self._clock.read().quality is ClockQuality.UNSET:
            return from_s, None
        return from_s, max(self._minute_s + MINUTE_S, self._written_s + self._waits_s())

    def _waits_s(self) -> float:
        return MINUTE_S if self._pending.windows else _WRITE_EVERY_S

    def finish(self, cameras: Iterable[_UntoldCamera]) -> None:
        """The analysis has ended: what is left is written."""
        cameras = list(cameras)
        for camera in cameras:
            if camera.untold is not None:
                camera.untold.close()
        self._collect(cameras, self._clock.mono_s())
        self._write()

    def _collect(self, cameras: Iterable[_UntoldCamera], now_s: float) -> None:
        begin_s, self._minute_s = self._minute_s, now_s
        last = {}
        for camera in cameras:
            if camera.untold is None:
                continue
            row, windows = self._taken(camera, camera.untold, now_s - begin_s)
            last[camera.name] = row
            self._pending.minutes.append((begin_s, row))
            self._pending.windows += [(camera.name, window, None) for window in windows]
        self.last = last
        while self._clips:
            name, minutes = self._clips.popleft()
            self._pending.clip_minutes += [_clip_row(name, minute) for minute in minutes]
            self._pending.windows += [
                (name, window, utc_s) for minute in minutes for utc_s, window in minute.windows
            ]

    def _taken(
        self, camera: _UntoldCamera, watch: UntoldSeat, lasted_s: float
    ) -> tuple[MinuteRow, list[KeptWindow]]:
        tally, windows = watch.take()
        status, before = camera.status, self._counts.get(camera.name, _Counts())
        idle_s = status.gate.counters.idle_s if status.gate else 0.0
        now = _Counts(status.decoded, self._stats(camera.name).dropped, idle_s)
        self._counts[camera.name] = now
        # A camera that was started anew counts from 0 again.
        decoded, dropped = (
            max(0, now.decoded - before.decoded),
            max(0, now.dropped - before.dropped),
        )
        supply = Supply(status.state is FeedState.STREAMING, decoded, dropped)
        holding = watch.holding
        reason = reason_of(tally, supply, holding, watch.camera.motion.min_area_frac)
        row = msgspec.structs.replace(
            _row(camera.name, tally, holding, str(reason)),
            dropped=dropped,
            keyframes_only=2 * (now.idle_s - before.idle_s) > lasted_s,
            sent_fps=round(status.figures.fps or 0.0, 1),
            profile=watch.profile,
        )
        return row, windows

    def _write(self) -> None:
        reading = self._clock.read()
        if reading.quality is ClockQuality.UNSET:
            del self._pending.minutes[:-_MOST_WAITING]
            del self._pending.windows[:-_MOST_WINDOWS]
            del self._pending.clip_minutes[:-_MOST_WAITING]
            return
        pending, self._pending = self._pending, _Pending()
        self._written_s = reading.mono_s
        if not pending.minutes and not pending.windows and not pending.clip_minutes:
            return
        batch = self._batch(pending, reading)
        self._in_writer(partial(self._append, batch, reading))

    def _batch(self, pending: _Pending, reading: ClockReading) -> Batch:
        def utc_s(mono_s: float) -> float:
            return reading.utc_s - (reading.mono_s - mono_s)

        kept, left_out = self._with_room(pending.windows, reading.mono_s)
        settings = list(dict.fromkeys((id(window.camera), window.own) for _, window, _ in kept))
        held = {id(window.camera): window.camera for _, window, _ in kept}
        minutes = [
            msgspec.structs.replace(row, utc_s=round(utc_s(mono_s)))
            for mono_s, row in pending.minutes
        ]
        minutes += pending.clip_minutes
        for name in left_out:
            of_camera = [i for i, row in enumerate(minutes) if row.camera == name]
            for at in of_camera[-1:]:
                minutes[at] = msgspec.structs.replace(
                    minutes[at], left_out=minutes[at].left_out + 1
                )
        return Batch(
            SCHEMA,
            tuple(minutes),
            tuple(
                WindowRow(
                    name,
                    settings.index((id(window.camera), window.own)),
                    round(utc_s(window.first_s) if at_utc_s is None else at_utc_s),
                    window.first_s,
                    window.last_s,
                    round(window.best_score, 4),
                    window.moments,
                    window.profile,
                )
                for name, window, at_utc_s in kept
            ),
            tuple(
                Settings(_that_decides(held[key]), own.candidate_threshold, own.confirm_threshold)
                for key, own in settings
            ),
        )

    def _with_room(
        self, windows: list[tuple[CameraId, KeptWindow, float | None]], now_s: float
    ) -> tuple[list[tuple[CameraId, KeptWindow, float | None]], list[CameraId]]:
        """The best scores first, as long as the ring allows; the cameras of the others."""
        earned = (now_s - self._allowed_s) / 3600 * _BYTES_PER_H
        self._allowed = min(_BYTES_AT_ONCE, self._allowed + earned)
        self._allowed_s = now_s
        kept, left_out = [], []
        for each in sorted(windows, key=lambda each: -each[1].best_score):
            size = len(each[1].moments)
            if size > self._allowed:
                left_out.append(each[0])
            else:
                self._allowed -= size
                kept.append(each)
        kept.sort(key=lambda each: each[1].first_s)
        return kept, left_out

    def _append(self, batch: Batch, reading: ClockReading) -> None:
        """In the writer. A card that fails costs answers to complaints, nothing else."""
        try:
            self._ring.append(batch, reading)
        except StorageError as error:
            if not self._failed:
                log.warning("`edge-agent why` will not know of these minutes: %s", error)
            self._failed = True
        else:
            self._failed = False


def _row(
    camera: CameraId, tally: UntoldTally, holding: tuple[float, float], reason: str
) -> MinuteRow:
    return MinuteRow(
        camera=camera,
        utc_s=0,
        reason=reason,
        pictures=tally.pictures,
        looks=tally.looks,
        moved=tally.moved,
        changed_frac=round(tally.changed_frac, 6),
        best_score=round(tally.best_score, 3),
        candidate_threshold=round(holding[0], 4),
        confirm_threshold=round(holding[1], 4),
        told=tally.told > 0,
    )


def _clip_row(camera: CameraId, minute: ClipMinute) -> MinuteRow:
    supply = Supply(True, minute.tally.pictures, 0)
    reason = reason_of(minute.tally, supply, minute.holding, minute.min_area_frac)
    row = _row(camera, minute.tally, minute.holding, str(reason))
    return msgspec.structs.replace(row, utc_s=round(minute.utc_s), profile=minute.profile)


def _that_decides(camera: CameraConfig) -> CameraConfig:
    """Without its source: addresses and logins have no place in the ring."""
    return CameraConfig(
        id=camera.id,
        source=FileSource(path=""),
        motion=camera.motion,
        person=camera.person,
        zones=camera.zones,
        ignore_zones=camera.ignore_zones,
        profiles=camera.profiles,
    )
