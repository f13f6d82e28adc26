"""`edge-agent models list`: what is installed, and what can be pulled."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from edge_agent.cli.models.shared import add_json, print_table
from edge_agent.errors import EXIT_CONFIG, EXIT_OK

if TYPE_CHECKING:
    from edge_agent.tools.registry import ListedModel


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("list", help="what is installed, and what can be pulled")
    add_json(parser)
    parser.set_defaults(func=_list)


def _list(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.registry import listing

    found = listing()
    if arguments.json:
        print(json.dumps([_entry_json(entry) for entry in found.entries], indent=2))
    else:
        rows = [_entry_row(entry) for entry in found.entries]
        print_table(("model", "state", "MB", "licence", "input", "AP", "told from", "where"), rows)
        if found.why:
            print(f"\n* what `detector.model = auto` takes: {found.why}.")
        print("\nFetch a known one: models pull NAME")
    for trouble in found.troubles:
        print(f"edge-agent: {trouble}", file=sys.stderr)
    return EXIT_CONFIG if found.troubles else EXIT_OK


def _entry_row(entry: ListedModel) -> tuple[str, ...]:
    manifest = entry.manifest
    return (
        manifest.name + (" *" if entry.automatic else ""),
        entry.state,
        f"{manifest.bytes / 1e6:.1f}",
        manifest.licence,
        str(manifest.input.size),
        f"{manifest.ap:.2f}" if manifest.ap else "-",
        f"{manifest.confirm_threshold:.2f}",
        str(entry.path or manifest.url or f"{manifest.file}: nowhere here"),
    )


def _entry_json(entry: ListedModel) -> dict[str, Any]:
    manifest = entry.manifest
    return {
        "name": manifest.name,
        "state": entry.state,
        "default": entry.automatic,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "licence": manifest.licence,
        "input": [manifest.input.width, manifest.input.height],
        "decoder": manifest.decoder,
        "ap": manifest.ap,
        "candidate_threshold": manifest.candidate_threshold,
        "confirm_threshold": manifest.confirm_threshold,
        "highest_score": manifest.highest_score,
        "cost": manifest.cost,
        "path": str(entry.path) if entry.path else None,
        "url": manifest.url,
    }
