"""`edge-agent models list|pull|verify|bench|eval`: which detectors there are, and what they do."""

from __future__ import annotations

import argparse

from edge_agent.cli.models import bench, evaluate, listing, pull, verify


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("models", help="list, fetch, check and compare detectors")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (listing, pull, verify, bench, evaluate):
        command.add_parser(verbs)
