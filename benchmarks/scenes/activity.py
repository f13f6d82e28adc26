"""Scenes in which it is known, picture by picture, who is where.

    python -m benchmarks.scenes.activity --sheet sheet.png

Real people (`cutouts`) walk over real empty places (`backgrounds`) at random moments, from
behind one edge to behind another, 0.8 s to 20 s long, 5 % to 40 % of the picture's height;
under sensor noise, drifting light, lamps, the infrared switch, wind and rain. Rendered as
I420, which is what an encoder wants: converting would cost more than rendering.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.backgrounds import Place, plate
from benchmarks.scenes.cutouts import Cutout, Walk, walks
from benchmarks.scenes.effects import Rng
from benchmarks.scenes.weather import Leaves, Planes, Sky, Weather, changes_s
from edge_agent.domain import F32, U8

HEIGHTS_FRAC = (0.05, 0.40)
LENGTHS_S = (0.8, 20.0)
#: Walking people cover about this many of their own heights in a second; hurrying ones more.
SPEED_HEIGHTS_PER_S = (0.5, 1.1)
#: Nobody enters in the first seconds (backgrounds are learned) or near a change of light.
CALM_START_S, CALM_AFTER_CHANGE_S, CALM_BEFORE_CHANGE_S = 12.0, 8.0, 3.0
#: Mean luma difference of a person to what is behind; less is hard for people as well.
MIN_CONTRAST_LEVELS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A scene before it is rendered. The same plan gives the same pictures."""

    name: str
    place: Place
    weather: Weather
    size: tuple[int, int]  # width, height in pixels, both even
    fps: float
    seconds: float
    gap_s: tuple[float, float] | None  # between people; None: nobody comes
    first_s: float = CALM_START_S
    # Not in the representation, from which the cache takes its names: see `scenes.encode`.
    heights_frac: tuple[float, float] = field(default=HEIGHTS_FRAC, repr=False)


@dataclass(frozen=True, slots=True)
class Transit:
    """One person from the first to the last moment in which more than half of them is visible."""

    start_s: float
    end_s: float
    height_frac: float
    walk: str
    boxes: tuple[tuple[float, float, float, float], ...]  # fractions, one for each picture

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class _Course:
    """Where a person walks: turning points of the middle of the body, in pixels."""

    start_s: float
    end_s: float
    turns_x: tuple[float, ...]
    feet_y: float
    height_px: float
    walk: Walk

    def middle_x(self, at_s: float) -> float:
        legs = np.abs(np.diff(self.turns_x)).cumsum()
        part = (at_s - self.start_s) / (self.end_s - self.start_s)
        return float(np.interp(part * legs[-1], [0.0, *legs], self.turns_x))

    @property
    def edges_x(self) -> tuple[float, float]:
        """Behind these the person cannot be seen."""
        return min(self.turns_x), max(self.turns_x)


