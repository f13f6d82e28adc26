"""The writer thread: the only writer of the state directory's outbox and snapshots.

Other threads only leave things in its inbox. Events are committed in groups: a person's
start and end at once, the rest within a second. An event is durable before its picture is.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from edge_agent.clock import Clock
from edge_agent.contract import Position
from edge_agent.domain import Event, Snapshot
from edge_agent.errors import StorageError
from edge_agent.media import SnapshotStore
from edge_agent.outbox import Alarm, Also, Draft, GroupCommit, Outbox, commit_together
from edge_agent.runtime import Heartbeat, Mailbox, StopToken
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.recent_events import RecentEvents

log = logging.getLogger(__name__)

#: Many minutes of a busy box. When a stuck disk fills even that, the analysis waits (its
#: cameras then drop frames, counted); what still finds no room is counted and announced.
INBOX_CAPACITY = 5000
_ROOM_TIMEOUT_S = 5.0

_LONGEST_WAIT_S = 1.0
_PRUNE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class _Sent:
    row_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    watermark: Position


@dataclass(frozen=True, slots=True)
class _GapsAnnounced:
    revision: int


@dataclass(frozen=True, slots=True)
class _Refused:
    row_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Damaged:
    row_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Flush:
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class DatedSnapshot:
    """A picture of a recording, and the UTC of its moment."""

    picture: Snapshot
    taken_utc_s: float


@dataclass(slots=True)
class Together:
    """What is stored together or not at all, once `done` is set. Without drafts a power cut may
    lose it."""

    drafts: Sequence[Draft]
    also: Also
    pictures: Sequence[DatedSnapshot] = ()
    done: threading.Event = field(default_factory=threading.Event)
    stored: bool = False  # False when `done`: storage refused, leave it again later

    def finish(self, stored: bool) -> None:
        """By the writer."""
        self.stored = stored
        self.done.set()


_Mark = _Sent | _Acknowledged | _GapsAnnounced | _Refused | _Damaged


@dataclass(frozen=True, slots=True)
class _Work:
    do: Callable[[Outbox], None]


_Item = _Work | Draft | Snapshot | Together | _Mark | _Flush


class Writer:
    """`run` belongs to the writer thread; everything public else may be called from any."""

    def __init__(
        self,
        outbox: Outbox,
        drafter: EventDrafter,
        *,
        snapshots: SnapshotStore | None,
        clock: Clock,
        heartbeat: Heartbeat,
        committed: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._drafter = drafter
        self._snapshots = snapshots
        self._clock = clock
        self._heartbeat = heartbeat
        self._committed = committed
        self.recent = RecentEvents(clock)
        self._inbox: Mailbox[_Item] = Mailbox(INBOX_CAPACITY)
        self._group = GroupCommit()
        self._pictures: list[Snapshot] = []
        self._taken: deque[_Item] = deque()  # out of the inbox, not yet looked at
        self._no_room: deque[Draft] = deque()  # lost; the outbox has yet to count them
        self._pruned_s = float("-inf")
        self._alarms: tuple[Alarm, ...] = ()

    # --- from the analysis thread ---

    def record(self, events: Sequence[Event]) -> None:
        for event in events:
            self.recent.add(event)
            draft = self._drafter.draft(event)
            if not self._inbox.put(draft, _ROOM_TIMEOUT_S):
                self._no_room.append(draft)

    def keep(self, snapshot: Snapshot) -> None:
        self._leave(snapshot)

    # --- from the threads of recorder folders

    def together(self, items: Together) -> None:
        """Never lost: the caller waits until it is `done`, and leaves it again if need be."""
        if not self._inbox.put(items, _ROOM_TIMEOUT_S):
            items.finish(False)

    # --- from the publisher thread (publish.OutboxMarks) ---

    def sent(self, row_ids: Iterable[int]) -> None:
        self._leave(_Sent(tuple(row_ids)))

    def acknowledged(self, watermark: Position) -> None:
        self._leave(_Acknowledged(watermark))

    def gaps_announced(self, revision: int) -> None:
        self._leave(_GapsAnnounced(revision))

    def dead(self, row_ids: Iterable[int], reason: str) -> None:
        log.error("the broker will never take %s: %s", list(row_ids), reason)
        self._leave(_Refused(tuple(row_ids)))

    def damaged(self, row_ids: Iterable[int]) -> None:
        """Of OutboxReader: these rows are not what was written; none: the file is not."""
        self._leave(_Damaged(tuple(row_ids)))

    # --- from the main thread ---

    def in_turn(self, do: Callable[[Outbox], None]) -> None:
        """Have something done to the outbox that only its writer may do."""
        if not self._inbox.put(_Work(do), _ROOM_TIMEOUT_S):
            log.error("the writer is held up; what an edit asks of it is left to the next start")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything left so far is durable; False when that took too long."""
        request = _Flush()
        self._leave(request)
        return request.done.wait(timeout_s)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The newest alarm of each kind since the start."""
        return self._alarms

    # --- the thread ---

    def run(self, stop: StopToken) -> None:
        """Until told to stop and everything left is stored."""
        stop.wakes(self._inbox.wake)
        while not stop.stopped or len(self._inbox):
            self._heartbeat.beat()
            # A member, not a local: what a crash leaves behind, the restarted thread takes up.
            self._taken.extend(self._inbox.get_all(0.0 if stop.stopped else self._wait_s()))
            flushes = []
            while self._taken:
                item = self._taken.popleft()
                self._take(item)
                if isinstance(item, _Flush):
                    flushes.append(item)
            self._commit(at_once=bool(flushes))
            for flush in flushes:
                flush.done.set()
            self._keep_house()
        self._commit(at_once=True)
        self._outbox.flush()

    def _leave(self, item: _Item) -> None:
        """What may be lost: marks only cost a resend, a picture is not the event."""
        if not self._inbox.put(item, 0.0):
            log.warning("the writer is held up; a %s was dropped", type(item).__name__)

    def _wait_s(self) -> float:
        now_s = self._clock.mono_s()
        due_s = self._outbox.next_deadline_s()
        if self._group.next_deadline_s is not None:
            due_s = min(due_s, self._group.next_deadline_s)
        return min(max(due_s - now_s, 0.0), _LONGEST_WAIT_S)

    def _take(self, item: _Item) -> None:
        if isinstance(item, Draft):
            self._group.add(item, self._clock.mono_s())
        elif isinstance(item, Snapshot):
            self._pictures.append(item)
        elif isinstance(item, Together):
            self._store_together(item)
        elif isinstance(item, _Work):
            item.do(self._outbox)
            self._committed()
        elif isinstance(item, _Sent):
            self._outbox.mark_sent(item.row_ids)
        elif isinstance(item, _Acknowledged):
            self._outbox.acknowledge(item.watermark.epoch, item.watermark.seq)
        elif isinstance(item, _GapsAnnounced):
            self._outbox.gaps_announced(item.revision)
        elif isinstance(item, _Refused):
            self._outbox.refuse(item.row_ids)
        elif isinstance(item, _Damaged):
            self._outbox.damaged(item.row_ids)
            self._committed()

    def _commit(self, *, at_once: bool) -> None:
        now_s = self._clock.mono_s()
        while self._no_room:
            self._outbox.count_lost(self._no_room.popleft())
        rows: tuple[object, ...] = ()
        if at_once or self._group.due(now_s):
            drafts = self._group.take()
            rows = self._outbox.append(drafts) if drafts else ()
        if now_s >= self._outbox.next_deadline_s():
            rows = (*rows, *self._outbox.maintain())
        if rows:
            self._committed()
        pictures, self._pictures = self._pictures, []
        for picture in pictures:
            self._store(picture, self._drafter.utc_s(picture.camera, picture.captured_s))

    def _store_together(self, items: Together) -> None:
        rows = None
        try:
            rows = commit_together(self._outbox, items.drafts, items.also)
        finally:  # also after a crash: who waits for this would wait for ever
            items.finish(rows is not None)
        if rows:
            self._committed()
        if items.stored:
            for dated in items.pictures:
                self._store(dated.picture, dated.taken_utc_s)

    def _store(self, picture: Snapshot, taken_utc_s: float) -> None:
        if self._snapshots is None:
            return
        try:
            self._snapshots.put(picture, taken_utc_s)
        except StorageError as error:
            log.warning("%s: a picture was not kept: %s", picture.camera, error)

    def _keep_house(self) -> None:
        self._outbox.look()
        for alarm in self._outbox.take_alarms():
            others = (old for old in self._alarms if old.kind is not alarm.kind)
            self._alarms = (*others, alarm)
        now_s = self._clock.mono_s()
        if self._snapshots is not None and now_s - self._pruned_s >= _PRUNE_EVERY_S:
            self._pruned_s = now_s
            try:
                self._snapshots.prune()
            except StorageError as error:
                log.warning("old pictures could not be erased: %s", error)
