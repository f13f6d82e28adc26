"""`_gap` messages for a broker that takes small packets: the same ranges in more of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge_agent.contract import Gap, encode_gap
from edge_agent.outbox import GapReport
from edge_agent.publish.held import packet_bytes


def fitted(report: GapReport, most_bytes: int | None, topic: str) -> GapReport:
    if most_bytes is None:
        return report
    parts = [part for gap in report.gaps for part in fitting(gap, most_bytes, topic)]
    return GapReport(report.revision, tuple(parts))


def fitting(gap: Gap, most_bytes: int | None, topic: str) -> Iterator[Gap]:
    """This gap, halved until each part fits or is one range. Counts go with the first part."""
    small = most_bytes is None or packet_bytes(topic, encode_gap(gap)) <= most_bytes
    if small or len(gap.ranges) < 2:
        yield gap
        return
    middle = len(gap.ranges) // 2
    yield from fitting(replace(gap, ranges=gap.ranges[:middle]), most_bytes, topic)
    rest = replace(gap, ranges=gap.ranges[middle:], counts=(), unsequenced=None)
    yield from fitting(rest, most_bytes, topic)
