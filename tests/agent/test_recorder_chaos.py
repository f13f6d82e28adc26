"""A recorder with every bad habit, and an agent that is killed: the short form of
`python -m benchmarks.recorders kills`, which also compares with an agent that nobody disturbs."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flash
import pytest
from recorder import CLIPS_PER_VISIT, Shelf, drawn_pictures, record
from recorder_brands import BRANDS, BrandShelf, folders_of, record_brands
from recorder_chaos import FolderOutcome, FolderPlan, FolderRun, difference


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


#: Files, about; SIGKILLs. By hand 500 and 10: a quarter of an hour.
CLIPS = int(os.environ.get("RECORDER_CLIPS", "80"))
KILLS = int(os.environ.get("RECORDER_KILLS", "3"))
#: How long the agent may take over what is left when all was recorded: more on a busy machine.
SETTLE_S = float(os.environ.get("RECORDER_SETTLE_S", "900"))


@pytest.mark.system
@pytest.mark.timeout(3600 + 2 * SETTLE_S)
def test_twelve_brands_growing_files_and_double_streams_are_told_once_over_kills(
    tmp_path: Path,
) -> None:
    """As an agent tells them that nobody disturbs, by message id."""
    visits = round(CLIPS / (CLIPS_PER_VISIT * (1 + 2 / len(BRANDS))))
    recording = record_brands(7, visits, begin_utc_s=float(int(time.time()) - 2 * 86400))
    cameras = folders_of(recording)
    shelf = BrandShelf(tmp_path / "shelf", drawn_pictures())
    model = str(flash.model(tmp_path))

    def played(kills: int) -> FolderOutcome:
        plan = FolderPlan.killing(
            recording,
            kills,
            7,
            model=model,
            next_clip_s=30.0,
            ahead=120,
            settle_timeout_s=SETTLE_S,
            delay_s=2.0,
            away_s=0.5,
        )
        return FolderRun(tmp_path / f"kills{kills}", plan, cameras).run(recording, shelf)

    with ThreadPoolExecutor() as both:
        undisturbed, disturbed = both.map(played, (0, KILLS))
    assert disturbed.kills == KILLS
    for outcome in (undisturbed, disturbed):
        assert outcome.count("done") == len(recording.readable) >= 0.9 * CLIPS
        assert outcome.torn() == []
        assert outcome.rivals == 0
        assert len(outcome.events("motion")) == recording.visits == visits
    assert not difference(undisturbed, disturbed)
