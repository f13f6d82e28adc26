"""A recorder with every bad habit, and an agent that is killed: the short form of
`python -m benchmarks.recorders kills`, which also compares with an agent that nobody disturbs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from recorder import CLIPS_PER_VISIT, Shelf, drawn_pictures, record
from recorder_chaos import FolderPlan, FolderRun


@pytest.mark.system
def test_killed_agent_analyses_every_readable_clip_once_and_tears_no_event(tmp_path: Path) -> None:
    recording = record(5, 2 * CLIPS_PER_VISIT, begin_utc_s=float(int(time.time()) - 2 * 86400))
    plan = FolderPlan.killing(recording, 3, 5, next_clip_s=12.0, delay_s=1.5, away_s=0.5)
    outcome = FolderRun(tmp_path, plan).run(recording, Shelf(tmp_path / "shelf", drawn_pictures()))
    assert outcome.kills == 3
    assert outcome.count("done") == len(recording.readable)
    assert outcome.count("waiting") == 0
    assert outcome.torn() == []
    assert outcome.rivals == 0
    assert len(outcome.events("motion")) == recording.visits
