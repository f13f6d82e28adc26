"""A folder as recorders treat it: slow uploads, temp names, renames, rings, lost shares."""

from __future__ import annotations

import datetime as dt
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import clips
import dhav
import pytest
from watched_folder import YARD, Watched, at_mtime

from edge_agent.domain import CameraId
from edge_agent.recorders.find import TOO_OLD
from edge_agent.recorders.find.intake import Claim, ClipIntake
from edge_agent.recorders.find.mounts import Mount
from edge_agent.recorders.find.root import WatchedRoot
from edge_agent.recorders.find.scan import SeenFile
from edge_agent.recorders.find.settling import Settling
from edge_agent.runtime.stop import StopToken

DAV = "{camera}/{date:%Y-%m-%d}/**/{start:%H.%M.%S}-{end:%H.%M.%S}*.{video}"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clip to copy."""
    return clips.render(tmp_path_factory.mktemp("clip") / "clip.mp4", clips.Clip(frames=5))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(*arguments: object, **settings: object) -> Watched:
        made.append(Watched(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for each in made:
        each.watcher.close()


def put(clip: Path, path: Path, mark: bytes = b"") -> Path:
    """The clip under another name; `mark` makes it another recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip.read_bytes() + mark)
    return path


def test_clip_is_handed_over_with_camera_time_and_identity(
    tmp_path: Path, watched: Callable[..., Watched]
) -> None:
    path = tmp_path / "front/2026-11-24/001/dav/14/14.05.06-14.05.08[M][0@0][0].dav"
    path.parent.mkdir(parents=True)
    dhav.write_dav(path, start=dt.datetime.fromisoformat("2026-11-24T14:05:06"))
    ended_s = dt.datetime.fromisoformat("2026-11-24T14:05:09+00:00").timestamp()
    at_mtime(path, ended_s)
    box = watched("dahua", {"front/001": CameraId("door")})
    box.pass_time(10)
    (found,) = box.found
    assert (found.camera, found.kind, found.path) == ("door", "video", path)
    assert (found.size_bytes, found.mtime_ns) == (path.stat().st_size, round(ended_s * 1e9))
    assert found.content.size_bytes == found.size_bytes
    assert len(found.content.digest) == 64
    assert (found.span.source, found.span.disputed) == ("template", False)
    assert found.span.end_utc_s == found.span.start_utc_s + 2.0 == ended_s - 1.0
    assert box.watcher.idle


