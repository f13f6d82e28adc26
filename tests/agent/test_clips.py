"""Clips beside events: the right seconds in the file, and no event late or lost for one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packets import Recorded, recorded, seen

from edge_agent.agent import clip_recording as recording_module
from edge_agent.agent import clips as clips_module
from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.agent.clips import END_WAITS_S, ClipCamera, ClipJournal, EventClips, clip_figures
from edge_agent.clock import Clock, ManualClock, SystemClock
from edge_agent.config import ClipConfig, PersonConfig
from edge_agent.domain import (
    CameraId,
    ClipState,
    EndReason,
    Event,
    EventId,
    Label,
    Phase,
    Snapshot,
)
from edge_agent.errors import StorageError
from edge_agent.media import ClipStore
from edge_agent.media import clip_store as clip_store_module
from edge_agent.runtime import StopToken, Worker
from edge_agent.sources import GopRing, PacketDrain, PacketTap

FPS = 15
GATE, YARD = CameraId("gate"), CameraId("yard")
EVENT_ID = EventId("01J00000000000000000000000")
OTHER_ID = EventId("01J00000000000000000000001")


def event(phase: Phase, at_s: float, **changes: Any) -> Event:
    end = phase is Phase.END
    values: dict[str, Any] = {
        "event_id": EVENT_ID,
        "camera": GATE,
        "label": Label.PERSON,
        "phase": phase,
        "rev": 0,
        "at_s": at_s,
        "start_s": 100.0,
        "end_s": at_s if end else None,
        "end_reason": EndReason.GONE if end else None,
        "score": 0.8,
        "top_score": 0.9,
        "bbox": None,
    }
    return Event(**(values | changes))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """20 s of video, a keyframe each second."""
    found = recorded(tmp_path_factory.mktemp("source"), frames=20 * FPS)
    yield found
    found.container.close()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test machine's disk may take longer than an end may wait."""
    monkeypatch.setattr(clips_module, "END_WAITS_S", 20.0)


class Camera:
    """A source thread's part, without thread: its first frame is captured at 90 s."""

    begin_s = 90.0

    def __init__(self, source: Recorded) -> None:
        self.tap = PacketTap()
        self._source = source
        self._ring = GopRing()
        self._next = 0

    def until(self, captured_s: float) -> None:
        packets = self._source.packets
        while self._next < len(packets) and self._captured_s() <= captured_s:
            self._ring.add(packets[self._next])
            self.tap.flows(packets[self._next], self._ring, self.begin_s)
            self._next += 1

    def connect_anew(self) -> None:
        self._ring = GopRing()

    def _captured_s(self) -> float:
        return self.begin_s + self._source.packets[self._next].pts_s


