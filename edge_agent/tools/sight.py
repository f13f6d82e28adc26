"""What a camera's picture shows, in words and as a file: a technician is seldom in front of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_agent.atomic_file import write_atomically
from edge_agent.detect import OnnxDetector
from edge_agent.domain import U8, Region
from edge_agent.errors import OperatorError, StorageError
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.health.faults import Aspect, Fault, seen_alone
from edge_agent.health.look import take_glance
from edge_agent.language import _
from edge_agent.media import encode_jpeg
from edge_agent.tools.trial.pictures import StillPicture

#: Levels between the darkest and the brightest percent, below which nothing is to be seen: a cap,
#: a wall of fog, a cloth.
_FLAT_CONTRAST = 20.0
_DIM, _BRIGHT = 60.0, 140.0  # median level
#: Large enough to recognise a gate; `encode_jpeg` makes it smaller where it must.
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class CameraSight:
    """One picture. `people` None: no detector was asked."""

    size: FrameSize
    fault: Fault | None
    is_flat: bool
    median: float  # level, 0..255
    people: int | None

    @property
    def shows_nothing(self) -> bool:
        return self.is_flat or self.fault in (Fault.BLACK, Fault.OVEREXPOSED)

    def in_words(self) -> str:
        """As a person reads it."""
        words = [_light(self)]
        if self.people is not None and not self.shows_nothing:
            words.append(_people(self.people))
        return ", ".join(words)


def look_at(bgr: U8, detector: OnnxDetector | None = None) -> CameraSight:
    """`bgr`: uint8 (height, width, 3), only read."""
    look = take_glance(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8))
    people = None
    if detector is not None:
        manifest = detector.manifest
        seen = detector.detect(
            StillPicture(bgr),
            [Region(FULL_FRAME)],
            candidate_threshold=manifest.candidate_threshold,
        )
        people = sum(each.score >= manifest.confirm_threshold for each in seen)
    fault = seen_alone(look, 0.0, 0.0, 0.0)[Aspect.LIGHT].fault
    size = FrameSize(bgr.shape[1], bgr.shape[0])
    return CameraSight(size, fault, look.contrast <= _FLAT_CONTRAST, look.median, people)


def _light(sight: CameraSight) -> str:
    if sight.fault is Fault.BLACK:
        return _("black: nothing is to be seen")
    if sight.fault is Fault.OVEREXPOSED:
        return _("burnt out: nothing is to be seen")
    if sight.is_flat:
        return _("one grey area: nothing is to be seen")
    if sight.fault is Fault.DARK:
        return _("very dark")
    if sight.median < _DIM:
        return _("dim light")
    return _("bright light") if sight.median > _BRIGHT else _("good light")


def _people(count: int) -> str:
    if count == 0:
        return _("nobody seen")
    return _("1 person seen") if count == 1 else _("{count} persons seen").format(count=count)


def save_picture(bgr: U8, path: Path) -> None:
    """For the eyes of whoever runs the command: mode 0600, theirs also under sudo.

    Raises OperatorError when it cannot be written.
    """
    jpeg, _size = encode_jpeg(bgr, _MOST_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, jpeg, mode=0o600)
        owner = _person()
        if owner is not None:
            shutil.chown(path, *owner)
    except (OSError, StorageError) as error:
        raise OperatorError(
            _("{path}: cannot be written: {why}").format(
                path=path, why=getattr(error, "strerror", None) or error
            )
        ) from error


def _person() -> tuple[int, int] | None:
    """Who called sudo; None: nobody did."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() != 0 or not (user.isdigit() and group.isdigit()):
        return None
    return int(user), int(group)
