"""`edge-agent run`: the daemon."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from pathlib import Path
from types import FrameType

from edge_agent.cli.signals import handled_by
from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.config.start import start_config
from edge_agent.errors import EXIT_FAILED
from edge_agent.tools.preflight import Service, stop_if_wrong
from edge_agent.tools.preflight.account import ServiceUser

log = logging.getLogger(__name__)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        help="watch the cameras and tell the ward",
        description="Runs until SIGTERM or SIGINT; a second signal exits at once. An edit in its "
        "files applies while it runs; SIGHUP reads them at once.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml and cameras.d/, or agent.toml itself (default: %(default)s)",
    )
    parser.set_defaults(func=_run)


def _run(arguments: argparse.Namespace) -> int:
    # A reload that comes too early is none: the files are about to be read.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    start = start_config(arguments.config)
    loaded = start.loaded
    stop_if_wrong(loaded, Service(ServiceUser.ours()))
    logging.getLogger("edge_agent").setLevel(loaded.config.log.level.upper())
    for warning in loaded.warnings:
        log.warning("%s", warning)
    if start.words:
        log.error("%s", start.words)
    # Late: a wrong configuration is told without loading half a gigabyte of libraries.
    from edge_agent.agent import Agent

    agent = Agent(loaded.config, files=arguments.config, problems=start.problems)

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not agent.ask_to_stop():
            os._exit(EXIT_FAILED)

    def reload(number: int, frame: FrameType | None) -> None:
        del number, frame
        agent.ask_to_reload()

    with handled_by(handle), handled_by(reload, (signal.SIGHUP,)):
        return agent.run()