class Told:
    """A recorder that only remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: Sequence[Event]) -> None:
        self.events += events

    def keep(self, snapshot: Snapshot) -> None:
        raise AssertionError("no snapshots here")


class Setup:
    def __init__(
        self, state_dir: Path, source: Recorded, clock: Clock, config: ClipConfig, person: Any
    ) -> None:
        self.camera, self.told = Camera(source), Told()
        self.store = ClipStore(state_dir, config, clock)
        cameras = {GATE: ClipCamera(self.camera.tap, person)}
        self.clips = EventClips(self.store, config, cameras, clock)
        self.journal = ClipJournal(self.told, self.clips, clock)
        self._stop = StopToken()
        self._worker = Worker("clips", self.clips.run, self._stop)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._worker.start()
        try:
            yield
        finally:
            self._stop.stop()
            assert self._worker.join(10)

    def ended(self) -> Event:
        self.journal.finish()
        (end,) = [one for one in self.told.events if one.phase is Phase.END]
        return end

    def path(self, event_id: EventId = EVENT_ID) -> Path:
        found = self.store.find(event_id)
        assert found is not None
        return found


def setup(
    state_dir: Path,
    source: Recorded,
    clock: Clock | None = None,
    *,
    person: PersonConfig | None = None,
    **config: float,
) -> Setup:
    clips = ClipConfig(enabled=True, **config)  # type: ignore[arg-type]
    return Setup(state_dir, source, clock or SystemClock(), clips, person or PersonConfig())


def test_the_end_names_the_clip_from_pre_roll_to_post_roll(
    tmp_path: Path, source: Recorded
) -> None:
    one = setup(tmp_path, source, pre_s=2.5, post_s=1.5)
    with one.running():
        one.camera.until(101.2)
        one.journal.record([event(Phase.START, 101.2)])
        one.camera.until(108.0)  # the person was last seen at 104; that is told 4 s later
        one.journal.record([event(Phase.END, 108.0, end_s=104.0)])
        end = one.ended()
    (ref,) = end.clips
    assert ref.offset_s == pytest.approx(-3.0, abs=0.01)  # the keyframe before 97.5
    assert ref.offset_s + ref.duration_s == pytest.approx(5.5, abs=0.1)
    assert (ref.codec, ref.state) == ("h264", ClipState.STORED)
    data = one.path().read_bytes()
    assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    player = seen(one.path())
    assert player.corrupt == 0
    assert player.frames == pytest.approx(ref.duration_s * FPS, abs=0.1)


def test_what_is_past_the_post_roll_is_never_written(tmp_path: Path, source: Recorded) -> None:
    """Not even for a while: the person may have left before it."""
    one = setup(tmp_path, source, post_s=0)
    drain = PacketDrain(0.0)
    order = ClipOrder(GATE, EVENT_ID, 100.0, ClipCamera(PacketTap(), PersonConfig()).hold_back_s(0))
    recording = ClipRecording(order, drain, one.store, SystemClock())
    ring = GopRing()
    for packet in source.packets[: 10 * FPS]:
        ring.add(packet)
        drain.fill(packet, ring, 90.0, source.stream)
    recording.pump()
    (ref,) = recording.finish(0.0)
    assert ref.duration_s == pytest.approx(6.0, abs=0.1)
    one.store.sync(10.0)


def test_an_event_that_carries_on_after_a_split_has_no_pre_roll(
    tmp_path: Path, source: Recorded
) -> None:
    one = setup(tmp_path, source)
    with one.running():
        one.camera.until(100.5)
        start = event(Phase.START, 100.5, start_s=100.5, continues=OTHER_ID)
        one.journal.record([start])
        one.camera.until(103.0)
        one.journal.record([event(Phase.END, 103.0, start_s=100.5)])
        (ref,) = one.ended().clips
    assert ref.offset_s == pytest.approx(-0.5, abs=0.01)


def test_two_people_have_a_clip_each(tmp_path: Path, source: Recorded) -> None:
    one = setup(tmp_path, source, pre_s=0)
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(103.1)
        one.journal.record([event(Phase.START, 103.1, event_id=OTHER_ID, start_s=103.0)])
        one.camera.until(106.0)
        one.journal.record([event(Phase.END, 106.0)])
        one.journal.record([event(Phase.END, 106.0, event_id=OTHER_ID, start_s=103.0)])
        one.journal.finish()
    ends = {e.event_id: e.clips[0] for e in one.told.events if e.phase is Phase.END}
    assert ends[EVENT_ID].duration_s == pytest.approx(6.0, abs=0.1)
    assert ends[OTHER_ID].duration_s == pytest.approx(3.0, abs=0.1)
    assert seen(one.path(OTHER_ID)).corrupt == 0


def test_a_long_clip_goes_on_in_another_file(
    tmp_path: Path, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "MAX_PART_S", 2.5)
    one = setup(tmp_path, source, pre_s=0)
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(107.0)
        one.journal.record([event(Phase.END, 107.0)])
        refs = one.ended().clips
    assert [round(ref.offset_s) for ref in refs] == [0, 3, 6]
    names = sorted(path.name for path in tmp_path.rglob("*.mp4"))
    assert names == [f"{EVENT_ID}-2.mp4", f"{EVENT_ID}-3.mp4", f"{EVENT_ID}.mp4"]
    frames = [seen(path) for path in tmp_path.rglob("*.mp4")]
    assert sum(one.frames for one in frames) == pytest.approx(7 * FPS, abs=2)
    assert not any(one.corrupt for one in frames)


def test_a_clip_goes_on_after_the_stream_was_connected_anew(
    tmp_path: Path, source: Recorded
) -> None:
    one = setup(tmp_path, source, pre_s=0)
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(102.5)
        one.camera.connect_anew()
        one.camera.until(105.0)
        one.journal.record([event(Phase.END, 105.0)])
        refs = one.ended().clips
    assert [round(ref.offset_s, 1) for ref in refs] == [0.0, 3.0]
    assert all(seen(path).corrupt == 0 for path in tmp_path.rglob("*.mp4"))


def test_a_camera_that_sets_its_clock_leaves_no_hole_of_hours(
    tmp_path: Path, source: Recorded
) -> None:
    one = setup(tmp_path, source)
    drain, ring = PacketDrain(0.0), GopRing()
    order = ClipOrder(GATE, EVENT_ID, 90.0)
    recording = ClipRecording(order, drain, one.store, SystemClock())
    for index, packet in enumerate(source.packets[: 4 * FPS]):
        jumped = replace(packet, pts_s=packet.pts_s + (7200.0 if index >= 2 * FPS else 0.0))
        ring.add(jumped)
        drain.fill(jumped, ring, 90.0 - (7200.0 if index >= 2 * FPS else 0.0), source.stream)
    refs = recording.finish(1000.0)
    one.store.sync(10.0)
    assert [round(ref.duration_s) for ref in refs] == [2, 2]


@pytest.mark.parametrize("changes", [{"label": Label.MOTION}, {"camera": YARD}])
def test_other_events_pass_at_once(
    tmp_path: Path, source: Recorded, changes: dict[str, Any]
) -> None:
    one = setup(tmp_path, source)
    events = [event(Phase.START, 100.0, **changes), event(Phase.END, 101.0, **changes)]
    one.journal.record(events)
    assert one.told.events == events


def test_an_end_waits_for_a_stuck_disk_only_so_long(
    tmp_path: Path, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips_module, "END_WAITS_S", END_WAITS_S)
    clock = ManualClock(mono_s=100.0)
    one = setup(tmp_path, source, clock)  # its thread does not run: a disk that hangs
    start, end = event(Phase.START, 100.0), event(Phase.END, 104.0)
    one.journal.record([start])
    one.journal.record([end])
    clock.advance(END_WAITS_S - 0.01)
    one.journal.record([])
    assert one.told.events == [start]
    clock.advance(0.02)
    one.journal.record([])
    assert one.told.events == [start, end]
    assert clip_figures(one.journal)["clips_late"] == 1
    assert END_WAITS_S <= 0.5


def test_a_full_disk_costs_the_clip_and_not_the_event(
    tmp_path: Path, source: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    one = setup(tmp_path, source)
    one.store._least_free_bytes = 1 << 60
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(104.0)
        end = event(Phase.END, 104.0)
        one.journal.record([end])
        assert one.ended() == end
    assert clip_figures(one.journal)["clips_failed"] == 1
    assert len([record for record in caplog.records if "MB free" in record.message]) == 1


def test_a_disk_that_fills_up_meanwhile_leaves_a_cut_clip(
    tmp_path: Path, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = setup(tmp_path, source, pre_s=0)
    rooms = iter([True] * 4)

    def full(_self: ClipStore) -> None:
        if not next(rooms, False):
            raise StorageError("clips: full")

    monkeypatch.setattr(clip_store_module.ClipStore, "_check_room", full)
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(109.0)
        one.journal.record([event(Phase.END, 109.0)])
        (ref,) = one.ended().clips
    assert ref.state is ClipState.CUT
    data = one.path().read_bytes()
    assert ref.sha256 == hashlib.sha256(data).hexdigest()
    assert seen(one.path()).corrupt == 0
    assert 0 < ref.duration_s < 8
    assert one.store.counts.failed == 1


def test_a_box_too_slow_for_its_disk_says_so(tmp_path: Path, source: Recorded) -> None:
    one = setup(tmp_path, source)
    drain, ring = PacketDrain(0.0, max_bytes=10_000), GopRing()
    recording = ClipRecording(ClipOrder(GATE, EVENT_ID, 90.0), drain, one.store, SystemClock())
    for packet in source.packets:
        ring.add(packet)
        drain.fill(packet, ring, 90.0, source.stream)
    recording.pump()
    (ref,) = recording.finish(1000.0)
    one.store.sync(10.0)
    assert ref.state is ClipState.CUT
    assert recording.trouble == "the disk is too slow"
    assert seen(one.path()).corrupt == 0


def test_clips_of_events_that_never_end_are_whole_at_the_stop(
    tmp_path: Path, source: Recorded
) -> None:
    one = setup(tmp_path, source)
    with one.running():
        one.camera.until(100.1)
        one.journal.record([event(Phase.START, 100.1)])
        one.camera.until(104.0)
    assert seen(one.path()).corrupt == 0
    assert one.store.counts.stored == 1
    assert one.camera.tap._drains == ()


class Main:
    """A main stream's part that a clip sees."""

    def __init__(self, tap: PacketTap, *, flowing: bool) -> None:
        self.tap, self.flowing = tap, flowing


