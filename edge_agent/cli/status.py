"""`edge-agent status`: what the running agent sees and does, asked over its local socket."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.cli.numbers import number
from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.errors import EXIT_OK, AgentError, ConfigError
from edge_agent.foreign_text import printable_json
from edge_agent.language import LANGUAGES, speak
from edge_agent.runtime import read_local_socket

#: RuntimeDirectory= of the shipped unit.
_RUNTIME_DIR = Path("/run/edge-agent")
_SOCKET_NAME = "status.sock"
_TIMEOUT_S = 5.0


class NoAgent(AgentError):
    """Nobody answers: no agent runs with this configuration, or this user may not ask it."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "status",
        help="what the running agent sees and does",
        description="Cameras, motion and scores against their thresholds, last events, broker, "
        "backlog, clock, memory and disk of the agent that runs with this configuration.",
    )
    parser.add_argument("camera", nargs="?", metavar="CAMERA", help="this one alone, in full")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="the configuration of the agent to ask (default: %(default)s)",
    )
    parser.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--every",
        type=number(0.5, 3600, "s"),
        default=2.0,
        metavar="S",
        help="with --watch: how often (default: 2)",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON (docs/contract/local-status.schema.json)"
    )
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.set_defaults(func=_status)


def _status(arguments: argparse.Namespace) -> int:
    speak("en" if arguments.json else arguments.lang)
    paths = _sockets(arguments.config)

    def ask() -> Mapping[str, Any]:
        return _of_camera(_ask(paths), arguments.camera)

    if arguments.json:
        _repeat(lambda: print(printable_json(ask())), arguments)
    else:
        _show(ask, arguments)
    return EXIT_OK


def _show(ask: Callable[[], Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.live import Live

    from edge_agent.cli.status_view import WIDTH, status_text
    from edge_agent.tools.sentences import of_error

    # As wide on every terminal: lines that wrap are no table.
    console = Console(width=WIDTH, highlight=False, soft_wrap=True)

    def text() -> Any:
        try:
            return status_text(ask(), in_full=arguments.camera is not None)
        except NoAgent as error:
            if not arguments.watch:
                raise
            return of_error(error)  # it may be starting again

    if not (arguments.watch and console.is_terminal):
        _repeat(lambda: console.print(text()), arguments)
        return
    with Live(text(), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(arguments.every)
            live.update(text(), refresh=True)


def _repeat(show: Callable[[], None], arguments: argparse.Namespace) -> None:
    show()
    while arguments.watch:
        sys.stdout.flush()
        time.sleep(arguments.every)
        show()


def _sockets(config: Path) -> Sequence[Path]:
    """Where the agent of this configuration may answer, the likeliest first."""
    return tuple(dict.fromkeys(folder / _SOCKET_NAME for folder in socket_folders(config)))


def socket_folders(config: Path) -> Iterator[Path]:
    """Where the agent of this configuration may have its sockets, the likeliest first."""
    try:
        state_dir = Path(load_config(config).config.box.state_dir)
    except ConfigError:
        state_dir = None  # the agent may run on its last good configuration
    if config == DEFAULT_CONFIG_DIR:
        yield _RUNTIME_DIR
    if state_dir is not None:
        yield state_dir
    yield _RUNTIME_DIR


def ask_agent(config: Path) -> Mapping[str, Any]:
    """What the agent of this configuration says of itself. Raises NoAgent."""
    return _ask(_sockets(config))


def _ask(paths: Sequence[Path]) -> Mapping[str, Any]:
    """Raises NoAgent."""
    refused = ""
    for path in paths:
        try:
            data = read_local_socket(path, _TIMEOUT_S)
        except PermissionError:
            refused = f"{path} is the agent's and root's: sudo edge-agent status"
            continue
        except OSError:
            continue
        try:
            status: Mapping[str, Any] = json.loads(data)
        except ValueError:
            raise NoAgent(f"{path} did not answer to the end; ask again") from None
        return status
    asked = " and ".join(str(path) for path in paths)
    raise NoAgent(
        refused
        or f"no agent answers at {asked}: does it run? systemctl status edge-agent; "
        "journalctl -u edge-agent -n 20"
    )


def _of_camera(status: Mapping[str, Any], camera: str | None) -> Mapping[str, Any]:
    """With this camera alone. Raises NoAgent for one that the agent does not have."""
    if camera is None:
        return status
    chosen = [each for each in status["cameras"] if each["id"] == camera]
    if not chosen:
        names = ", ".join(each["id"] for each in status["cameras"]) or "none"
        raise NoAgent(f"the agent watches no camera {camera}; it has: {names}")
    return {**status, "cameras": chosen}
