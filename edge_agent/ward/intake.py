"""One message of a box into the database. Runs inside the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge_agent.clock import ClockReading
from edge_agent.contract import (
    MAX_MESSAGE_BYTES,
    Branch,
    EventHeader,
    EventMessage,
    Gap,
    State,
    Topic,
    decode_box_status,
    decode_camera_status,
    decode_event,
    decode_gap,
    decode_telemetry,
    read_header,
)
from edge_agent.domain import is_id
from edge_agent.errors import ContractError
from edge_agent.mqtt import Incoming
from edge_agent.ward.alarms import AlarmDamper, WardAlarm
from edge_agent.ward.cameras import CameraRecord, CameraState, after_camera_status
from edge_agent.ward.database import WardDatabase
from edge_agent.ward.presence import BoxRecord, after_status, after_telemetry

log = logging.getLogger(__name__)

#: Whose topic names no box of this ward.
_NOBODY = "/"
_LONGEST_TEXT = 500
#: A ward has some hundred boxes with some cameras each; ill will has any number of names.
_MOST_CAMERAS = 20_000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event message that was not here before."""

    header: EventHeader
    message: EventMessage | None  # None: of a kind that this version cannot read
    payload: bytes = field(repr=False)
    redated_utc_s: float | None = None  # its moment, where the box did not know the time


@dataclass(frozen=True, slots=True)
class NewGap:
    source: str
    gap: Gap


@dataclass(frozen=True, slots=True)
class BoxChanged:
    source: str
    state: State


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """`since_utc_s` is by our own clock, or by the box's where we were away."""

    source: str
    camera: str
    state: CameraState
    since_utc_s: float
    reason: str


News = NewEvent | NewGap | BoxChanged | CameraChanged | WardAlarm


