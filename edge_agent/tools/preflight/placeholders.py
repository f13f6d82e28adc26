"""Values of the shipped sample that nobody has replaced yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.assets import asset_dir
from edge_agent.config import LoadedConfig
from edge_agent.tools.preflight.diagnosis import Diagnosis

_WARD, _BOX, _HOST = "my-ward", "box-0001", "mqtt.my-ward.example"


def placeholder_diagnoses(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    """The sample itself, where it was installed, is no configuration: there it is fine."""
    if _is_sample(loaded.sources[0]):
        return
    box, host = loaded.config.box, loaded.config.mqtt.host.rstrip(".").casefold()
    untouched = box.ward == _WARD
    if untouched:
        found = f'is "{_WARD}", the sample\'s'
        problem = loaded.problem(
            0, "box.ward", found, "write the ward's id, as its server knows it"
        )
        yield Diagnosis(problem, stops=True)
    if box.id == _BOX:
        # A ward's first box may truly be called so.
        fix = "write this box's own id" if untouched else "fine if the ward gave this box that id"
        problem = loaded.problem(0, "box.id", f'is "{_BOX}", the sample\'s', fix)
        yield Diagnosis(problem, is_error=untouched, stops=untouched)
    if host == _HOST:
        found = f'is "{_HOST}", the sample\'s, which leads nowhere'
        problem = loaded.problem(0, "mqtt.host", found, "write the name of the ward's broker")
        yield Diagnosis(problem, stops=True)


def _is_sample(agent_file: Path) -> bool:
    try:
        return agent_file.resolve().parent == asset_dir("config").resolve()
    except FileNotFoundError:
        return False