def _log_uniform(rng: Rng, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def _turns(rng: Rng, plan: Plan, wish_px: float, body_px: float) -> tuple[float, ...]:
    """Turning points of a walk of about `wish_px`, between two edges in the picture."""
    room = plan.size[0] * 0.96
    straight = min(wish_px, room - 2)
    left = rng.uniform(0.02 * plan.size[0], 0.02 * plan.size[0] + room - straight)
    edges = (left, left + straight)
    inner = (edges[0] + body_px, edges[1] - body_px)
    to_and_fro = round((wish_px / straight - 1) / 2) if inner[1] > inner[0] else 0
    points = [edges[0], *([inner[1], inner[0]] * to_and_fro), edges[1]]
    return tuple(points if rng.random() < 0.5 else [sum(edges) - x for x in points])


def _course(rng: Rng, plan: Plan, start_s: float, cast: tuple[Walk, ...]) -> _Course:
    height_frac = _log_uniform(rng, plan.heights_frac)
    length_s = _log_uniform(rng, LENGTHS_S)
    height_px = height_frac * plan.size[1]
    walk = cast[int(rng.integers(len(cast)))]
    first = walk.pictures[0].alpha.shape
    body_px = height_px * first[1] / first[0]
    # Who is seen for a moment only still shows the whole body once.
    wish_px = max(1.3 * body_px, rng.uniform(*SPEED_HEIGHTS_PER_S) * height_px * length_s)
    feet = rng.uniform(max(0.45, height_frac + 0.08), 0.97)
    turns = _turns(rng, plan, wish_px, body_px)
    return _Course(start_s, start_s + length_s, turns, feet * plan.size[1], height_px, walk)


def courses(plan: Plan, cast: tuple[Walk, ...], empty: U8) -> list[_Course]:
    """Everybody who comes, in order; `empty` is the place's picture as I420."""
    if plan.gap_s is None:
        return []
    rng = np.random.default_rng(zlib.crc32(f"people of {plan.name}".encode()))
    found: list[_Course] = []
    start_s = plan.first_s + float(rng.uniform(0, 4))
    while True:
        course = _course(rng, plan, start_s, cast)
        for _ in range(30):
            if _contrast(course, empty, plan) >= MIN_CONTRAST_LEVELS:
                break
            course = _course(rng, plan, start_s, cast)
        if course.end_s > plan.seconds - 6:
            return found
        clash = [
            s
            for s in changes_s(plan.weather, plan.seconds)
            if course.start_s - CALM_AFTER_CHANGE_S < s < course.end_s + CALM_BEFORE_CHANGE_S
        ]
        if clash:
            start_s = clash[-1] + CALM_AFTER_CHANGE_S + float(rng.uniform(0, 4))
            continue
        found.append(course)
        start_s = course.end_s + float(rng.uniform(*plan.gap_s))


def _contrast(course: _Course, empty: U8, plan: Plan) -> float:
    """The least luma difference to the background at three places of the course."""
    levels = []
    for part in (0.2, 0.5, 0.8):
        at_s = course.start_s + part * (course.end_s - course.start_s)
        person = _scaled(course.walk.at(at_s - course.start_s), round(course.height_px))
        y, x = _corner(course, person, at_s)
        behind = empty[: plan.size[1]][y : y + person.rows, x : x + person.columns]
        rows, columns = behind.shape
        seen = person.luma[:rows, :columns], person.alpha[:rows, :columns]
        weight = float(seen[1].sum())
        if weight < 1:
            return 0.0
        levels.append(float((np.abs(seen[0] - behind) * seen[1]).sum()) / weight)
    return min(levels)


@dataclass(frozen=True, slots=True)
class _Person:
    """A cut-out at its final size, ready to be laid over I420."""

    luma: F32
    chroma: tuple[F32, F32]  # half size
    alpha: F32
    half_alpha: F32

    @property
    def rows(self) -> int:
        return self.luma.shape[0]

    @property
    def columns(self) -> int:
        return self.luma.shape[1]


def _scaled(cut: Cutout, height_px: int) -> _Person:
    rows = max(8, height_px + height_px % 2)
    columns = max(4, round(rows * cut.alpha.shape[1] / cut.alpha.shape[0]))
    columns += columns % 2
    shrink = rows < cut.alpha.shape[0]
    how = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    yuv = cv2.cvtColor(cv2.resize(cut.bgr, (columns, rows), interpolation=how), cv2.COLOR_BGR2YUV)
    alpha = np.clip(cv2.resize(cut.alpha, (columns, rows), interpolation=how), 0, 1)
    half = (columns // 2, rows // 2)
    u, v = (cv2.resize(yuv[..., i], half, interpolation=cv2.INTER_AREA) for i in (1, 2))
    return _Person(
        # cv2 works in full range, video in 16..235.
        yuv[..., 0].astype(np.float32) * (219 / 255) + 16,
        (u.astype(np.float32), v.astype(np.float32)),
        alpha,
        cv2.resize(alpha, half, interpolation=cv2.INTER_AREA),
    )


def _corner(course: _Course, person: _Person, at_s: float) -> tuple[int, int]:
    """Row and column of the person's top left corner, both even."""
    y = round((course.feet_y - person.rows) / 2) * 2
    x = round((course.middle_x(at_s) - person.columns / 2) / 2) * 2
    return max(0, y), x


def _lay(behind: U8, over: F32, alpha: F32) -> None:
    behind[:] = np.rint(behind + alpha * (over - behind)).astype(np.uint8)


def _draw(planes: Planes, course: _Course, at_s: float) -> tuple[float, float, float, float] | None:
    """Lay the person over the picture; the visible box in fractions, None when hidden."""
    person = _scaled(course.walk.at(at_s - course.start_s), round(course.height_px))
    y, x = _corner(course, person, at_s)
    height, width = planes.luma.shape
    left, right = (round(edge / 2) * 2 for edge in course.edges_x)
    x1, x2 = max(x, left, 0), min(x + person.columns, right, width)
    y2 = min(y + person.rows, height)
    if x2 - x1 < 2 or y2 - y < 2:
        return None
    inside = np.s_[: y2 - y, x1 - x : x2 - x]
    _lay(planes.luma[y:y2, x1:x2], person.luma[inside], person.alpha[inside])
    half = np.s_[: (y2 - y) // 2, (x1 - x) // 2 : (x2 - x) // 2]
    for plane, colour in ((planes.u, person.chroma[0]), (planes.v, person.chroma[1])):
        _lay(plane[y // 2 : y2 // 2, x1 // 2 : x2 // 2], colour[half], person.half_alpha[half])
    return x1 / width, y / height, (x2 - x1) / width, (y2 - y) / height


@cache
def empty_i420(folder: Path, place: Place, size: tuple[int, int]) -> U8:
    """The empty place at `size` as I420; not to be written to."""
    picture = cv2.resize(plate(folder, place), size, interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)


class Rendering:
    """A scene being rendered: take all `pictures()`, then ask for `transits()`."""

    def __init__(self, plan: Plan, folder: Path | None = None) -> None:
        self._plan = plan
        base = folder or footage_dir()
        self._empty = empty_i420(base, plan.place, plan.size)
        self._courses = courses(plan, walks(base), self._empty) if plan.gap_s else []
        rng = np.random.default_rng(zlib.crc32(plan.name.encode()))
        self._sky = Sky(rng, plan.size, plan.weather, plan.seconds)
        windy = plan.weather in (Weather.FOLIAGE, Weather.GALE)
        self._leaves = Leaves(rng, self._empty, plan.place, plan.weather) if windy else None
        self._boxes: list[list[tuple[float, float, float, float]]] = [[] for _ in self._courses]

    def pictures(self) -> Iterator[U8]:
        """uint8 (height * 3 / 2, width), I420; each valid until the next."""
        picture = np.empty_like(self._empty)
        planes = Planes(picture)
        for i in range(round(self._plan.seconds * self._plan.fps)):
            at_s = i / self._plan.fps
            np.copyto(picture, self._empty)
            if self._leaves:
                self._leaves(planes, at_s)
            for course, boxes in zip(self._courses, self._boxes, strict=True):
                if course.start_s <= at_s <= course.end_s:
                    box = _draw(planes, course, at_s)
                    boxes.append(box or (0.0, 0.0, 0.0, 0.0))
            self._sky(planes, at_s)
            yield picture

    def transits(self) -> list[Transit]:
        return [
            Transit(c.start_s, c.end_s, c.height_px / self._plan.size[1], c.walk.name, tuple(boxes))
            for c, boxes in zip(self._courses, self._boxes, strict=True)
        ]


def contact_sheet(plans: list[Plan], columns: int = 6) -> U8:
    """One row a scene, uint8 BGR: the middle of its first people, boxed."""
    rows = []
    for plan in plans:
        rendering = Rendering(plan)
        planned = rendering._courses  # noqa: SLF001 - the same module
        wanted = {round((c.start_s + c.end_s) / 2 * plan.fps): c for c in planned[:columns]}
        tiles = []
        for i, picture in enumerate(rendering.pictures()):
            if i not in wanted:
                continue
            bgr = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
            tiles.append(cv2.resize(bgr, (426, 240), interpolation=cv2.INTER_AREA))
            if len(tiles) == columns:
                break
        tiles += [np.zeros((240, 426, 3), np.uint8)] * (columns - len(tiles))
        cv2.putText(tiles[0], plan.name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 255))
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def main() -> None:
    from benchmarks.scenes.encode import recall_plans

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, required=True, help="a PNG")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    cv2.imwrite(str(args.sheet), contact_sheet(list(recall_plans())))


if __name__ == "__main__":
    main()
