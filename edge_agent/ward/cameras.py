"""What to believe of a camera, and which one needs somebody first. Pure.

A camera is `silent` when nobody knows how it does: its box is not heard, or the box speaks but
no longer of this camera. That is worse than `offline`, of which the box told us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S
from edge_agent.contract import CameraStatus, State
from edge_agent.domain import Severity
from edge_agent.ward.presence import BELIEVED_INTERVALS, BoxRecord

#: A camera's nightly reboot takes minutes, a recorder's too: shorter gaps are not news.
IGNORE_GAPS_S = 300.0


class CameraState(StrEnum):
    """As shown to a person, worst first."""

    SILENT = "silent"
    OFFLINE = "offline"
    DEGRADED = "degraded"
    PAUSED = "paused"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class CameraRecord:
    """What a box said last of a camera; columns of the table `camera`, in order."""

    source: str
    camera: str
    state: str
    since_utc_s: float
    reason: str
    heard_utc_s: float
    told: str = ""  # the state that somebody was told last


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A trouble of a camera that began and did not end."""

    kind: str
    severity: Severity
    since_utc_s: float


@dataclass(frozen=True, slots=True)
class Belief:
    """What holds of a camera now, and since when."""

    state: CameraState
    since_utc_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class CameraView:
    """One line of `ward cameras`."""

    source: str
    camera: str
    belief: Belief
    last_person_utc_s: float | None
    faults: tuple[OpenFault, ...] = ()


def after_camera_status(
    old: CameraRecord | None,
    source: str,
    status: CameraStatus,
    now_utc_s: float,
    *,
    retained: bool,
) -> CameraRecord:
    """The record after this `st/cam`. Moments are by our clock: a box's may be wrong. The box
    dates, if its date can be right, what we did not hear: a message that the broker kept while
    we were away, and a state that ended and began again before we heard the box again."""
    at_utc_s = now_utc_s
    if retained and EARLIEST_PLAUSIBLE_UTC_S <= status.since_utc_s < now_utc_s:
        at_utc_s = status.since_utc_s
    if old is None:
        state = str(status.state)
        return CameraRecord(source, status.camera, state, at_utc_s, status.reason, now_utc_s)
    if old.state != str(status.state):
        old = replace(old, state=str(status.state), since_utc_s=at_utc_s, heard_utc_s=now_utc_s)
    elif old.heard_utc_s < status.since_utc_s <= now_utc_s:
        old = replace(old, since_utc_s=status.since_utc_s)
    elif (
        status.since_utc_s < EARLIEST_PLAUSIBLE_UTC_S
        and not retained
        and now_utc_s - old.heard_utc_s > IGNORE_GAPS_S
    ):  # it cannot say whether it saw the camera all the time: a power cut sets no clock
        old = replace(old, since_utc_s=now_utc_s)
    return replace(
        old, reason=status.reason, heard_utc_s=old.heard_utc_s if retained else now_utc_s
    )


def belief(
    camera: CameraRecord,
    box: BoxRecord | None,
    now_utc_s: float,
    listening_utc_s: float = float("-inf"),
) -> Belief:
    """What to show of a camera of this box."""
    if box is None or box.believed(now_utc_s, listening_utc_s) is State.OFFLINE:
        heard_utc_s = camera.heard_utc_s if box is None else box.heard_utc_s
        return Belief(CameraState.SILENT, heard_utc_s, "its box is not heard")
    untold_s = box.heard_utc_s - max(camera.heard_utc_s, listening_utc_s)
    patience_s = max(IGNORE_GAPS_S, BELIEVED_INTERVALS * box.interval_s)
    # Telemetry names every camera. Before the first of a connection nothing can be missing.
    if box.backlog is not None and untold_s > patience_s:
        return Belief(CameraState.SILENT, camera.heard_utc_s, "its box says nothing of it")
    return Belief(CameraState(camera.state), camera.since_utc_s, camera.reason)


def worst_first(cameras: Sequence[CameraView]) -> list[CameraView]:
    """By state, then by the worst fault, then who stands so for longest."""
    states, severities = list(CameraState), list(Severity)

    def badness(view: CameraView) -> tuple[int, int, float, str, str]:
        worst = max((severities.index(each.severity) for each in view.faults), default=-1)
        state = states.index(view.belief.state)
        if view.faults:  # a camera that plays and has a fault is no better than a degraded one
            state = min(state, states.index(CameraState.DEGRADED))
        return state, -worst, view.belief.since_utc_s, view.source, view.camera

    return sorted(cameras, key=badness)
