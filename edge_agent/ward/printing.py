"""What happened in the ward, one plain line each, in the reader's local time."""

from __future__ import annotations

import datetime as dt

from edge_agent.clock import ClockQuality
from edge_agent.contract import EventMessage, Gap, State
from edge_agent.domain import Health, Label
from edge_agent.ward.cameras import CameraState

_CLOCK_WARNING = {
    ClockQuality.UNSET: "the box's clock is not set",
    ClockQuality.ESTIMATED: "the box's clock was never synchronised",
}


def local(utc_s: float, zone: dt.tzinfo | None = None) -> str:
    """`2026-11-23 06:12:03`, in the zone of this machine unless another is given."""
    return dt.datetime.fromtimestamp(utc_s, tz=dt.UTC).astimezone(zone).strftime("%F %T")


def event_line(
    source: str,
    message: EventMessage,
    zone: dt.tzinfo | None = None,
    *,
    redated_utc_s: float | None = None,
) -> str:
    """`redated_utc_s`: its moment by what is known of the box's clock since.

    `2026-11-23 06:12:03  box-1/front  person end   gate  score 0.93  12.4 s (gone)`."""
    event, envelope = message.event, message.envelope
    parts = [
        local(envelope.at_utc_s if redated_utc_s is None else redated_utc_s, zone),
        f"{source.rpartition('/')[2]}/{event.camera}",
        f"{event.label:<6} {event.phase:<6}",
    ]
    zones = event.zones_current or event.zones_entered
    if zones:
        parts.append(",".join(zones))
    if event.label is Label.HEALTH and event.health is not None:
        parts.append(_health(event.health))
    elif event.label is Label.PERSON:
        parts.append(f"score {event.top_score:.2f}")
    if event.end_s is not None:
        why = f" ({event.end_reason})" if event.end_reason else ""
        parts.append(f"{event.end_s - event.start_s:.1f} s{why}")
    warning = None if envelope.media else _CLOCK_WARNING.get(envelope.clock.quality)
    if warning and redated_utc_s is None:
        parts.append(f"! {warning}")
    return "  ".join(parts)


def _health(health: Health) -> str:
    count = health.detail.get("count")  # a storm's people, of whom none is told alone
    how_many = f", {count} people" if isinstance(count, int) and count > 1 else ""
    return f"{health.kind} ({health.severity}{how_many})"


def gap_line(source: str, gap: Gap, now_utc_s: float, zone: dt.tzinfo | None = None) -> str:
    """What will never come."""
    spans = [
        f"{span.first} and all after" if span.last is None else _span(span.first, span.last)
        for span in gap.ranges
    ]
    what = f"messages {', '.join(spans)}" if spans else ""
    if gap.unsequenced is not None:
        what += f"{' and ' if what else ''}{gap.unsequenced.count} unnumbered messages"
    box = source.rpartition("/")[2]
    return f"{local(now_utc_s, zone)}  {box}  lost: {what} ({gap.reason})"


def box_line(source: str, state: State, now_utc_s: float, zone: dt.tzinfo | None = None) -> str:
    return f"{local(now_utc_s, zone)}  {source.rpartition('/')[2]}  is {state}"


def camera_line(
    source: str,
    camera: str,
    state: CameraState,
    reason: str,
    now_utc_s: float,
    zone: dt.tzinfo | None = None,
) -> str:
    """`2026-11-23 06:12:03  box-1/front  is degraded: blocked`."""
    why = f": {reason}" if reason else ""
    return f"{local(now_utc_s, zone)}  {source.rpartition('/')[2]}/{camera}  is {state}{why}"


def duration(seconds: float) -> str:
    """`40 s`, `7 min`, `3.5 h`, `12 d`: for a person, not for a calculation."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
