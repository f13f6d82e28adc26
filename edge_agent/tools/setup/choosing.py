"""Which detector suits this box: what `models bench` measures, and a better one from the network.

`detector.model = auto` goes by arithmetic; here the box itself is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.detect import find_model, installed_models, pull_dir
from edge_agent.errors import DownloadFailed, StorageError
from edge_agent.language import _
from edge_agent.tools.registry import (
    FetchSettings,
    KnownModel,
    known_models,
    pull,
    shipped_registry,
)
from edge_agent.tools.trial.advice import Advice, Load, advise, expected_ap
from edge_agent.tools.trial.cost import Cost, measure

#: The least of so many looks: a setup does not wait for more.
ROUNDS = 7
#: A better one is offered when it is better by this much; less is within what AP wavers.
_MUCH_BETTER_AP = 0.03
#: Pictures analysed a second of a camera that sees somebody: `models bench` assumes the same.
_LOAD = Load()


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`model`: what goes into detector.model; `auto` where that takes the same."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A known model that is not here, and would be better and affordable."""

    model: KnownModel
    expected_ms: float


def measured(cameras: int) -> tuple[Advice, list[Cost]]:
    """Every installed detector at its own size, on this box. Raises ModelError."""
    here = [model for model in installed_models() if model.is_verified()]
    costs = measure(here, rounds=ROUNDS, ladder=False, memory=False)
    return advise(costs, _load(cameras)), costs


def better(advice: Advice, costs: Sequence[Cost], cameras: int) -> Offer | None:
    """The most accurate known one within the budget that is clearly better than what is here."""
    known_costs = [(c.cpu_ms, c.model.manifest.cost) for c in costs if c.model.manifest.cost]
    if not known_costs:
        return None
    ms_of_one = min(ms / cost for ms, cost in known_costs if cost)
    here = {cost.model.manifest.name for cost in costs}
    least = _ap(advice) + _MUCH_BETTER_AP
    offers = [
        Offer(model, model.cost * ms_of_one)
        for model in known_models(shipped_registry()).values()
        if model.cost and model.ap and model.ap >= least and model.url and model.name not in here
    ]
    within = [each for each in offers if each.expected_ms <= _load(cameras).budget_ms]
    return max(within, key=lambda each: each.model.ap or 0.0, default=None)


def fetch(offer: Offer, settings: FetchSettings) -> None:
    """Whole and with the hash of the registry, or not at all.

    Raises DownloadFailed and StorageError.
    """
    pull(offer.model, pull_dir(), settings)


def can_fetch() -> bool:
    """May this user put models where the agent looks for them?"""
    folder = pull_dir()
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def chosen(advice: Advice, cameras: int) -> ModelChoice:
    """The advice as a setting. Raises ModelError when no detector is here."""
    automatic = find_model("auto", cameras=cameras).manifest.name
    if advice.cost is None:
        return ModelChoice("auto", _("none could be measured"))
    manifest = advice.cost.model.manifest
    text = _("{model}: {ms} ms a look here")
    why = text.format(model=manifest.name, ms=round(advice.cost.cpu_ms))
    return ModelChoice("auto" if manifest.name == automatic else manifest.name, why)


def _ap(advice: Advice) -> float:
    if advice.cost is None or not advice.affordable:
        return 0.0
    return expected_ap(advice.cost) or 0.0


def _load(cameras: int) -> Load:
    return Load(cameras=max(1, cameras), fps=_LOAD.fps, core_share=_share())


def _share() -> float:
    """Half of the cores, as `auto` reckons."""
    return 0.5 * (os.cpu_count() or 1)


def choose(
    cameras: int,
    settings: FetchSettings | None,
    wants: Callable[[Offer], bool],
    say: Callable[[str], None],
) -> ModelChoice:
    """Measure, offer a better one, measure again. `settings` None: nothing is fetched.

    Raises ModelError when no detector is here.
    """
    advice, costs = measured(cameras)
    offer = better(advice, costs, cameras) if settings is not None else None
    if offer is not None and settings is not None and can_fetch() and wants(offer):
        try:
            fetch(offer, settings)
        except (DownloadFailed, StorageError) as error:
            say(_("not fetched: {why}").format(why=error))
        else:
            advice, costs = measured(cameras)
    return chosen(advice, cameras)
