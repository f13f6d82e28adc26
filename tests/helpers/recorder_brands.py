"""Twelve brands that record at once: names as their recorders write them, read by the templates
that `probe` learns; files that grow while somebody is in the picture; each moment twice, as main
and sub stream or in two containers.

    recording = record_brands(seed, visits, begin_utc_s=...)
    shelf = BrandShelf(folder, drawn_pictures())
    FolderRun(folder, plan, folders_of(recording)).run(recording, shelf)
"""

from __future__ import annotations

import datetime as dt
import json
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
from recorder import (
    CLIP_S,
    CLIPS_PER_VISIT,
    FPS,
    VISIT_S,
    Habit,
    Pictures,
    Recording,
    Step,
    Written,
)

from edge_agent.domain import U8
from edge_agent.recorders.find.grammar import NamedFile, learn

_PAUSE_S = (20, 90)


@dataclass(frozen=True)
class Brand:
    """Forms of strftime: one, or those of the two files of each moment. `grows`: one file for each
    visit."""

    name: str
    forms: tuple[str, ...]
    grows: bool = False


BRANDS = (
    Brand("imou", ("Imou_%Y%m%d%H%M%S.mp4",)),
    Brand("amcrest", ("AMC_%Y-%m-%d_%H-%M-%S.mp4",)),
    Brand("dahua", ("%Y-%m-%d/001/dav/%H/%H.%M.%S[M][0@0][0].mp4",)),
    Brand("hikvision", ("192.168.1.64_01_%Y%m%d%H%M%S345_MOTION_DETECTION.mp4",)),
    Brand("reolink", ("%Y/%m/%d/Front Door_00_%Y%m%d%H%M%S.mp4",)),
    Brand("tapo", ("%Y%m%d_%H%M%S_tp00001.mp4",)),
    Brand("v380", ("recfile/%Y%m%d/rec000/A%Y%m%d%H%M%S.avi",)),
    Brand("axis", ("%Y%m%d/%H/%Y%m%d_%H%M%S_5C3D_ACCC8E012345.mkv",)),
    Brand("go2rtc", ("out_%Y%m%dT%H%M%S.ts",), grows=True),
    Brand("vantech", ("Cổng/%d-%m-%Y/%Hh%Mm%Ss.ts",), grows=True),
    Brand("streams", ("RecM01_%Y%m%d_%H%M%S_6D28808.mp4", "RecS01_%Y%m%d_%H%M%S_6D28808.mp4")),
    Brand("containers", ("%Y-%m-%d/%H-%M-%S.mp4", "%Y-%m-%d/%H-%M-%S.mkv")),
)


@dataclass(frozen=True)
class BrandFile(Written):
    shows: int = 0  # which of the visit's pieces; `piece` counts visits, once for two streams


def record_brands(seed: int, visits: int, *, begin_utc_s: float) -> Recording:
    """All brands in turn, as chance has it. Stages of a file that grows come between the visits
    of others."""
    rng = random.Random(seed)
    now_s = dict.fromkeys(BRANDS, begin_utc_s)
    files: list[Written] = []
    steps: list[Step] = []
    growing: list[list[tuple[Written, list[Step]]]] = []
    for number in range(visits):
        brand = BRANDS[number % len(BRANDS)] if number < len(BRANDS) else rng.choice(BRANDS)
        stages = list(_visit(brand, now_s[brand], len(files)))
        files += [file for file, _ in stages]
        now_s[brand] += VISIT_S + rng.randint(*_PAUSE_S)
        if brand.grows:
            growing.append(stages)
        else:
            for _, each in stages:
                steps += each
        steps += _next_stages(growing)
    while growing:
        steps += _next_stages(growing)
    return Recording(tuple(files), tuple(steps))


def _next_stages(growing: list[list[tuple[Written, list[Step]]]]) -> Iterator[Step]:
    """The next stage of the oldest file of each brand that grows."""
    open_now = {stages[0][0].camera: stages for stages in reversed(growing)}
    for stages in open_now.values():
        yield from stages.pop(0)[1]
        if not stages:
            growing.remove(stages)


