"""Runs of cameras whose folder is no longer configured: nobody else would end their events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from edge_agent.agent.drafting import EventDrafter
from edge_agent.agent.ingest.clip_messages import ClipMessages, cut_off, unpacked
from edge_agent.agent.ingest.found import timeline_of
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import (
    Database,
    Draft,
    LedgerClip,
    LedgerReader,
    Outbox,
    Run,
    commit_together,
    ledger,
)

log = logging.getLogger(__name__)


def end_left_over(
    outbox: Outbox,
    drafter: EventDrafter,
    open_reader: Callable[[], LedgerReader],
    configured: Collection[CameraId],
) -> None:
    """Before the recorder starts. What storage refuses is ended at the next start."""
    try:
        with open_reader() as reader:
            cameras = [name for name in reader.run_cameras() if name not in configured]
            for camera in cameras:
                for head in reader.run_heads(camera):
                    run, clip = reader.run(head.clip), reader.clip(head.clip)
                    if run is not None:
                        _end(outbox, run, _ends(drafter, run, clip))
    except StorageError as error:
        log.warning("events of cameras that were removed stay open: %s", error)


def _end(outbox: Outbox, run: Run, ends: list[Draft]) -> None:
    def also(database: Database) -> None:
        ledger.delete_run(database, run.clip)

    log.info("%s has no folder any more: ending %d events", run.camera, len(ends))
    commit_together(outbox, ends, also)


def _ends(drafter: EventDrafter, run: Run, clip: LedgerClip | None) -> list[Draft]:
    if clip is None:
        return []  # nothing says any more what dated it
    timeline = replace(timeline_of(clip), first_frame_utc_s=run.start_s)
    messages = ClipMessages(drafter, timeline, open_events=(), told=0)
    messages.record(cut_off(unpacked(run.open_events)))
    return messages.take()[0]