def test_growing_file_is_taken_once_when_it_stopped(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    data = clip.read_bytes()
    box = watched()
    path = tmp_path / "yard/slow.mp4"
    path.parent.mkdir()
    for share in range(1, 9):
        path.write_bytes(data[: len(data) * share // 8])
        box.pass_time(3)
        assert not box.found
    path.write_bytes(data)
    box.pass_time(20)
    assert box.names == ["slow.mp4"]
    assert not box.refused


def test_file_must_be_the_same_at_two_looks(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    box = watched()
    put(clip, tmp_path / "yard/a.mp4")
    box.pass_time(3)
    assert not box.found
    box.pass_time(2)
    assert box.names == ["a.mp4"]


@pytest.mark.parametrize("name", ["a.mp4.tmp", "a.mp4.part", "a.filepart", "a.mp4~", ".a.mp4"])
def test_temporary_name_is_ignored_until_it_is_renamed(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched], name: str
) -> None:
    box = watched()
    path = put(clip, tmp_path / "yard" / name)
    box.pass_time(15)
    assert not box.found
    path.rename(tmp_path / "yard/a.mp4")
    box.pass_time(15)
    assert box.names == ["a.mp4"]


def test_renamed_clip_has_the_same_identity_and_another_has_not(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    box = watched()
    path = put(clip, tmp_path / "yard/a.mp4")
    box.pass_time(15)
    path.rename(tmp_path / "yard/b.mp4")
    box.pass_time(15)
    put(clip, tmp_path / "yard/c.mp4", mark=b"\0")
    box.pass_time(15)
    assert box.names == ["a.mp4", "b.mp4", "c.mp4"]
    first, renamed, other = (found.content for found in box.found)
    assert first == renamed != other


def test_ring_that_writes_the_same_name_again_is_noticed_in_a_full_scan(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    """In place, the folder's own mtime does not change: the shortcut cannot see it."""
    box = watched(rescan_s=60.0)
    path = put(clip, tmp_path / "yard/001.mp4")
    box.pass_time(30)
    put(clip, path, mark=b"another day")
    box.pass_time(90)
    assert box.names == ["001.mp4", "001.mp4"]
    assert box.found[0].content != box.found[1].content


def test_known_file_is_neither_opened_nor_found_again(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    box = watched(rescan_s=60.0)
    put(clip, tmp_path / "yard/a.mp4")
    box.pass_time(300, step_s=5.0)
    assert box.names == ["a.mp4"]
    assert box.watcher.status().scans >= 4


def test_idle_tree_is_not_asked_for_again_between_full_scans(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    for index in range(20):
        put(clip, tmp_path / f"yard/{index // 5}/{index}.mp4", mark=bytes(index))
    box = watched()
    box.pass_time(60)
    assert len(box.found) == 20
    asked = box.ledger.asked
    box.pass_time(120)
    assert box.ledger.asked == asked
    put(clip, tmp_path / "yard/2/new.mp4", mark=b"new")
    box.pass_time(15)
    assert box.names[-1] == "new.mp4"


def broken_text(path: Path) -> None:
    path.write_text("no video\n" * 100)


def broken_empty(path: Path) -> None:
    path.touch()


def broken_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 << 30)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_text, "is no video"),
        (broken_empty, r"is empty \(0 bytes\)"),
        (broken_sparse, "mostly a hole"),
    ],
)
def test_file_that_never_opens_is_refused_with_its_reason_and_blocks_nobody(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched], make: object, words: str
) -> None:
    box = watched()
    path = tmp_path / "yard/broken.mp4"
    path.parent.mkdir()
    make(path)
    put(clip, tmp_path / "yard/good.mp4")
    box.pass_time(10)
    assert box.names == ["good.mp4"]
    assert not box.refused  # it may come yet
    box.pass_time(300)
    (refused,) = box.refused
    assert (refused.camera, refused.path) == (YARD, path)
    assert refused.content is not None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(refused.reason)
    box.pass_time(900, step_s=10.0)
    assert len(box.refused) == 1


def test_file_that_opens_late_is_not_refused(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    """An FTP server makes the file, and the recorder sends it minutes later."""
    box = watched()
    path = tmp_path / "yard/late.mp4"
    path.parent.mkdir()
    path.touch()
    box.pass_time(100)
    put(clip, path)
    box.pass_time(200)
    assert box.names == ["late.mp4"]
    assert not box.refused


def test_old_broken_file_is_refused_at_its_first_failure(
    tmp_path: Path, watched: Callable[..., Watched]
) -> None:
    box = watched()
    path = tmp_path / "yard/old.mp4"
    path.parent.mkdir()
    broken_text(path)
    at_mtime(path, time.time() - 7200)
    box.pass_time(6)
    assert [refused.path for refused in box.refused] == [path]


def test_link_planted_by_an_uploader_is_never_followed(
    tmp_path: Path, watched: Callable[..., Watched]
) -> None:
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard/a.mp4").symlink_to("/etc/passwd")
    (tmp_path / "yard/loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "yard/b.mp4")
    box = watched()
    box.pass_time(15)
    assert not box.found
    assert not box.refused
    assert box.watcher.status().pending == 0


def test_file_deleted_while_it_settles_is_forgotten(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    box = watched()
    path = put(clip, tmp_path / "yard/a.mp4")
    box.pass_time(3)
    assert box.watcher.status().pending == 1
    path.unlink()
    box.pass_time(3)
    assert box.watcher.status().pending == 0
    assert not box.refused


def test_too_old_is_refused_unopened(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    now = dt.datetime.fromisoformat("2026-11-24T14:00:00+00:00")
    put(clip, tmp_path / "yard/2026-11-24/13.00.00-13.01.00.mp4")
    put(clip, tmp_path / "yard/2026-11-22/13.00.00-13.01.00.mp4")
    box = watched(DAV, now=now, max_age_s=86_400.0)
    box.pass_time(10)
    assert [str(found.path.parent.name) for found in box.found] == ["2026-11-24"]
    (refused,) = box.refused
    assert (refused.reason, refused.content) == (TOO_OLD, None)


def test_newest_come_first(tmp_path: Path, clip: Path, watched: Callable[..., Watched]) -> None:
    now_s = time.time()
    for index in (3, 1, 4, 0, 2):
        at_mtime(put(clip, tmp_path / f"yard/{index % 2}/{index}.mp4"), now_s - 600 + index)
    box = watched()
    box.pass_time(6)
    assert box.names == ["4.mp4", "3.mp4", "2.mp4", "1.mp4", "0.mp4"]


@pytest.mark.parametrize("method", ["poll", "notify"])
def test_more_files_than_room_are_all_found(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    monkeypatch.setattr("edge_agent.recorders.find.rounds.SCAN_ROOM", 4)
    for index in range(23):
        put(clip, tmp_path / f"yard/{index}.mp4", mark=bytes(index))
    box = watched(method=method)
    box.pass_time(2)
    assert box.watcher.status().pending == 4
    assert not box.watcher.idle
    box.pass_time(60)
    assert sorted(box.names) == sorted(f"{index}.mp4" for index in range(23))
    assert box.watcher.idle


@pytest.mark.parametrize(
    "name", ["a b  c.mp4", "Sân sau – chiều.mp4", os.fsdecode(b"s\xe2n\xff.mp4"), "x\n\x1b[31m.mp4"]
)
def test_any_name_is_handled_and_can_be_logged(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    put(clip, tmp_path / "yard" / name)
    broken_text(tmp_path / "yard" / f"broken {name}")
    put(clip, tmp_path / name)  # does not fit the template
    box = watched("{camera}/*.{video}")
    box.pass_time(300)
    assert box.names == [name]
    (refused,) = box.refused
    shown = [refused.reason, *(record.getMessage() for record in caplog.records)]
    assert any("do not fit the template" in line for line in shown)
    for line in shown:
        assert line.encode("utf-8").decode().isprintable()


def test_unknown_channel_and_unfit_path_are_counted_not_found(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    put(clip, tmp_path / "yard/2026-11-24/13.00.00-13.01.00.mp4")
    put(clip, tmp_path / "garage/2026-11-24/13.00.00-13.01.00.mp4")
    put(clip, tmp_path / "export.mp4")
    put(clip, tmp_path / "@eaDir/2026-11-24/13.00.00-13.01.00.mp4")
    box = watched(DAV)
    box.pass_time(10)
    assert len(box.found) == 1
    status = box.watcher.status()
    assert (status.unmatched, status.unknown_channels) == (1, ("garage",))


def test_channels_that_are_taken_for_one_camera_are_told(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(clip, tmp_path / "yard/2026-11-24/13.00.00-13.01.00.mp4")
    box = watched(DAV, {"": CameraId("all")})
    box.pass_time(10)
    assert "taken for one camera" not in caplog.text
    put(clip, tmp_path / "yard/2026-11-24/14.00.00-14.01.00.mp4", b"1")
    put(clip, tmp_path / "garage/2026-11-24/13.00.00-13.01.00.mp4", b"2")
    box.pass_time(700)
    assert "2 channels are taken for one camera (garage, yard)" in caplog.text


def test_files_that_do_not_open_take_no_room_from_others(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.recorders.find.rounds.SCAN_ROOM", 3)
    now_s = time.time()
    for index in range(5):
        at_mtime(put(clip, tmp_path / f"yard/{index}.mp4", bytes(index)), now_s - 100 + index)
    for index in range(3):
        broken_text(tmp_path / f"yard/newest{index}.mp4")
        at_mtime(tmp_path / f"yard/newest{index}.mp4", now_s + 10)
    box = watched()
    box.pass_time(60)
    assert len(box.found) == 5
    assert not box.refused


def test_file_that_changes_while_it_is_opened_is_looked_at_anew(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = put(clip, tmp_path / "yard/a.mp4")
    taken: list[object] = []

    def take(intake: ClipIntake, claim: Claim, seen: SeenFile) -> object:
        if not taken:
            put(clip, path, mark=b"more")
        taken.append(original(intake, claim, seen))
        return taken[-1]

    original = ClipIntake.take
    monkeypatch.setattr(ClipIntake, "take", take)
    box = watched(rescan_s=1e9)
    box.pass_time(4)
    assert taken == [None]
    assert box.watcher.status().pending == 1
    box.pass_time(10)
    assert box.names == ["a.mp4"]


def test_backlog_from_before_the_clock_was_set_does_not_count(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    """A week ago the recorder was an hour fast; a later scan brings those clips."""
    old = dt.datetime.fromisoformat("2026-11-17T13:00:00+00:00")
    new = dt.datetime.fromisoformat("2026-11-24T13:00:00+00:00")
    box = watched("{camera}/{start:%Y%m%d-%H%M%S}-{end:%H%M%S}.mp4", now=new)
    for begin, fast_s in ((new, 0), (old, 3600)):
        for minute in range(5):
            at = begin + dt.timedelta(minutes=minute)
            named = at + dt.timedelta(seconds=fast_s)
            name = f"{named:%Y%m%d-%H%M%S}-{named:%H%M}59.mp4"
            path = put(clip, tmp_path / "yard" / name, name.encode())
            at_mtime(path, at.timestamp() + 60.0)
        box.pass_time(20)
    assert len(box.found) == 10
    offset = box.watcher.clock_offset(YARD)
    assert offset is not None
    assert offset.offset_s == pytest.approx(-1.0, abs=0.5)


# --- lost and found ----------------------------------------------------------------------


def test_vanished_root_is_lost_and_found_again(
    tmp_path: Path, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "share"
    put(clip, root / "yard/a.mp4")
    box = Watched(root)
    box.pass_time(10)
    root.rename(tmp_path / "away")
    box.pass_time(30)
    lost = box.watcher.status().lost
    assert lost is not None
    assert "is not there" in lost
    assert sum("source lost" in record.getMessage() for record in caplog.records) == 1
    put(clip, tmp_path / "away/yard/b.mp4", mark=b"b")
    (tmp_path / "away").rename(root)
    box.pass_time(20)
    assert box.watcher.status().lost is None
    assert box.names == ["a.mp4", "b.mp4"]
    assert not box.refused


def test_empty_mount_point_is_a_lost_source(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    slash, share = Mount("/", "ext4", "/dev/vda"), Mount(str(tmp_path), "cifs", "//nas/x")
    table = [slash, share]
    root = WatchedRoot(tmp_path, mounts=lambda: table, declared=lambda _: None)
    box = watched(watched_root=root)
    path = put(clip, tmp_path / "yard/a.mp4")
    box.pass_time(3)
    table.remove(share)
    path.rename(tmp_path.parent / "aside.mp4")
    box.pass_time(60)
    lost = box.watcher.status().lost
    assert lost is not None
    assert "no longer mounted" in lost
    table.append(share)
    (tmp_path.parent / "aside.mp4").rename(path)
    box.pass_time(20)
    assert box.names == ["a.mp4"]


def test_file_is_not_blamed_for_a_share_that_just_went(
    tmp_path: Path, watched: Callable[..., Watched]
) -> None:
    slash, share = Mount("/", "ext4", "/dev/vda"), Mount(str(tmp_path), "cifs", "//nas/x")
    table = [slash, share]
    root = WatchedRoot(tmp_path, mounts=lambda: table, declared=lambda _: None)
    box = watched(watched_root=root)
    (tmp_path / "yard").mkdir()
    broken_text(tmp_path / "yard/a.mp4")
    at_mtime(tmp_path / "yard/a.mp4", time.time() - 7200)
    box.pass_time(3)
    table.remove(share)
    box.pass_time(1)  # between two checks, it is opened
    assert box.watcher.status().lost is not None
    assert not box.refused


# --- inotify -----------------------------------------------------------------------------


def test_notified_clip_needs_no_scan(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    box = watched(method="notify")
    box.quiet()
    put(clip, tmp_path / "yard/first.mp4")
    box.until(lambda: box.watcher.status().pending == 1)
    assert box.watcher.status().scans == 1
    box.pass_time(5)
    assert box.names == ["first.mp4"]


def test_new_dated_folders_are_followed_at_once(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    """mkdir -p, then the file: it may be there before the kernel watches its folder."""
    box = watched(method="notify")
    box.quiet()
    for index in range(30):
        put(clip, tmp_path / f"yard/2026-11-{index + 1:02}/001/dav/{index}/a.mp4", bytes(index))
    moved = put(clip, tmp_path.parent / f"{tmp_path.name}-aside/2026-12/b.mp4", b"moved")
    moved.parent.rename(tmp_path / "yard/2026-12")

    def all_found() -> bool:
        box.clock.advance(0.5)
        return len(box.found) == 31

    box.until(all_found)
    assert box.watcher.status().scans == 1


def test_rename_from_a_temporary_name_is_noticed(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    (tmp_path / "yard").mkdir()
    box = watched(method="notify")
    box.quiet()
    part = put(clip, tmp_path / "yard/a.mp4.part")
    part.rename(tmp_path / "yard/a.mp4")
    box.until(lambda: box.watcher.status().pending == 1)
    box.pass_time(5)
    assert box.names == ["a.mp4"]


def test_root_that_is_a_link_is_watched_where_it_leads(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "disk/yard").mkdir(parents=True)
    (tmp_path / "share").symlink_to(tmp_path / "disk")
    box = Watched(tmp_path / "share", method="notify")
    try:
        box.quiet()
        put(clip, tmp_path / "disk/yard/a.mp4")
        box.until(lambda: box.watcher.status().pending == 1)
        box.pass_time(5)
        assert [found.path for found in box.found] == [tmp_path / "share/yard/a.mp4"]
    finally:
        box.watcher.close()


def test_lost_notifications_bring_a_scan(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.recorders.find.notify.MAX_WAITING", 3)
    (tmp_path / "yard").mkdir()
    box = watched(method="notify")
    box.quiet()
    for index in range(10):
        put(clip, tmp_path / f"yard/{index}.mp4", mark=bytes(index))
    box.until(lambda: box.watcher.status().overflows > 0)
    box.pass_time(6)
    assert len(box.found) == 10
    assert box.watcher.status().scans >= 2


def test_overflow_of_the_kernels_queue_brings_a_scan(
    tmp_path: Path, watched: Callable[..., Watched]
) -> None:
    from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD

    box = watched(method="notify")
    box.quiet()
    (reader,) = [thread for thread in threading.enumerate() if isinstance(thread, InotifyFD)]
    reader.handle_event(InotifyEvent(-1, InotifyConstants.IN_Q_OVERFLOW, 0, b""))
    box.pass_time(1)
    status = box.watcher.status()
    assert (status.overflows, status.scans) == (1, 2)


def test_scan_counts_when_what_it_saw_is_awaited(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who sees that it ended looks at what is awaited next."""
    put(clip, tmp_path / "yard/a.mp4")
    box = watched()
    scans: list[int] = []
    add = Settling.add

    def told_apart(settling: Settling, seen: SeenFile, now_s: float) -> None:
        scans.append(box.watcher.status().scans)
        add(settling, seen, now_s)

    monkeypatch.setattr(Settling, "add", told_apart)
    box.quiet()
    assert scans == [0]
    assert box.watcher.status().scans == 1


def test_folder_made_anew_is_watched_again(tmp_path: Path, clip: Path) -> None:
    root = tmp_path / "share"
    (root / "yard").mkdir(parents=True)
    box = Watched(root, method="notify")
    try:
        box.quiet()
        shutil.rmtree(root)
        put(clip, root / "yard/a.mp4")
        box.pass_time(12)

        def noticed() -> bool:
            # Again and again: watchdog's thread may not have begun to watch at the first time.
            put(clip, root / "yard/b.mp4", mark=b"b")
            return box.watcher.status().pending > 0

        box.until(noticed)
        box.pass_time(6)
        assert box.names == ["a.mp4", "b.mp4"]
    finally:
        box.watcher.close()


def test_too_few_watches_are_told_with_the_setting_and_polled(
    tmp_path: Path,
    clip: Path,
    watched: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for index in range(20):
        (tmp_path / f"yard/{index}").mkdir(parents=True)
    monkeypatch.setattr("edge_agent.recorders.find.notify.Notifier.watched_folders", lambda *_: 10)
    box = watched(method="notify")
    box.pass_time(2)
    limited = box.watcher.status().limited
    assert limited is not None
    assert "watches only 10 of 22 folders" in limited
    assert "fs.inotify.max_user_watches" in caplog.text
    box.watcher._notices.take = lambda: ({}, False)  # that folder is not watched
    put(clip, tmp_path / "yard/3/a.mp4")
    box.pass_time(12)
    assert box.names == ["a.mp4"]


def test_run_ends_with_the_stop_token(tmp_path: Path, clip: Path) -> None:
    box, stop = Watched(tmp_path, method="notify"), StopToken()
    put(clip, tmp_path / "yard/a.mp4")
    thread = threading.Thread(target=box.watcher.run, args=(stop, box._take, box._refuse))
    thread.start()
    deadline = time.monotonic() + 10
    while not box.found and time.monotonic() < deadline:
        box.clock.advance(0.5)
        time.sleep(0.02)
    stop.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert box.names == ["a.mp4"]


def test_upload_under_a_temporary_name_is_awaited_until_it_rests(
    tmp_path: Path, clip: Path, watched: Callable[..., Watched]
) -> None:
    (tmp_path / "yard").mkdir()
    path = tmp_path / "yard/2026-11-24_14-05-06.mp4.part"
    path.write_bytes(b"half")
    given_up = tmp_path / "yard/2026-11-24_13-05-06.mp4.part"
    given_up.write_bytes(b"half")
    at_mtime(given_up, 1.0)
    box = watched()
    box.pass_time(2)
    assert [camera for camera, _ in box.watcher.awaited()] == ["yard"]
    path.unlink()
    box.watcher._check()
    assert box.watcher.awaited() == []
