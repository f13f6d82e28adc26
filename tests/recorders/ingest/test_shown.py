"""One moment that comes twice is told once: two streams, two containers, a file that grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import clips
import cv2
import dhav
import flash
import numpy as np
import pytest
from ingest_box import BEGIN_S, GATE, Box, dying, found, ingest_box, told

from edge_agent.clock import ManualClock
from edge_agent.domain import Phase
from edge_agent.recorders.ingest.planner import ClipPlanner
from edge_agent.recorders.ledger import LedgerReader

#: Light from one second to another: somebody is there.
VISITS = ((1.0, 2.0), (6.0, 7.0))
LENGTH_S = 9.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


def recording(
    path: Path,
    visits: tuple[tuple[float, float], ...] = VISITS,
    *,
    length_s: float = LENGTH_S,
    side: int = flash.SIDE,
) -> Path:
    """A clip at 5 frames a second with a keyframe each second."""

    def paint(index: int, width: int, height: int) -> np.ndarray:
        at_s = index / flash.FPS
        light = any(begin_s <= at_s < end_s for begin_s, end_s in visits)
        random = np.random.default_rng(index)
        noise = random.integers(-3, 4, (height, width, 3))
        return ((200 if light else 40) + noise).astype(np.uint8)

    clip = clips.Clip(
        width=side, height=side, frames=round(length_s * flash.FPS), fps=flash.FPS, gop=flash.FPS
    )
    if path.suffix == ".dav":
        bare = clips.render(path.with_suffix(".h264"), clip, paint)
        dhav.wrap(bare, path, clip)
        return path
    if path.name.endswith(".frag.mp4"):
        return fragmented(clips.render(path.with_name("plain.mp4"), clip, paint), path)
    return clips.render(path, clip, paint)


def fragmented(source: Path, path: Path) -> Path:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(source)) as plain, av.open(str(path), "w", options=options) as container:
        stream = container.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    return path


def people(box: Box) -> list[tuple[float, float | None]]:
    """When each event of a person began and ended, in seconds after BEGIN_S."""
    last = {one.event.event_id: one for one in box.messages()}
    starts = sum(one.event.phase is Phase.START for one in box.messages())
    assert starts == len(last)
    return sorted(
        (
            round(one.envelope.start_utc_s - BEGIN_S, 1),
            None if one.envelope.end_utc_s is None else round(one.envelope.end_utc_s - BEGIN_S, 1),
        )
        for one in last.values()
    )


def begun(box: Box) -> list[int]:
    return [round(begin_s) for begin_s, _ in people(box)]


@pytest.mark.parametrize("sides", [(64, 64), (64, 128), (128, 64)])
def test_second_container_or_stream_of_one_moment_is_not_told_again(
    tmp_path: Path, model: Path, sides: tuple[int, int]
) -> None:
    first = found(recording(tmp_path / "a.mp4", side=sides[0]), 0, LENGTH_S)
    second = found(recording(tmp_path / "b.ts", side=sides[1]), 0, LENGTH_S + 1)
    follows = found(recording(tmp_path / "c.mp4", ((0, 1),), length_s=3), LENGTH_S, 3)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(first, second, follows)
        box.ingest.finish(box.stop)
        assert begun(box) == [1, 6, 9]
        assert box.states() == {"done": 3}
        reasons = {one.reason for clip in (first, second) if (one := box.clip(clip))}
        assert any("shows the same moments" in reason for reason in reasons)


def test_motion_clip_within_a_recording_is_not_told_again(tmp_path: Path, model: Path) -> None:
    whole = found(recording(tmp_path / "[R].mp4"), 0, LENGTH_S)
    part = found(recording(tmp_path / "[M].mp4", ((1.0, 2.0),), length_s=3.4), 5, 3.4)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(part, whole)
        box.ingest.finish(box.stop)
        assert begun(box) == [1, 6]


def test_recording_after_its_motion_clip_tells_only_the_rest(tmp_path: Path, model: Path) -> None:
    part = found(recording(tmp_path / "[M].mp4", ((1.0, 2.0),), length_s=3.4), 5, 3.4)
    whole = found(recording(tmp_path / "[R].mp4"), 0, LENGTH_S)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(part)
        box.ingest.finish(box.stop)
        assert begun(box) == [6]
        box.note(whole)
        box.ingest.finish(box.stop)
        assert begun(box) == [1, 6]


def cut(path: Path, share: float) -> bytes:
    data = path.read_bytes()
    size = int(len(data) * share)
    if path.suffix == ".ts":
        size -= size % 188
    path.write_bytes(data[:size])
    return data


CONTAINERS = ("a.ts", "a.frag.mp4", "a.avi", "a.mkv", "a.dav")


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("rest_s", [0, 60])
def test_file_that_grows_after_a_rest_tells_what_is_new(
    tmp_path: Path, model: Path, name: str, rest_s: int
) -> None:
    """`rest_s`: nothing in the name tells when; the upload dates all of it that much later."""
    path = recording(tmp_path / name)
    whole = cut(path, 0.5)
    more = {"time_source": "mtime" if rest_s else "template"}
    with ingest_box(tmp_path / "state", model) as box:
        box.note(found(path, 0, LENGTH_S / 2, **more))
        box.ingest.finish(box.stop)
        assert begun(box) == [1]
        path.write_bytes(whole)
        box.note(found(path, rest_s, LENGTH_S, **more))
        box.ingest.finish(box.stop)
        first_s, second_s = begun(box)
        assert first_s == 1
        assert second_s - rest_s in (6, 7)


@pytest.mark.parametrize("name", CONTAINERS)
def test_visit_over_the_seam_of_a_file_that_grows_is_one(
    tmp_path: Path, model: Path, name: str
) -> None:
    path = recording(tmp_path / name, ((3.0, 6.0),))
    whole = cut(path, 0.5)
    with ingest_box(tmp_path / "state", model, between=dying(1, before=False)) as box:
        box.note(found(path, 0, LENGTH_S / 2))
        box.ingest.finish(box.stop)
        assert len(box.runs()) == 1
    path.write_bytes(whole)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(found(path, 0, LENGTH_S))
        box.ingest.finish(box.stop)
        ((begin_s, end_s),) = people(box)
        assert (round(begin_s), end_s) == (3, pytest.approx(6, abs=0.7))


def test_ring_that_writes_a_longer_clip_under_an_old_name_tells_all_of_it(
    tmp_path: Path, model: Path
) -> None:
    path = recording(tmp_path / "a.mp4", ((1.0, 2.0),), length_s=4)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(found(path, 0, 4, time_source="mtime"))
        box.ingest.finish(box.stop)
        recording(path)
        box.note(found(path, 3600, LENGTH_S, time_source="mtime"))
        box.ingest.finish(box.stop)
        assert begun(box) == [1, 3601, 3606]


def still(path: Path, level: int, at_s: float) -> Path:
    picture = np.full((64, 64, 3), level, np.uint8)
    picture[0, 0] = at_s % 250
    cv2.imwrite(str(path), picture)
    return path


def test_stills_are_left_alone_only_where_a_video_shows_their_moment(
    tmp_path: Path, model: Path
) -> None:
    video = found(recording(tmp_path / "v.mp4"), 0, LENGTH_S)
    beside = found(still(tmp_path / "1.jpg", 200, 4), 4, 0)
    other_day = found(still(tmp_path / "2.jpg", 200, 5), 86_400, 0)
    with ingest_box(tmp_path / "state", model) as box:
        box.note(video, beside, other_day)
        box.ingest.finish(box.stop)
        assert begun(box) == [1, 6, 86_400]
        told_of = box.clip(beside)
        assert told_of is not None
        assert told_of.reason == "left alone: a video shows this moment"


def test_young_still_waits_for_its_video_and_holds_up_nobody(tmp_path: Path, model: Path) -> None:
    clock = ManualClock()
    now_s = clock.read().utc_s
    video = found(recording(tmp_path / "v.mp4"), 0, LENGTH_S)
    video = replace(video, start_s=now_s - 4000, end_s=now_s - 3990)
    young = found(still(tmp_path / "1.jpg", 200, 4), 0, 0)
    young = replace(young, start_s=now_s - 5, found_s=now_s)
    with ingest_box(tmp_path / "state", model) as box, LedgerReader(box.state_dir) as reader:
        box.note(video, young)
        planner = ClipPlanner((GATE,), reader, clock)
        box.ingest._arrivals.none()
        assert box.ingest._next(planner, reader, box.stop)
        assert not box.ingest._next(planner, reader, box.stop)
        assert box.states() == {"done": 1, "waiting": 1}
        clock.advance(121)
        assert box.ingest._next(planner, reader, box.stop)
        assert box.states() == {"done": 2}


@pytest.mark.system
def test_box_that_dies_at_any_commit_tells_growth_and_twins_as_one_that_does_not(
    tmp_path: Path, model: Path
) -> None:
    path = recording(tmp_path / "grows.ts")
    whole = path.read_bytes()
    short = whole[: len(whole) // 2 // 188 * 188]
    twin = found(recording(tmp_path / "twin.mp4"), 0, LENGTH_S)
    follows = found(recording(tmp_path / "c.mp4", ((0, 1),), length_s=3), 30, 3)

    def play(state_dir: Path, last: int, *, before: bool) -> list[tuple[str, str, int]]:
        """Its first process dies at the `last`th commit."""
        dies = dying(last, before=before) if last else None
        for data, length_s in ((short, LENGTH_S / 2), (whole, LENGTH_S)):
            path.write_bytes(data)
            grown = [found(path, 0, length_s)]
            if data is whole:
                grown += [twin, follows]
            for between in (dies, None):
                with ingest_box(state_dir, model, between=between) as box:
                    box.note(*grown)
                    box.ingest.finish(box.stop)
                    if between is None:
                        assert box.states().get("waiting", 0) == 0
                        messages = told(box.messages())
                dies = None
        return messages

    undisturbed = play(tmp_path / "undisturbed", 0, before=False)
    assert len({event for _, event, _ in undisturbed}) == 3
    for last in range(1, 4):
        for before in (True, False):
            again = play(tmp_path / f"{last}{before}", last + 1, before=before)
            assert len({event for _, event, _ in again}) == 3
            assert sorted(again) == sorted(undisturbed)
