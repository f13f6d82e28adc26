"""Clips as they come: every container, every defect, from a descriptor that outlives its name."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import clips
import cv2
import dhav
import numpy as np
import pytest

from edge_agent.clock import SystemClock
from edge_agent.domain import CameraId
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize
from edge_agent.recorders.find import (
    ClipChanged,
    ClipGone,
    ClipPackets,
    ClipSpan,
    FoundClip,
    open_clip,
)
from edge_agent.recorders.find.clip import ClipKind
from edge_agent.recorders.find.identity import END_BYTES, content_of, open_regular
from edge_agent.recorders.find.reading import ClipProperties, facts_of
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import Decoder

START = dt.datetime.fromisoformat("2026-11-24T14:05:06")
START_AS_UTC_S = START.replace(tzinfo=dt.UTC).timestamp()


def facts(path: Path, kind: ClipKind = "video") -> ClipProperties:
    file = open_regular(path)
    try:
        return facts_of(file, kind, "yard")
    finally:
        file.close()


def found(path: Path, kind: ClipKind = "video") -> FoundClip:
    file = open_regular(path)
    content = content_of(file)
    file.close()
    span = ClipSpan(0.0, None, "mtime", 0.0, 0.0, disputed=False)
    return FoundClip(CameraId("yard"), path, file.size_bytes, file.mtime_ns, content, kind, span)


def opened(clip: FoundClip) -> ClipPackets:
    return open_clip(clip, stop=StopToken(), clock=SystemClock())


def decoded(packets: ClipPackets) -> int:
    decoder = Decoder(packets.stream, packets.time_base)
    count = sum(len(decoder.decode(packet)) for packet in packets.packets())
    return count + len(decoder.drain())


def still(path: Path) -> Path:
    encoded = cv2.imencode(".jpg", clips.picture(0, 320, 240))[1]
    path.write_bytes(encoded.tobytes())
    return path


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "ts", "mov", "flv", "h264", "mp4 "])
def test_every_container_opens(tmp_path: Path, suffix: str) -> None:
    path = clips.render(tmp_path / f"clip.{suffix.strip()}")
    read = facts(path)
    assert (read.codec, read.size) == ("h264", FrameSize(320, 240))
    if suffix != "h264":
        assert read.duration_s == pytest.approx(2.0, abs=0.1)
    packets = opened(found(path))
    try:
        assert decoded(packets) == 30
    finally:
        packets.close()


def test_dav_opens_and_bears_the_recorders_date(tmp_path: Path) -> None:
    path = dhav.write_dav(tmp_path / "clip.dav", clips.Clip(frames=45), start=START)
    read = facts(path)
    assert (read.codec, read.size, read.fps) == ("h264", FrameSize(320, 240), 15.0)
    assert read.created_utc_s == START_AS_UTC_S
    assert read.duration_s == pytest.approx(3.0, abs=1.0)
    packets = opened(found(path))
    assert decoded(packets) == 45
    packets.close()


def test_sound_that_begins_late_does_not_end_the_picture(tmp_path: Path) -> None:
    """libav finds a dav's streams as it goes; PyAV knows only those of the beginning."""
    clip = clips.Clip(frames=90, width=64, height=64)
    path = dhav.write_dav(tmp_path / "clip.dav", clip, sound_from=80, filler_bytes=80_000)
    packets = opened(found(path))
    assert decoded(packets) == 90
    packets.close()


def test_title_of_any_bytes_does_not_hide_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Sxn truoc"
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        image = av.VideoFrame.from_ndarray(clips.picture(0, 64, 64), format="bgr24")
        container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Sxn truoc", b"S\xe2n truoc"))
    assert facts(path).size == FrameSize(64, 64)


def test_still_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    path = still(tmp_path / "still.jpg")
    read = facts(path, "still")
    assert (read.codec, read.size, read.duration_s) == ("mjpeg", FrameSize(320, 240), 0.0)
    packets = opened(found(path, "still"))
    assert decoded(packets) == 1
    packets.close()


def test_creation_time_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with (
        av.open(str(clips.render(tmp_path / "plain.mp4"))) as source,
        av.open(str(path), "w") as container,
    ):
        container.metadata["creation_time"] = "2026-11-24T14:05:06Z"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    assert facts(path).created_utc_s == START_AS_UTC_S


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("this is no video\n" * 200)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(50_000))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 << 30)


def reserved(path: Path) -> None:
    """A copying program reserved the space and wrote the first kilobytes."""
    head = clips.render(path.with_name("head.ts")).read_bytes()[:20_000]
    with path.open("wb") as file:
        file.write(head)
        file.truncate(4 << 30)


def cut(path: Path) -> None:
    whole = clips.render(path.with_name("whole.mp4"), clips.Clip(frames=150))
    clips.truncated(whole, path, 0.7)


def cut_at_99(path: Path) -> None:
    """The index comes last: without its end, nothing can be found."""
    noisy = clips.Clip(frames=300, gop=1, width=160, height=120)
    whole = clips.render(path.with_name("whole.mp4"), noisy)
    clips.truncated(whole, path, 0.99)


def sound(path: Path) -> None:
    clips.audio_only(path.with_suffix(".m4a")).rename(path)


def playlist(path: Path) -> None:
    """Would make libav read any file or address."""
    other = clips.render(path.with_name("other.ts"))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n")


