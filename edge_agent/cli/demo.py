"""`edge-agent demo`: the whole path on this machine, with nothing attached to it."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from types import FrameType

from edge_agent.cli.numbers import number
from edge_agent.cli.signals import handled_by


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "demo",
        help="show the agent at work: no camera, broker or network needed",
        description="Serves a rendered scene over RTSP, runs the agent on it with a broker on "
        "loopback, and prints what reaches the ward's side. Exits 0 only if a person came through.",
    )
    parser.add_argument(
        "--source",
        metavar="URL|DEVICE|CLIP",
        help="use this camera or clip instead of the rendered scene",
    )
    parser.add_argument("--username", help="user of --source rtsp://...")
    parser.add_argument("--password-file", metavar="FILE", help="its password, mode 0600")
    parser.add_argument("--model", metavar="FILE|NAME", default="auto", help="the detector to use")
    parser.add_argument(
        "--seconds",
        type=number(1, 3600, "s"),
        default=40.0,
        help="stop after this long (default: 40)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="where pictures go (default: out/demo)"
    )
    parser.set_defaults(func=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from edge_agent.demo.show import DemoOptions, run_demo

    options = DemoOptions(
        source=arguments.source,
        username=arguments.username,
        # The configuration that the demo writes lies elsewhere.
        password_file=arguments.password_file and str(Path(arguments.password_file).absolute()),
        model=arguments.model,
        seconds=arguments.seconds,
        out=arguments.out,
    )
    with handled_by(_unwind, (signal.SIGTERM,)):
        return run_demo(options)


def _unwind(number: int, frame: FrameType | None) -> None:
    """Leave by way of every `finally`: the agent, the broker and their folders must go too."""
    del frame
    # Once: a second signal would cut the clearing up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)  # as shells report it
