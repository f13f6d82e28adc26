"""What a preflight finds."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.errors import ConfigProblem


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong or odd. `stops`: `edge-agent run` exits with 78 because of it."""

    problem: ConfigProblem
    is_error: bool = True
    stops: bool = False
