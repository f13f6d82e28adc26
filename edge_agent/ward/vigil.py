"""When the state of a box or camera is news, and when silence is an alarm. Pure.

Shorter gaps than `ignore_gaps_s` are nobody's news: cameras and recorders reboot at night, and a
power cut of a minute takes a whole street. What lasts is told once, and its end once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edge_agent.contract import State
from edge_agent.ward.alarms import WardAlarm
from edge_agent.ward.cameras import IGNORE_GAPS_S, Belief, CameraRecord, CameraState, belief
from edge_agent.ward.intake import BoxChanged, CameraChanged
from edge_agent.ward.presence import BELIEVED_INTERVALS, BoxRecord
from edge_agent.ward.printing import duration, local


@dataclass(frozen=True, slots=True)
class Turn:
    """A record whose state is news: to be stored as told, then told."""

    record: BoxRecord | CameraRecord
    news: BoxChanged | CameraChanged | None  # None: as was to be expected
    alarm: WardAlarm | None = None


@dataclass(frozen=True, slots=True)
class Vigil:
    """UTC seconds are our own clock's; `listening_utc_s` is when we began to listen."""

    ignore_gaps_s: float = IGNORE_GAPS_S

    def boxes(
        self, boxes: Iterable[BoxRecord], now_utc_s: float, listening_utc_s: float
    ) -> list[Turn]:
        """Every box whose state is news now."""
        turns = (self._box(box, now_utc_s, listening_utc_s) for box in boxes)
        return [turn for turn in turns if turn is not None]

    def cameras(
        self,
        cameras: Iterable[CameraRecord],
        boxes: Mapping[str, BoxRecord],
        now_utc_s: float,
        listening_utc_s: float,
    ) -> list[Turn]:
        """Every camera whose state is news now. Of a box that is silent none is: it is one
        alarm, not one for each."""
        found = []
        for camera in cameras:
            box = boxes.get(camera.source)
            if box is None or box.believed(now_utc_s, listening_utc_s) is State.OFFLINE:
                continue
            now = belief(camera, box, now_utc_s, listening_utc_s)
            turn = self._camera(camera, now, now_utc_s)
            if turn is not None:
                found.append(turn)
        return found

    def _box(self, box: BoxRecord, now_utc_s: float, listening_utc_s: float) -> Turn | None:
        state = box.believed(now_utc_s, listening_utc_s)
        if str(state) == box.told:
            return None
        alarm = None
        if state is State.OFFLINE:
            patience_s = self.ignore_gaps_s
            if box.state != str(State.OFFLINE):  # it only fell silent
                patience_s = max(patience_s, BELIEVED_INTERVALS * box.interval_s)
            if box.silent_s(now_utc_s, listening_utc_s) < patience_s:
                return None
            text = f"nothing heard since {local(box.heard_utc_s)}: is it powered and online?"
            alarm = WardAlarm(box.source, "box_silent", text)
        return Turn(replace(box, told=str(state)), BoxChanged(box.source, state), alarm)

    def _camera(self, camera: CameraRecord, now: Belief, now_utc_s: float) -> Turn | None:
        if str(now.state) == camera.told:
            return None
        told = replace(camera, told=str(now.state))
        alarm = None
        if now.state in (CameraState.OFFLINE, CameraState.SILENT):
            since_s = now_utc_s - now.since_utc_s
            if since_s < self.ignore_gaps_s:
                return None
            text = f"{now.state} for {duration(since_s)}: {now.reason or 'no reason given'}"
            alarm = WardAlarm(f"{camera.source}/{camera.camera}", "camera_silent", text)
        if now.state is CameraState.ONLINE and not camera.told:
            return Turn(told, None)
        changed = CameraChanged(
            camera.source, camera.camera, now.state, now.since_utc_s, now.reason
        )
        return Turn(told, changed, alarm)
