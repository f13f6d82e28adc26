"""The ledger forgets what was deleted long ago, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ingest_box import found

from edge_agent.clock import ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.outbox import Outbox, commit_together
from edge_agent.recorders.ingest import tidying
from edge_agent.recorders.ingest.tidying import EVERY_S, MARGIN_S, Tidying
from edge_agent.recorders.ledger import ClipProgress, LedgerReader, LeftOutFile, LeftOutState
from edge_agent.recorders.ledger import rows as ledger

AGE_S = 86400.0


def test_only_what_is_old_and_deleted_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "ROWS", 2)
    clock = ManualClock()
    now_s, old_s = clock.read().utc_s, clock.read().utc_s - AGE_S - MARGIN_S - 60
    names = ("gone", "there", "young", "waiting", "unseen")
    for name in names:
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    clips = {
        name: replace(
            found(tmp_path / f"{name}.mp4", 0, 10),
            start_s=now_s if name == "young" else old_s,
            state=ClipProgress.WAITING if name == "waiting" else ClipProgress.DONE,
        )
        for name in names
    }
    too_old = LeftOutFile(
        None, tmp_path / "old.mp4", 1, int(old_s * 1e9), LeftOutState.TOO_OLD, "", now_s
    )
    for name in names:
        if name != "there":
            clips[name].path.unlink()
    with (
        Outbox.open(tmp_path, limits=OutboxConfig(), clock=clock) as outbox,
        LedgerReader(tmp_path) as reader,
    ):
        commit_together(outbox, (), lambda db: ledger.note_clips(db, clips.values()))
        commit_together(outbox, (), lambda db: ledger.note_left_out(db, [too_old]))
        tidy = Tidying(AGE_S, lambda path: path.stem != "unseen", reader, clock)
        for _ in range(8):
            clock.advance(EVERY_S)
            if (also := tidy.due()) is not None:
                commit_together(outbox, (), also)
        kept = {name for name, clip in clips.items() if reader.clip(clip.key) is not None}
        assert kept == {"there", "young", "waiting", "unseen"}
        assert reader.known(too_old.path) is None
        assert reader.known(clips["gone"].path) is None
        assert reader.known(clips["there"].path) is not None
