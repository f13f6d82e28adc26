"""What is wrapped around an event when it leaves the box."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.clock import ClockReading, is_trusted
from edge_agent.contract.position import Position
from edge_agent.contract.timeline import MediaTime, TimeBasis, Timeline
from edge_agent.domain import Event


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything an event message says beyond the event itself.

    With `media` the event is recorded, without it live: a live event's own moments
    (`Event.at_s` ...) are then monotonic seconds of `clock.boot_id`.
    """

    ward: str
    box: str
    message_id: str  # ULID; the same on every resend
    epoch: str
    seq: int
    clock: ClockReading
    at_utc_s: float
    start_utc_s: float
    end_utc_s: float | None = None
    cfg_sha: str | None = None  # first 12 hex digits of the active configuration's sha256
    model_name: str | None = None
    model_version: str | None = None
    replay: bool = False  # from `edge-agent replay`: a trial, not something that happened now
    media: MediaTime | None = None
    clock_src: str | None = None  # ntp, rtc, camera, server, fake-hwclock

    @property
    def time_basis(self) -> TimeBasis:
        return TimeBasis.LIVE if self.media is None else TimeBasis.RECORDED

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class Sender:
    """What all messages have in common until the configuration changes."""

    ward: str
    box: str
    cfg_sha: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    replay: bool = False

    def envelope(
        self,
        event: Event,
        timeline: Timeline,
        *,
        message_id: str,
        position: Position,
        clock: ClockReading,
    ) -> Envelope:
        """The envelope of one message; `clock` is the reading when the event was made."""
        return Envelope(
            ward=self.ward,
            box=self.box,
            message_id=message_id,
            epoch=position.epoch,
            seq=position.seq,
            clock=clock,
            at_utc_s=timeline.utc_s(event.at_s),
            start_utc_s=timeline.utc_s(event.start_s),
            end_utc_s=None if event.end_s is None else timeline.utc_s(event.end_s),
            cfg_sha=self.cfg_sha,
            model_name=self.model_name,
            model_version=self.model_version,
            replay=self.replay,
            media=timeline.media(event.at_s),
            clock_src="ntp" if is_trusted(clock.quality) else None,
        )


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A decoded event payload."""

    event: Event
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class EventHeader:
    """The part of an event message that delivery is about. (source, message_id) is unique."""

    source: str
    message_id: str
    position: Position
