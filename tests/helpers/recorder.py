"""A recorder that writes its clips into a folder with every bad habit of the field.

    recording = record(seed, clips)      what is written, and in which order: the same for a seed
    play(recording, root, shelf, ...)    does it, step by step; a consumer may be killed between

Three recorders take turns, each with a folder and a way of naming of its own:

    dahua/    {day}/001/dav/{hour}/{start}-{end}[M][0@0][0].mp4   named when the clip is complete
    reolink/  Yard_00_{start}.mp4                                 its clock is an hour ahead
    ring/     slot07.mp4                                          few names, used again and again

Clips follow each other without a gap while somebody walks through the picture (a visit, which
is CLIPS_PER_VISIT clips long), then there is a pause. What is not a clip, or a broken one, lies
between them. How fast things happen is up to the consumer: nothing is deleted or written over
before it had the time to look.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np

FPS = 10
CLIP_S = 4
CLIPS_PER_VISIT = 5
VISIT_S = CLIP_S * CLIPS_PER_VISIT
_PAUSE_S = (20, 90)
#: Names of the ring; a clip is written over when so many newer ones are there.
RING = 60
#: A recorder keeps so many clips of its other cameras.
_KEPT = 80
_SKEW_S = 3600

#: BGR pictures (height, width, 3) of one visit: VISIT_S * FPS of them.
Pictures = Sequence[np.ndarray]


class Habit(Enum):
    """How a file comes to be. The second value is how often, the third what can be read of it."""

    PLAIN = ("plain", 30, True)
    SLOW = ("grows slowly", 10, True)
    PART = ("a .part that is renamed", 8, True)
    TMP = ("a .tmp that is renamed", 5, True)
    HIDDEN = ("a dotfile that is renamed", 5, True)
    RENAMED = ("renamed once it is complete", 8, True)
    TWIN = ("there twice, under two names", 4, True)
    TOUCHED = ("its mtime changes later", 5, True)
    CUT_STREAM = ("a transport stream that breaks off", 4, True)
    CUT = ("an mp4 that breaks off", 4, False)
    EMPTY = ("no bytes", 3, False)
    TEXT = ("a text named .mp4", 3, False)
    WITHDRAWN = ("deleted before it is complete", 3, False)

    @property
    def weight(self) -> int:
        return self.value[1]

    @property
    def readable(self) -> bool:
        return self.value[2]


_READABLE = [habit for habit in Habit if habit.readable]
_BROKEN = [habit for habit in Habit if not habit.readable]


@dataclass(frozen=True)
class Written:
    """One file of a recorder, and what a consumer should make of it."""

    number: int
    camera: str
    habit: Habit
    path: Path  # below the root, in the end
    start_utc_s: float  # by the recorder's clock
    piece: int  # which of the visit's clips, 0 ...; of a broken file: nothing is in it

    @property
    def readable(self) -> bool:
        return self.habit.readable


@dataclass(frozen=True)
class Step:
    """One thing that a recorder does. Shares are of the file's bytes."""

    what: str  # write, rename, delete, mtime, copy, wait, begin, settled
    path: Path = Path()
    number: int = -1
    share: tuple[float, float] = (0.0, 1.0)
    target: Path = Path()
    value: float = 0.0


@dataclass(frozen=True)
class Recording:
    files: tuple[Written, ...]
    steps: tuple[Step, ...]

    @property
    def readable(self) -> tuple[Written, ...]:
        return tuple(file for file in self.files if file.readable)

    @property
    def visits(self) -> int:
        """How often somebody walks through a picture from the first clip to the last."""
        return sum(file.piece == CLIPS_PER_VISIT - 1 for file in self.readable)


@dataclass
class _Camera:
    """One recorder's names and time."""

    name: str
    utc_s: float
    kept: list[Path] = field(default_factory=list)
    slot: int = 0

    def path(self, habit: Habit) -> Path:
        suffix = "ts" if habit is Habit.CUT_STREAM else "mp4"
        begin = dt.datetime.fromtimestamp(self.utc_s, dt.UTC)
        end = begin + dt.timedelta(seconds=CLIP_S)
        if self.name == "dahua":
            day = Path(f"{begin:%Y-%m-%d}/001/dav/{begin:%H}")
            return "dahua" / day / f"{begin:%H.%M.%S}-{end:%H.%M.%S}[M][0@0][0].{suffix}"
        if self.name == "reolink":
            ahead = begin + dt.timedelta(seconds=_SKEW_S)
            return Path(f"reolink/Yard_00_{ahead:%Y%m%d%H%M%S}.{suffix}")
        self.slot += 1
        return Path(f"ring/slot{self.slot % RING:02d}.{suffix}")


