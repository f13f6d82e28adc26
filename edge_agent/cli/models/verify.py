"""`edge-agent models verify`: check the bytes of installed models and try them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from edge_agent.cli.models.shared import add_json, add_models, chosen_models
from edge_agent.errors import EXIT_OK

if TYPE_CHECKING:
    from edge_agent.detect import ResolvedModel


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "verify",
        help="check the bytes of installed models and try them",
        description="Exit codes: 0 all are fine, 1 a file is damaged or does not work, 78 a file "
        "and its manifest contradict each other.",
    )
    add_models(parser)
    add_json(parser)
    parser.set_defaults(func=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.trial.verify import verify

    models = chosen_models(arguments.models)
    if not arguments.json:
        return max(print_steps(model, verbose=True) for model in models)
    results = [(model, list(verify(model))) for model in models]
    print(
        json.dumps(
            [
                {
                    "model": model.manifest.name,
                    "path": str(model.path),
                    "fine": not steps[-1].trouble,
                    "steps": {step.name: step.trouble or step.found for step in steps},
                }
                for model, steps in results
            ],
            indent=2,
        )
    )
    return max(steps[-1].exit_code for _, steps in results)


def print_steps(model: ResolvedModel, *, verbose: bool = False) -> int:
    from edge_agent.tools.trial.verify import verify

    if verbose:
        print(f"{model.manifest.name}: {model.path}")
    for step in verify(model):
        if step.trouble:
            print(f"edge-agent: {step.name}: {step.trouble}", file=sys.stderr)
            return step.exit_code
        print(f"  {step.name}: {step.found}")
    return EXIT_OK
