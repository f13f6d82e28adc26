"""MOT labels: a video, or numbered pictures, and a `gt.txt` for all of them (motchallenge.net).

A row is `frame,id,x,y,w,h,flag,...`: frames and pixels from 1 on. Flag 0: not to be counted. Nine
columns (MOT16 and later) have a class in the eighth, where only some classes are people.
"""

from __future__ import annotations

import configparser
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av

from edge_agent.errors import LabelError
from edge_agent.geometry import FrameSize
from edge_agent.sources import DecodedPixels
from edge_agent.tools.trial.pictures import (
    PICTURE_SUFFIXES,
    Choice,
    LabelledPicture,
    LabelledSet,
    StillPicture,
    boxes,
    decoded,
    read_bytes,
    read_text,
)

Box = tuple[float, float, float, float]

#: MOT16's classes (Milan et al., 2016, table 2): pedestrians count; people on vehicles, people
#: at rest, distractors and reflections are ignored, MOT20's crowds too; the rest is no person.
_PEDESTRIAN = 1
_AMBIGUOUS = frozenset({2, 7, 8, 12, 13})


@dataclass(slots=True)
class _Labels:
    truth: list[Box] = field(default_factory=list)
    ignored: list[Box] = field(default_factory=list)


def from_video(video: Path, labels: Path, choice: Choice) -> LabelledSet:
    """Raises LabelError; the video's own troubles come when it is read."""
    people = _read(labels, choice.person_class)
    numbers = choice.of(range(_packets(video)))
    wanted = frozenset(numbers)

    def pictures() -> Iterator[LabelledPicture]:
        with _opened(video) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    picture = StillPicture(DecodedPixels(frame).bgr())
                    name = f"{video}, frame {number}"
                    yield _labelled(name, picture, people[number + 1], labels, choice)

    return LabelledSet(f"MOT labels, {video}", len(numbers), pictures)


def from_folder(folder: Path, labels: Path, choice: Choice) -> LabelledSet:
    """Numbered pictures, as `img1/000001.jpg`. Raises LabelError."""
    people = _read(labels, choice.person_class)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    unnumbered = next((path for path in files if not path.stem.isdecimal()), None)
    if unnumbered:
        raise LabelError(f"{unnumbered}: MOT pictures are named by their number, 000001.jpg")
    if not files:
        raise LabelError(f"{folder}: holds no picture ({', '.join(sorted(PICTURE_SUFFIXES))})")
    chosen = choice.of(files)

    def pictures() -> Iterator[LabelledPicture]:
        for path in chosen:
            picture = decoded(read_bytes(path), str(path))
            yield _labelled(str(path), picture, people[int(path.stem)], labels, choice)

    return LabelledSet(f"MOT labels, {folder}", len(chosen), pictures)


def _labelled(
    name: str, picture: StillPicture, people: _Labels, labels: Path, choice: Choice
) -> LabelledPicture:
    size = picture.size
    of = choice.label_size or _sequence_size(labels) or size
    across, down = size.width / of.width, size.height / of.height

    def scaled(box: Box) -> Box:
        x1, y1, x2, y2 = box
        return x1 * across, y1 * down, x2 * across, y2 * down

    for x1, y1, x2, y2 in people.truth:
        if (x1 + x2) / 2 > of.width * 1.02 or (y1 + y2) / 2 > of.height * 1.02:
            raise LabelError(
                f"{labels}: {name}: somebody is at {(x1 + x2) / 2:.0f},{(y1 + y2) / 2:.0f}, not "
                f"within {of}; say what the labels' pixels refer to with --label-size WxH"
            )
    return LabelledPicture(
        name,
        picture,
        boxes(scaled(box) for box in people.truth),
        boxes(scaled(box) for box in people.ignored),
    )


def _read(labels: Path, person_class: int | None) -> Mapping[int, _Labels]:
    """By frame, from 1 on; corners in the labels' own pixels, from 0 on."""
    text = read_text(read_bytes(labels), str(labels))
    frames: dict[int, _Labels] = defaultdict(_Labels)
    person = _PEDESTRIAN if person_class is None else person_class
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row:
            continue
        try:
            frame, _, x, y, w, h, flag, *more = (float(cell) for cell in row)
        except ValueError as error:
            raise LabelError(
                f"{labels}:{number}: {error}; expected frame,id,x,y,w,h,flag,..."
            ) from error
        if w <= 0 or h <= 0 or frame < 1 or frame != int(frame):
            raise LabelError(
                f"{labels}:{number}: frame {frame:g} with a box of {w:g} x {h:g} pixels; frames "
                "count from 1, sides are larger than 0"
            )
        box = (x - 1, y - 1, x - 1 + w, y - 1 + h)
        kind = int(more[0]) if len(row) == 9 else person
        if flag and kind == person:
            frames[int(frame)].truth.append(box)
        elif kind == person or kind in _AMBIGUOUS:
            frames[int(frame)].ignored.append(box)
    if not frames:
        raise LabelError(f"{labels}: labels nobody")
    return frames


def _sequence_size(labels: Path) -> FrameSize | None:
    """What `seqinfo.ini` beside the folder of gt.txt says."""
    parser = configparser.ConfigParser()
    try:
        parser.read(labels.parent.parent / "seqinfo.ini")
        section = parser["Sequence"]
        return FrameSize(int(section["imWidth"]), int(section["imHeight"]))
    except (KeyError, ValueError, configparser.Error, OSError):
        return None


def _packets(video: Path) -> int:
    """Number of frames, without decoding any."""
    with _opened(video) as container:
        return sum(packet.dts is not None for packet in container.demux(video=0))


def _opened(video: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(video))
    except (OSError, av.FFmpegError) as error:
        raise LabelError(f"{video}: is no video that can be read: {error}") from error
    if not container.streams.video:
        container.close()
        raise LabelError(f"{video}: holds no video")
    return container
