"""Recorders' clips are looked at, too: does the camera see?"""

from __future__ import annotations

from pathlib import Path

import flash
import pytest
from ingest_box import BEGIN_S, CAMERA, GATE, Box, found, ingest_box
from views import Draw, covered, record, turned
from views import usual as usual_view

from edge_agent.config import CameraConfig
from edge_agent.config.camera import HealthConfig
from edge_agent.contract import EventMessage
from edge_agent.domain import EndReason, Label, Phase
from edge_agent.recorders.ledger import LedgerClip
from edge_agent.writer.view_file import ViewFile, accept_mark


def recorded(path: Path, seconds: int, draw: Draw = usual_view) -> Path:
    return record(path, (seconds, draw))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> LedgerClip:
    return found(recorded(tmp_path_factory.mktemp("a") / "usual.avi", 64), 0, 64)


def health(box: Box) -> list[EventMessage]:
    return [one for one in box.messages() if one.event.label is Label.HEALTH]


def kinds(messages: list[EventMessage]) -> list[tuple[str, Phase]]:
    return [(one.event.health.kind, one.event.phase) for one in messages if one.event.health]


def test_a_camera_covered_over_two_clips_is_told_once_and_its_recovery_with_media_times(
    tmp_path: Path, model: Path, usual: LedgerClip
) -> None:
    clips = [
        usual,
        found(recorded(tmp_path / "b.avi", 31, covered), 64, 31),
        found(recorded(tmp_path / "c.avi", 30, covered), 95, 30),
        found(recorded(tmp_path / "d.avi", 29), 125, 29),
    ]
    with ingest_box(tmp_path / "state", model) as box:
        box.note(*clips)
        box.ingest.finish(box.stop)
        told = health(box)
    assert kinds(told) == [("blocked", Phase.START), ("blocked", Phase.END)]
    start, end = told
    assert start.event.event_id == end.event.event_id
    assert 64 <= start.envelope.start_utc_s - BEGIN_S <= 73
    assert 125 <= (end.envelope.end_utc_s or 0) - BEGIN_S <= 154
    assert end.event.end_reason is EndReason.GONE


def test_short_clips_far_apart_are_one_film_and_what_is_open_ends_with_the_run(
    tmp_path: Path, model: Path, usual: LedgerClip
) -> None:
    clips = [usual]
    for number in range(4):
        path = recorded(tmp_path / f"{number}.avi", 11 + number, covered)
        clips.append(found(path, 1000 + 1000 * number, 11 + number))
    with ingest_box(tmp_path / "state", model, next_clip_s=5) as box:
        for clip in clips:
            box.note(clip)
            box.ingest.finish(box.stop)
        told = health(box)
        assert box.ingest.faults(GATE) != ()
    assert kinds(told)[:2] == [("blocked", Phase.START), ("blocked", Phase.END)]
    assert told[1].event.end_reason is EndReason.CAMERA_LOST
    # It takes 15 s of film, which the second clip has.
    assert 2000 <= told[0].envelope.start_utc_s - BEGIN_S <= 2020


def test_what_was_learned_outlives_the_agent_and_an_accepted_view_is_learned_anew(
    tmp_path: Path, model: Path, usual: LedgerClip
) -> None:
    state, moved = tmp_path / "state", recorded(tmp_path / "moved.avi", 50, turned)
    with ingest_box(state, model, view=ViewFile(state, GATE)) as box:
        box.note(usual)
        box.ingest.finish(box.stop)
    with ingest_box(state, model, view=ViewFile(state, GATE)) as box:
        box.note(found(moved, 100, 50))
        box.ingest.finish(box.stop)
        assert kinds(health(box))[:1] == [("moved", Phase.START)]
    again = recorded(tmp_path / "again.avi", 51, turned)
    with ingest_box(state, model, view=ViewFile(state, GATE)) as box:
        accept_mark(state, GATE).touch()
        before = len(health(box))
        box.note(found(again, 500, 51))
        box.ingest.finish(box.stop)
        assert len(health(box)) == before
        assert not accept_mark(state, GATE).exists()


def test_a_camera_whose_health_is_switched_off_is_not_told(
    tmp_path: Path, model: Path, usual: LedgerClip
) -> None:
    camera = CameraConfig(
        id="gate", source=CAMERA.source, motion=CAMERA.motion, health=HealthConfig(enabled=False)
    )
    with ingest_box(tmp_path / "state", model, camera=camera) as box:
        box.note(usual, found(recorded(tmp_path / "b.avi", 45, covered), 64, 45))
        box.ingest.finish(box.stop)
        assert health(box) == []