def record(seed: int, clips: int, *, begin_utc_s: float, broken_frac: float = 0.15) -> Recording:
    """About `clips` files, broken ones among them. Begins at `begin_utc_s`."""
    rng = random.Random(seed)
    cameras = [_Camera(name, begin_utc_s) for name in ("dahua", "reolink", "ring")]
    files: list[Written] = []
    steps: list[Step] = []
    while len(files) < clips:
        camera = rng.choice(cameras)
        for piece in range(CLIPS_PER_VISIT):
            if rng.random() < broken_frac:
                _add(rng, camera, _chosen(rng, _BROKEN), -1, files, steps)
            _add(rng, camera, _chosen(rng, _READABLE), piece, files, steps)
            camera.utc_s += CLIP_S
        camera.utc_s += rng.randint(*_PAUSE_S)
    return Recording(tuple(files), tuple(steps))


def _chosen(rng: random.Random, habits: list[Habit]) -> Habit:
    return rng.choices(habits, [habit.weight for habit in habits])[0]


def _add(
    rng: random.Random,
    camera: _Camera,
    habit: Habit,
    piece: int,
    files: list[Written],
    steps: list[Step],
) -> None:
    if habit is Habit.CUT_STREAM and piece == CLIPS_PER_VISIT - 1:
        habit = Habit.PLAIN  # the visit's end must be there
    number, path = len(files), camera.path(habit)
    if not habit.readable:
        path = path.with_name(f"x{number}-{path.name}") if camera.name == "ring" else path
        path = path.with_name(f"{path.stem}.bad{path.suffix}") if camera.name == "dahua" else path
    start_s = camera.utc_s + (_SKEW_S if camera.name == "reolink" else 0)
    file = Written(number, camera.name, habit, path, start_s, piece)
    files.append(file)
    steps.append(Step("begin", number=number))
    steps += _written(rng, file)
    if habit is not Habit.WITHDRAWN and habit is not Habit.TEXT:
        # As FTP servers do: the end of the upload, by the recorder's real time.
        steps.append(Step("mtime", path, value=camera.utc_s + CLIP_S))
    if habit is Habit.TOUCHED and camera.name != "ring":
        steps.append(Step("wait", value=rng.uniform(0.0, 0.3)))
        steps.append(Step("mtime", path, value=camera.utc_s + CLIP_S + rng.uniform(5, 200)))
    if camera.name != "ring":
        camera.kept.append(path)
        if len(camera.kept) > _KEPT:
            steps.append(Step("delete", camera.kept.pop(0)))


def _written(rng: random.Random, file: Written) -> Iterator[Step]:
    number, path = file.number, file.path
    temporary = {
        Habit.PART: path.with_name(path.name + ".part"),
        Habit.TMP: path.with_name(path.name + ".tmp"),
        Habit.HIDDEN: path.with_name("." + path.name),
        Habit.RENAMED: path.with_name(path.stem + "_" + path.suffix),
    }
    if file.habit in temporary:
        before = temporary[file.habit]
        yield Step("write", before, number, (0.0, 0.5))
        yield Step("wait", value=rng.uniform(0.0, 0.2))
        yield Step("write", before, number, (0.5, 1.0))
        if file.habit is Habit.RENAMED and file.camera == "ring":
            yield Step("mtime", before, value=file.start_utc_s + CLIP_S)
        yield Step("rename", before, target=path)
    elif file.habit is Habit.SLOW:
        parts = rng.randint(3, 6)
        for part in range(parts):
            yield Step("write", path, number, (part / parts, (part + 1) / parts))
            yield Step("wait", value=rng.uniform(0.1, 0.5))
    elif file.habit is Habit.WITHDRAWN:
        yield Step("write", path, number, (0.0, 0.4))
        yield Step("wait", value=rng.uniform(0.0, 0.3))
        yield Step("delete", path)
    elif file.habit in (Habit.CUT, Habit.CUT_STREAM):
        yield Step("write", path, number, (0.0, rng.uniform(0.5, 0.8)))
    else:
        yield Step("write", path, number)
        if file.habit is Habit.TWIN:
            twin = path.with_name(path.name.replace("[0].", "[1]."))
            if twin == path:
                twin = path.parent / "again" / path.name
            yield Step("copy", path, target=twin, value=file.start_utc_s + CLIP_S)


# --- the files' content -----------------------------------------------------------------


