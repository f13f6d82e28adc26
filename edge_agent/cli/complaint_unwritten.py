"""The newest minutes, of which a running agent knows and the ring does not yet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cli.status import NoAgent, ask_agent


@dataclass(frozen=True, slots=True)
class Unwritten:
    """UTC seconds. `next_s` None: once the box's clock is set."""

    from_s: float
    next_s: float | None


def unwritten(config: Path, state_dir: str, camera: str) -> Unwritten | None:
    """None: no agent runs with this camera, or it may not be asked."""
    try:
        status = ask_agent(config)
    except NoAgent:
        return None
    known = status.get("why", {})
    if status.get("state_dir") != state_dir or "unwritten_from_utc" not in known:
        return None  # another agent of this machine, or an older one
    if camera not in [each["id"] for each in status["cameras"]]:
        return None
    next_utc = known.get("next_write_utc")
    return Unwritten(
        _seconds(known["unwritten_from_utc"]), _seconds(next_utc) if next_utc else None
    )


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
