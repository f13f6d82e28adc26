"""Footage to tune on: what is kept and why, what is hidden in it, nothing without consent."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import flash
import numpy as np
import pytest
from agent_inside import inside, wait_until
from agent_process import write_config

from edge_agent.agent.coded_clip import COARSE_ROWS, Hiding, coarse
from edge_agent.agent.footage import (
    LONGEST_S,
    POST_S,
    PRE_S,
    REST_S,
    WAKES_PER_H,
    FootageWatch,
    Origin,
)
from edge_agent.domain import CameraId, Detection, Frame, Lighting, Motion, Region, RuleHit, Track
from edge_agent.geometry import BBox
from edge_agent.media.footage import FootageReason, footage
from edge_agent.pipeline import Analysis
from edge_agent.sources import PacketTap

BOX = BBox(0.4, 0.4, 0.1, 0.3)
TRACK = Track(1, BOX, 0.9, 0.9, 0.9, 0.0, 1.0, 3)


# --- when, and why --------------------------------------------------------------------


@dataclass
class Taken:
    since_s: float
    late: FootageReason = FootageReason.CUT


@dataclass
class Footage:
    """Remembers what a watch asked for: (from, to, why)."""

    clips: list[tuple[float, float, FootageReason | None]] = field(default_factory=list)
    begun: int = 0

    def begin(self, origin: Origin, since_s: float, longest_s: float) -> Taken:
        del origin, longest_s
        self.begun += 1
        return Taken(since_s)

    def end(self, taking: Taken, reason: FootageReason | None, until_s: float) -> None:
        self.clips.append((taking.since_s, until_s, reason))


def watched(what: Callable[[float], str], seconds: float, step_s: float = 0.5) -> Footage:
    """`what`: of a moment, any of m (moves), d (somebody is detected), t (told)."""
    footage = Footage()
    origin = Origin(CameraId("gate"), PacketTap(), Hiding())
    watch = FootageWatch(footage, origin)  # type: ignore[arg-type]
    for number in range(round(seconds / step_s)):
        at_s = number * step_s
        now = what(at_s)
        watch.add(
            Frame(CameraId("gate"), at_s, None),  # type: ignore[arg-type]
            Analysis(
                Motion((Region(BOX),) if "m" in now else (), 0.0, Lighting.STEADY),
                (),
                (Detection(BOX, 0.9),) if "d" in now else (),
                (),
                (RuleHit(TRACK, 0.0, (), ()),) if "t" in now else (),
                (),
                (),
            ),
        )
    return footage


def during(*parts: tuple[float, float, str]) -> Callable[[float], str]:
    return lambda at_s: "".join(what for a, b, what in parts if a <= at_s < b)


def test_somebody_told_is_kept_from_before_until_after() -> None:
    footage = watched(during((20, 30, "md"), (22, 30, "t")), 60)
    assert footage.clips == [(20 - PRE_S, 29.5 + POST_S, FootageReason.PERSON)]


def test_somebody_seen_and_not_told_is_a_miss() -> None:
    assert [r for *_, r in watched(during((20, 24, "md")), 60).clips] == [FootageReason.MISS]


def test_what_moves_and_is_nobody_is_a_false_wake_and_a_moment_is_nothing() -> None:
    assert [r for *_, r in watched(during((20, 24, "m")), 60).clips] == [FootageReason.WAKE]
    assert watched(during((20, 20.6, "m")), 60).begun == 0


def test_a_tree_in_the_wind_does_not_fill_the_ring() -> None:
    def windy(at_s: float) -> str:
        return "m" if at_s % 30 < 5 else ""

    footage = watched(windy, 3000)
    assert len([r for *_, r in footage.clips if r is FootageReason.WAKE]) == WAKES_PER_H
    assert footage.begun == WAKES_PER_H
    people = watched(lambda s: "md" if 2900 < s < 2910 else windy(s), 3000)
    assert people.clips[-1][2] is FootageReason.MISS, "but people are kept"


def test_who_stays_for_hours_is_kept_now_and_then() -> None:
    footage = watched(lambda at_s: "mdt", 1800)
    assert [round(b - a) for a, b, _ in footage.clips] == [LONGEST_S + PRE_S] * 3
    assert footage.clips[1][0] - footage.clips[0][1] == pytest.approx(REST_S - PRE_S, abs=1)


def test_one_clip_shows_a_visit_with_pauses() -> None:
    footage = watched(during((20, 22, "mdt"), (25, 27, "m"), (29, 31, "d")), 60)
    assert footage.clips == [(20 - PRE_S, 30.5 + POST_S, FootageReason.PERSON)]


# --- a real agent ---------------------------------------------------------------------

MASK = """
[[privacy_masks]]
name = "window"
polygon = [[0, 0], [0.25, 0], [0.25, 1], [0, 1]]
"""


def run(folder: Path, tuning: str, camera: str = "") -> list[Path]:
    """An agent before a flashing light until it kept somebody; what it kept."""
    clip = flash.clip(folder / "flash.avi", bright_s=1.6, dark_s=6, rounds=20)
    extra = flash.settings(flash.model(folder)) + tuning
    config = write_config(folder, 1, {"yard": flash.camera(clip) + camera}, extra=extra)
    with inside(config):
        wait_until(lambda: bool(list((folder / "state").glob("tuning/*/*-person*.mp4"))), 60)
    return [each.path for each in footage(folder / "state" / "tuning")]


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_a_person_is_kept_as_the_camera_sent_them(tmp_path: Path) -> None:
    kept = run(tmp_path, "[tuning]\nkeep = true\n")
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.parent == tmp_path / "state" / "tuning" / "yard"
    person = next(path for path in kept if "-person" in path.name)
    shown = [float(np.mean(picture)) for picture in pictures(person)]
    assert min(shown) < 60, "from before they came"
    assert max(shown) > 180
    with av.open(str(person)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg", "nothing was encoded anew"


def test_masks_are_black_in_what_is_kept(tmp_path: Path) -> None:
    person = next(
        path for path in run(tmp_path, "[tuning]\nkeep = true\n", MASK) if "-person" in path.name
    )
    for picture in pictures(person):
        assert float(np.mean(picture[:, :13])) < 12
    assert max(float(np.mean(picture[:, 20:])) for picture in pictures(person)) > 150


def test_without_consent_nothing_is_kept(tmp_path: Path) -> None:
    clip = flash.clip(tmp_path / "flash.avi", bright_s=1.6, dark_s=6, rounds=20)
    extra = flash.settings(flash.model(tmp_path))
    config = write_config(tmp_path, 1, {"yard": flash.camera(clip)}, extra=extra)
    with inside(config) as agent:
        agent.notifier.wait("1 of 1 cameras online")
        log = tmp_path / "state" / "outbox.db"
        wait_until(lambda: b"person" in _everything(log), 30)
    assert not (tmp_path / "state" / "tuning").exists()


def _everything(database: Path) -> bytes:
    return b"".join(path.read_bytes() for path in database.parent.glob("outbox.db*"))


# --- what is hidden -------------------------------------------------------------------


def test_a_coarse_picture_has_no_more_detail_than_its_rows() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (360, 640, 3)).astype(np.uint8)
    blurred = coarse(picture)
    assert blurred.shape == picture.shape
    spectrum = np.abs(np.fft.rfft(blurred[:, 320, 1].astype(float) - blurred[:, 320, 1].mean()))
    beyond = spectrum[2 * COARSE_ROWS :].max()
    assert beyond < 0.1 * spectrum[: COARSE_ROWS // 2].max()


def test_blurred_footage_plays_and_is_coarse(tmp_path: Path) -> None:
    kept = run(tmp_path, "[tuning]\nkeep = true\nblur = true\n")
    person = next(path for path in kept if "-person" in path.name)
    assert len(pictures(person)) > 5


def test_a_turned_camera_is_masked_where_people_see_it_and_kept_as_it_hangs(
    tmp_path: Path,
) -> None:
    top = '[[privacy_masks]]\nname = "top"\npolygon = [[0, 0], [1, 0], [1, 0.25], [0, 0.25]]\n'
    clip = flash.clip(tmp_path / "flash.avi", bright_s=1.6, dark_s=6, rounds=20)
    camera = f'[source]\nkind = "file"\npath = "{clip}"\nloop = true\nrotate = 90\n{top}'
    extra = flash.settings(flash.model(tmp_path)) + "[tuning]\nkeep = true\n"
    config = write_config(tmp_path, 1, {"yard": camera}, extra=extra)
    with inside(config):
        wait_until(lambda: bool(list((tmp_path / "state").glob("tuning/*/*-person*.mp4"))), 60)
    (person, *_) = (tmp_path / "state").glob("tuning/*/*-person*.mp4")
    brightest = max(pictures(person), key=lambda picture: float(np.mean(picture)))
    # Turned clockwise, the left edge comes to the top.
    assert float(np.mean(brightest[:, :13])) < 12
    assert float(np.mean(brightest[:, 20:])) > 150
