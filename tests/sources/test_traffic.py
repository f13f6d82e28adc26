"""What comes on the agreed channel is counted as RFC 3550 has it."""

from __future__ import annotations

import pytest

from edge_agent.sources.rtsp.traffic import Traffic

SSRC = 0x1234_5678


def packet(sequence: int) -> bytes:
    return b"\x80\x60" + (sequence % 65_536).to_bytes(2, "big") + bytes(4) + SSRC.to_bytes(4, "big")


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