def list_of_files(path: Path) -> None:
    clips.render(path.with_name("other.mp4"))
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def ansi(path: Path) -> None:
    """libav draws such texts as videos."""
    path.write_text("\x1b[31mhello\x1b[0m\n" * 200)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (empty, r"is empty \(0 bytes\)"),
        (text, "is no video"),
        (noise, "is no video|no picture|cannot be read"),
        (sparse, r"mostly a hole \(4096 of 4096 MiB"),
        (reserved, "mostly a hole"),
        (cut, "its end is missing"),
        (cut_at_99, "its end is missing"),
        (sound, "holds only sound"),
        (playlist, "is no video|cannot be read"),
        (list_of_files, "cannot be read|is no video"),
        (ansi, "is no video|cannot be read"),
    ],
)
def test_file_that_is_no_clip_gives_one_clear_reason(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(MediaError, match=words) as caught:
        facts(path)
    assert str(caught.value).startswith(f"yard: {path}")


def test_picture_under_a_stills_name_must_be_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "still.jpg"
    path.write_bytes(cv2.imencode(".png", clips.picture(0, 64, 64))[1].tobytes())
    with pytest.raises(MediaError):
        facts(path, "still")


def test_cut_still_is_refused_or_decoded_but_never_crashes(tmp_path: Path) -> None:
    whole = still(tmp_path / "whole.jpg")
    for share in (0.01, 0.1, 0.5, 0.99):
        path = clips.truncated(whole, tmp_path / f"cut{share}.jpg", share)
        try:
            assert facts(path, "still").size == FrameSize(320, 240)
        except MediaError:
            continue


def test_avi_with_a_broken_index_is_read(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "clip.avi")
    data = bytearray(path.read_bytes())
    index = data.rindex(b"idx1")
    data[index : index + 8] = b"junk\xff\xff\xff\x7f"
    path.write_bytes(data)
    packets = opened(found(path))
    assert decoded(packets) == 30
    packets.close()
    cut_path = clips.truncated(clips.render(tmp_path / "b.avi"), tmp_path / "cut.avi", 0.9)
    assert facts(cut_path).size == FrameSize(320, 240)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_ts_and_dav_give_what_is_there(tmp_path: Path, share: float) -> None:
    whole = clips.render(tmp_path / "whole.ts", clips.Clip(frames=60))
    dav = dhav.write_dav(tmp_path / "whole.dav", clips.Clip(frames=60))
    for path in (whole, dav):
        cut_path = clips.truncated(path, tmp_path / f"cut{path.suffix}", share)
        packets = opened(found(cut_path))
        frames = decoded(packets)
        packets.close()
        assert 60 * share * 0.5 <= frames < 60


@pytest.mark.parametrize("suffix", ["mp4", "dav", "jpg"])
def test_deleting_a_clip_while_it_is_read_does_no_harm(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    if suffix == "dav":
        dhav.write_dav(path)
    elif suffix == "jpg":
        still(path)
    else:
        clips.render(path)
    kind: ClipKind = "still" if suffix == "jpg" else "video"
    packets = opened(found(path, kind))
    path.unlink()
    assert decoded(packets) == (1 if kind == "still" else 30)
    packets.close()


def test_clip_that_is_written_over_while_it_is_read_says_so(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "clip.ts")
    packets = opened(found(path))
    other = clips.render(tmp_path / "other.ts", clips.Clip(frames=60)).read_bytes()
    with path.open("r+b") as file:  # as a ring does: the same file, new content
        file.write(other)
    with pytest.raises(ClipChanged, match="written over"):
        decoded(packets)
    packets.close()


def test_clip_that_is_gone_or_another_says_so(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "clip.mp4")
    clip = found(path)
    clips.render(path, clips.Clip(frames=10))
    with pytest.raises(ClipChanged, match="another recording"):
        opened(clip)
    path.unlink()
    with pytest.raises(ClipGone, match="is gone"):
        opened(clip)


def test_clip_that_was_only_touched_is_the_same(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "clip.mp4")
    clip = found(path)
    os.utime(path, (1.0, 1.0))
    opened(clip).close()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    good, bad = clips.render(tmp_path / "good.mp4"), tmp_path / "bad.mp4"
    text(bad)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        facts(good)
        opened(found(good)).close()
        with pytest.raises(MediaError):
            facts(bad)
        with pytest.raises(MediaError):
            opened(found(bad))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- identity ----------------------------------------------------------------------------


def identity(path: Path) -> object:
    file = open_regular(path)
    try:
        return content_of(file)
    finally:
        file.close()


def test_identity_is_size_and_both_ends(tmp_path: Path) -> None:
    data = bytearray(np.random.default_rng(1).bytes(4 * END_BYTES))
    path = tmp_path / "a"
    path.write_bytes(data)
    same = identity(path)
    copy = tmp_path / "b"
    shutil.copy(path, copy)
    assert identity(copy) == same
    for place in (0, END_BYTES - 1, 3 * END_BYTES, 4 * END_BYTES - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        copy.write_bytes(changed)
        assert identity(copy) != same
    copy.write_bytes(data + b"\0")
    assert identity(copy) != same


def test_identity_of_short_files_differs(tmp_path: Path) -> None:
    seen = set()
    for size in (0, 1, 2, END_BYTES, END_BYTES + 1, 2 * END_BYTES - 1):
        path = tmp_path / str(size)
        path.write_bytes(bytes(size))
        seen.add(identity(path))
    assert len(seen) == 6


def test_link_and_pipe_are_no_clips(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("link", "cannot be opened"), ("pipe", "is not a file")):
        with pytest.raises(MediaError, match=words):
            open_regular(tmp_path / name)
