"""Tries what was answered before anything is written: broker, then each camera, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_agent.clock import Clock
from edge_agent.config import load_config
from edge_agent.sources import REFUSED_LOGINS, CredentialGuard
from edge_agent.tools.doctor import agent
from edge_agent.tools.doctor.findings import Finding
from edge_agent.tools.setup.answers import Answers
from edge_agent.tools.setup.writing import files_of


def tried(answers: Answers, secrets: Mapping[str, str], clock: Clock) -> Iterator[Finding]:
    """A camera's password is tried once: a recorder locks the user out after a few."""
    with _laid_out(answers, secrets) as folder:
        config = load_config(folder).config
        yield from agent.broker(config, clock)
        state_dir = Path(config.box.state_dir)
        guard = CredentialGuard(state_dir / REFUSED_LOGINS if state_dir.is_dir() else None, clock)
        yield from agent.cameras(config, guard, clock)


@contextmanager
def _laid_out(answers: Answers, secrets: Mapping[str, str]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="edge-agent-setup-") as name:
        folder = Path(name)
        for relative, (text, mode) in files_of(answers, secrets, folder).items():
            path = folder / relative
            path.parent.mkdir(exist_ok=True, mode=0o700)
            path.write_text(text)
            path.chmod(mode)
        yield folder


def problems(findings: Sequence[Finding]) -> list[Finding]:
    """What stands in the way."""
    return [finding for finding in findings if finding.grade == "red"]
