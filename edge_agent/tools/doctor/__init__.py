"""`edge-agent doctor`: looks at everything that a working box needs, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.sources import login_guard
from edge_agent.tools.doctor import agent, cameras, machine
from edge_agent.tools.doctor.broker import look_at_broker
from edge_agent.tools.doctor.findings import CODES, Code, DoctorFinding, Grade, codes_markdown

__all__ = [
    "CODES",
    "Code",
    "DoctorFinding",
    "DoctorVisit",
    "Grade",
    "codes_markdown",
    "examine",
    "worst",
]


@dataclass(frozen=True, slots=True)
class DoctorVisit:
    """What the doctor looks at."""

    config: Path
    cameras: bool = True
    broker: bool = True


def examine(
    visit: DoctorVisit,
    clock: Clock,
    box: machine.Machine | None = None,
    tell: Callable[[str], None] = lambda part: None,
) -> Iterator[DoctorFinding]:
    """Everything, as it is found. `tell` hears which part is looked at now."""
    box = box or machine.Machine()
    tell("machine")
    yield from machine.power(box)
    yield machine.clock_state(clock)
    yield from machine.memory(box)
    yield machine.libraries()
    yield from machine.service(box)
    tell("configuration")
    loaded = agent.configuration(visit.config)
    yield from loaded.findings
    config = loaded.config
    if config is None:
        return
    state_dir = Path(config.box.state_dir)
    tell("card")
    if state_dir.exists():
        yield from machine.card(state_dir)
    yield agent.outbox(state_dir)
    tell("detector")
    finding, detector = agent.detector(config)
    yield finding
    if visit.broker:
        tell("broker")
        yield from look_at_broker(config, clock)
    if visit.cameras:
        guard = login_guard(state_dir, clock)
        tell("cameras")
        for camera in config.cameras:
            if camera.enabled:
                yield from cameras.visit(camera, guard, clock, detector).findings


def worst(findings: Iterable[DoctorFinding]) -> Grade:
    """Red before yellow before green."""
    order = (Grade.GREEN, Grade.YELLOW, Grade.RED)
    return max((finding.grade for finding in findings), key=order.index, default=Grade.GREEN)
