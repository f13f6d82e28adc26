"""Which detector `detector.model = auto` takes, and why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, TypeVar

from edge_agent.detect.manifest import ModelManifest

#: yolox-nano-416 looks at 15 to 20 pictures a second on a core of a Raspberry Pi 4; a camera asks
#: for at most five a second while somebody is there, and seldom do all cameras see somebody.
#: So a core serves two cameras of a model of cost 1.
COST_PER_CORE = 2.0


#: Of models that are equally accurate advice names the first: measured best at few false alarms
#: first (benchmarks/detectors.py), then by cost.
PREFERENCE = (
    "yolox-nano-416",
    "nanodet-m-320",
    "ndplus-m-416",
    "lwpd-192x320",
    "fastestdet-352",
    "lwpd-192",
)


class Installed(Protocol):
    """A model whose file is here."""

    @property
    def manifest(self) -> ModelManifest: ...

    def is_verified(self) -> bool:
        """Has the file the size and hash that the manifest states?"""


Model = TypeVar("Model", bound=Installed)


def best(models: Sequence[Model], cameras: int, cores: int | None = None) -> tuple[Model, str]:
    """The most accurate verified one that `cores` (default: this box's) afford, and why.

    `models` is not empty. Where none is affordable the cheapest is taken; where none is verified,
    the first, and opening it says what is wrong.
    """
    cores = cores or os.cpu_count() or 1
    budget = COST_PER_CORE * cores / max(1, cameras)
    box = f"{cores} core{'s' * (cores != 1)} and {cameras} camera{'s' * (cameras != 1)}"
    ranked = sorted(models, key=_rank)
    affordable = [m for m in ranked if m.manifest.cost is None or m.manifest.cost <= budget]
    dear = [m.manifest.name for m in ranked if m not in affordable]
    ordered = affordable or sorted(ranked, key=lambda m: m.manifest.cost or 0.0)
    broken = []
    for model in ordered:
        if not model.is_verified():
            broken.append(model.manifest.name)
            continue
        why = _praise(model.manifest, len(models), box)
        if not affordable:
            why = f"the cheapest of {len(models)} here: none is affordable for {box}"
        elif dear:
            why += f"; too dear for it: {', '.join(dear)}"
        if broken:
            why += f"; passed over, its bytes are not those of its manifest: {', '.join(broken)}"
        return model, why
    return ordered[0], "no file here has the bytes of its manifest"


def _rank(model: Installed) -> tuple[float, bool, int]:
    manifest = model.manifest
    known = PREFERENCE.index(manifest.name) if manifest.name in PREFERENCE else len(PREFERENCE)
    return (-(manifest.ap or 0.0), not manifest.default, known)


def _praise(manifest: ModelManifest, count: int, box: str) -> str:
    if count == 1:
        return "the only one here"
    if manifest.ap is None:
        return f"the first of {count} here; none that {box} afford says how accurate it is"
    return f"the most accurate (AP {manifest.ap:.2f}) of {count} here that {box} afford"
