"""The runs of clips that are not over. What the next clip goes on with is tens of kilobytes, mostly
background; written with each clip of ten seconds it would be a card's whole day. So after a clip of
which nothing was told it stays in memory for a while, and the ledger notes whose it is: after a
crash such clips are analysed again, from the run that was stored before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.domain import CameraId
from edge_agent.outbox import Also, Database
from edge_agent.recorders.ingest.clip_work import ClipOutcome
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, LedgerReader, Run, RunHead
from edge_agent.recorders.ledger import rows as ledger

#: So much of a recording at most has to be looked at again after a crash.
AHEAD_S = 60.0


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A run whose newest clips are in memory only."""

    run: Run
    stored: RunHead


class OpenRuns:
    """For the ingest thread. Reading raises StorageError."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._ahead: dict[int, _Ahead] = {}  # by the stored run's clip
        self._own: dict[CameraId, int] = {}  # clips of the runs that this process stored

    def heads(self, camera: CameraId) -> list[RunHead]:
        """Newest first."""
        heads = [self._newest(head) for head in self._reader.run_heads(camera)]
        return sorted(heads, key=lambda head: -head.end_s)

    def run(self, clip: int) -> Run | None:
        """The run whose newest clip this is."""
        ahead = next((one.run for one in self._ahead.values() if one.run.clip == clip), None)
        return ahead or (None if clip in self._ahead else self._reader.run(clip))

    def before(self, clip: LedgerClip) -> Run | None:
        """The run that this clip continues; None: it begins one."""
        heads = self.heads(clip.camera)
        found = next((head for head in heads if head.goes_on_with(clip.start_s)), None)
        return self.run(found.clip) if found else None

    def change(self, outcomes: Sequence[ClipOutcome], before: Run | None, *, quiet: bool) -> Also:
        """What the ledger is told of clips that followed each other, the first one `before`.
        `quiet`: nothing is told of them."""
        last = next((one.after for one in reversed(outcomes) if one.after is not None), None)
        stored = self._stored(before)
        if quiet and stored is not None and last is not None and self._may_wait(stored, last):
            self._ahead[stored.clip] = _Ahead(last, stored)
            clips = [replace(one.clip, open_events=_mark(stored)) for one in outcomes]
            return lambda database: update_all(database, clips)
        over = stored is not None and (last or any(one.ended for one in outcomes))
        clips = [one.clip for one in outcomes]

        def also(database: Database) -> None:
            update_all(database, clips)
            if over and stored is not None:
                ledger.delete_run(database, stored.clip)
            if last is not None:
                ledger.put_run(database, last)

        if over and stored is not None:
            self._ahead.pop(stored.clip, None)
        if last is not None:
            self._own[last.camera] = last.clip
        return also

    def delete(self, run: Run) -> Also:
        """It is over."""
        stored = self._stored(run) or run.head
        self._ahead.pop(stored.clip, None)
        return lambda database: ledger.delete_run(database, stored.clip)

    def settle(self) -> Also | None:
        """What is in memory only, to be stored; None: nothing is."""
        ahead, self._ahead = list(self._ahead.values()), {}

        def also(database: Database) -> None:
            for one in ahead:
                ledger.delete_run(database, one.stored.clip)
                ledger.put_run(database, one.run)

        return also if ahead else None

    def lost(self, cameras: Sequence[CameraId]) -> list[LedgerClip]:
        """The clips whose run was in memory when the agent was killed: they wait again."""
        return [
            replace(clip, state=ClipProgress.WAITING, open_events=b"")
            for camera in cameras
            for head in self._reader.run_heads(camera)
            for clip in self._reader.done_ahead(camera, head.start_s, _mark(head))
        ]

    def _may_wait(self, stored: RunHead, last: Run) -> bool:
        """Not the first after a start: a box that is killed again and again has to get on."""
        own = self._own.get(stored.camera) == stored.clip != last.clip
        return own and last.end_s <= stored.end_s + AHEAD_S

    def _newest(self, head: RunHead) -> RunHead:
        ahead = self._ahead.get(head.clip)
        return head if ahead is None else ahead.run.head

    def _stored(self, run: Run | None) -> RunHead | None:
        if run is None:
            return None
        ahead = (one.stored for one in self._ahead.values() if one.run.clip == run.clip)
        return next(ahead, run.head)


def _mark(stored: RunHead) -> bytes:
    """In place of open events, which a clip that is done does not have."""
    return b"ahead of %d" % stored.clip


def update_all(database: Database, clips: Sequence[LedgerClip]) -> None:
    for clip in clips:
        ledger.update_clip(database, clip)
