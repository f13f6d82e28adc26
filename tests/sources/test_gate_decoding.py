"""What the gate hands on, on real streams: the beginning is there, bit by bit, and little else."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from gate_clips import CODECS, Transit, play, render

from edge_agent.domain import CameraId, Frame, Lighting, Packet, Track
from edge_agent.geometry import BBox
from edge_agent.runtime import process
from edge_agent.sources import Decoder, GopRing, Picture
from edge_agent.sources.gate import (
    FeedSide,
    Finding,
    GatedDecoding,
    GateMachine,
    GateMemory,
    GateState,
    Policy,
    Sight,
)

VISIT = Transit(12.4, 15.0)


@pytest.fixture(scope="module")
def clip_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder, made = tmp_path_factory.mktemp("gate"), {}

    def make(codec: str = "h264", gop_s: float = 1.0) -> Path:
        key = (codec, gop_s)
        if key not in made:
            suffix = ".avi" if codec == "mjpeg" else ".mp4"
            path = folder / f"{codec}-{gop_s}{suffix}"
            made[key] = render(path, 25.0, VISIT, codec=codec, gop_s=gop_s)
        return made[key]

    return make


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("large", [False, True])
def test_visit_is_seen_from_its_beginning_and_bit_exact(
    clip_of: Callable[..., Path], codec: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`large`: as with a main stream, whose decoder gives its memory back while idle."""
    monkeypatch.setattr("edge_agent.sources.decoder._RESTS_ABOVE_PX", 0 if large else 1e9)
    clip = clip_of(codec)
    full = play(clip, gate="off", keep_lumas=True)
    gated = play(clip, keep_lumas=True)
    # The same moments at 5 fps from the keyframe before the visit on, and keyframes before.
    begin_s = 12.0
    assert [at_s for at_s in gated.times_s if 12.0 < at_s < 16.0] == pytest.approx(
        [at_s for at_s in full.times_s if begin_s < at_s < 16.0], abs=0.11
    )
    assert gated.moving_s[0] == pytest.approx(full.moving_s[0], abs=0.21)
    idle = [at_s for at_s in gated.times_s if 8.0 <= at_s <= begin_s]
    assert idle == pytest.approx(range(8, 13), abs=0.15 if codec == "mjpeg" else 0.01)
    both = set(gated.lumas) & set(full.lumas)
    assert len(both) > 40
    for at_s in both:
        np.testing.assert_array_equal(gated.lumas[at_s], full.lumas[at_s], err_msg=str(at_s))
    assert gated.times_s == sorted(gated.times_s)
    status = gated.feed.status()
    assert status.gate is not None
    assert status.gate.counters.wakes == 1
    assert status.gate.counters.false_wakes == 0
    assert status.decode_errors == 0


def test_little_is_decoded_while_nothing_happens(clip_of: Callable[..., Path]) -> None:
    status = play(clip_of()).feed.status()
    assert status.gate is not None
    assert status.gate.plan.policy is Policy.KEYS
    # 5 s to measure the stream, then the visit and 1 s after it.
    assert status.gate.counters.decoded_frac < 0.5
    assert status.decoded < 0.5 * 25 * 15
    assert status.gate.counters.idle_s == pytest.approx(25 - 5 - 4, abs=2)
    assert status.gate.cpu_s > 0


def test_stream_with_rare_keyframes_is_decoded_whole(clip_of: Callable[..., Path]) -> None:
    clip = clip_of("h264", 8.0)
    full, gated = play(clip, gate="off", keep_lumas=True), play(clip, keep_lumas=True)
    assert gated.times_s == full.times_s
    assert gated.moving_s == full.moving_s
    # Blocks where nothing moves; from the second picture of the visit on not one, although the
    # keyframe before was 4 s ago.
    same = {at: np.array_equal(gated.lumas[at], full.lumas[at]) for at in full.times_s}
    assert not any(same[at] for at in full.times_s if 8.5 < at < 12.0)
    assert all(same[at] for at in full.times_s if 12.7 < at < 16.0)
    status = gated.feed.status()
    assert status.gate is not None
    assert status.gate.mode.name == GateState.ALWAYS
    assert "I-frame interval" in status.gate.plan.advice


