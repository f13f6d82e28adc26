from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.config import ZoneConfig
from edge_agent.domain import (
    U8,
    CameraId,
    EndReason,
    Event,
    EventId,
    Label,
    Lighting,
    Motion,
    Phase,
    Region,
    RuleHit,
    Track,
)
from edge_agent.errors import OperatorError
from edge_agent.geometry import BBox, FrameSize
from edge_agent.pipeline import Analysis
from edge_agent.tools import annotate
from edge_agent.tools.annotate import AnnotatedClip, AnnotatedWriter
from edge_agent.tools.overlay import Overlay, annotated

SIZE = FrameSize(320, 180)
BOX = BBox(0.4, 0.4, 0.2, 0.4)
TRACK = Track(1, BOX, 0.87, 0.9, 0.8, 0.0, 1.0, 5)
ZONE = ZoneConfig(name="gate", polygon=((0.1, 0.5), (0.9, 0.5), (0.9, 0.95), (0.1, 0.95)))


def grey(size: FrameSize = SIZE) -> U8:
    return np.full((size.height, size.width, 3), 128, np.uint8)


def event(phase: Phase, at_s: float, label: Label = Label.PERSON) -> Event:
    ended = phase is Phase.END
    return Event(
        EventId(f"E-{label}"),
        CameraId("cam"),
        label,
        phase,
        rev=0,
        at_s=at_s,
        start_s=0.0,
        end_s=at_s if ended else None,
        score=0.9,
        top_score=0.9,
        bbox=BOX,
        end_reason=EndReason.GONE if ended else None,
    )


def analysis(*, tracks: tuple[Track, ...] = (), events: tuple[Event, ...] = ()) -> Analysis:
    motion = Motion((), 0.0, Lighting.STEADY)
    hits = tuple(RuleHit(track, 0.0, (), ()) for track in tracks)
    return Analysis(motion, (Region(BOX.scaled(1.5)),), (), tracks, hits, events, ())


def changed(picture: U8) -> np.ndarray:
    """(height, width) bool: where it differs from grey."""
    return np.any(np.abs(picture.astype(int) - 128) > 8, axis=2)


@pytest.mark.parametrize(
    "overlay",
    [
        Overlay(regions=[Region(BOX)]),
        Overlay(tracks=[TRACK]),
        Overlay(tracks=[TRACK], reported=frozenset({1})),
        Overlay(zones=[ZONE]),
        Overlay(events=[event(Phase.START, 0.0)]),
    ],
    ids=["region", "candidate", "reported", "zone", "event"],
)
def test_each_thing_changes_the_picture_but_not_the_original(overlay: Overlay) -> None:
    original = grey()
    nothing = annotated(original, Overlay())

    drawn = annotated(original, overlay)

    assert (original == 128).all()
    assert not np.array_equal(drawn, nothing)


def test_track_is_outlined_where_it_is_in_a_colour_that_tells_its_rank() -> None:
    x1, y1, x2, y2 = BOX.to_pixels(SIZE)
    candidate = annotated(grey(), Overlay(tracks=[TRACK]))
    reported = annotated(grey(), Overlay(tracks=[TRACK], reported=frozenset({1})))

    for picture in (candidate, reported):
        mask = changed(picture)
        assert mask[y1 + 6 : y2, x1].all()
        assert mask[y2 - 1, x1:x2].all()
        assert not mask[y1 + 6 : y2 - 6, x1 + 6 : x2 - 6].any()
    assert candidate[y2 - 20, x1].tolist() != reported[y2 - 20, x1].tolist()


@pytest.mark.parametrize("size", [FrameSize(16, 16), FrameSize(160, 90), FrameSize(3840, 2160)])
@pytest.mark.parametrize("bbox", [BOX, BBox(-0.2, -0.2, 0.3, 0.4), BBox(0.95, 0.9, 0.3, 0.4)])
def test_any_size_and_place_can_be_drawn(size: FrameSize, bbox: BBox) -> None:
    track = Track(12, bbox, 0.5, 0.5, 0.5, 0.0, 0.0, 1)
    zone = ZoneConfig(name="edge", polygon=((-0.1, -0.1), (1.1, 0.2), (0.5, 1.2)))

    drawn = annotated(
        grey(size), Overlay(tracks=[track], zones=[zone], events=[event(Phase.END, 1.0)])
    )

    assert drawn.shape == (size.height, size.width, 3)


def test_clip_has_every_picture_and_even_sides(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.mp4"
    with AnnotatedWriter(path, FrameSize(161, 91), 7.5) as writer:
        for _ in range(6):
            writer.add(grey(FrameSize(161, 91)), Overlay())
        writer.add(grey(FrameSize(320, 180)), Overlay())

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (162, 92)
        assert float(stream.average_rate or 0) == 7.5
        assert sum(1 for _ in container.decode(video=0)) == 7


def test_without_x264_it_falls_back_to_mpeg4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_encoder = annotate._has_encoder
    assert not has_encoder("no-such-codec")
    monkeypatch.setattr(annotate, "_has_encoder", lambda name: name != "libx264")

    with AnnotatedWriter(tmp_path / "out.mp4", SIZE, 5) as writer:
        writer.add(grey(), Overlay())

    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


@pytest.mark.parametrize("name", ["out.nonsense", "folder"])
def test_unwritable_file_is_one_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(OperatorError, match=f"{name}: cannot be written"):
        AnnotatedWriter(tmp_path / name, SIZE, 5)


def test_path_that_no_file_can_have_is_one_clear_error() -> None:
    # Python may make a file nowhere in /proc, and libav finds out only when it writes.
    with pytest.raises(OperatorError, match=r"^/proc/x\.mp4: cannot be written .*\(No such file"):
        AnnotatedWriter(Path("/proc/x.mp4"), SIZE, 5)


def test_disk_that_fills_up_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").symlink_to("/dev/full")
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)

    def write() -> None:
        with AnnotatedWriter(tmp_path / "out.mp4", SIZE, 5) as writer:
            for _ in range(10):
                writer.add(noise, Overlay())

    with pytest.raises(OperatorError, match=r"out\.mp4: cannot be written .*\(No space left"):
        write()


def test_clip_follows_events_until_shortly_after_their_end(tmp_path: Path) -> None:
    with AnnotatedClip(tmp_path / "out.mp4", fps=2, zones=(ZONE,)) as clip:
        clip.add(grey(), analysis())
        before = clip.add(grey(), analysis(tracks=(TRACK,)))
        started = clip.add(grey(), analysis(tracks=(TRACK,), events=(event(Phase.START, 1.0),)))
        still = clip.add(grey(), analysis(tracks=(TRACK,)))
        ended = clip.add(grey(), analysis(tracks=(TRACK,), events=(event(Phase.END, 2.0),)))
        for _ in range(3):
            clip.add(grey(), analysis(tracks=(TRACK,)))
        after = clip.add(grey(), analysis(tracks=(TRACK,)))

    def corner(picture: U8) -> U8:  # the caption's last line, left of the clock's digits
        return picture[-14:, :110]

    assert not np.array_equal(corner(before), corner(started))
    assert np.array_equal(corner(started), corner(still))
    assert not np.array_equal(corner(still), corner(ended))
    assert changed(corner(ended)).sum() > changed(corner(after)).sum()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 9


def test_clip_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    with AnnotatedClip(tmp_path / "out.mp4", fps=5):
        pass

    assert not (tmp_path / "out.mp4").exists()
