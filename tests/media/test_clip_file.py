"""Clips play: whole, and after their writer was killed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import Clip, render
from packets import KINDS, Recorded, read, recorded, seen

from edge_agent.domain import Packet
from edge_agent.errors import MediaError
from edge_agent.media import ClipFacts, ClipFile


def add_all(clip: ClipFile, packets: list[Packet]) -> None:
    for packet in packets:
        clip.add(packet)


def write(path: Path, source: Recorded, packets: list[Packet] | None = None) -> ClipFacts:
    clip = ClipFile(path, source.stream)
    add_all(clip, source.packets if packets is None else packets)
    facts = clip.seal()
    clip.close()
    return facts


@pytest.mark.parametrize("kind", KINDS)
def test_every_codec_plays_without_a_damaged_frame_and_untouched(tmp_path: Path, kind: str) -> None:
    source = recorded(tmp_path, kind)
    facts = write(tmp_path / "clip.mp4", source)
    player = seen(tmp_path / "clip.mp4")
    assert (player.frames, player.corrupt, player.streams) == (30, 0, 1)
    assert player.codec == source.stream.codec == kind.partition("-")[0]
    assert facts.duration_s == pytest.approx(2.0, abs=0.01)
    assert player.duration_s == pytest.approx(29 / 15, abs=0.01)
    data = (tmp_path / "clip.mp4").read_bytes()
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.size_bytes == len(data)


def test_h265_carries_the_tag_that_every_player_takes(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", recorded(tmp_path, "hevc"))
    assert seen(tmp_path / "clip.mp4").tag == "hvc1"


def test_the_packets_stay_as_they_were_for_the_decoder(tmp_path: Path) -> None:
    source = recorded(tmp_path)
    before = [(p.unit.pts, p.unit.dts, bytes(p.unit)) for p in source.packets]  # type: ignore[attr-defined,call-overload]
    write(tmp_path / "one.mp4", source, source.packets[15:])
    write(tmp_path / "two.mp4", source)
    assert [(p.unit.pts, p.unit.dts, bytes(p.unit)) for p in source.packets] == before  # type: ignore[attr-defined,call-overload]


def test_a_clip_from_the_middle_of_a_stream_begins_at_zero(tmp_path: Path) -> None:
    source = recorded(tmp_path)
    facts = write(tmp_path / "clip.mp4", source, source.packets[15:])
    assert facts.duration_s == pytest.approx(1.0, abs=0.01)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert next(container.decode(video=0)).pts == 0


def test_sound_is_never_written(tmp_path: Path) -> None:
    path = render(tmp_path / "loud.mp4", Clip(audio=True))
    with av.open(str(path)) as container:
        assert container.streams.audio
    write(tmp_path / "clip.mp4", read(path))
    assert seen(tmp_path / "clip.mp4").streams == 1


def retimed(source: Recorded, times: list[tuple[int | None, int | None]]) -> list[Packet]:
    packets = []
    for packet, (pts, dts) in zip(source.packets, times, strict=False):
        unit = av.Packet(packet.unit)
        unit.pts, unit.dts, unit.is_keyframe = pts, dts, packet.is_key
        packets.append(replace(packet, unit=unit))
    return packets


TICKS_PER_FRAME = 1024  # libav's mp4 muxer at 15 fps: a time base of 1/15360


@pytest.mark.parametrize(
    "times",
    [
        [(index * TICKS_PER_FRAME, None) for index in range(30)],
        [
            (index // 2 * 2 * TICKS_PER_FRAME, index // 2 * 2 * TICKS_PER_FRAME)
            for index in range(30)
        ],
        [((index ^ 1) * TICKS_PER_FRAME, (index ^ 1) * TICKS_PER_FRAME) for index in range(30)],
        [(2**33 + index * TICKS_PER_FRAME, 2**33 + index * TICKS_PER_FRAME) for index in range(30)],
    ],
    ids=["no-dts", "pairs-share-a-time", "steps-back", "hours-of-uptime"],
)
def test_cameras_whose_times_are_odd_give_clips_that_play(
    tmp_path: Path, times: list[tuple[int | None, int | None]]
) -> None:
    source = recorded(tmp_path)
    assert source.stream.time_base == Fraction(1, 15 * TICKS_PER_FRAME)
    facts = write(tmp_path / "clip.mp4", source, retimed(source, times))
    player = seen(tmp_path / "clip.mp4")
    assert (player.frames, player.corrupt) == (30, 0)
    assert facts.duration_s == pytest.approx(2.0, abs=0.15)


def test_raw_pictures_and_streams_without_parameter_sets_are_refused(tmp_path: Path) -> None:
    source = recorded(tmp_path)
    with pytest.raises(MediaError, match="rawvideo"):
        ClipFile(tmp_path / "raw.mp4", replace(source.stream, codec="rawvideo"))
    bare = av.open(str(render(tmp_path / "bare.avi", KINDS["mjpeg"][1]))).streams.video[0]
    with pytest.raises(MediaError, match="parameter sets"):
        ClipFile(tmp_path / "bare.mp4", replace(source.stream, template=bare))
    assert not list(tmp_path.glob("raw.mp4")) + list(tmp_path.glob("bare.mp4"))


def test_a_full_disk_leaves_whole_fragments_and_their_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recorded(tmp_path, frames=90)
    clip = ClipFile(tmp_path / "clip.mp4", source.stream)
    add_all(clip, source.packets[:60])
    written = clip.size_bytes

    write_on = os.write
    some_more = iter([10])

    def full(descriptor: int, data: bytes) -> int:
        """A disk gives its last blocks, then no more."""
        left = next(some_more, 0)
        if not left:
            raise OSError(28, "No space left on device")
        return write_on(descriptor, data[:left])

    monkeypatch.setattr(os, "writev", lambda fd, chunks: write_on(fd, b"".join(chunks)[:9]))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        add_all(clip, source.packets[60:])
    facts = clip.seal()
    clip.close()
    monkeypatch.undo()
    assert clip.broken
    data = (tmp_path / "clip.mp4").read_bytes()
    assert facts == ClipFacts(hashlib.sha256(data).hexdigest(), written, facts.duration_s)
    player = seen(tmp_path / "clip.mp4")
    assert player.corrupt == 0
    assert facts.duration_s == pytest.approx(player.frames / 15, abs=0.01)
    assert facts.duration_s == pytest.approx(3.0, abs=0.01)


WRITER = """
    import os, signal, sys
    from pathlib import Path
    from packets import read
    from edge_agent.media import ClipFile
    source = read(Path(sys.argv[1]))
    clip = ClipFile(Path(sys.argv[2]), source.stream)
    for packet in source.packets[: int(sys.argv[3])]:
        clip.add(packet)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["h264", "hevc", "mjpeg"])
def test_a_killed_writer_leaves_a_file_that_plays(tmp_path: Path, kind: str) -> None:
    source = Path(recorded(tmp_path, kind, frames=75, gop=30).container.name)
    helpers = Path(__file__).parents[1] / "helpers"
    environment = {**os.environ, "PYTHONPATH": f"{helpers.parents[1]}:{helpers}"}
    command = [sys.executable, "-c", textwrap.dedent(WRITER)]
    command += [str(source), str(tmp_path / "clip.mp4"), "70"]
    done = subprocess.run(command, env=environment, timeout=60, check=False)
    assert done.returncode == -9
    player = seen(tmp_path / "clip.mp4")
    assert player.corrupt == 0
    assert 70 - player.frames <= 16, "more than a fragment of 1 s was lost"
