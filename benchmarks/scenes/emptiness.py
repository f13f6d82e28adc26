"""More than twenty minutes in which no person is, and much else happens.

    python -m benchmarks.scenes.emptiness --sheet sheet.png      contact sheet
    python -m benchmarks.scenes.emptiness --clips FOLDER         one mp4 a scene, for `replay`

Real plates and real traffic (the footage of EDGE_AGENT_SHARED), under wind, rain, night,
headlights, lamps, clouds, infrared and sensor noise. The same pictures every time: each
scene has its own seed.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.backgrounds import (
    CAR_PARK,
    COUNTER,
    FPS,
    MOTORWAY,
    ROOM,
    STREET,
    YARD,
    Place,
    pictures,
    plate,
)
from benchmarks.scenes.effects import (
    Branch,
    CheapCodec,
    Clouds,
    Effect,
    Foliage,
    Headlights,
    Infrared,
    Lamps,
    Night,
    Noise,
    Rain,
    Rng,
)
from edge_agent.domain import U8

#: Trees and hedges of the plates, as polygons in fractions.
_STREET_TREES = (
    ((0.0, 0.0), (0.42, 0.0), (0.34, 0.28), (0.1, 0.35), (0.0, 0.6)),
    ((0.55, 0.0), (1.0, 0.0), (1.0, 0.3), (0.8, 0.25), (0.6, 0.2)),
)
_MOTORWAY_TREES = (
    ((0.0, 0.25), (0.4, 0.33), (0.38, 0.45), (0.0, 0.5)),
    ((0.44, 0.55), (0.52, 0.55), (0.56, 1.0), (0.44, 1.0)),
)
_YARD_GRASS = (((0.0, 0.55), (0.35, 0.6), (0.75, 1.0), (0.0, 1.0)),)
#: Where in the street's plate there is nothing but leaves.
_LEAVES = (slice(4, 72), slice(20, 120))

Effects = Callable[[Rng, tuple[int, int], float], list[Effect]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A rendered camera. `frames()` yields uint8 BGR (height, width, 3) at 5 fps."""

    name: str
    seconds: float
    size: tuple[int, int]
    frames: Callable[[], Iterator[U8]]


@dataclass(frozen=True, slots=True)
class _Recipe:
    name: str
    place: Place
    seconds: float
    effects: Effects
    traffic_every_s: float | None = None  # mean pause between passes of the clip's traffic


def _yard(folder: Path) -> list[_Recipe]:
    """A courtyard: wind, rain, a lamp at night."""
    return [
        _Recipe(
            "yard-wind",
            YARD,
            120,
            lambda rng, size, _: [
                Foliage(rng, size, _YARD_GRASS, 1.5),
                Branch(rng, size, plate(folder, STREET)[_LEAVES], (0.0, 0.0)),
                Clouds(rng, size, 0.25, 50),
                Noise(rng, size, 2.5),
            ],
        ),
        _Recipe(
            "yard-rain",
            YARD,
            100,
            lambda rng, size, _: [
                Branch(rng, size, plate(folder, STREET)[_LEAVES], (1.0, 0.0)),
                Rain(rng, size, 380, 0.22),
                Noise(rng, size, 3),
                CheapCodec(45),
            ],
        ),
        _Recipe(
            "yard-night-lamp",
            YARD,
            120,
            lambda rng, size, seconds: [
                Headlights(rng, size, level=0.45, every_s=14, lamps=False, seconds=seconds),
                Lamps(rng, size, base=0.8, every_s=25, seconds=seconds),
                Noise(rng, size, 9, blotchy=True),
            ],
        ),
    ]


def _street_by_day() -> list[_Recipe]:
    """A residential street with its cars, by day."""
    return [
        _Recipe(
            "street-wind-cars",
            STREET,
            140,
            lambda rng, size, _: [
                Foliage(rng, size, _STREET_TREES, 5),
                Clouds(rng, size, 0.3, 35),
                Noise(rng, size, 3),
            ],
            traffic_every_s=8,
        ),
        _Recipe(
            "street-rain-cars",
            STREET,
            120,
            lambda rng, size, _: [
                Foliage(rng, size, _STREET_TREES, 3),
                Night(0.6, (1.05, 1.0, 0.95)),
                Rain(rng, size, 500, -0.15),
                Noise(rng, size, 4),
                CheapCodec(40),
            ],
            traffic_every_s=10,
        ),
    ]


def _street_by_night() -> list[_Recipe]:
    """The same street when it is dark."""
    return [
        _Recipe(
            "street-night-headlights",
            STREET,
            150,
            lambda rng, size, seconds: [
                Foliage(rng, size, _STREET_TREES, 3),
                Headlights(rng, size, level=0.28, every_s=9, lamps=True, seconds=seconds),
                Noise(rng, size, 8, blotchy=True),
            ],
        ),
        _Recipe(
            "street-dusk-infrared",
            STREET,
            120,
            lambda rng, size, _: [
                Foliage(rng, size, _STREET_TREES, 4),
                Infrared(rng, size, 40, 95),
                Noise(rng, size, 3),
            ],
            traffic_every_s=15,
        ),
    ]


