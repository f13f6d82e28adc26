"""`edge-agent models bench`: what models cost here, and which one suits so many cameras."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edge_agent.cli.models.shared import add_json, add_models, chosen_models, print_table, progress
from edge_agent.cli.numbers import number, whole
from edge_agent.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from edge_agent.tools.trial.advice import Advice, Load
    from edge_agent.tools.trial.cost import Cost


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "bench",
        help="what each model costs here, and which one suits so many cameras",
        description="Milliseconds of an inference (one thread) and memory, for every installed "
        "model at its own input size and, where the network allows it, at others.",
    )
    add_models(parser)
    parser.add_argument("--cameras", type=whole(1, 64), default=4, help="default: 4")
    parser.add_argument(
        "--fps", type=number(0.5, 30), default=5.0, help="pictures analysed a second (default: 5)"
    )
    parser.add_argument(
        "--core-share",
        type=number(0.05, 64),
        default=0.5,
        metavar="SHARE",
        help="of one core, that detection may use while all cameras see something (default: .5)",
    )
    parser.add_argument(
        "--person-height",
        type=number(0.01, 1),
        default=0.0,
        metavar="SHARE",
        help="of the frame's height, that people have at their farthest (default: any)",
    )
    parser.add_argument("--rounds", type=whole(3, 1000), default=25, help="default: 25")
    add_json(parser)
    parser.set_defaults(func=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.trial.advice import Load, advise
    from edge_agent.tools.trial.cost import measure

    models = chosen_models(arguments.models)
    load = Load(arguments.cameras, arguments.fps, arguments.core_share, arguments.person_height)
    with progress("rounds", arguments.rounds + 1) as advance:
        costs = measure(models, rounds=arguments.rounds, advance=advance)
    advice = advise(costs, load)
    if arguments.json:
        print(json.dumps(_bench_json(costs, load, advice), indent=2))
    else:
        _print_bench(costs, load, advice)
    return EXIT_OK if advice.affordable else EXIT_FAILED


def _print_bench(costs: Sequence[Cost], load: Load, advice: Advice) -> None:
    from edge_agent.tools.trial.advice import expected_ap, smallest_frac

    rows = []
    for cost in costs:
        ap = expected_ap(cost)
        rows.append(
            (
                cost.model.manifest.name + (" *" if cost is advice.cost else ""),
                f"{cost.size}" + ("" if cost.size == cost.own_size else " (not its own)"),
                f"{cost.cpu_ms:.1f}",
                f"{cost.wall_ms:.1f}",
                f"{cost.rss_mib:.0f}",
                f"{load.share_of(cost):.0%}",
                f"{smallest_frac(cost):.0%}",
                f"{ap:.2f}" if ap else "-",
            )
        )
    print_table(("model", "input", "CPU ms", "wall ms", "MiB", "of a core", "smallest", "AP"), rows)
    print(
        f"\nfor {load.cameras} cameras at {load.fps:g} pictures a second, all seeing something at "
        f"once: {load.inferences_per_s:g} inferences a second,\none per picture, on at most "
        f"{load.core_share:.0%} of one core: {load.budget_ms:.1f} ms each. Decoding comes on "
        "top;\nwhile nothing moves there are none. Smallest: the height of a person, as a share of "
        "the\nframe's, from which on most are found in a whole frame."
    )
    if advice.cost is None or not advice.affordable:
        print(advice.reason)
        return
    name, size = advice.cost.model.manifest.name, advice.cost.size
    print(f"recommended: {name} at {size}: {advice.reason}")
    print(f'  [detector]\n  model = "{name}"')
    if size != advice.cost.own_size:
        print(f'  input_size = "{size}"')


def _bench_json(costs: Sequence[Cost], load: Load, advice: Advice) -> dict[str, Any]:
    from edge_agent.tools.trial.advice import expected_ap, smallest_frac

    def entry(cost: Cost) -> dict[str, Any]:
        return {
            "model": cost.model.manifest.name,
            "input": [cost.size.width, cost.size.height],
            "own_size": cost.size == cost.own_size,
            "cpu_ms": round(cost.cpu_ms, 2),
            "wall_ms": round(cost.wall_ms, 2),
            "rss_mib": round(cost.rss_mib, 1),
            "core_share": round(load.share_of(cost), 3),
            "smallest_person": round(smallest_frac(cost), 3),
            "expected_ap": expected_ap(cost),
        }

    return {
        "assumption": {
            "cameras": load.cameras,
            "fps": load.fps,
            "inferences_per_s": load.inferences_per_s,
            "core_share": load.core_share,
            "person_height": load.person_frac,
            "budget_ms": round(load.budget_ms, 2),
        },
        "models": [entry(cost) for cost in costs],
        "recommended": entry(advice.cost) if advice.cost and advice.affordable else None,
        "reason": advice.reason,
    }