class WardIntake:
    """Knows the boxes; `touched` are those whose watermark must be looked at."""

    def __init__(self, database: WardDatabase, ward: str, *, keep_images: bool) -> None:
        self._database, self._ward = database, ward
        self._keep_images = keep_images
        self.boxes: dict[str, BoxRecord] = {}
        self.cameras: dict[tuple[str, str], CameraRecord] = {}  # by source and camera
        self.touched: set[tuple[str, str]] = set()  # (source, epoch)
        self._damper = AlarmDamper()
        self.duplicates = 0
        self.refused = 0
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self.boxes = {box.source: box for box in self._database.boxes()}
        self.cameras = {(row.source, row.camera): row for row in self._database.cameras.all()}
        self.touched.clear()

    def take(self, message: Incoming, now: ClockReading) -> list[News]:
        """Raises StorageError. A message that breaks the contract is counted, not raised: it
        would come again for ever."""
        try:
            with self._database.one_message():
                topic = Topic.parse(message.topic)
                if topic.ward != self._ward:
                    raise ContractError(f"of another ward: {message.topic[:120]!r}")  # noqa: TRY301
                return self._by_branch(topic, message, now)
        except ContractError as error:
            self.refused += 1
            return self.alarm(self._sender(message.topic), "contract", f"{error}", now)

    def _sender(self, topic: str) -> str:
        """The box that a topic names, as far as it names one: no more sources than boxes."""
        parts = topic.split("/")
        if len(parts) > 3 and parts[:3] == ["ea", "v1", self._ward] and is_id(parts[3]):
            return f"/{self._ward}/{parts[3]}"
        return _NOBODY

    def alarm(self, source: str, kind: str, text: str, now: ClockReading) -> list[News]:
        """Counted in the database each time; told when it is new, and now and then."""
        alarm = WardAlarm(source, kind, text[:_LONGEST_TEXT])
        self._database.add_alarm(alarm, now.utc_s)
        told = self._damper.tell(alarm, now.mono_s)
        if told is None:
            return []
        log.warning("%s: %s: %s (%d times)", source, kind, alarm.text, told.count)
        return [told]

    def _by_branch(self, topic: Topic, message: Incoming, now: ClockReading) -> list[News]:
        source, payload, retained = f"/{topic.ward}/{topic.box}", message.payload, message.retain
        handlers: dict[Branch, Callable[[], list[News]]] = {
            Branch.EVENT: lambda: self._event(source, payload, now),
            Branch.GAP: lambda: self._gap(source, payload, now),
            Branch.BOX_STATUS: lambda: self._box_status(source, payload, now, retained),
            Branch.CAMERA_STATUS: lambda: self._camera_status(topic, payload, now, retained),
            Branch.TELEMETRY: lambda: self._telemetry(source, payload, now),
            Branch.IMAGE: lambda: self._image(topic, source, payload, now),
        }
        # Configuration status is retained by the broker for whoever shows it.
        handler = handlers.get(topic.branch)
        return [] if handler is None else handler()

    def _event(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        header = read_header(payload)
        if header.source != source:
            # Nobody may speak for another box: the ACL guards topics, this guards payloads.
            raise ContractError(f"{source} sent an event of {header.source}")
        message: EventMessage | None
        trouble = ""
        try:
            message = decode_event(payload)
        except ContractError as error:
            # Of a later version, or nonsense: kept and acknowledged all the same.
            message, trouble = None, str(error)
        if not self._database.add_event(header, message, payload, now.utc_s):
            self.duplicates += 1
            return []
        if trouble:
            alarm = WardAlarm(source, "not_understood", trouble[:_LONGEST_TEXT])
            self._database.add_alarm(alarm, now.utc_s)
        if message is not None:
            self._database.cameras.note_health(header, message)
        self._touch(source, header.position.epoch)
        redated_utc_s = self._database.redated_utc_s(header)
        news: list[News] = [NewEvent(header, message, payload, redated_utc_s)]
        twin = self._database.twin_of(header)
        if twin is not None:
            text = (
                f"{header.message_id} and {twin} are both seq {header.position.seq} of epoch "
                f"{header.position.epoch}: is the box's card in use twice?"
            )
            news += self.alarm(source, "same_seq", text, now)
        return news

    def _gap(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        gap = decode_gap(payload)
        self._touch(source, gap.epoch)
        return [NewGap(source, gap)] if self._database.add_gap(source, gap, now.utc_s) else []

    def _box_status(
        self, source: str, payload: bytes, now: ClockReading, retained: bool
    ) -> list[News]:
        if not payload:
            return []  # somebody cleared the retained message
        old = self.boxes.get(source)
        status = decode_box_status(payload)
        box = after_status(old, source, status, now.utc_s, retained=retained)
        if box is None:
            return []
        news = self._epoch_flip(old, box, now)
        self._put(box)
        return news

    def _camera_status(
        self, topic: Topic, payload: bytes, now: ClockReading, retained: bool
    ) -> list[News]:
        source = f"/{topic.ward}/{topic.box}"
        if not payload:  # it is no longer configured
            self._database.cameras.remove(source, topic.camera)
            self.cameras.pop((source, topic.camera), None)
            return []
        status = decode_camera_status(payload)
        if status.camera != topic.camera:
            raise ContractError(f"st/cam/{topic.camera} speaks of {status.camera}")
        old = self.cameras.get((source, topic.camera))
        if old is None and len(self.cameras) >= _MOST_CAMERAS:
            raise ContractError(f"st/cam: more than {_MOST_CAMERAS} cameras")
        self.put_camera(after_camera_status(old, source, status, now.utc_s, retained=retained))
        return []

    def _epoch_flip(self, old: BoxRecord | None, box: BoxRecord, now: ClockReading) -> list[News]:
        """A box leaves an epoch for good. One that comes back to an earlier one is two boxes in
        turns, or a card that was restored."""
        if old is None or old.epoch == box.epoch or not old.last_seq:
            return []  # a box without a readable outbox says an epoch that never has a message
        if not self._database.knows_epoch(box.source, box.epoch):
            return []
        text = (
            f"went back from epoch {old.epoch} to {box.epoch}: do two boxes use the id "
            f"{box.source.rpartition('/')[2]}, or was the box's card restored?"
        )
        return self.alarm(box.source, "two_boxes", text, now)

    def _telemetry(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        telemetry, old = decode_telemetry(payload), self.boxes.get(source)
        self._database.learn_clock(source, telemetry.clock)
        if old is not None:
            self._put(after_telemetry(old, telemetry, now.utc_s))
        for camera in (*telemetry.cameras, *telemetry.ingest):
            known = self.cameras.get((source, camera))
            if known is not None:
                self.put_camera(replace(known, heard_utc_s=now.utc_s))
        return []

    def _image(self, topic: Topic, source: str, payload: bytes, now: ClockReading) -> list[News]:
        if len(payload) > MAX_MESSAGE_BYTES:
            raise ContractError(f"img: {len(payload)} bytes, at most {MAX_MESSAGE_BYTES}")
        if self._keep_images:
            self._database.add_image(source, topic.camera, topic.leaf, payload, now.utc_s)
        return []

    def put_camera(self, camera: CameraRecord) -> None:
        """Inside a transaction."""
        self._database.cameras.put(camera)
        self.cameras[camera.source, camera.camera] = camera

    def put_box(self, box: BoxRecord) -> None:
        """Inside a transaction."""
        self._database.put_box(box)
        self.boxes[box.source] = box

    def _put(self, box: BoxRecord) -> None:
        self.put_box(box)
        # The first word to a box, even of a watermark of 0, tells it that somebody acknowledges.
        if self._database.watermark(box.source, box.epoch) is None:
            self._touch(box.source, box.epoch)

    def _touch(self, source: str, epoch: str) -> None:
        self.touched.add((source, epoch))
