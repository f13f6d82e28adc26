"""The command line: one module per group of commands.

A module defines its arguments in `add_parser` and imports what it needs only when it
runs, so that the daemon does not carry the tools' libraries in memory.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from edge_agent import __version__
from edge_agent.cli import (
    camera,
    complaint,
    config,
    demo,
    doctor,
    ingest,
    models,
    outbox,
    probe,
    record,
    replay,
    run,
    selftest,
    setup,
    snapshot,
    status,
    support_bundle,
    tune,
    walk,
    ward,
    zones,
)
from edge_agent.cli.journal import complain, log_to_stderr
from edge_agent.errors import EXIT_FAILED, AgentError
from edge_agent.language import spoken

_GROUPS = (
    setup,
    camera,
    run,
    status,
    complaint,
    snapshot,
    zones,
    walk,
    record,
    replay,
    tune,
    ingest,
    probe,
    config,
    doctor,
    models,
    outbox,
    ward,
    demo,
    selftest,
    support_bundle,
)

_EPILOG = """\
exit codes: 0 fine, 1 failed, 2 wrong usage, 78 bad configuration
start with: edge-agent demo
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Finds people in camera streams on a small box and tells the ward's server "
        "over MQTT, losing nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Expected failures print one clear message."""
    arguments = build_parser().parse_args(argv)
    log_to_stderr()
    try:
        code = arguments.func(arguments)
        sys.stdout.flush()
    except AgentError as error:
        complain(f"edge-agent: {_in_words(error)}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # as shells report SIGINT
    except BrokenPipeError:
        # `edge-agent ... | head`: the reader has enough. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return int(code)


def _in_words(error: AgentError) -> str:
    if spoken() == "en":
        return str(error)
    from edge_agent.tools.sentences import of_error

    return of_error(error)
