"""Time stamps of recordings: what can be true stays, what cannot becomes even steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import av
import clips
import pytest

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource
from edge_agent.domain import CameraId, Frame
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.file_time import LOOK_AHEAD, FileTime

STEP_S = 0.1
EVEN = [number * STEP_S for number in range(100)]
HOUR_S = 3600.0
TICKS = 90_000


def placed(times: Sequence[float]) -> list[float]:
    file_time = FileTime(STEP_S)
    return [
        file_time.placed(each, times[number + 1 : number + 1 + LOOK_AHEAD])
        for number, each in enumerate(times)
    ]


def with_slip(at: int, by_s: float) -> list[float]:
    return [each + by_s * (number == at) for number, each in enumerate(EVEN)]


def jumping(at: int, by_s: float) -> list[float]:
    return [each + by_s * (number >= at) for number, each in enumerate(EVEN)]


@pytest.mark.parametrize(
    "times",
    [
        EVEN,
        [each - 5 for each in EVEN],
        [each * 660 for each in EVEN],  # a time-lapse
        jumping(50, 2 * HOUR_S),  # it waited for motion
        jumping(50, 20.0),
        [each + (0.2, -0.1, -0.1)[number % 3] for number, each in enumerate(EVEN)],  # B-frames
        EVEN[:1],
        EVEN[:3],
    ],
)
def test_what_can_be_true_stays(times: list[float]) -> None:
    assert placed(times) == times


LIES: dict[str, list[float]] = {
    "one ahead": with_slip(40, HOUR_S),
    "one behind": with_slip(40, -HOUR_S),
    "the first": with_slip(0, HOUR_S),
    "the last": with_slip(99, HOUR_S),
    "two near": [each + {40: HOUR_S, 43: -9e5}.get(n, 0.0) for n, each in enumerate(EVEN)],
    "all alike": [7.0] * 100,
    "stands still": [min(each, 5.0) for each in EVEN],
    "milliseconds": [each / 90 for each in EVEN],
    "backwards": [-each for each in EVEN],
    "set back": jumping(50, -HOUR_S),
    "a day ahead": jumping(50, 26 * HOUR_S),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_cannot_be_true_becomes_even_steps(lie: str) -> None:
    steps = [after - before for before, after in pairwise(placed(LIES[lie]))]
    assert min(steps) >= 0.0
    assert max(steps) < 0.35
    assert sum(steps) == pytest.approx(9.9, abs=0.5)


def frames_of(path: Path) -> list[Frame]:
    frames: list[Frame] = []
    feed = CameraFeed(
        FeedSettings(CameraId("front"), FileSource(path=str(path), pace="fast"), 5.0),
        credentials=CredentialGuard(None, SystemClock()),
        clock=SystemClock(),
    )
    feed.run_once(StopToken(), frames.append)
    return frames


FILES: dict[str, Callable[[int, int], int]] = {
    "an hour off": lambda number, ticks: ticks + (number == 40) * 3600 * TICKS,
    "milliseconds": lambda _number, ticks: ticks // 90,
    "wrap": lambda _number, ticks: ticks - 4 * TICKS,
    "alike": lambda _number, _ticks: TICKS,
}


@pytest.mark.parametrize("lie", FILES)
def test_a_clip_is_seen_whole_whatever_its_time_stamps_say(tmp_path: Path, lie: str) -> None:
    path = _restamped(tmp_path, FILES[lie])
    frames = frames_of(path)
    assert len(frames) == pytest.approx(50, abs=2)
    assert frames[-1].captured_s == pytest.approx(9.9, abs=0.7)


def _restamped(folder: Path, change: Callable[[int, int], int]) -> Path:
    """MPEG-TS, whose packets hold their time where it can be overwritten (ISO 13818-1, 2.4.3.7)."""
    source, path = clips.render(folder / "a.mp4", clips.Clip(frames=150, gop=10)), folder / "a.ts"
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
    data, number = bytearray(path.read_bytes()), 0
    for at in range(0, len(data), 188):
        payload = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
        if not data[at + 1] & 0x40 or data[payload : payload + 4] != b"\0\0\1\xe0":
            continue
        marks = [(2, 9)] if data[payload + 7] >> 6 == 2 else [(3, 9), (1, 14)]
        for mark, where in marks:
            here = slice(payload + where, payload + where + 5)
            data[here] = _written(mark, change(number, _read(data[here])))
        number += 1
    path.write_bytes(data)
    return path


def _read(five: bytes) -> int:
    return (
        (five[0] >> 1 & 7) << 30 | five[1] << 22 | five[2] >> 1 << 15 | five[3] << 7 | five[4] >> 1
    )


def _written(mark: int, ticks: int) -> bytes:
    ticks %= 1 << 33
    head = mark << 4 | ticks >> 30 << 1 | 1
    middle = (ticks >> 15 & 127) << 1 | 1
    return bytes([head, ticks >> 22 & 255, middle, ticks >> 7 & 255, (ticks & 127) << 1 | 1])
