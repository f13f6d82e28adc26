"""Recorded clips become events exactly once, whatever happens between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import flash
import numpy as np
import pytest
from ingest_box import BEGIN_S, GATE, Box, dying, found, ingest_box, stored, told

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import Sender
from edge_agent.domain import EndReason, Phase
from edge_agent.errors import SourceUnreachable, StorageError
from edge_agent.outbox import Outbox
from edge_agent.recorders.ingest import clip_messages
from edge_agent.recorders.ingest.clip_analysis import AnalysisAway, ClipAnalysis
from edge_agent.recorders.ingest.left_over import end_left_over
from edge_agent.recorders.ingest.notes import Storing
from edge_agent.recorders.ingest.planner import ClipPlanner
from edge_agent.recorders.ledger import LedgerClip, LedgerReader
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.runtime import Attempts, StopToken
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.writer import Together


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[LedgerClip]:
    """One after the other: somebody comes in the first, stays in the second, goes in the third;
    then nobody for a minute, and somebody else."""
    folder = tmp_path_factory.mktemp("recorded")
    coming = flash.clip(folder / "coming.avi", bright_s=2, dark_s=2, dark_first=True)
    staying = flash.clip(folder / "staying.avi", bright_s=4, dark_s=0, seed=4)
    going = flash.clip(folder / "going.avi", bright_s=2, dark_s=2, seed=5)
    later = flash.clip(folder / "later.avi", bright_s=1, dark_s=4, seed=6)
    return [
        found(coming, 0, 4),
        found(staying, 4, 4),
        found(going, 8, 4),
        found(later, 72, 5),
    ]


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, model: Path, clips: list[LedgerClip]
) -> list[tuple[str, str, int]]:
    with ingest_box(tmp_path_factory.mktemp("undisturbed"), model) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 4}
        return told(box.messages())


def test_event_over_three_clips_is_one_and_the_next_visitor_another(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        messages = box.messages()
    events = {one.event.event_id for one in messages}
    assert len(events) == 2
    ends = [one for one in messages if one.event.phase is Phase.END]
    # The newest run comes first.
    assert [round(one.envelope.start_utc_s - BEGIN_S) for one in ends] == [72, 2]
    assert [round(one.envelope.end_utc_s or 0.0) - BEGIN_S for one in ends] == [73, 9]
    assert {one.event.end_reason for one in ends} == {EndReason.GONE}


@pytest.mark.system
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("parts", [1, 200])
def test_box_that_dies_at_every_commit_tells_the_same_as_one_that_does_not(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    undisturbed: list[tuple[str, str, int]],
    before: bool,
    parts: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clip_messages, "PART_DRAFTS", parts)
    state_dir = tmp_path / "state"
    with ingest_box(state_dir, model) as box:
        box.note(*clips)
    lives = 0
    while True:
        # One commit a life, and the last thing it does is never stored; or it is, and no more.
        with ingest_box(state_dir, model, between=dying(2 if before else 1, before=before)) as box:
            box.ingest.finish(box.stop)
            lives += 1
            if not box.stop.stopped:
                break
    assert lives >= 4
    assert told(stored(state_dir)) == undisturbed


def test_backlog_is_taken_run_by_run_the_newest_first_and_in_each_the_oldest_clip(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*reversed(clips))
        with LedgerReader(box.state_dir) as reader:
            assert reader.newest_run(GATE) == (clips[3].key,)
            box.write(lambda db: ledger.update_clip(db, replace(clips[3], state="done")))
            assert reader.newest_run(GATE) == tuple(clip.key for clip in clips[:3])


@pytest.mark.parametrize("look", ["clip", "run_heads"])
def test_clip_is_not_skipped_where_the_ledger_cannot_be_read_for_a_moment(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    look: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise StorageError("outbox.db: disk I/O error")

    with ingest_box(tmp_path / "state", model) as box, LedgerReader(box.state_dir) as reader:
        box.note(*clips)
        planner = ClipPlanner((GATE,), reader, SystemClock())
        box.ingest._arrivals.none()
        assert box.ingest._next(planner, reader, box.stop)  # the newest run is one clip
        with monkeypatch.context() as patched:
            patched.setattr(reader, look, fails)
            with pytest.raises(StorageError):
                box.ingest._next(planner, reader, box.stop)
        (first,) = planner.next([GATE])
        assert first == clips[0]


def test_clip_that_was_deleted_is_gone_until_it_is_found_under_another_name(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(clips[3].path.read_bytes())
    clip = found(path, 72, 3)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(clip)
        path.rename(tmp_path / "renamed.avi")
        box.ingest.finish(box.stop)
        assert box.states() == {"gone": 1}
        box.note(found(tmp_path / "renamed.avi", 72, 3))
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 1}
        box.note(found(tmp_path / "renamed.avi", 500, 3))
        box.ingest.finish(box.stop)
        assert len({one.event.event_id for one in box.messages()}) == 1


def test_clip_told_in_part_and_then_deleted_ends_each_of_its_events_once(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_messages, "PART_DRAFTS", 1)
    path = flash.clip(tmp_path / "clip.avi", bright_s=2, dark_s=3, rounds=2, seed=5)
    clip = found(path, 4, 10)
    # Killed when the clip had ended the event of the one before; and when it had begun another.
    for last in (3, 4):
        state_dir = tmp_path / f"state{last}"
        with ingest_box(state_dir, model, between=dying(last, before=False)) as box:
            box.note(clips[0], clip)
            box.ingest.finish(box.stop)
            before = told(box.messages())
    for last in (3, 4):
        path.unlink(missing_ok=True)
        with ingest_box(tmp_path / f"state{last}", model) as box:
            box.ingest.finish(box.stop)
            messages = box.messages()
            assert box.states() == {"done": 2}
            assert box.runs() == []
        events = [one.event for one in messages]
        assert len({one[0] for one in told(messages)}) == len(messages)
        begun = [event.event_id for event in events if event.phase is Phase.START]
        assert [event.event_id for event in events if event.phase is Phase.END] == begun
        assert len(begun) == last - 2
    assert told(messages)[: len(before)] == before


def test_folder_that_cannot_be_seen_makes_no_clip_gone(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with ingest_box(tmp_path / "state", model) as box:
        box.note(replace(clips[3], path=tmp_path / "on-the-share.avi"))
        box.folder.lost = True
        box.ingest.finish(box.stop)
        assert box.states() == {"waiting": 1}


@pytest.mark.parametrize("content", [b"", b"no film\n" * 500])
def test_file_that_cannot_be_read_fails_with_its_reason_and_holds_up_nobody(
    tmp_path: Path, model: Path, clips: list[LedgerClip], content: bytes
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    bad = found(broken, 6, 4)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips[:3], bad)
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 3, "failed": 1}
        told_of = box.clip(bad)
        assert told_of is not None
        assert told_of.reason
        assert len({one.event.event_id for one in box.messages()}) == 1


def test_clip_that_crashes_the_analysis_is_tried_seldom_and_given_up(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise AnalysisAway("gate: a frame was not analysed")

    monkeypatch.setattr(ClipAnalysis, "_step", away)
    clock = ManualClock()
    with ingest_box(tmp_path / "state", model) as box, LedgerReader(box.state_dir) as reader:
        box.note(clips[3])
        planner = ClipPlanner((GATE,), reader, clock)
        box.ingest._arrivals.none()
        for _ in range(3):
            assert box.ingest._next(planner, reader, box.stop)
            assert box.states() == {"waiting": 1}
            clock.advance(179)
            assert not box.ingest._next(planner, reader, box.stop)
            clock.advance(2)
        assert box.ingest._next(planner, reader, box.stop)
        told_of = box.clip(clips[3])
        assert told_of is not None
        assert (told_of.state, "3 times" in told_of.reason) == ("failed", True)


def test_batch_waits_for_a_clip_that_could_not_be_analysed_at_once(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was short of everything for a minute must not leave a folder half done."""
    step = ClipAnalysis._step
    calls: list[object] = []

    def away_once(*arguments: object) -> bool:
        calls.append(arguments)
        if len(calls) == 1:
            raise AnalysisAway("gate: a frame was not analysed")
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ClipAnalysis, "_step", away_once)
    monkeypatch.setattr("edge_agent.recorders.ingest.clip_work._AWAY_PUT_OFF_S", 0.1)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 4}


