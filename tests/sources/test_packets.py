"""How long a clip says it is: each container tells it in its own way."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest

from edge_agent.sources.packets import _duration_s


@pytest.mark.parametrize(
    ("stream", "file_s", "tag", "start_s", "expected_s"),
    [
        (6.0, 7.0, "", 0.0, 6.0),
        (None, 7.0, "", 0.0, 7.0),
        (None, 7.0, "", 1.5, 5.5),
        (None, 7.0, "", -1.5, 7.0),
        (None, 7.0, "00:00:06.250000000", 0.0, 6.25),
        (None, 7.0, "00:00:06.250000000", 1.25, 5.0),
        (None, 0.0, "01:02:03.5", 0.0, 3723.5),
        (6.0, 7.0, "00:00:08", 0.0, 7.0),
        (None, 7.0, "long", 0.0, 7.0),
        (None, 0.0, "", 0.0, None),
        (0.0, 7.0, "", 0.0, None),
    ],
)
def test_the_length_of_the_picture_alone_is_told(
    stream: float | None, file_s: float, tag: str, start_s: float, expected_s: float | None
) -> None:
    time_base = Fraction(1, 90_000)
    ticks = None if stream is None else round(stream / time_base)
    container = SimpleNamespace(duration=round(file_s * 1e6) or None)
    video = SimpleNamespace(
        duration=ticks,
        time_base=time_base,
        start_time=round(start_s / time_base) or None,
        metadata={"DURATION": tag} if tag else {},
    )
    assert _duration_s(container, video) == expected_s  # type: ignore[arg-type]
