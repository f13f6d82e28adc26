"""Memory runs short: the largest decoder goes first, the agent last."""

from __future__ import annotations

from edge_agent.agent.memory import MemoryGuard, give_up_largest
from edge_agent.domain import CameraId


class Feed:
    def __init__(self, decoder_mb: float) -> None:
        self.decoder_mb = decoder_mb

    def give_up(self) -> None:
        self.decoder_mb = 0.0


def test_the_largest_decoder_is_given_up_before_the_agent() -> None:
    feeds = {CameraId("small"): Feed(20), CameraId("8k"): Feed(300), CameraId("4k"): Feed(80)}
    used_mb = [500.0]
    guard = MemoryGuard(400, rss_mib=lambda: used_mb[0])
    given_up = []

    def relieve(least_mb: float) -> str | None:
        name = give_up_largest(feeds, least_mb)  # type: ignore[arg-type]
        given_up.append(name)
        return name

    for _ in range(3):
        assert guard.complaint(relieve) is None
    assert given_up == []
    assert guard.complaint(relieve) is None
    assert given_up == ["8k"]
    for _ in range(4):
        assert guard.complaint(relieve) is None
    assert given_up == ["8k", "4k"]
    complaints = [guard.complaint(relieve) for _ in range(4)]
    assert complaints[:3] == [None] * 3
    assert "stopping" in str(complaints[3]), "small decoders are not what fills the memory"


def test_a_passing_peak_costs_nobody() -> None:
    used_mb = iter([500.0, 500.0, 500.0, 100.0] * 3)
    guard = MemoryGuard(400, rss_mib=lambda: next(used_mb))
    asked = []
    for _ in range(12):
        assert guard.complaint(asked.append) is None  # type: ignore[arg-type]
    assert asked == []
