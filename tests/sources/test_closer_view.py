"""Pictures of the main stream: near the moment, only while asked for, gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import av
import clips
import pytest
from packets import Recorded, read

from edge_agent.sources import CloserView, GopRing

FPS, GOP_S, OFFSET_S = 15, 2.0, 100.0


class Main:
    """A main stream of 12 s that flows as far as told."""

    def __init__(self, source: Recorded) -> None:
        self.view, self._source = CloserView(), source
        self._ring, self._next = GopRing(), 0
        self.stream = source.container.streams.video[0]
        self.time_base = self.stream.time_base

    def flow_to(self, at_s: float) -> None:
        packets = self._source.packets
        while self._next < len(packets) and packets[self._next].pts_s + OFFSET_S <= at_s + 1e-6:
            packet = packets[self._next]
            self._next += 1
            self._ring.add(packet)
            self.view.flows(packet, self._ring, OFFSET_S, self)  # type: ignore[arg-type]

    def asked(self, at_s: float) -> float | None:
        """The moment of the picture that is given for this moment."""
        picture = self.view.near(at_s)
        return None if picture is None else picture.pts_s + OFFSET_S


@pytest.fixture(scope="module", params=[0, 2], ids=["plain", "b-frames"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    clip = clips.Clip(frames=12 * FPS, gop=round(GOP_S * FPS), b_frames=request.param)
    found = read(clips.render(tmp_path_factory.mktemp("main") / "a.mp4", clip))
    yield found
    found.container.close()


def test_nothing_is_decoded_while_nobody_asks(source: Recorded) -> None:
    main = Main(source)
    main.flow_to(112.0)
    assert main.view.decoded_packets == 0


def test_asking_begins_in_the_middle_of_a_gop_and_ends_by_itself(source: Recorded) -> None:
    main = Main(source)
    main.flow_to(105.5)
    assert main.asked(105.5) is None
    main.flow_to(107.0)
    assert main.asked(105.5) is None, "an old moment has no picture near"
    assert main.asked(107.0) == pytest.approx(107.0, abs=0.3)
    main.flow_to(107.6)
    assert main.asked(107.6) == pytest.approx(107.6, abs=0.3)
    main.flow_to(111.9)
    # From the keyframe before to a moment after the last question.
    assert main.view.decoded_packets == pytest.approx(FPS * (109.1 - 104.0), abs=3)
    assert main.asked(111.9) is None


def test_decoder_and_pictures_are_let_go(source: Recorded) -> None:
    main = Main(source)
    main.asked(100.5)
    main.flow_to(100.6)
    assert main.view._pictures
    main.flow_to(105.6)
    assert main.view._pictures == ()
    assert main.view._decoder is None


def test_an_ended_stream_takes_its_pictures_along_and_the_next_begins_anew(
    source: Recorded,
) -> None:
    main = Main(source)
    main.asked(105.0)
    main.flow_to(105.5)
    assert main.asked(105.4) is not None
    main.view.stop()
    assert main.view.near(105.4) is None
    assert main.view._decoder is None
    main.asked(102.0)
    main._next = 0  # its time may begin anywhere
    main.flow_to(102.5)
    assert main.asked(102.4) is not None


def test_box_that_is_too_slow_begins_again_instead_of_falling_behind(
    source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.sources.closer_view._BURST_PACKETS", 0)
    main = Main(source)
    for at_s in range(100, 112):
        main.asked(float(at_s))
        main.flow_to(at_s + 0.9)
        assert len(main.view._waiting) <= 4.5 * FPS + 1


def test_damaged_packet_gives_no_picture_and_no_error(source: Recorded) -> None:
    main = Main(source)
    broken = av.Packet(b"\0\0\1\x65" + bytes(200))
    broken.time_base = main.time_base
    broken.pts = 0
    main.asked(100.1)
    packet = source.packets[0]
    damaged = type(packet)(packet.pts_s, 0.0, True, broken.size, broken)
    main.view.flows(damaged, main._ring, OFFSET_S, main)  # type: ignore[arg-type]
    assert main.asked(100.1) is None