@pytest.mark.parametrize("codec", ["h264", "hevc", "b-frames"])
def test_decoder_without_loop_filter_changes_over_at_keyframes_and_back(
    clip_of: Callable[..., Path], codec: str
) -> None:
    with av.open(str(clip_of(codec))) as container, av.open(str(clip_of(codec))) as again:
        full = decoder_of(again)
        decoder = decoder_of(container)
        wanted = pictures(full, again, lambda index: None)
        got = pictures(
            decoder, container, lambda index: decoder.use_loop_filter(not 20 < index < 50)
        )
    assert [pts_s for pts_s, _ in got] == [pts_s for pts_s, _ in wanted]
    same = [np.array_equal(a, b) for (_, a), (_, b) in zip(got, wanted, strict=True)]
    assert all(same[:28])
    assert not all(same[30:60])
    assert all(same[62:])


def test_decoder_at_rest_holds_no_pictures() -> None:
    """Sixteen main streams would hold 160 MiB for nothing; a reference cycle would as well."""
    rounds, size_px = 12, 1920 * 1080
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        options = {"preset": "ultrafast", "x264-params": "log=0"}
        stream = container.add_stream("libx264", rate=15, options=options)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.full((1620, 1920), 90, np.uint8), format="yuv420p")
        grey.pts = 0
        container.mux(stream.encode(grey))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        decoder = decoder_of(container)
        key = packets(container)[0]
        gc.collect()
        gc.disable()
        try:
            before_mib = process.rss_mib()
            for _ in range(rounds):
                assert decoder.decode(key) + decoder.drain()
                decoder.rest()
            grown_mib = process.rss_mib() - before_mib
        finally:
            gc.enable()
    assert grown_mib < rounds * 1.5 * size_px / 2**20 / 2


def decoder_of(container: av.container.InputContainer) -> Decoder:
    stream = container.streams.video[0]
    return Decoder(stream, stream.time_base)


def pictures(
    decoder: Decoder, container: av.container.InputContainer, before: Callable[[int], None]
) -> list[tuple[float, np.ndarray]]:
    found: list[Picture] = []
    for index, packet in enumerate(packets(container)):
        before(index)
        found += decoder.decode(packet)
    found += decoder.drain()
    return [(round(p.pts_s, 4), p.unit.to_ndarray(format="gray")) for p in found]


def packets(container: av.container.InputContainer) -> list[Packet]:
    stream = container.streams.video[0]
    units = [unit for unit in container.demux(stream) if unit.size]
    return [
        Packet(
            float(u.pts * stream.time_base),
            float(u.pts * stream.time_base),
            u.is_keyframe,
            u.size,
            u,
        )
        for u in units
    ]


class Reader:
    """Has room for a few frames that must not be dropped, and takes them slowly."""

    def __init__(self) -> None:
        self.waiting: list[float] = []
        self.got: list[tuple[float, bool]] = []

    def offer(self, frame: Frame, kept: bool) -> bool:
        if kept and len(self.waiting) >= 2:
            return False
        self.waiting.append(frame.captured_s)
        self.got.append((frame.captured_s, kept))
        return True

    def take(self) -> None:
        self.waiting = self.waiting[1:]


def test_replay_waits_for_room_while_packets_keep_coming(clip_of: Callable[..., Path]) -> None:
    reader, ring = Reader(), GopRing()
    with av.open(str(clip_of("h264", 2.0))) as container:
        decoder = decoder_of(container)
        machine = GateMachine(GateMemory())
        side = FeedSide(
            due=lambda pts_s: True,
            select=lambda picture: Frame(CameraId("yard"), picture.pts_s, None),
            recall=lambda picture: None,
            hand_on=reader.offer,
            judge=lambda picture: Sight(
                picture.pts_s,
                (),
                Lighting.CHANGED if abs(picture.pts_s - 14.0) < 0.01 else Lighting.STEADY,
            ),
        )
        decoding = GatedDecoding(decoder, ring, machine, side)
        behind = []
        for index, packet in enumerate(packets(container)):
            ring.add(packet)
            decoding.take(packet, packet.pts_s, ())
            behind.append(decoding.behind)
            if packet.pts_s < 13.9 or index % 2:
                reader.take()
                reader.take()
                reader.take()
    kept = [at_s for at_s, kept in reader.got if kept]
    assert len(kept) == 2 * 15  # what followed the keyframe at 12 s, to the one at 14 s
    assert kept[0] == pytest.approx(12 + 1 / 15, abs=0.01)
    times = [at_s for at_s, _ in reader.got]
    assert times == sorted(set(times))
    assert behind[14 * 15]
    assert not behind[-1]
    awake = [at_s for at_s in times if 12.0 <= at_s <= 18.0]
    assert np.diff(awake) == pytest.approx(1 / 15, abs=0.01)  # nothing after the replay is lost


