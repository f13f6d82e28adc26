"""Stream time to the moment of capture, and which frames are analysed."""

from __future__ import annotations

from typing import Protocol

from edge_agent.domain import Packet

#: A live stream this far off its arrival, for this long, is anchored anew.
DRIFT_S = 0.5
DRIFT_FOR_S = 2.0

#: Further off than any network delays: the camera set its clock, or the stream began anew.
JUMP_S = 5.0

#: Frames never share a moment or run backwards, whatever the camera's clock does.
MIN_STEP_S = 0.001


class CaptureTime(Protocol):
    """Where a frame's pts lies on the timeline that events use."""

    def received(self, packet: Packet) -> None: ...

    def captured_s(self, pts_s: float) -> float:
        """Strictly increasing from frame to frame."""
        ...

    def estimate_s(self, pts_s: float) -> float:
        """The same moment without its order: for packets that may never become a frame."""
        ...

    def restart(self) -> None:
        """The stream begins anew (a looped file, a new connection)."""
        ...

    @property
    def offset_s(self) -> float:
        """What is added to a pts now; 0 before the first packet (live) or frame (recorded)."""
        ...


class LiveCaptureTime:
    """pts put on the monotonic clock by the packets' arrival.

    The network only ever delays, so the packet that came soonest after its pts gives the
    offset; the others inherit the camera's even spacing instead of the network's jitter.
    A lasting drift above 0.5 s (the camera's clock runs slow) anchors anew.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._late_since_s: float | None = None
        self._least_late_s = 0.0
        self._last_s = float("-inf")
        self._newest_arrival_s = float("inf")

    def received(self, packet: Packet) -> None:
        self._newest_arrival_s = packet.received_s
        arrival_offset_s = packet.received_s - packet.pts_s
        if self._offset_s is None:
            self._offset_s = arrival_offset_s
            return
        late_s = arrival_offset_s - self._offset_s
        if late_s < 0 or late_s > JUMP_S:
            self._anchor(arrival_offset_s)
        elif late_s <= DRIFT_S:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = packet.received_s
            self._least_late_s = late_s
        else:
            self._least_late_s = min(self._least_late_s, late_s)
            if packet.received_s - self._late_since_s >= DRIFT_FOR_S:
                self._anchor(self._offset_s + self._least_late_s)

    def estimate_s(self, pts_s: float) -> float:
        # A delayed picture may have its pts from before a jump and the offset from after it:
        # it would lie hours ahead, and hold all that follow there.
        return min(pts_s + (self._offset_s or 0.0), self._newest_arrival_s)

    def captured_s(self, pts_s: float) -> float:
        moment_s = self.estimate_s(pts_s)
        self._last_s = max(moment_s, self._last_s + MIN_STEP_S)
        return self._last_s

    def restart(self) -> None:
        self._offset_s = self._late_since_s = None

    @property
    def offset_s(self) -> float:
        return self._offset_s or 0.0

    def _anchor(self, offset_s: float) -> None:
        self._offset_s = offset_s
        self._late_since_s = None


class RecordedCaptureTime:
    """Seconds since the recording's first frame; a loop continues where the last pass ended."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_s: float | None = None
        self._step_s = MIN_STEP_S

    def received(self, packet: Packet) -> None:
        del packet  # a recording's time is its frames' own

    def estimate_s(self, pts_s: float) -> float:
        if self._offset_s is None:
            return (self._last_s or 0.0) + self._step_s
        return pts_s + self._offset_s

    def captured_s(self, pts_s: float) -> float:
        if self._offset_s is None:
            begin_s = 0.0 if self._last_s is None else self._last_s + self._step_s
            self._offset_s = begin_s - pts_s
        moment_s = pts_s + self._offset_s
        if self._last_s is not None:
            moment_s = max(moment_s, self._last_s + MIN_STEP_S)
            self._step_s = moment_s - self._last_s
        self._last_s = moment_s
        return moment_s

    def restart(self) -> None:
        self._offset_s = None

    @property
    def offset_s(self) -> float:
        return self._offset_s or 0.0


class FrameSampler:
    """Picks frames at the analysis rate by their time, whatever the camera's rate is.

    The picks keep to a grid, so that 15 fps sampled at 4 fps gives 4 a second and not 3.75.
    """

    #: A frame this share of a period early is taken: cameras' timestamps jitter.
    EARLY = 0.1

    def __init__(self, fps: float) -> None:
        self._period_s = 1.0 / fps
        self._next_s: float | None = None
        self._last_s = 0.0

    def set_fps(self, fps: float) -> None:
        """From the next picture on."""
        if self._period_s != 1.0 / fps:
            self._period_s, self._next_s = 1.0 / fps, None

    def is_due(self, at_s: float) -> bool:
        """Would `due` say yes? Changes nothing."""
        if self._next_s is None or not 0 <= at_s - self._last_s <= JUMP_S:
            return True
        return at_s >= self._next_s - self.EARLY * self._period_s

    def due(self, at_s: float) -> bool:
        """Is the frame at `at_s` to be analysed? Ask once for each frame, in order."""
        if self._next_s is None or not 0 <= at_s - self._last_s <= JUMP_S:
            self._next_s = at_s  # first frame, a step back, a gap: begin anew
        self._last_s = at_s
        if at_s < self._next_s - self.EARLY * self._period_s:
            return False
        late_s = at_s - self._next_s
        self._next_s = at_s + self._period_s - (late_s if abs(late_s) < self._period_s else 0.0)
        return True
