"""`edge-agent probe URL|FILE|DEVICE`: what a stream is, and what would make it better."""

from __future__ import annotations

import argparse

from edge_agent.cli.numbers import number
from edge_agent.clock import SystemClock
from edge_agent.errors import EXIT_OK
from edge_agent.runtime import StopToken


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "probe",
        help="look at a stream or file and say what it is",
        description="Watches a camera for some seconds and advises on its settings.",
    )
    parser.add_argument("source", metavar="URL|FILE|DEVICE", help="rtsp://..., /dev/video*, a clip")
    parser.add_argument("--username", help="the camera's user")
    parser.add_argument("--password-file", metavar="FILE", help="file with the password, mode 0600")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument(
        "--seconds",
        type=number(1, 3600, "s"),
        default=10.0,
        help="how long to watch a camera (default: 10)",
    )
    parser.set_defaults(func=_probe)


def _probe(arguments: argparse.Namespace) -> int:
    from edge_agent.sources import CredentialGuard, format_report, probe, probe_source

    clock = SystemClock()
    source = probe_source(
        arguments.source,
        username=arguments.username,
        password_file=arguments.password_file,
        transport=arguments.transport,
    )
    report = probe(
        source,
        credentials=CredentialGuard(None, clock),
        stop=StopToken(),
        clock=clock,
        watch_s=arguments.seconds,
    )
    print(format_report(report))
    return EXIT_OK
