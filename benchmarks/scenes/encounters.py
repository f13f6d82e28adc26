"""What two people do to each other, drawn with real people over real empty places.

Each situation says who is where at which moment and what is wanted of the agent (docs/tracking.md).
People are cut-outs (`cutouts`), places are medians of real footage (`backgrounds`), with a sensor's
noise; the same name and variant give the same pictures.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.backgrounds import ROOM, YARD, plate
from benchmarks.scenes.cutouts import Walk, walks
from edge_agent.domain import U8

FPS = 5.0
#: Backgrounds are learned in the first seconds.
CALM_S = 4.0
#: Cut-outs of fewer pixels would be blurred.
_MIN_CUT_PX = 64
_NOISE_LEVELS = 2.0
_WHOLE = 0.9
#: A person's share of the picture's height, by variant.
HEIGHTS_FRAC = (0.42, 0.5, 0.36)
_PLACES = (YARD, ROOM)
VARIANTS = 6

Knots = tuple[tuple[float, float], ...]  # (second, x of the middle of the body in body widths)


@dataclass(frozen=True, slots=True)
class Actor:
    """One person's way. `x` counts body widths from the middle of the picture."""

    x: Knots
    feet: float = 0.0  # nearer to the camera by so many heights
    #: Nothing of them is to be seen on this side of a wall's edge (in body widths): a door.
    behind: float = float("inf")
    strip: tuple[float, float] | None = None  # a pillar, in body widths
    still: bool = False  # stands like a statue

    def at(self, at_s: float) -> float | None:
        if not self.x[0][0] <= at_s <= self.x[-1][0]:
            return None
        return float(np.interp(at_s, *zip(*self.x, strict=True)))


