"""What comes on the agreed channel is counted as RFC 3550 has it."""

from __future__ import annotations

import pytest

from edge_agent.sources.rtsp.traffic import Traffic

SSRC = 0x1234_5678


def packet(sequence: int, ssrc: int = SSRC) -> bytes:
    return b"\x80\x60" + (sequence % 65_536).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("sequences", "lost"),
    [
        pytest.param([1, 2, 3], 0, id="in order"),
        pytest.param([1, 4], 2, id="two are missing"),
        pytest.param([65_534, 65_535, 0, 1], 0, id="begins anew after 65535"),
        pytest.param([65_535, 2], 2, id="missing where it begins anew"),
        pytest.param([1, 4, 3], 1, id="one was overtaken"),
        pytest.param([1, 1, 2], 0, id="came twice"),
        pytest.param([0, 2999], 2998, id="a long loss"),
        pytest.param([0, 3000], 0, id="too long for a loss: a new beginning"),
        pytest.param([5000, 5003, 2003, 2005], 3, id="begins anew 3000 before"),
        pytest.param([5000, 5003, 2004, 5004], 1, id="2999 before: overtaken"),
    ],
)
def test_what_is_missing(sequences: list[int], lost: int) -> None:
    traffic = Traffic(96)
    assert all(traffic.is_ours(packet(each), 0.1) for each in sequences)
    assert traffic.lost == lost


def test_another_sender_is_left_out_and_told_from_twenty_packets_on() -> None:
    traffic = Traffic(96)
    assert traffic.is_ours(packet(1), 10.0)
    for number in range(19):
        assert not traffic.is_ours(packet(number, ssrc=7), 10.5)
    assert (traffic.foreign, traffic.confused, traffic.remark) == (19, False, "")
    assert not traffic.is_ours(packet(19, ssrc=7), 11.9)
    assert traffic.confused
    assert traffic.remark.startswith("20 packets of another sender")
    assert (traffic.packets, traffic.lost) == (1, 0)


def test_the_declared_sender_takes_over_and_is_not_confused() -> None:
    traffic = Traffic(96, declared=7)
    assert traffic.is_ours(packet(1), 10.0)
    assert traffic.is_ours(packet(500, ssrc=7), 10.1)
    assert not any(traffic.is_ours(packet(number), 10.2) for number in range(30))
    assert (traffic.ssrc, traffic.foreign, traffic.confused) == (7, 30, False)
    assert traffic.lost == 0, "another sender counts from anywhere"


def test_a_sender_is_silent_after_two_seconds() -> None:
    traffic = Traffic(96)
    assert traffic.is_ours(packet(1), 10.0)
    assert not traffic.is_ours(packet(1, ssrc=7), 11.9)
    assert traffic.is_ours(packet(2, ssrc=7), 12.0)
    assert not traffic.is_ours(packet(2), 12.1)


def test_strays_on_other_channels_are_told_from_twenty_on() -> None:
    traffic = Traffic(96)
    for _ in range(19):
        traffic.strayed(5)
    assert traffic.remark == ""
    traffic.strayed(5)
    assert traffic.remark == "packets came on channel 5, which was not agreed"


@pytest.mark.parametrize("data", [b"", packet(1)[:11], b"\x40" + packet(1)[1:]])
def test_what_is_no_rtp_is_nobodys(data: bytes) -> None:
    traffic = Traffic(96)
    assert not traffic.is_ours(data, 10.0)
    assert (traffic.packets, traffic.foreign, traffic.ssrc) == (0, 0, None)
    assert traffic.is_ours(packet(1)[:12], 10.0)