def test_only_what_the_analysis_put_off_is_waited_for(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with (
        ingest_box(tmp_path / "state", model) as box,
        LedgerReader(box.state_dir) as reader,
    ):
        box.note(clips[3])
        planner = ClipPlanner((GATE,), reader, ManualClock())
        planner.put_off(GATE, 30.0)
        assert planner.wait_for_analysis_s([GATE]) is None
        planner.put_off(GATE, 180.0, by_analysis=True)
        assert planner.wait_for_analysis_s([GATE]) == 180.0
        assert planner.wait_for_analysis_s([]) is None, "its folder is away"
        planner.put_off(GATE, 30.0)
        assert planner.wait_for_analysis_s([GATE]) is None


def test_share_that_does_not_answer_does_not_hold_up_a_batch(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def unreachable(*_: object) -> bool:
        tries.append(_)
        raise SourceUnreachable("the share does not answer")

    monkeypatch.setattr(ClipAnalysis, "_step", unreachable)
    monkeypatch.setattr("edge_agent.recorders.ingest.clip_work._PUT_OFF_S", 0.01)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(clips[3])
        box.ingest.finish(box.stop)
        assert (box.states(), len(tries)) == ({"waiting": 1}, 1)


def test_clip_that_hangs_each_process_is_given_up_after_three(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hung agent is killed: only a file remembers."""

    def away(*_: object) -> bool:
        raise AnalysisAway("gate: a frame was not analysed")

    monkeypatch.setattr(ClipAnalysis, "_step", away)
    for tries in range(1, 5):
        attempts = Attempts(tmp_path / "attempts")
        with (
            ingest_box(tmp_path / "state", model, attempts=attempts) as box,
            LedgerReader(box.state_dir) as reader,
        ):
            if tries == 1:
                box.note(clips[3])
            box.ingest._arrivals.none()
            if tries == 2:  # at a start other clips come first
                assert box.ingest._next(
                    ClipPlanner((GATE,), reader, ManualClock()), reader, box.stop
                )
                monkeypatch.setattr("edge_agent.recorders.ingest.clip_work._AWAY_PUT_OFF_S", 0.0)
            assert attempts.count(clips[3].digest) == tries - 1
            planner = ClipPlanner((GATE,), reader, ManualClock())
            assert box.ingest._next(planner, reader, box.stop)
            assert box.states() == {"waiting" if tries < 4 else "failed": 1}


def test_what_is_carried_over_and_damaged_ends_its_events_where_they_were_told_last(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    state_dir = tmp_path / "state"
    with ingest_box(state_dir, model, between=dying(1, before=False)) as box:
        box.note(clips[0])
        box.ingest.finish(box.stop)
        (run,) = box.runs()
    with ingest_box(state_dir, model) as box:
        box.write(lambda db: ledger.put_run(db, replace(run, carry=b"EACO, but not really")))
        box.note(clips[1])
        box.ingest.finish(box.stop)
        messages = box.messages()
    (first, _) = dict.fromkeys(one.event.event_id for one in messages)
    assert [one.event.phase for one in messages if one.event.event_id == first] == [
        Phase.START,
        Phase.END,
    ]
    assert box.states() == {"done": 2}


def look_for_ends(box: Box) -> None:
    with LedgerReader(box.state_dir) as reader:
        planner = ClipPlanner((GATE,), reader, SystemClock())
        box.ingest._arrivals.look()
        box.ingest._end_runs(planner, reader, StopToken())


def test_run_stays_open_until_its_next_clip_is_due_or_a_later_one_has_come(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    with ingest_box(tmp_path / "state", model, between=dying(1, before=False)) as box:
        box.note(clips[0])
        box.ingest.finish(box.stop)
    with ingest_box(tmp_path / "state", model) as box:
        look_for_ends(box)
        assert len(box.runs()) == 1
        box.note(replace(clips[3], start_s=clips[0].start_s + 30, state="done", digest="00" * 32))
        look_for_ends(box)
        assert len(box.runs()) == 1
        box.note(replace(clips[3], start_s=clips[0].start_s + 70, state="done", digest="11" * 32))
        look_for_ends(box)
        assert box.runs() == []
        (end,) = [one for one in box.messages() if one.event.phase is Phase.END]
        assert end.event.end_reason is EndReason.CAMERA_LOST


@pytest.mark.parametrize(("commits", "parts"), [(1, 200), (4, 1)])
def test_events_of_a_camera_that_was_removed_end_at_the_next_start(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    commits: int,
    parts: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is open after the first clip; and one that a part of the third clip has ended."""
    monkeypatch.setattr(clip_messages, "PART_DRAFTS", parts)
    state_dir, clock = tmp_path / "state", SystemClock()
    with ingest_box(state_dir, model, between=dying(commits, before=False)) as box:
        box.note(*clips[: 1 if parts > 1 else 3])
        box.ingest.finish(box.stop)
        before = [one.event.phase for one in box.messages()]
        assert len(box.runs()) == 1
    drafter = EventDrafter(Sender("ward", "box"), clock)
    for configured, phases in (
        ([GATE], before),
        ([], [Phase.START, Phase.END]),
        ([], [Phase.START, Phase.END]),
    ):
        with Outbox.open(state_dir, limits=OutboxConfig(), clock=clock) as outbox:
            end_left_over(outbox, drafter, lambda: LedgerReader(state_dir), configured)
        assert [one.event.phase for one in stored(state_dir)] == phases
    with LedgerReader(state_dir) as reader:
        assert reader.run_heads(GATE) == []


def test_stills_of_a_burst_show_one_person(tmp_path: Path, model: Path) -> None:
    stills = []
    for second, level in enumerate((40, 200, 200, 200, 40, 40, 40, 40, 40)):
        path = tmp_path / f"{second}.jpg"
        picture = np.full((64, 64, 3), level, np.uint8)
        picture[0, second] = 0
        cv2.imwrite(str(path), picture)
        stills.append(found(path, second, 0))
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*stills)
        box.ingest.finish(box.stop)
        assert box.states() == {"done": 9}
        messages = box.messages()
        assert [one.event.phase for one in messages] == [Phase.START, Phase.END]
        assert round(messages[1].envelope.start_utc_s - BEGIN_S) == 1


class Failing:
    """Storage refuses the first `times`."""

    def __init__(self, storing: Storing, times: int) -> None:
        self._storing, self.times = storing, times

    def together(self, items: Together) -> None:
        if self.times:
            self.times -= 1
            items.finish(False)
        else:
            self._storing.together(items)


def test_what_storage_refused_is_stored_later_and_once(
    tmp_path: Path,
    model: Path,
    clips: list[LedgerClip],
    undisturbed: list[tuple[str, str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.recorders.ingest.ingest._STORAGE_RETRY_S", 0.01)
    with ingest_box(tmp_path / "state", model, between=lambda s, _: Failing(s, 3)) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        assert told(box.messages()) == undisturbed


def test_a_clip_that_takes_too_much_memory_is_given_up_and_counts_as_a_try(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent with all its cameras is worth more than one clip."""

    def short_of_memory(analysis: ClipAnalysis, *_: object) -> bool:
        assert analysis.feed is not None
        analysis.feed.give_up()
        return True

    monkeypatch.setattr(ClipAnalysis, "_step", short_of_memory)
    attempts = Attempts(tmp_path / "attempts.json")
    with (
        ingest_box(tmp_path / "state", model, attempts=attempts) as box,
        LedgerReader(box.state_dir) as reader,
    ):
        box.note(clips[3])
        box.ingest._arrivals.none()
        assert box.ingest.feeds == {}
        assert box.ingest._next(ClipPlanner((GATE,), reader, ManualClock()), reader, box.stop)
        assert box.states() == {"waiting": 1}
        assert attempts.count(clips[3].digest) == 1
        assert box.ingest.feeds == {}