@dataclass(frozen=True, slots=True)
class Situation:
    """Who is there, for how long, and how many person events are wanted."""

    name: str
    seconds: float
    actors: tuple[Actor, ...]
    events: int
    edge: float = 0.0  # the right edge lies here (in body widths); 0: far away
    one_person: bool = False  # all actors are the same person


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: when, uint8 BGR, and who is visible where (fractions of the frame)."""

    at_s: float
    bgr: U8
    people: Mapping[int, tuple[float, float, float, float]]  # x, y, w, h
    whole: frozenset[int]  # those of whom nothing is cut off


def situations() -> tuple[Situation, ...]:
    """All but the long ones."""
    return (*_together(), *_come_back(), *_alone())


def _together() -> tuple[Situation, ...]:
    cross = (
        Actor(((CALM_S, -9.0), (CALM_S + 9, 9.0))),
        Actor(((CALM_S, 9.0), (CALM_S + 9, -9.0)), feet=0.05),
    )
    hug = (
        Actor(((CALM_S, -9), (CALM_S + 4, -0.3), (CALM_S + 8, -0.3), (CALM_S + 12, -9))),
        Actor(((CALM_S, 9), (CALM_S + 4, 0.3), (CALM_S + 8, 0.3), (CALM_S + 12, 9)), feet=0.02),
    )
    # They walk as one silhouette, then each their own way.
    part = (
        Actor(((CALM_S, -9), (CALM_S + 5, 0), (CALM_S + 9, 9))),
        Actor(((CALM_S, -8.8), (CALM_S + 5, 0.2), (CALM_S + 6, 0.2), (CALM_S + 9, -7)), feet=0.02),
    )
    row = tuple(Actor(((CALM_S + 1.2 * i, -9.0), (CALM_S + 1.2 * i + 10, 9.0))) for i in range(3))
    # One goes behind a post and stays; somebody else comes out on the same side.
    relay = (
        Actor(((CALM_S, -8.0), (CALM_S + 5, 0.0)), behind=-0.5),
        Actor(((CALM_S + 5.5, -8.0), (CALM_S + 9, -2.2), (CALM_S + 13, -8.0))),
    )
    return (
        Situation("cross", 16, cross, 2),
        Situation("hug", 19, hug, 2),
        Situation("part", 16, part, 2),
        Situation("in a row", 20, row, 3),
        Situation("relay", 20, relay, 2),
    )


def _come_back() -> tuple[Situation, ...]:
    """Two walks of one person or two, out at one place and in there again `away_s` later."""
    found = []
    for where in ("edge", "door"):
        for away_s in (1.0, 3.0, 5.0):
            out_s = CALM_S + 4.0
            back_s = out_s + away_s
            go = ((CALM_S, -5.0), (out_s, 3.5))
            come = ((back_s, 3.5), (back_s + 5, -7.0))
            behind = 3.0 if where == "door" else float("inf")
            actors = (Actor(go, behind=behind), Actor(come, behind=behind))
            wanted = 1 if away_s < 2 else 2
            edge = 3.0 if where == "edge" else 0.0
            name = f"{where}, {away_s:g} s"
            found.append(Situation(name, back_s + 8, actors, wanted, edge, one_person=True))
    return tuple(found)


def _alone() -> tuple[Situation, ...]:
    pillar = Actor(((CALM_S, -8.0), (CALM_S + 9, 8.0)), strip=(-0.8, 0.8))
    still = Actor(((0.0, 1.0), (16.0, 1.0)), still=True)
    pause = Actor(
        ((CALM_S, -9.0), (CALM_S + 4, -1.0), (CALM_S + 34, -1.0), (CALM_S + 38, -9.0)), still=True
    )
    return (
        Situation("pillar", 16, (pillar,), 1),
        Situation("still from the start", 14, (still,), 1),
        Situation("stops for 30 s", 45, (pause,), 1),
    )


def long_stand(minutes: float = 10.0) -> Situation:
    """Comes, stands like a statue, and is there for minutes."""
    until_s = CALM_S + 4 + 60 * minutes
    way = ((CALM_S, -9.0), (CALM_S + 4, -1.0), (until_s, -1.0), (until_s + 4, -9.0))
    return Situation("still for 10 min", until_s + 9, (Actor(way, still=True),), 1)


@cache
def _people(folder: Path) -> tuple[Walk, ...]:
    return tuple(
        walk
        for walk in walks(folder)
        if min(cut.bgr.shape[0] for cut in walk.pictures) >= _MIN_CUT_PX
    )


def shots(situation: Situation, variant: int, folder: Path | None = None) -> Iterator[Shot]:
    """The pictures of one variant: its place, its people and their height differ."""
    folder = folder or footage_dir()
    rng = np.random.default_rng([zlib.crc32(situation.name.encode()), variant])
    place = plate(folder, _PLACES[variant % len(_PLACES)])
    everybody = _people(folder)
    chosen = [everybody[int(i)] for i in rng.permutation(len(everybody))[: len(situation.actors)]]
    if situation.one_person:
        chosen[1:] = chosen[:1] * (len(chosen) - 1)  # the same person comes back
    stage = _Stage(place, HEIGHTS_FRAC[variant % len(HEIGHTS_FRAC)], situation.edge)
    for index in range(round(situation.seconds * FPS)):
        yield stage.shot(index / FPS, situation.actors, chosen, rng)


class _Stage:
    """A place, and how large people are in it."""

    def __init__(self, place: U8, height_frac: float, edge: float) -> None:
        self._place = place
        rows, columns = place.shape[:2]
        self._tall_px = height_frac * rows
        self._body_px = 0.4 * self._tall_px
        self._feet_px = 0.86 * rows
        # Where x = 0 is: the middle, or so that the right edge is where it is wanted.
        self._middle_px = columns - edge * self._body_px if edge else columns / 2

    def shot(
        self,
        at_s: float,
        actors: tuple[Actor, ...],
        chosen: list[Walk],
        rng: np.random.Generator,
    ) -> Shot:
        picture = self._place.copy()
        people, whole = {}, set()
        order = sorted(range(len(actors)), key=lambda i: actors[i].feet)
        for i in order:
            x = actors[i].at(at_s)
            drawn = None if x is None else self._draw(picture, actors[i], chosen[i], x, at_s)
            if drawn is not None:
                people[i], shown_frac = drawn
                whole |= {i} if shown_frac >= _WHOLE else set()
        noise = rng.normal(0, _NOISE_LEVELS, picture.shape[:2])[..., None]
        noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        return Shot(at_s, noisy, people, frozenset(whole))

    def _draw(
        self, picture: U8, actor: Actor, walk: Walk, x: float, at_s: float
    ) -> tuple[tuple[float, float, float, float], float] | None:
        """Paste one person; their box and the share that is visible.

        None when that is less than a third."""
        rows, columns = picture.shape[:2]
        cut = walk.at(0.0 if actor.still and _rests(actor, at_s) else at_s)
        tall = round(self._tall_px * (1 + actor.feet))
        wide = max(2, round(tall * cut.bgr.shape[1] / cut.bgr.shape[0]))
        body, alpha = cv2.resize(cut.bgr, (wide, tall)), cv2.resize(cut.alpha, (wide, tall))
        left = round(self._middle_px + x * self._body_px - wide / 2)
        top = round(self._feet_px + actor.feet * self._tall_px - tall)
        seen = np.arange(left, left + wide)
        shown = (seen >= 0) & (seen < columns)
        shown &= seen < self._middle_px + min(actor.behind, 1e6) * self._body_px
        if actor.strip is not None:
            low, high = (self._middle_px + side * self._body_px for side in actor.strip)
            shown &= (seen < low) | (seen > high)
        if not shown.any():
            return None
        inside = slice(max(0, top), min(rows, top + tall))
        part = slice(inside.start - top, inside.stop - top)
        spot = picture[inside][:, seen[shown]]
        opacity = alpha[part][:, shown, None]
        picture[inside, seen[shown]] = opacity * body[part][:, shown] + (1 - opacity) * spot
        if shown.mean() < 1 / 3:
            return None
        x1, x2 = int(seen[shown].min()), int(seen[shown].max()) + 1
        height = inside.stop - inside.start
        box = x1 / columns, inside.start / rows, (x2 - x1) / columns, height / rows
        return box, float(shown.mean())


def _rests(actor: Actor, at_s: float) -> bool:
    before, after = actor.at(at_s - 0.1), actor.at(at_s + 0.1)
    return before == after or before is None or after is None
