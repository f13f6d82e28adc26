"""What watchers found, while it is on its way into the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from damaged_outbox import clip
from outbox_drafts import open_outbox

from edge_agent.outbox import commit_together
from edge_agent.recorders.ingest.notes import LedgerNotes
from edge_agent.recorders.ledger import LedgerReader
from edge_agent.runtime import StopToken
from edge_agent.writer.writer import Together


class Later:
    """A writer that stores when it is told."""

    def __init__(self) -> None:
        self.items: list[Together] = []

    def together(self, items: Together) -> None:
        self.items.append(items)


def test_a_file_that_changed_while_it_was_written_down_is_written_down_again(
    tmp_path: Path,
) -> None:
    writer, stop = Later(), StopToken()
    notes = LedgerNotes(writer, lambda: None)
    first = clip(1)
    newer = replace(first, mtime_ns=first.mtime_ns + 1, digest="ff" * 32)
    with open_outbox(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        notes.note(first, stop)
        (one,) = writer.items

        def also(database: object) -> None:
            one.also(database)  # type: ignore[arg-type]
            notes.note(newer, stop)  # the recorder writes on, under the same name

        one.finish(commit_together(outbox, (), also) is not None)
        assert notes.waiting(first.path) is newer, "the newer note was not stored yet"
        notes.retry()
        two = writer.items[-1]
        two.finish(commit_together(outbox, (), two.also) is not None)
        assert notes.waiting(first.path) is None
        assert reader.clip(newer.key) == newer
