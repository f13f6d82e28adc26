"""A mount's clock, without a network."""

from __future__ import annotations

import pytest

from edge_agent.demo.rtsp_media import EncodedPicture, Media
from edge_agent.demo.rtsp_stream import StreamMount

#: Two seconds at 2 pictures a second, a key picture each second.
MEDIA = Media(
    96, (), 2.0, tuple(EncodedPicture(n / 2, n / 2, n % 2 == 0, (b"x",)) for n in range(4))
)


@pytest.mark.parametrize(
    ("viewer_s", "number"),
    [(100.0, 0), (100.1, 2), (101.0, 2), (101.1, 4), (102.0, 4), (109.9, 20), (1100.0, 2000)],
)
def test_viewer_who_joins_begins_with_the_next_key_picture(viewer_s: float, number: int) -> None:
    mount = StreamMount("cam", MEDIA)
    assert mount.start(100.0) == 0

    assert mount.start(viewer_s) == number
    assert mount.picture(number).is_key
    assert mount.due_s(number) >= viewer_s


def test_times_run_on_over_the_rounds() -> None:
    mount = StreamMount("cam", MEDIA)
    mount.start(100.0)

    assert [mount.due_s(number) for number in range(3, 6)] == [101.5, 102.0, 102.5]
    assert [mount.timestamp(number) for number in range(3, 6)] == [135_000, 180_000, 225_000]
    assert not mount.has_ended(1000)


def test_clip_that_plays_once_ends_and_starts_anew_for_the_next_viewer() -> None:
    mount = StreamMount("cam", MEDIA, loop=False)
    mount.start(100.0)
    assert [mount.has_ended(number) for number in (3, 4)] == [False, True]

    assert mount.start(101.9) == 4  # there is nothing left to see in this round
    assert mount.start(102.0) == 0
    assert mount.due_s(0) == 102.0