def _visit(brand: Brand, start_s: float, number: int) -> Iterator[tuple[Written, list[Step]]]:
    for piece in range(CLIPS_PER_VISIT):
        for form in brand.forms:
            named_s = start_s + (0 if brand.grows else piece * CLIP_S)
            name = dt.datetime.fromtimestamp(named_s, dt.UTC).strftime(form)
            path = Path(brand.name) / name
            # The second file of a moment shows nobody new: it is no visit of its own.
            last = piece if form is brand.forms[0] else min(piece, CLIPS_PER_VISIT - 2)
            file = BrandFile(number, brand.name, Habit.PLAIN, path, named_s, last, shows=piece)
            share = (0.0, 1.0)
            if brand.grows:
                share = (piece / CLIPS_PER_VISIT, (piece + 1) / CLIPS_PER_VISIT)
            complete_s = start_s + (piece + 1) * CLIP_S
            written = [Step("begin", number=number)]
            if brand.grows and piece:
                written.append(Step("settled", path, number, (0.0, share[0])))
            written += [Step("write", path, number, share), Step("mtime", path, value=complete_s)]
            yield file, written
            number += 1


def folders_of(recording: Recording) -> Mapping[str, str]:
    """The tables `[source]` of the cameras, without their path: what `probe` would print."""
    tables = {}
    for brand in BRANDS:
        names = {
            str(file.path.relative_to(brand.name)): file.start_utc_s + CLIP_S
            for file in recording.files
            if file.camera == brand.name
        }
        learned = learn([NamedFile(name, s) for name, s in names.items()], dt.UTC, 2100)
        facts = [learned.template.match(name) for name in names]
        channels = {each.channel for each in facts if each is not None}
        assert None not in facts, learned.template.name
        (channel,) = channels
        tables[brand.name] = f"template = {json.dumps(learned.template.name)}\n"
        if channel:
            tables[brand.name] += f"channel = {json.dumps(channel)}\n"
    return tables


class BrandShelf:
    """Encoded clips, each made once: what is played twice is the same to the byte."""

    def __init__(self, folder: Path, pictures: Pictures) -> None:
        self._folder, self._pictures = folder, pictures
        folder.mkdir(parents=True, exist_ok=True)
        height, width = pictures[0].shape[:2]
        self._small = [cv2.resize(each, (width // 2, height // 2)) for each in pictures]
        self._cached: dict[tuple[str, int, bool, int], bytes] = {}
        # Two plays at once: Matroska's muxer draws a number, so encoding twice gives two files.
        self._encoding = threading.Lock()

    def content(self, file: Written) -> bytes:
        """Of a file that grows: all that it will be. No two are alike: each bears a number."""
        assert isinstance(file, BrandFile)
        suffix = file.path.suffix
        small = file.path.name.startswith("RecS")
        # All stages of a file that grows begin alike; a file is known by how it begins.
        number = 0 if suffix == ".ts" else file.number
        key = suffix, -1 if suffix == ".ts" else file.shows, small, number
        with self._encoding:
            if key not in self._cached:
                self._cached[key] = self._encoded(*key)
        if suffix == ".ts":
            return _marked(self._cached[key], f"{file.camera} {file.path.name}".encode())
        return self._cached[key]

    def _encoded(self, suffix: str, shows: int, small: bool, number: int) -> bytes:
        pictures = self._small if small else self._pictures
        if shows >= 0:
            pictures = pictures[shows * CLIP_S * FPS : (shows + 1) * CLIP_S * FPS]
        pictures = [_numbered(each, number) for each in pictures]
        height, width = pictures[0].shape[:2]
        options = {"preset": "ultrafast", "g": str(FPS), "bf": "0", "crf": "20"}
        options["x264-params"] = "scenecut=0:log=0:threads=1"
        path = self._folder / f"{shows}{small}{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = index, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _numbered(picture: U8, number: int) -> U8:
    """With the number as sixteen grey spots in a corner: too small for motion."""
    drawn = picture.copy()
    for bit in range(16):
        drawn[0:2, 2 * bit : 2 * bit + 2] = 140 if number >> bit & 1 else 110
    return drawn


def _marked(data: bytes, name: bytes) -> bytes:
    """A transport stream with a packet before it that players skip."""
    return b"\x47\x1f\xff\x10" + name.ljust(184, b"\xff") + data