@pytest.mark.parametrize("known", [False, True])
def test_somebody_found_on_a_keyframe_is_looked_for_before_it(
    clip_of: Callable[..., Path], known: bool
) -> None:
    """The keyframe at 14 s shows a person and no motion, as in rain."""
    somebody = BBox(0.4, 0.4, 0.1, 0.3)
    found: list[Finding] = []
    frames: list[Frame] = []
    ring = GopRing()

    def hand_on(frame: Frame, kept: bool) -> bool:
        frames.append(frame)
        at_s = frame.captured_s
        if not frame.recalled:
            seen = (known and at_s < 5.0) or at_s > 13.99
            moved = BBox(0.6, 0.4, 0.1, 0.3) if at_s > 13.99 else somebody
            tracks = (Track(1, moved, 0.9, 0.9, 0.8, 0.0, at_s, 9),) if known or seen else ()
            found.append(Finding(at_s, (), tracks))
        return True

    with av.open(str(clip_of("h264", 2.0))) as container:
        side = FeedSide(
            due=lambda pts_s: True,
            select=lambda picture: Frame(CameraId("yard"), picture.pts_s, None),
            recall=lambda picture: Frame(CameraId("yard"), picture.pts_s, None, recalled=True),
            hand_on=hand_on,
            judge=lambda picture: Sight(picture.pts_s, (), Lighting.STEADY),
        )
        decoding = GatedDecoding(decoder_of(container), ring, GateMachine(GateMemory()), side)
        for packet in packets(container):
            if packet.pts_s > 15.0:
                break
            ring.add(packet)
            heard, found[:] = list(found), []
            decoding.take(packet, packet.pts_s, heard)
    past = [frame.captured_s for frame in frames if frame.recalled]
    usual = [frame.captured_s for frame in frames if not frame.recalled]
    assert usual == sorted(set(usual))
    assert np.diff([at_s for at_s in usual if at_s > 13.99]) == pytest.approx(1 / 15, abs=0.01)
    if known:
        assert past == []
    else:
        # What lies between the keyframes of 12 and 14 s, once, and both were seen already.
        assert past == pytest.approx([12 + i / 15 for i in range(1, 30)], abs=0.01)
        first = next(i for i, frame in enumerate(frames) if frame.recalled)
        assert frames[first - 1].captured_s == pytest.approx(14.0, abs=0.01)
        assert frames[first + 29].captured_s == pytest.approx(14 + 1 / 15, abs=0.01)


def test_clock_set_back_does_not_blind_the_gate(clip_of: Callable[..., Path]) -> None:
    """While nothing happens the camera's time goes back; the next keyframe shows motion."""
    frames: list[float] = []
    ring = GopRing()
    with av.open(str(clip_of("h264", 2.0))) as container:
        machine = GateMachine(GateMemory())
        back_s = 0.0
        side = FeedSide(
            due=lambda pts_s: True,
            select=lambda picture: Frame(CameraId("yard"), picture.pts_s, None),
            recall=lambda picture: None,
            hand_on=lambda frame, kept: frames.append(frame.captured_s) is None,
            judge=lambda picture: Sight(
                picture.pts_s, (), Lighting.CHANGED if picture.pts_s < 0 else Lighting.STEADY
            ),
        )
        decoding = GatedDecoding(decoder_of(container), ring, machine, side)
        for packet in packets(container):
            if packet.pts_s > 11.9 and packet.is_key and not back_s:
                assert machine.state is GateState.IDLE
                back_s = 1000.0
            unit = packet.unit
            if back_s:
                unit.pts -= round(back_s / unit.time_base)
                unit.dts -= round(back_s / unit.time_base)
            moved = Packet(
                packet.pts_s - back_s, packet.received_s, packet.is_key, packet.size_bytes, unit
            )
            ring.add(moved)
            decoding.take(moved, moved.received_s, ())
    after = [at_s for at_s in frames if at_s < 0]
    assert len(after) > 30
