"""`edge-agent snapshot CAMERA [--grid]`: a fresh picture as a file that only its owner reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.cli.camera import add_config, add_language, configured
from edge_agent.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.errors import EXIT_OK, OperatorError, StorageError
from edge_agent.language import _, speak

_MOST_BYTES = 4_000_000


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "snapshot",
        help="a camera's picture as a file, with zones and coordinates",
        description="Takes a fresh picture: from the running agent, or from the camera itself "
        "where no agent runs. Privacy masks are black in it.",
    )
    add_camera(parser)
    parser.add_argument(
        "--grid",
        action="store_true",
        help="draw coordinates, zones, ignore zones, privacy masks and heights",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: CAMERA.jpg in this folder"
    )
    parser.set_defaults(func=_snapshot)


def add_camera(parser: argparse.ArgumentParser) -> None:
    """What all commands about one camera's view take."""
    parser.add_argument("id", metavar="CAMERA", help="of the configuration")
    parser.add_argument(
        "--clip", type=Path, metavar="FILE", help="a picture of this recording instead"
    )
    add_config(parser)
    add_language(parser)


def _snapshot(arguments: argparse.Namespace) -> int:
    from edge_agent.atomic_file import write_atomically
    from edge_agent.cli.status import socket_folders
    from edge_agent.media import encode_jpeg
    from edge_agent.tools.zones.fresh import FreshPictures
    from edge_agent.tools.zones.grid import with_grid

    speak(arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    folders = tuple(socket_folders(arguments.config))
    picture = FreshPictures(config, camera, folders, SystemClock(), arguments.clip).take()
    if arguments.grid:
        picture = with_grid(picture, camera)
    jpeg, size = encode_jpeg(picture, _MOST_BYTES)
    path = arguments.output or Path(f"{camera.id}.jpg")
    try:
        write_atomically(path, jpeg)
    except StorageError as error:
        raise OperatorError(str(error)) from error
    print(_("written: {path}").format(path=f"{path} ({size})"))
    return EXIT_OK
