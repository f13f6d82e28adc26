"""`edge-agent record CAMERA`: keeps a walk test's footage, to tune on."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.camera import add_config, add_language, configured
from edge_agent.cli.numbers import number
from edge_agent.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.errors import EXIT_FAILED, EXIT_OK
from edge_agent.language import _, speak

if TYPE_CHECKING:
    from edge_agent.tools.zones.agent_view import AgentView

_WAIT_S = 20.0  # for the file's end: the footage thread looks every half second
_LOOK_EVERY_S = 0.2


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "record",
        help="keep footage of a walk test on this box, to tune on",
        description="Records what the camera sends into STATE_DIR/tuning/CAMERA, within the space "
        "and time of [tuning]. The running agent does it where one runs. Ctrl-C ends it.",
    )
    parser.add_argument("id", metavar="CAMERA", help="of the configuration")
    parser.add_argument(
        "--minutes",
        type=number(0.05, 60, "min"),
        default=5.0,
        metavar="N",
        help="for so long (default: 5)",
    )
    add_config(parser)
    add_language(parser)
    parser.set_defaults(func=_record)


def _record(arguments: argparse.Namespace) -> int:
    from edge_agent.cli.status import socket_folders
    from edge_agent.tools.zones.agent_view import AgentAway, AgentView
    from edge_agent.tools.zones.recording import OwnRecording

    speak(arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    folder = Path(config.box.state_dir) / "tuning" / camera.id
    before, seconds = _walks(folder), arguments.minutes * 60
    view = AgentView(tuple(socket_folders(arguments.config)), camera.id)
    trouble = ""
    try:
        view.record(seconds)
    except AgentAway:
        with OwnRecording(config, camera, SystemClock(), seconds) as own:
            _wait(seconds)
            trouble = own.trouble
    else:
        _wait_for_agent(view, seconds, folder, before)
    made = sorted(_walks(folder) - before)
    for path in made:
        print(_("written: {path}").format(path=path))
    if not made:
        print(_("nothing was recorded"), trouble)
    return EXIT_OK if made else EXIT_FAILED


def _walks(folder: Path) -> set[Path]:
    return set(folder.glob("*-walk*.mp4"))


def _wait(seconds: float) -> None:
    """Until the time is over or Ctrl-C."""
    print(_("recording; Ctrl-C ends it"), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        time.sleep(seconds)


def _wait_for_agent(view: AgentView, seconds: float, folder: Path, before: set[Path]) -> None:
    from edge_agent.tools.zones.agent_view import AgentAway

    _wait(seconds)
    with contextlib.suppress(AgentAway):  # it has stopped, and so the recording
        view.record(0)
    deadline_s = time.monotonic() + _WAIT_S
    while _walks(folder) == before and time.monotonic() < deadline_s:
        time.sleep(_LOOK_EVERY_S)
