"""Pictures leave the box only when the household agreed, and only of an event that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.agent.commands import CommandRoom
from edge_agent.clock import ManualClock
from edge_agent.config import SnapshotConfig
from edge_agent.contract import AckStatus, Command
from edge_agent.domain import CameraId, EventId, Snapshot, SnapshotRef, SnapshotState
from edge_agent.errors import ContractError
from edge_agent.geometry import FrameSize
from edge_agent.media import SnapshotStore

EVENT_ID = EventId("01J00000000000000000000000")


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    kept = SnapshotStore(tmp_path, SnapshotConfig(enabled=True), ManualClock())
    ref = SnapshotRef("0" * 64, 3, FrameSize(4, 4), SnapshotState.STORED)
    kept.put(Snapshot(CameraId("gate"), EVENT_ID, 0.0, b"jpg", ref))
    return kept


def snapshot(**args: object) -> Command:
    return Command("c1", "snapshot", args)


def test_picture_of_an_event_is_sent_when_allowed(store: SnapshotStore) -> None:
    room = CommandRoom(store, SnapshotConfig(enabled=True, allow_upload=True))
    result = room.handle(snapshot(event_id=EVENT_ID))
    assert result.status is AckStatus.DONE
    assert result.image is not None
    assert (result.image.camera, result.image.event_id) == ("gate", EVENT_ID)
    assert result.image.jpeg == b"jpg"


@pytest.mark.parametrize("config", [SnapshotConfig(), SnapshotConfig(enabled=True)])
def test_no_picture_leaves_by_default(store: SnapshotStore, config: SnapshotConfig) -> None:
    result = CommandRoom(store, config).handle(snapshot(event_id=EVENT_ID))
    assert result.status is AckStatus.REJECTED
    assert result.image is None


def test_refusal_does_not_tell_whether_there_is_a_picture(store: SnapshotStore) -> None:
    room = CommandRoom(store, SnapshotConfig(enabled=True))
    known = room.handle(snapshot(event_id=EVENT_ID))
    unknown = room.handle(snapshot(event_id="01J00000000000000000000001"))
    assert known == unknown


def test_picture_that_is_gone_is_said_to_be(store: SnapshotStore) -> None:
    room = CommandRoom(store, SnapshotConfig(enabled=True, allow_upload=True))
    result = room.handle(snapshot(event_id="01J00000000000000000000001"))
    assert result.status is AckStatus.FAILED


@pytest.mark.parametrize("event_id", [None, 7, "../../etc/passwd", "*", ""])
def test_what_is_no_event_id_is_refused(store: SnapshotStore, event_id: object) -> None:
    room = CommandRoom(store, SnapshotConfig(enabled=True, allow_upload=True))
    with pytest.raises(ContractError):
        room.handle(snapshot(event_id=event_id))


def test_what_this_box_cannot_do_is_rejected(store: SnapshotStore) -> None:
    room = CommandRoom(store, SnapshotConfig(enabled=True, allow_upload=True))
    assert room.handle(Command("c1", "clip")).status is AckStatus.REJECTED
