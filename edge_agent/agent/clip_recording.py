"""One event's clip while it is being written: which packets go into which file."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from edge_agent.clock import Clock
from edge_agent.domain import CameraId, ClipRef, ClipState, EventId, Packet, PacketStream
from edge_agent.errors import AgentError
from edge_agent.media import ClipFacts, ClipPart
from edge_agent.sources import PacketDrain, TimedPacket

log = logging.getLogger(__name__)

#: A longer clip goes on in another file, from the next keyframe: files stay easy to handle.
MAX_PART_S = 300.0

#: Further back or ahead, the camera set its clock: a player would show a hole of hours.
MAX_STEP_BACK_S = 2.0
MAX_STEP_AHEAD_S = 10.0


class ClipKeeper(Protocol):
    """Where files go: `ClipStore`. A file is what its `begin` gave, and has `broken`."""

    def begin(self, part: ClipPart, stream: PacketStream) -> Any: ...

    def add(self, clip: Any, packet: Packet) -> None: ...

    def finish(self, clip: Any, *, cut: bool = False) -> ClipFacts | None: ...


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """What a clip is of. Packets newer than `hold_back_s` are not written yet: the event may
    turn out to have ended before them."""

    camera: CameraId
    event_id: EventId
    start_s: float
    hold_back_s: float = 0.0


class ClipRecording:
    """Belongs to the clip thread. Trouble with a file ends the clip, never the event."""

    def __init__(
        self, order: ClipOrder, drain: PacketDrain, store: ClipKeeper, clock: Clock
    ) -> None:
        self.order = order
        self.drain = drain
        self._store = store
        self._clock = clock
        self._waiting: deque[PacketStream | TimedPacket] = deque()
        self._stream: PacketStream | None = None
        self._file: Any = None
        self._begin_s = self._newest_s = self._last_pts_s = 0.0
        self._parts = 0
        self._refs: list[ClipRef] = []
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why the clip ends early; for a person."""
        return self._trouble

    def pump(self) -> None:
        """Write what came, but for what is held back."""
        self._fetch()
        self._write_until(self._newest_s - self.order.hold_back_s)
        if self.drain.overflowed and not self._waiting:
            self._give_up("the disk is too slow")

    def finish(self, until_s: float) -> tuple[ClipRef, ...]:
        """Write what was captured until then; the files of the clip."""
        self._fetch()
        self._write_until(until_s)
        if self.drain.overflowed:
            self._give_up("the disk is too slow")
        self._waiting.clear()
        self._finish_file()
        return tuple(self._refs)

    def _fetch(self) -> None:
        for item in self.drain.take():
            self._waiting.append(item)
            if isinstance(item, TimedPacket):
                self._newest_s = item.captured_s

    def _write_until(self, until_s: float) -> None:
        while self._waiting:
            item = self._waiting[0]
            if isinstance(item, PacketStream):
                self._finish_file()
                self._stream = item
            elif item.captured_s > until_s:
                return
            elif self._trouble is None:
                try:
                    self._write(item)
                except AgentError as error:
                    self._give_up(str(error))
            self._waiting.popleft()

    def _write(self, item: TimedPacket) -> None:
        packet, part_s = item.packet, item.captured_s - self._begin_s
        step_s = packet.pts_s - self._last_pts_s
        jumped = not -MAX_STEP_BACK_S <= step_s <= MAX_STEP_AHEAD_S
        if self._file and (jumped or (packet.is_key and part_s >= MAX_PART_S)):
            self._finish_file()
        if self._file is None:
            if not packet.is_key or self._stream is None:
                return
            self._begin(item.captured_s, self._stream)
        self._last_pts_s = packet.pts_s
        assert self._file is not None
        self._store.add(self._file, packet)

    def _begin(self, captured_s: float, stream: PacketStream) -> None:
        reading = self._clock.read()
        begin_utc_s = reading.utc_s - (reading.mono_s - captured_s)
        part = ClipPart(self.order.camera, self.order.event_id, self._parts + 1, begin_utc_s)
        self._file = self._store.begin(part, stream)
        self._parts += 1
        self._begin_s = captured_s

    def _finish_file(self) -> None:
        if self._file is None or self._stream is None:
            return
        file, self._file = self._file, None
        cut = self._trouble is not None
        facts = self._store.finish(file, cut=cut)
        if facts is None:
            return
        self._refs.append(
            ClipRef(
                sha256=facts.sha256,
                size_bytes=facts.size_bytes,
                codec=self._stream.codec,
                offset_s=self._begin_s - self.order.start_s,
                duration_s=facts.duration_s,
                state=ClipState.CUT if cut or file.broken else ClipState.STORED,
            )
        )

    def _give_up(self, trouble: str) -> None:
        if self._trouble is None:
            self._trouble = trouble
            self._finish_file()
