"""`edge-agent support-bundle`: facts for a technician elsewhere, without secrets or names."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.errors import EXIT_OK, OperatorError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "support-bundle",
        help="facts about this box for a technician: no secret, name, address or picture",
        description="Writes versions, numbers, settings and the doctor's codes as JSON. Cameras "
        "are numbered; read the file before you send it.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="default: %(default)s",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: the terminal")
    parser.add_argument("--offline", action="store_true", help="try neither cameras nor broker")
    parser.set_defaults(func=_bundle)


def _bundle(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.bundle import bundle
    from edge_agent.tools.doctor import DoctorVisit, examine
    from edge_agent.tools.doctor.agent import configuration

    clock, online = SystemClock(), not arguments.offline
    visit = DoctorVisit(arguments.config, cameras=online, broker=online)
    config = configuration(arguments.config).config
    facts = bundle(config, examine(visit, clock), clock)
    text = json.dumps(facts, indent=2) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
        return EXIT_OK
    try:
        arguments.out.write_text(text)
    except OSError as error:
        raise OperatorError(f"{arguments.out}: {error.strerror}; name another file") from error
    print(f"written: {arguments.out}; read it before you send it")
    return EXIT_OK