class Content(Protocol):
    """What the files hold."""

    def content(self, file: Written) -> bytes: ...


class Shelf:
    """Encoded clips, each made once: what is played twice is the same to the byte."""

    def __init__(self, folder: Path, pictures: Pictures) -> None:
        self._folder = folder
        self._pictures = pictures
        folder.mkdir(parents=True, exist_ok=True)

    def content(self, file: Written) -> bytes:
        if file.habit is Habit.EMPTY:
            return b""
        if file.habit is Habit.TEXT:
            return f"220 no clip {file.number}\r\n".encode() * 300
        suffix = "ts" if file.habit is Habit.CUT_STREAM else "mp4"
        path = self._folder / f"{file.number}.{suffix}"
        if not path.exists():
            self._encode(path, file)
        return path.read_bytes()

    def _encode(self, path: Path, file: Written) -> None:
        """No two clips are alike: each bears its number, as a title that nobody sees."""
        first = max(0, file.piece) * CLIP_S * FPS
        height, width = self._pictures[0].shape[:2]
        options = {"preset": "ultrafast", "g": str(FPS), "bf": "0", "crf": "20"}
        options["x264-params"] = "scenecut=0:log=0:threads=1"
        partial = path.with_name(f"{uuid.uuid4().hex}{path.suffix}")  # others may make it too
        with av.open(str(partial), "w") as container:
            container.metadata["title" if path.suffix == ".mp4" else "service_name"] = (
                f"clip {file.number}"
            )
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index in range(CLIP_S * FPS):
                picture = self._pictures[first + index]
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = index, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        partial.rename(path)


def drawn_pictures(width: int = 320, height: int = 180) -> list[np.ndarray]:
    """A yard, and a dark figure that crosses it between a quarter and three quarters."""
    rng = np.random.default_rng(11)
    yard = rng.integers(90, 160, (height // 4, width // 4, 3), np.uint8)
    yard = yard.repeat(4, axis=0).repeat(4, axis=1)
    pictures = []
    for index in range(VISIT_S * FPS):
        picture = np.clip(yard + rng.normal(0, 2, yard.shape), 0, 255).astype(np.uint8)
        share = (index / (VISIT_S * FPS) - 0.25) * 2
        if 0 <= share < 1:
            left = int(share * (width - 24))
            picture[height // 3 : height // 3 + 80, left : left + 24] = 20
        pictures.append(picture)
    return pictures


# --- doing it ---------------------------------------------------------------------------


def play(
    recording: Recording,
    root: Path,
    shelf: Content,
    *,
    done: Callable[[], int] = lambda: 1 << 30,
    ahead: int = 12,
    between: Callable[[int], None] = lambda step: None,
    settled: Callable[[Path, int], bool] = lambda path, size: True,
    pace: float = 1.0,
) -> None:
    """Do all steps. `done()` says how many readable clips the consumer has finished: when it is
    `ahead` behind, and a visit is over, it may catch up. So no old clip starves, and none goes
    before it was looked at. A file that grows goes on when `settled(path, bytes)`: the consumer
    took it as complete. `between` is called before each step with its index (a good moment to
    kill somebody). `pace` scales the waits."""
    readable = 0
    for index, step in enumerate(recording.steps):
        between(index)
        if step.what == "begin":
            file = recording.files[step.number]
            if file.piece == 0 and readable - done() > ahead:
                while readable > done():
                    time.sleep(0.1)
                    between(index)
            readable += file.readable
        elif step.what == "settled":
            size = round(step.share[1] * len(shelf.content(recording.files[step.number])))
            while not settled(root / step.path, size):
                time.sleep(0.1)
                between(index)
        else:
            _do(step, recording, root, shelf, pace)


def _do(step: Step, recording: Recording, root: Path, shelf: Content, pace: float) -> None:
    path = root / step.path
    if step.what == "wait":
        time.sleep(step.value * pace)
    elif step.what == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        content = shelf.content(recording.files[step.number])
        begin, end = (round(share * len(content)) for share in step.share)
        with path.open("wb" if begin == 0 else "ab") as file:
            file.write(content[begin:end])
    elif step.what == "rename":
        path.rename(root / step.target)
    elif step.what == "delete":
        path.unlink(missing_ok=True)
    elif step.what == "copy":
        (root / step.target).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, root / step.target)
        _set_mtime(root / step.target, step.value)
    elif step.what == "mtime":
        _set_mtime(path, step.value)
    else:
        raise ValueError(step.what)


def _set_mtime(path: Path, utc_s: float) -> None:
    os.utime(path, (utc_s, utc_s))
