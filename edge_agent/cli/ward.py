"""`edge-agent ward listen | cameras`: the reference subscriber of the ward's side."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from edge_agent.cli.numbers import number, port
from edge_agent.cli.signals import stopped_by_signals
from edge_agent.errors import EXIT_OK, ContractError
from edge_agent.runtime import StopToken


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
    listen.add_argument("--ward", type=_ward_id, required=True, help="the ward's id")
    listen.add_argument("--host", default="localhost", help="broker (default: %(default)s)")
    listen.add_argument("--port", type=port, default=None, help="default: 8883, plain: 1883")
    listen.add_argument("--ca-file", metavar="FILE", help="PEM file of the broker's CA")
    listen.add_argument("--cert-file", metavar="FILE", help="our PEM certificate")
    listen.add_argument("--key-file", metavar="FILE", help="its PEM key")
    listen.add_argument("--username")
    listen.add_argument("--password-file", metavar="FILE", help="file with the password")
    listen.add_argument(
        "--insecure", action="store_true", help="plain MQTT without TLS, for a closed test net"
    )
    listen.add_argument("--json", action="store_true", help="print events as JSON lines")
    listen.add_argument(
        "--keep-images", action="store_true", help="store pictures that boxes send on request"
    )
    listen.add_argument(
        "--ignore-gaps",
        type=number(0, 86400, "s"),
        default=300.0,
        metavar="S",
        help="boxes and cameras that are away for less are not news, a camera's nightly reboot "
        "for one (default: %(default)g)",
    )
    listen.set_defaults(func=_listen)
    cameras = verbs.add_parser(
        "cameras",
        help="how every camera of the ward does, worst first",
        description="State, since when, last person and health of every camera, worst first, "
        "from the database that `ward listen` keeps.",
    )
    cameras.add_argument("--db", type=Path, required=True, metavar="FILE", help="SQLite database")
    cameras.add_argument("--json", action="store_true", help="as JSON")
    cameras.set_defaults(func=_cameras)


def _ward_id(text: str) -> str:
    from edge_agent.contract import check_id

    try:
        return check_id("ward", text)
    except ContractError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listen(arguments: argparse.Namespace) -> int:
    from edge_agent.ward import WardListenOptions, run_listen

    logging.getLogger("edge_agent").setLevel(logging.INFO)
    stop = StopToken()
    options = WardListenOptions(
        database=arguments.db,
        ward=arguments.ward,
        host=arguments.host,
        port=arguments.port,
        ca_file=arguments.ca_file,
        cert_file=arguments.cert_file,
        key_file=arguments.key_file,
        username=arguments.username,
        password_file=arguments.password_file,
        insecure=arguments.insecure,
        json=arguments.json,
        keep_images=arguments.keep_images,
        ignore_gaps_s=arguments.ignore_gaps,
    )
    with stopped_by_signals(stop):
        run_listen(options, stop)
    return EXIT_OK


def _cameras(arguments: argparse.Namespace) -> int:
    from edge_agent.clock import SystemClock
    from edge_agent.foreign_text import printable
    from edge_agent.ward import overview_json, overview_lines, read_overview

    overview = read_overview(arguments.db, SystemClock().read().utc_s)
    if arguments.json:
        print(json.dumps(overview_json(overview)))
        return EXIT_OK
    for line in overview_lines(overview):
        print(printable(line))
    return EXIT_OK