@pytest.mark.parametrize("flowing", [True, False])
def test_a_clip_comes_from_the_main_stream_or_else_from_what_is_analysed(
    tmp_path: Path, source: Recorded, flowing: bool
) -> None:
    one = setup(tmp_path, source)
    main = Camera(source)
    main.begin_s = 95.0  # to tell them apart: its ring reaches back less far
    camera = ClipCamera(one.camera.tap, PersonConfig(), Main(main.tap, flowing=flowing))  # type: ignore[arg-type]
    one.clips._cameras[GATE] = camera
    with one.running():
        for stream in (one.camera, main):
            stream.until(100.1)
        one.journal.record([event(Phase.START, 100.1, start_s=97.0)])
        for stream in (one.camera, main):
            stream.until(105.0)
        one.journal.record([event(Phase.END, 105.0, start_s=97.0)])
        (ref,) = one.ended().clips
    assert ref.offset_s == pytest.approx(-2.0 if flowing else -5.0, abs=0.01)
    assert one.camera.tap._drains == main.tap._drains == ()


def test_an_end_that_finds_no_room_ends_its_clip_all_the_same(
    tmp_path: Path, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clip thread was stuck for long: its inbox is full of what began."""
    monkeypatch.setattr("edge_agent.agent.clips._INBOX_CAPACITY", 2)
    one = setup(tmp_path, source)
    started = [
        event(Phase.START, 2.0, event_id=EventId(f"01J0000000000000000000000{n}")) for n in (1, 2)
    ]
    for start in started:
        one.clips.begin(start)
    ends = [one.clips.end(replace(start, phase=Phase.END, end_s=3.0)) for start in started]
    with one.running():
        for end in ends:
            assert end.done.wait(10)
        assert one.clips._recordings == {}
    assert not one.camera.tap._drains, "and nothing is collected for them any more"
