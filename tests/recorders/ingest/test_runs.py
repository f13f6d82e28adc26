"""What quiet clips carry over is written now and then; a crash between costs work, and no event."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import flash
import msgspec
import pytest
from ingest_box import CAMERA, GATE, dying, found, stored, told
from ingest_box import ingest_box as any_box

from edge_agent.config.camera import HealthConfig
from edge_agent.recorders.ingest import runs as runs_module
from edge_agent.recorders.ingest.runs import AHEAD_S, OpenRuns
from edge_agent.recorders.ledger import LedgerClip, LedgerReader, Run
from edge_agent.recorders.ledger import rows as ledger

QUIET_S = 10.0
#: What was learned of a view is kept elsewhere, and no part of a run.
BLIND = msgspec.structs.replace(CAMERA, health=HealthConfig(enabled=False))
ingest_box = partial(any_box, camera=BLIND)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[LedgerClip]:
    """Eight in which nothing happens; then somebody comes in one and goes in the next; then two
    more."""
    folder = tmp_path_factory.mktemp("recorded")
    paths = [
        flash.clip(folder / f"{index}.avi", bright_s=0, dark_s=QUIET_S, seed=10 + index)
        for index in range(8)
    ]
    paths += [
        flash.clip(folder / "coming.avi", bright_s=2, dark_s=8, dark_first=True),
        flash.clip(folder / "going.avi", bright_s=2, dark_s=8, seed=5),
        flash.clip(folder / "last.avi", bright_s=0, dark_s=QUIET_S, seed=30),
        flash.clip(folder / "very-last.avi", bright_s=0, dark_s=QUIET_S, seed=31),
    ]
    return [found(path, index * QUIET_S, QUIET_S) for index, path in enumerate(paths)]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Every run that is written into the ledger."""
    runs: list[Run] = []
    put_run = ledger.put_run

    def put(database: object, run: Run) -> None:
        runs.append(run)
        put_run(database, run)  # type: ignore[arg-type]

    monkeypatch.setattr(runs_module.ledger, "put_run", put)
    return runs


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, model: Path, clips: list[LedgerClip]
) -> list[tuple[str, str, int]]:
    with ingest_box(tmp_path_factory.mktemp("undisturbed"), model) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        return told(box.messages())


def test_runs_of_quiet_clips_are_written_now_and_then(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    written: list[Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs_module, "AHEAD_S", 60.0)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips[:8])
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 8}
        assert box.runs() == [], "it is over"
    ends = [round(run.end_s - clips[0].start_s) for run in written]
    assert ends == [10, 80], "the first, and the first that is more than a minute later"
    assert AHEAD_S == 60.0


def test_run_of_a_clip_with_news_is_written_with_its_news(
    tmp_path: Path, model: Path, clips: list[LedgerClip], written: list[Run]
) -> None:
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips[6:11])
        box.ingest.finish(box.stop)
    ends = [round((run.end_s - clips[6].start_s) / QUIET_S) for run in written]
    assert ends == [1, 3, 4], "the quiet ones after the first and after the event wait"


@pytest.mark.system
@pytest.mark.parametrize("before", [True, False])
def test_box_that_dies_at_every_commit_tells_the_same(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    undisturbed: list[tuple[str, str, int]],
    before: bool,
) -> None:
    state_dir, lives = tmp_path / "state", 0
    with ingest_box(state_dir, model) as box:
        box.note(*clips)
    for last in (3, 5, 2, 7, 4, *[9] * 20):
        with ingest_box(state_dir, model, between=dying(last, before=before)) as box:
            box.ingest.finish(box.stop)
            lives += 1
            if not box.stop.stopped:
                break
    assert lives >= 5
    assert told(stored(state_dir)) == undisturbed
    with ingest_box(state_dir, model) as box:
        assert box.states() == {"done": len(clips)}
        assert box.runs() == []


def test_after_a_crash_the_clips_whose_run_was_in_memory_wait_again(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    state_dir = tmp_path / "state"
    with ingest_box(state_dir, model, between=dying(4, before=False)) as box:
        box.note(*clips[:8])
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 4, "waiting": 4}
    with LedgerReader(state_dir) as reader:
        (head,) = reader.run_heads(GATE)
        assert head.clip == clips[0].key
        lost = OpenRuns(reader).lost((GATE,))
    assert [clip.key for clip in lost] == [clip.key for clip in clips[1:4]]


def test_orderly_stop_leaves_nothing_in_memory_only(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips[:3])
        with LedgerReader(box.state_dir) as reader:
            done = lambda: reader.counts().get((GATE, "done")) == 3  # noqa: E731
            box.ingest._wait = lambda stop: stop.stop() if done() else None
            box.ingest.run(box.stop)
    with LedgerReader(box.state_dir) as reader:
        (head,) = reader.run_heads(GATE)
        assert head.clip == clips[2].key
        assert OpenRuns(reader).lost((GATE,)) == []