def _indoors() -> list[_Recipe]:
    """Rooms: lamps, infrared, the light of cars, clouds before the window."""
    return [
        _Recipe(
            "room-lamps",
            ROOM,
            120,
            lambda rng, size, seconds: [
                Lamps(rng, size, base=0.5, every_s=18, seconds=seconds),
                Noise(rng, size, 3),
                CheapCodec(60),
            ],
        ),
        _Recipe(
            "room-infrared-headlights",
            ROOM,
            120,
            lambda rng, size, seconds: [
                Headlights(rng, size, level=0.5, every_s=15, lamps=False, seconds=seconds),
                Infrared(rng, size, 30, 90),
                Noise(rng, size, 6, blotchy=True),
            ],
        ),
        _Recipe(
            "counter-clouds",
            COUNTER,
            80,
            lambda rng, size, _: [
                Clouds(rng, size, 0.5, 20),
                Noise(rng, size, 5),
                CheapCodec(35),
            ],
        ),
    ]


def _roads() -> list[_Recipe]:
    """Where only cars belong."""
    return [
        _Recipe(
            "motorway-dusk",
            MOTORWAY,
            100,
            lambda rng, size, _: [
                Foliage(rng, size, _MOTORWAY_TREES, 3),
                Clouds(rng, size, 0.6, 120),
                Noise(rng, size, 4),
            ],
            traffic_every_s=4,
        ),
        _Recipe(
            "car-park-rain-night",
            CAR_PARK,
            120,
            lambda rng, size, seconds: [
                Night(0.45),
                Lamps(rng, size, base=0.7, every_s=30, seconds=seconds),
                Rain(rng, size, 300, 0.1),
                Noise(rng, size, 6, blotchy=True),
            ],
            traffic_every_s=6,
        ),
    ]


def _recipes(folder: Path) -> list[_Recipe]:
    """What a person-free year brings, about two minutes of each."""
    return [*_yard(folder), *_street_by_day(), *_street_by_night(), *_indoors(), *_roads()]


def _traffic(recipe: _Recipe, folder: Path, rng: Rng) -> Iterator[U8]:
    """The place's pictures without end: its plate, and now and then its traffic."""
    empty = plate(folder, recipe.place)
    while True:
        pause_s = 1e9
        if recipe.traffic_every_s is not None:
            pause_s = float(rng.exponential(recipe.traffic_every_s)) + 2
        for _ in range(int(min(pause_s, recipe.seconds) * FPS)):
            yield empty
        if recipe.traffic_every_s is not None:
            yield from pictures(folder, recipe.place)


def _frames(recipe: _Recipe, folder: Path) -> Iterator[U8]:
    rng = np.random.default_rng(zlib.crc32(recipe.name.encode()))
    effects = recipe.effects(rng, recipe.place.size, recipe.seconds)
    source = _traffic(recipe, folder, rng)
    for i in range(int(recipe.seconds * FPS)):
        picture = next(source)
        for effect in effects:
            picture = effect(picture, i / FPS)
        yield picture


def scenes(folder: Path | None = None) -> Iterable[Scene]:
    """All scenes, in a fixed order; `folder` holds the footage."""
    base = folder or footage_dir()
    for recipe in _recipes(base):
        yield Scene(
            recipe.name,
            recipe.seconds,
            recipe.place.size,
            lambda recipe=recipe: _frames(recipe, base),
        )


def write_clip(scene: Scene, path: Path, *, crf: int = 23) -> None:
    """Encode as H.264 at 5 fps with a key picture every two seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(int(FPS)))
        stream.width, stream.height = scene.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "g": str(int(2 * FPS))}
        for picture in scene.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def contact_sheet(all_scenes: Iterable[Scene], columns: int = 6) -> U8:
    """One row of pictures a scene, uint8 BGR."""
    rows = []
    for scene in all_scenes:
        wanted = np.linspace(6, scene.seconds - 1, columns) * FPS
        chosen = {int(i) for i in wanted}
        shown = [cv2.resize(p, (288, 162)) for i, p in enumerate(scene.frames()) if i in chosen]
        cv2.putText(shown[0], scene.name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 255))
        rows.append(np.hstack(shown))
    return np.vstack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--clips", type=Path, help="write one mp4 a scene into this folder")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.sheet:
        cv2.imwrite(str(args.sheet), contact_sheet(scenes()))
    for scene in scenes():
        start = time.perf_counter()
        if args.clips:
            args.clips.mkdir(parents=True, exist_ok=True)
            write_clip(scene, args.clips / f"{scene.name}.mp4")
        elif not args.sheet:
            for _ in scene.frames():
                pass
        print(f"{scene.name:26} {scene.seconds:5.0f} s in {time.perf_counter() - start:5.1f} s")


if __name__ == "__main__":
    main()
