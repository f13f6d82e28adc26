"""Pictures and clips leave the box only when the household agreed, of an event that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.agent.commands import WardCommands
from edge_agent.clock import ManualClock
from edge_agent.config import BoxConfig, ClipConfig, Config, MqttConfig, SnapshotConfig
from edge_agent.contract import AckStatus, Command
from edge_agent.domain import CameraId, EventId, Snapshot, SnapshotRef, SnapshotState
from edge_agent.errors import ContractError, StorageError
from edge_agent.geometry import FrameSize
from edge_agent.media import SnapshotStore
from edge_agent.publish import CommandResult
from edge_agent.publish.commands import MAX_FILE_BYTES
from edge_agent.writer.view_file import ViewFile, accept_view

EVENT_ID = EventId("01J00000000000000000000000")


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    kept = SnapshotStore(tmp_path, SnapshotConfig(enabled=True), ManualClock())
    ref = SnapshotRef("0" * 64, 3, FrameSize(4, 4), SnapshotState.STORED)
    kept.put(Snapshot(CameraId("gate"), EVENT_ID, 0.0, b"jpg", ref))
    return kept


def snapshot(**args: object) -> Command:
    return Command("c1", "snapshot", args)


def commands_of(config: SnapshotConfig, store: SnapshotStore) -> WardCommands:
    return WardCommands(configured(snapshots=config), snapshots=store)


def configured(**tables: object) -> Config:
    return Config(box=BoxConfig(ward="w", id="b"), mqtt=MqttConfig(host="h"), cameras=(), **tables)


def test_picture_of_an_event_is_sent_when_allowed(store: SnapshotStore) -> None:
    commands = commands_of(SnapshotConfig(enabled=True, allow_upload=True), store)
    result = commands.handle(snapshot(event_id=EVENT_ID))
    assert result.status is AckStatus.DONE
    assert result.file is not None
    assert (result.file.camera, result.file.event_id) == ("gate", EVENT_ID)
    assert result.file.content == b"jpg"


@pytest.mark.parametrize("config", [SnapshotConfig(), SnapshotConfig(enabled=True)])
def test_no_picture_leaves_by_default(store: SnapshotStore, config: SnapshotConfig) -> None:
    result = commands_of(config, store).handle(snapshot(event_id=EVENT_ID))
    assert result.status is AckStatus.REJECTED
    assert result.file is None


def test_refusal_does_not_tell_whether_there_is_a_picture(store: SnapshotStore) -> None:
    commands = commands_of(SnapshotConfig(enabled=True), store)
    known = commands.handle(snapshot(event_id=EVENT_ID))
    unknown = commands.handle(snapshot(event_id="01J00000000000000000000001"))
    assert known == unknown


def test_picture_that_is_gone_is_said_to_be(store: SnapshotStore) -> None:
    commands = commands_of(SnapshotConfig(enabled=True, allow_upload=True), store)
    result = commands.handle(snapshot(event_id="01J00000000000000000000001"))
    assert result.status is AckStatus.FAILED


@pytest.mark.parametrize("event_id", [None, 7, "../../etc/passwd", "*", ""])
def test_what_is_no_event_id_is_refused(store: SnapshotStore, event_id: object) -> None:
    commands = commands_of(SnapshotConfig(enabled=True, allow_upload=True), store)
    with pytest.raises(ContractError):
        commands.handle(snapshot(event_id=event_id))


def test_what_this_box_cannot_do_is_rejected(store: SnapshotStore) -> None:
    commands = commands_of(SnapshotConfig(enabled=True, allow_upload=True), store)
    assert commands.handle(Command("c1", "dance")).status is AckStatus.REJECTED


# --- clips ------------------------------------------------------------------------------

CLIP = bytes(range(256)) * 2000  # 512,000 bytes: three pieces


class Kept:
    """The clips of one event."""

    def __init__(self, folder: Path, *clips: bytes) -> None:
        self._paths = [folder / "gate" / f"{number}.mp4" for number, _ in enumerate(clips)]
        (folder / "gate").mkdir()
        for path, clip in zip(self._paths, clips, strict=True):
            path.write_bytes(clip)

    def find(self, event_id: EventId, number: int) -> Path | None:
        mine = event_id == EVENT_ID and number <= len(self._paths)
        return self._paths[number - 1] if mine else None


def clip_commands(tmp_path: Path, *, allowed: bool = True) -> WardCommands:
    config = configured(clips=ClipConfig(enabled=True, allow_upload=allowed))
    return WardCommands(config, clips=Kept(tmp_path, CLIP, b"second"))


def ask(commands: WardCommands, **args: object) -> CommandResult:
    return commands.handle(Command("c1", "clip", {"event_id": EVENT_ID, **args}))


def test_clip_comes_in_pieces_that_are_asked_for(tmp_path: Path) -> None:
    commands, got = clip_commands(tmp_path), b""
    while True:
        answer = ask(commands, from_byte=len(got))
        assert answer.status is AckStatus.DONE
        assert answer.file is not None
        assert answer.file.piece == (1, len(got))
        assert len(answer.file.content) == answer.result["bytes"] <= MAX_FILE_BYTES
        got += answer.file.content
        if len(got) == answer.result["clip_bytes"]:
            break
    assert got == CLIP
    assert ask(commands, from_byte=len(CLIP)).status is AckStatus.FAILED


def test_second_clip_of_an_event_and_smaller_pieces_can_be_had(tmp_path: Path) -> None:
    answer = ask(clip_commands(tmp_path), number=2, from_byte=1, max_bytes=3)
    assert answer.file is not None
    assert (answer.file.camera, answer.file.content) == ("gate", b"eco")


def test_no_clip_leaves_by_default_and_the_refusal_tells_nothing(tmp_path: Path) -> None:
    commands = clip_commands(tmp_path, allowed=False)
    known, unknown = ask(commands), ask(commands, event_id="01J00000000000000000000001")
    assert known == unknown
    assert (known.status, known.file) == (AckStatus.REJECTED, None)
    assert not ClipConfig().allow_upload


def test_clip_that_is_not_kept_is_said_to_be(tmp_path: Path) -> None:
    commands = clip_commands(tmp_path)
    assert ask(commands, number=3).status is AckStatus.FAILED
    assert ask(commands, event_id="01J00000000000000000000001").status is AckStatus.FAILED


@pytest.mark.parametrize(
    "args",
    [
        {"event_id": "../../etc/passwd"},
        {"number": 0},
        {"number": True},
        {"number": 10**9},
        {"from_byte": -1},
        {"from_byte": 2**70},
        {"from_byte": 1.5},
        {"max_bytes": 0},
        {"max_bytes": MAX_FILE_BYTES + 1},
    ],
)
def test_numbers_beyond_all_bounds_are_refused(tmp_path: Path, args: dict[str, object]) -> None:
    with pytest.raises(ContractError):
        ask(clip_commands(tmp_path), **args)


def test_a_view_is_accepted_by_the_name_of_its_camera(tmp_path: Path) -> None:
    def accept(camera: str) -> bool:
        if camera == "gate":
            accept_view(tmp_path, camera)
        return camera == "gate"

    commands = WardCommands(configured(), of_camera={"accept": accept})
    done = commands.handle(Command("c1", "accept", {"camera": "gate"}))
    assert (done.status, done.result) == (AckStatus.DONE, {"camera": "gate"})
    assert ViewFile(tmp_path, CameraId("gate")).accepted()
    refused = commands.handle(Command("c2", "accept", {"camera": "../../etc/passwd"}))
    assert refused.status is AckStatus.REJECTED
    with pytest.raises(ContractError, match=r"args.camera must be text"):
        commands.handle(Command("c3", "accept", {"camera": 7}))


def test_a_card_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "health").write_text("in the way")
    commands = WardCommands(
        configured(), of_camera={"accept": lambda name: accept_view(tmp_path, name) or True}
    )
    with pytest.raises(StorageError, match="cannot be written"):
        commands.handle(Command("c1", "accept", {"camera": "gate"}))


def test_a_camera_forgets_what_it_took_for_people(tmp_path: Path) -> None:
    forgot: list[str] = []

    def forget(camera: str) -> bool:
        forgot.append(camera)
        return camera == "gate"

    commands = WardCommands(configured(), of_camera={"forget": forget})
    assert commands.handle(Command("c1", "forget", {"camera": "gate"})).status is AckStatus.DONE
    assert commands.handle(Command("c2", "forget", {"camera": "yard"})).status is AckStatus.REJECTED
    assert forgot == ["gate", "yard"]
    with pytest.raises(ContractError, match=r"forget: args.camera must be text"):
        commands.handle(Command("c3", "forget", {}))
