"""People whom nobody was told of, planted: made recordings, and settings that hide their person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import msgspec
import recorded
from recorded import Picture, Played, Recording

from edge_agent.config import CameraConfig, FileSource, IgnoreZoneConfig, PersonConfig, ZoneConfig
from edge_agent.config.camera import Schedule
from edge_agent.domain import Detection, EventId, Label, Lighting, Motion, Region
from edge_agent.geometry import BBox
from edge_agent.pipeline.near_miss import NearMissWatch
from edge_agent.pipeline.untold import UntoldBook
from edge_agent.pipeline.why import Why

FPS = 5.0
#: Thursday, 14:20.
WEEKMINUTE = 3 * 1440 + 14 * 60 + 20
OWN = recorded.RecordedDetector(0.2, 0.5)
CAMERA = CameraConfig(id="gate", source=FileSource(path="gate.mp4"))


@dataclass(frozen=True)
class Walker:
    """Somebody who walks from left to right, and how a detector scores them."""

    height: float = 0.3
    first_x: float = 0.2
    last_x: float = 0.6
    foot_y: float = 0.8
    begin_s: float = 4.0
    lasts_s: float = 6.0
    scores: tuple[float, float] = (0.55, 0.85)


def walk(walker: Walker, rng: Random) -> Recording:
    """Their way as numbers: some pictures before, some after."""
    pictures = []
    for i in range(int((walker.begin_s + walker.lasts_s + 6) * FPS)):
        at_s = round(i / FPS, 3)
        share = (at_s - walker.begin_s) / walker.lasts_s
        if not 0 <= share <= 1:
            pictures.append(Picture(at_s, Motion((), 0.0, Lighting.STEADY), ()))
            continue
        wide, high = 0.3 * walker.height, walker.height * rng.uniform(0.98, 1.02)
        x = walker.first_x + share * (walker.last_x - walker.first_x)
        bbox = BBox(x - wide / 2, walker.foot_y - high, wide, high)
        motion = Motion((Region(bbox.scaled(1.1).clipped()),), 0.02, Lighting.STEADY)
        score = round(rng.uniform(*walker.scores), 3)
        pictures.append(Picture(at_s, motion, (Detection(bbox, score),)))
    return Recording(OWN.candidate_threshold, OWN.confirm_threshold, tuple(pictures))


@dataclass(frozen=True)
class Asked:
    """A recording that was played, and the answers for those who were not told."""

    played: Played
    whys: tuple[Why, ...]

    @property
    def told(self) -> int:
        return len({e.event_id for e in self.played.events if e.label is Label.PERSON})


def ask(recording: Recording, camera: CameraConfig, weekminute: int = WEEKMINUTE) -> Asked:
    """As `replay --why` does."""
    own = recorded.RecordedDetector(recording.candidate_threshold, recording.confirm_threshold)
    book = UntoldBook(camera, own)
    played = play(recording, camera, weekminute, book.watch)
    for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
        book.add(picture.at_s, weekminute + int(picture.at_s // 60), analysis)
    return Asked(played, book.close().whys)


def play(
    recording: Recording,
    camera: CameraConfig,
    weekminute: int = WEEKMINUTE,
    watch: NearMissWatch | None = None,
) -> Played:
    numbers = iter(range(10**6))
    return recorded.play(
        recording,
        camera,
        lambda label, at_s: EventId(f"{label}-{next(numbers)}"),
        weekminute=weekminute,
        near_misses=watch,
    )


# --- what may hide somebody: (walker, camera) of before, and after -----------------------

Scene = tuple[Walker, CameraConfig]


def _person(camera: CameraConfig, **values: object) -> CameraConfig:
    person: PersonConfig = msgspec.structs.replace(camera.person, **values)
    return msgspec.structs.replace(camera, person=person)


def _zone(camera: CameraConfig, **values: object) -> CameraConfig:
    """The first zone with these values; it is the whole picture where there was none."""
    whole = ZoneConfig(name="gate", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    zone = msgspec.structs.replace(camera.zones[0] if camera.zones else whole, **values)
    return msgspec.structs.replace(camera, zones=(zone, *camera.zones[1:]))


def _confirm(scene: Scene, rng: Random) -> Scene:
    return scene[0], _person(scene[1], confirm_threshold=round(rng.uniform(0.9, 0.99), 2))


def _candidate(scene: Scene, rng: Random) -> Scene:
    return scene[0], _person(scene[1], candidate_threshold=round(rng.uniform(0.87, 0.95), 2))


def _looks(scene: Scene, rng: Random) -> Scene:
    return scene[0], _person(scene[1], confirm_looks=rng.randint(13, 20))


def _short(scene: Scene, rng: Random) -> Scene:
    return scene[0], _person(scene[1], min_height_frac=round(scene[0].height * 1.3, 2))


def _tall(scene: Scene, rng: Random) -> Scene:
    return scene[0], _person(scene[1], max_height_frac=round(scene[0].height * 0.7, 2))


def _outside(scene: Scene, rng: Random) -> Scene:
    left = rng.uniform(0.68, 0.75)
    corners = ((left, 0.2), (0.98, 0.25), (0.98, 0.95), (left, 0.9))
    return scene[0], _zone(scene[1], polygon=corners)


def _dwell(scene: Scene, rng: Random) -> Scene:
    return scene[0], _zone(scene[1], dwell_s=round(rng.uniform(8, 60), 1))


def _schedule(scene: Scene, rng: Random) -> Scene:
    begin = rng.randint(15, 23)
    return scene[0], _zone(scene[1], schedule=(Schedule(start=f"{begin}:00", end="06:00"),))


def _ignored(scene: Scene, rng: Random) -> Scene:
    corners = ((0.1, rng.uniform(0.6, 0.75)), (0.8, 0.7), (0.8, 0.9), (0.1, 0.95))
    zone = IgnoreZoneConfig(name="street", polygon=corners)
    return scene[0], msgspec.structs.replace(scene[1], ignore_zones=(zone,))


REASONS: dict[str, Callable[[Scene, Random], Scene]] = {
    "person.confirm_threshold": _confirm,
    "person.candidate_threshold": _candidate,
    "person.confirm_looks": _looks,
    "person.min_height_frac": _short,
    "zones[0].polygon": _outside,
    "zones[0].dwell_s": _dwell,
    "zones[0].schedule": _schedule,
    "person.max_height_frac": _tall,
    "ignore_zones[0]": _ignored,
}
#: The seven that a technician was hidden a person by in a trial.
SEVEN = tuple(REASONS)[:7]


def planted(
    keys: tuple[str, ...], rng: Random, walker: Walker | None = None
) -> tuple[Recording, CameraConfig]:
    """Somebody whom exactly these settings hide; `walker`: one whom more may hide."""
    somebody = replace(Walker(), height=round(rng.uniform(0.2, 0.45), 2))
    scene: Scene = walker or somebody, CAMERA
    for key in keys:
        scene = REASONS[key](scene, rng)
    return walk(scene[0], rng), scene[1]
