"""Newest wins for live cameras, nothing skipped for recordings, turns for all."""

from __future__ import annotations

import threading
from typing import cast

from edge_agent.analysis.exchange import RECORDED_CAPACITY, FrameExchange, SourceLost
from edge_agent.domain import CameraId, Frame, Pixels

GATE, YARD = CameraId("gate"), CameraId("yard")


def frame(camera: CameraId, at_s: float) -> Frame:
    return Frame(camera, at_s, cast(Pixels, None))


def exchange() -> FrameExchange:
    made = FrameExchange()
    made.add(GATE)
    made.add(YARD)
    return made


def test_live_frame_replaces_the_one_that_nobody_took() -> None:
    frames = exchange()
    for at_s in range(3):
        frames.offer(frame(GATE, at_s))
    assert frames.take(0) == frame(GATE, 2)
    assert frames.take(0) is None
    stats = frames.stats(GATE)
    assert (stats.offered, stats.dropped) == (3, 2)


def test_cameras_take_turns_however_busy_one_is() -> None:
    frames = exchange()
    frames.offer(frame(GATE, 0))
    frames.offer(frame(YARD, 0))
    order = []
    for at_s in range(1, 5):
        item = frames.take(0)
        assert item is not None
        order.append(item.camera)
        frames.offer(frame(GATE, at_s))
        frames.offer(frame(YARD, at_s))
    assert order == [GATE, YARD, GATE, YARD]


def test_recorded_frames_wait_instead_of_being_dropped() -> None:
    frames = exchange()
    for at_s in range(RECORDED_CAPACITY):
        assert frames.put(frame(GATE, at_s), 0)
    assert not frames.put(frame(GATE, 99), 0.01)
    taker = threading.Timer(0.02, lambda: frames.take(0))
    taker.start()
    assert frames.put(frame(GATE, 100), 2.0)
    taker.join()
    assert frames.stats(GATE).dropped == 0


def test_loss_is_told_behind_the_last_frame_and_only_once() -> None:
    frames = exchange()
    frames.offer(frame(GATE, 1))
    frames.lost(GATE, 2)
    frames.lost(GATE, 3)
    frames.offer(frame(GATE, 4))
    items = [frames.take(0) for _ in range(4)]
    assert items == [frame(GATE, 1), SourceLost(GATE, 2), frame(GATE, 4), None]


def test_past_of_a_live_camera_is_never_dropped_and_newer_frames_queue_behind_it() -> None:
    frames = exchange()
    assert frames.put(frame(GATE, 1), 0)
    assert frames.put(frame(GATE, 2), 0)
    assert not frames.put(frame(GATE, 3), 0)
    for at_s in (4, 5):
        frames.offer(frame(GATE, at_s))
    assert [frames.take(0) for _ in range(4)] == [*(frame(GATE, s) for s in (1, 2, 5)), None]
    assert frames.stats(GATE).dropped == 1


def test_what_waits_of_the_other_cameras_can_be_taken_along() -> None:
    frames = exchange()
    third, fourth = CameraId("third"), CameraId("fourth")
    frames.add(third)
    frames.add(fourth)
    for camera in (GATE, YARD, third):
        frames.offer(frame(camera, 0))
    frames.lost(fourth, 1)
    assert frames.take(0) == frame(GATE, 0)
    frames.offer(frame(GATE, 1))
    assert frames.take_more(GATE, 1) == [frame(YARD, 0)]
    assert frames.take_more(GATE, 3) == [frame(third, 0)]  # a lost stream waits for its turn
    assert frames.take(0) == SourceLost(fourth, 1)
    assert frames.take(0) == frame(GATE, 1)


def shares(live_takes_s: float, recorded_takes_s: float, takes: int) -> float:
    """Of the analysis' time, what a recording gets beside a camera that always has a frame."""
    frames = FrameExchange()
    frames.add(YARD, recorded=True)
    frames.add(GATE)
    spent = {GATE: 0.0, YARD: 0.0}
    for at_s in range(takes):
        frames.offer(frame(GATE, at_s))
        frames.put(frame(YARD, at_s), 0)
        taken = frames.take(0)
        assert taken is not None
        busy_s = live_takes_s if taken.camera == GATE else recorded_takes_s
        spent[taken.camera] += busy_s
        frames.spent(taken.camera, busy_s)
    return spent[YARD] / sum(spent.values())


def test_live_cameras_come_first_and_leave_recordings_a_twentieth() -> None:
    frames = FrameExchange()
    frames.add(YARD, recorded=True)
    frames.add(GATE)
    frames.put(frame(YARD, 0), 0)
    frames.offer(frame(GATE, 0))
    assert frames.take(0) == frame(GATE, 0)
    assert frames.take(0) == frame(YARD, 0)
    assert 0.045 < shares(0.1, 0.1, 400) < 0.06
    assert 0.045 < shares(0.01, 0.3, 4000) < 0.06


def test_recording_alone_is_not_held_back_and_earns_no_credit_for_an_idle_night() -> None:
    frames = FrameExchange()
    frames.add(YARD, recorded=True)
    frames.add(GATE)
    for at_s in range(1000):
        frames.offer(frame(GATE, at_s))
        frames.take(0)
        frames.spent(GATE, 1.0)
    taken = []
    for at_s in range(20):
        frames.offer(frame(GATE, at_s))
        frames.put(frame(YARD, at_s), 0)
        item = frames.take(0)
        assert item is not None
        frames.spent(item.camera, 0.1)
        taken.append(item.camera)
    assert taken.count(YARD) <= 6
