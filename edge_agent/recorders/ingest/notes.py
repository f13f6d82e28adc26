"""What the watchers found, on its way into the ledger.

A watcher must know at once what it handed over, or it finds it again; so what the recorder has
not committed yet is remembered here. One commit takes all that came meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import Database
from edge_agent.recorders.ledger import LedgerClip, LedgerReader, LeftOutFile
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.runtime import StopToken
from edge_agent.writer.writer import Together

#: Then a watcher waits for the writer.
CAPACITY = 500


class Storing(Protocol):
    """The writer."""

    def together(self, items: Together) -> None: ...


@dataclass(slots=True)
class _Commit(Together):
    finished: Callable[[bool], None] = field(kw_only=True)

    def finish(self, stored: bool) -> None:
        super(_Commit, self).finish(stored)
        self.finished(stored)


class LedgerNotes:
    """Any thread may note; the writer thread writes."""

    def __init__(self, storing: Storing, committed: Callable[[], None]) -> None:
        self._storing = storing
        self._committed = committed
        self._changed = threading.Condition()
        self._notes: dict[Path, LedgerClip | LeftOutFile] = {}
        self._writing: tuple[LedgerClip | LeftOutFile, ...] = ()
        self._scheduled = False

    def note(self, note: LedgerClip | LeftOutFile, stop: StopToken) -> None:
        """Waits while the recorder is far behind."""
        with self._changed:
            while len(self._notes) >= CAPACITY and not stop.stopped:
                self._changed.wait(0.25)
            self._notes[note.path] = note
        self._schedule()

    def waiting(self, path: Path) -> LedgerClip | LeftOutFile | None:
        with self._changed:
            return self._notes.get(path)

    def awaited(self, camera: CameraId) -> list[float]:
        """When this camera's clips began that are on their way into the ledger."""
        with self._changed:
            notes = list(self._notes.values())
        return [
            note.start_s for note in notes if isinstance(note, LedgerClip) and note.camera == camera
        ]

    def __len__(self) -> int:
        with self._changed:
            return len(self._notes)

    def _schedule(self) -> None:
        with self._changed:
            if self._scheduled or not self._notes:
                return
            self._scheduled = True
        self._storing.together(_Commit((), self._write, finished=self._finished))

    def _write(self, database: Database) -> None:
        with self._changed:
            self._writing = tuple(self._notes.values())
        ledger.note_clips(database, (one for one in self._writing if isinstance(one, LedgerClip)))
        ledger.note_left_out(
            database, (one for one in self._writing if isinstance(one, LeftOutFile))
        )

    def _finished(self, stored: bool) -> None:
        with self._changed:
            if stored:
                for note in self._writing:
                    if self._notes.get(note.path) is note:
                        del self._notes[note.path]
            self._scheduled = False
            self._changed.notify_all()
        if stored:
            self._committed()

    def retry(self) -> None:
        """What storage refused, or came while a commit was on its way. Called now and then."""
        self._schedule()


class LedgerKnown:
    """Implements `KnownFiles` for one watcher: the ledger, and what is on its way into it."""

    def __init__(
        self,
        notes: LedgerNotes,
        open_reader: Callable[[], LedgerReader],
        *,
        any_age: bool = False,
    ) -> None:
        """`any_age`: what was left out for its age is found again."""
        self._notes = notes
        self._any_age = any_age
        self._reader = open_reader()

    def known(self, path: Path) -> tuple[int, int] | None:
        note = self._notes.waiting(path)
        if note is not None:
            return note.size_bytes, note.mtime_ns
        try:
            return self._reader.known(path, any_age=self._any_age)
        except StorageError:
            return None  # then it is found again, and the ledger says that it is the same
