"""Runs of cameras whose folder is no longer configured: nobody else would end their events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import Database, Draft, Outbox, commit_together
from edge_agent.recorders.ingest.clip_messages import ClipMessages, cut_off, unpacked
from edge_agent.recorders.ingest.clip_work import offset_in, over
from edge_agent.recorders.ingest.found import timeline_of
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, LedgerReader, Run, RunHead
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.writer.drafting import EventDrafter

log = logging.getLogger(__name__)

_REMOVED = "its camera was removed before all of it was analysed"


def end_left_over(
    outbox: Outbox,
    drafter: EventDrafter,
    open_reader: Callable[[], LedgerReader],
    configured: Collection[CameraId],
) -> None:
    """Before the recorder starts. What storage refuses is ended at the next start."""
    try:
        with open_reader() as reader:
            for clip in reader.told_in_part():
                if clip.camera not in configured:
                    _end_clip(outbox, drafter, clip, reader.run_heads(clip.camera))
            cameras = [name for name in reader.run_cameras() if name not in configured]
            for head in [head for name in cameras for head in reader.run_heads(name)]:
                run, last = reader.run(head.clip), reader.clip(head.clip)
                if run is not None:
                    _end_run(outbox, drafter, run, last)
    except StorageError as error:
        log.warning("events of cameras that were removed stay open: %s", error)


def _end_clip(
    outbox: Outbox, drafter: EventDrafter, clip: LedgerClip, runs: Sequence[RunHead]
) -> None:
    """One that was told in part. What it told goes on with the run before, and ends it."""
    before = next((run for run in runs if run.goes_on_with(clip.start_s)), None)
    begin_s = before.start_s + offset_in(before, clip) if before else clip.start_s

    def also(database: Database) -> None:
        ledger.update_clip(database, over(clip, ClipProgress.DONE, _REMOVED))
        if before is not None:
            ledger.delete_run(database, before.clip)

    commit_together(outbox, _ends(drafter, clip, begin_s, clip.open_events), also)


def _end_run(outbox: Outbox, drafter: EventDrafter, run: Run, last: LedgerClip | None) -> None:
    def also(database: Database) -> None:
        ledger.delete_run(database, run.clip)

    # Without its last clip's row nothing says any more what dated it.
    ends = _ends(drafter, last, run.start_s, run.open_events) if last else []
    commit_together(outbox, ends, also)


def _ends(drafter: EventDrafter, clip: LedgerClip, begin_s: float, events: bytes) -> list[Draft]:
    timeline = replace(timeline_of(clip), first_frame_utc_s=begin_s)
    messages = ClipMessages(drafter, timeline, open_events=(), told=0)
    messages.record(cut_off(unpacked(events)))
    drafts, _ = messages.take()
    log.info("%s has no folder any more: ending %d events", clip.camera, len(drafts))
    return drafts
