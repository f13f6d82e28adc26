"""Tries what was answered before anything is written: broker, then each camera, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_agent.clock import Clock
from edge_agent.config import load_config
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import U8
from edge_agent.errors import ModelError
from edge_agent.sources import CredentialGuard
from edge_agent.tools.doctor.broker import look_at_broker
from edge_agent.tools.doctor.cameras import visit
from edge_agent.tools.doctor.findings import DoctorFinding, Grade
from edge_agent.tools.setup.answers import Answers
from edge_agent.tools.setup.writing import files_of

#: The subject of a trial that is no camera's.
BROKER = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """`camera`: its id, or BROKER. `picture`: uint8 BGR (height, width, 3), masked."""

    camera: str
    findings: tuple[DoctorFinding, ...]
    picture: U8 | None = field(default=None, repr=False, compare=False)

    @property
    def stands_in_the_way(self) -> bool:
        return any(each.grade is Grade.RED for each in self.findings)


def tried(
    answers: Answers,
    secrets: Mapping[str, str],
    guard: CredentialGuard,
    clock: Clock,
    only: Sequence[str] | None = None,
) -> Iterator[Tried]:
    """A camera's password is tried once: a recorder locks the user out after a few.

    `only`: these cameras, and BROKER. Raises ConfigError for answers that make no configuration.
    """
    with _laid_out(answers, secrets) as folder:
        config = load_config(folder).config
        if only is None or BROKER in only:
            yield Tried(BROKER, tuple(look_at_broker(config, clock)))
        detector = _detector()
        for camera in config.cameras:
            if only is None or camera.id in only:
                seen = visit(camera, guard, clock, detector)
                yield Tried(camera.id, seen.findings, seen.picture)


def _detector() -> OnnxDetector | None:
    """To tell how many people a picture shows; setup goes on without."""
    try:
        return OnnxDetector.open(find_model("auto"))
    except ModelError:
        return None


@contextmanager
def _laid_out(answers: Answers, secrets: Mapping[str, str]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="edge-agent-setup-") as name:
        folder = Path(name)
        for relative, (text, mode) in files_of(answers, secrets, folder).items():
            path = folder / relative
            path.parent.mkdir(exist_ok=True, mode=0o700)
            path.touch(mode=mode)  # before there is anything to read in it
            path.write_text(text)
        yield folder
