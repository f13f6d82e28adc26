"""`edge-agent zones CAMERA`: a page on this box that draws zones over the camera's picture."""

from __future__ import annotations

import argparse
import getpass
import os

from edge_agent.cli.numbers import whole
from edge_agent.cli.snapshot import add_camera
from edge_agent.clock import SystemClock
from edge_agent.errors import EXIT_OK
from edge_agent.language import _, speak


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "zones",
        help="draw zones, ignore zones and privacy masks in a browser",
        description="Serves a page on 127.0.0.1 for 15 minutes, to one browser. Saving rewrites "
        "the camera's file, comments and order kept, and a running agent applies it.",
    )
    add_camera(parser)
    parser.add_argument(
        "--port", type=whole(0, 65535), default=0, metavar="N", help="default: one that is free"
    )
    parser.set_defaults(func=_zones)


def _zones(arguments: argparse.Namespace) -> int:
    from edge_agent.cli.status import socket_folders
    from edge_agent.tools.zones.desk import Desk, DrawingPlace
    from edge_agent.tools.zones.server import PageServer

    speak(arguments.lang)
    folders = tuple(socket_folders(arguments.config))
    place = DrawingPlace(arguments.config, arguments.id, folders, arguments.clip)
    server = PageServer(Desk(place, SystemClock()), arguments.port)
    print(_("Open this address in a browser of this machine; it works once, for 15 minutes:"))
    print(f"\n    {server.url}\n")
    print(_("On another computer, first run this there and leave it open:"))
    print(f"\n    {_forwarding(server.port)}\n", flush=True)
    if server.run():
        print(_("finished"))
    else:
        print(_("15 minutes are over"))
    return EXIT_OK


def _forwarding(port: int) -> str:
    """By the address at which SSH reached this box, where that is known."""
    from edge_agent.tools.zones.server import forwarding, own_name

    user = os.environ.get("SUDO_USER") or getpass.getuser()
    connection = os.environ.get("SSH_CONNECTION", "").split()
    return forwarding(port, user, connection[2] if len(connection) == 4 else own_name())
