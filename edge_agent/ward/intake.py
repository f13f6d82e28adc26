"""One message of a box into the database. Runs inside the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clock import ClockReading
from edge_agent.contract import (
    Branch,
    EventHeader,
    EventMessage,
    Gap,
    State,
    Topic,
    decode_box_status,
    decode_event,
    decode_gap,
    decode_telemetry,
    read_header,
)
from edge_agent.errors import ContractError
from edge_agent.mqtt import Incoming
from edge_agent.ward.database import Alarm, WardDatabase
from edge_agent.ward.presence import BoxRecord, after_status, after_telemetry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event message that was not here before."""

    header: EventHeader
    message: EventMessage | None  # None: of a kind that this version cannot read
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewGap:
    source: str
    gap: Gap


@dataclass(frozen=True, slots=True)
class BoxChanged:
    source: str
    state: State


News = NewEvent | NewGap | BoxChanged | Alarm


class Intake:
    """Knows the boxes; `touched` are those whose watermark must be looked at."""

    def __init__(self, database: WardDatabase, ward: str, *, keep_images: bool) -> None:
        self._database, self._ward = database, ward
        self._keep_images = keep_images
        self.boxes: dict[str, BoxRecord] = {}
        self.touched: set[tuple[str, str]] = set()  # (source, epoch)
        self.duplicates = 0
        self.refused = 0
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self.boxes = {box.source: box for box in self._database.boxes()}
        self.touched.clear()

    def take(self, message: Incoming, now: ClockReading) -> list[News]:
        """Raises StorageError. A message that breaks the contract is counted, not raised: it
        would come again for ever."""
        try:
            topic = Topic.parse(message.topic)
            if topic.ward != self._ward:
                raise ContractError(f"of another ward: {message.topic}")  # noqa: TRY301
            return self._by_branch(topic, message.payload, now)
        except ContractError as error:
            self.refused += 1
            log.warning("refused a message: %s", error)
            alarm = Alarm(message.topic[:200], "contract", str(error))
            self._database.add_alarm(alarm, now.utc_s)
            return [alarm]

    def _by_branch(self, topic: Topic, payload: bytes, now: ClockReading) -> list[News]:
        source = f"/{topic.ward}/{topic.box}"
        handlers: dict[Branch, Callable[[], list[News]]] = {
            Branch.EVENT: lambda: self._event(source, payload, now),
            Branch.GAP: lambda: self._gap(source, payload, now),
            Branch.BOX_STATUS: lambda: self._box_status(source, payload, now),
            Branch.TELEMETRY: lambda: self._telemetry(source, payload, now),
            Branch.IMAGE: lambda: self._image(topic, source, payload, now),
        }
        # Camera and configuration status are retained by the broker for whoever shows them.
        handler = handlers.get(topic.branch)
        return [] if handler is None else handler()

    def _event(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        header = read_header(payload)
        if header.source != source:
            # Nobody may speak for another box: the ACL guards topics, this guards payloads.
            raise ContractError(f"{source} sent an event of {header.source}")
        message: EventMessage | None
        try:
            message = decode_event(payload)
        except ContractError:
            message = None  # of a later version: kept and acknowledged all the same
        if not self._database.add_event(header, message, payload, now.utc_s):
            self.duplicates += 1
            return []
        self._touch(source, header.position.epoch)
        news: list[News] = [NewEvent(header, message, payload)]
        twin = self._database.twin_of(header)
        if twin is not None:
            alarm = Alarm(
                source,
                "same_seq",
                f"{header.message_id} and {twin} are both seq {header.position.seq} of epoch "
                f"{header.position.epoch}: is the box's card in use twice?",
            )
            self._database.add_alarm(alarm, now.utc_s)
            news.append(alarm)
        return news

    def _gap(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        gap = decode_gap(payload)
        self._touch(source, gap.epoch)
        return [NewGap(source, gap)] if self._database.add_gap(source, gap, now.utc_s) else []

    def _box_status(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        if not payload:
            return []  # somebody cleared the retained message
        old = self.boxes.get(source)
        box = after_status(old, source, decode_box_status(payload), now.utc_s)
        if box is None:
            return []
        self._put(box)
        changed = old is None or old.believed(now.utc_s) != box.believed(now.utc_s)
        return [BoxChanged(source, box.believed(now.utc_s))] if changed else []

    def _telemetry(self, source: str, payload: bytes, now: ClockReading) -> list[News]:
        telemetry, old = decode_telemetry(payload), self.boxes.get(source)
        self._database.learn_clock(source, telemetry.clock)
        if old is not None:
            self._put(after_telemetry(old, telemetry, now.utc_s))
        return []

    def _image(self, topic: Topic, source: str, payload: bytes, now: ClockReading) -> list[News]:
        if self._keep_images:
            self._database.add_image(source, topic.camera, topic.leaf, payload, now.utc_s)
        return []

    def _put(self, box: BoxRecord) -> None:
        self.boxes[box.source] = box
        self._database.put_box(box)
        # The first word to a box, even of a watermark of 0, tells it that somebody acknowledges.
        if self._database.watermark(box.source, box.epoch) is None:
            self._touch(box.source, box.epoch)

    def _touch(self, source: str, epoch: str) -> None:
        self.touched.add((source, epoch))
