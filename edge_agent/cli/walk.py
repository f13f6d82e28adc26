"""`edge-agent walk CAMERA`: walk before the camera and see where you are told."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import time
from typing import TYPE_CHECKING

from edge_agent.cli.camera import add_config, add_language, configured
from edge_agent.cli.numbers import number
from edge_agent.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.errors import EXIT_OK
from edge_agent.foreign_text import printable_json
from edge_agent.language import _, speak

if TYPE_CHECKING:
    from edge_agent.tools.zones.agent_view import AgentView
    from edge_agent.tools.zones.own_look import OwnLook
    from edge_agent.tools.zones.walk import WalkTest

_EVERY_S = 0.4


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "walk",
        help="a walk test: who walks sees live whether they would be told",
        description="Shows what the running agent sees of whoever walks there, and in the end "
        "which parts of the picture told somebody. Where no agent runs it looks itself. End it "
        "with Ctrl-C.",
    )
    parser.add_argument("id", metavar="CAMERA", help="of the configuration")
    parser.add_argument(
        "--minutes",
        type=number(0.05, 120, "min"),
        default=5.0,
        metavar="N",
        help="end after so long (default: 5)",
    )
    parser.add_argument("--json", action="store_true", help="only the end, for programs")
    add_config(parser)
    add_language(parser)
    parser.set_defaults(func=_walk)


def _walk(arguments: argparse.Namespace) -> int:
    from edge_agent.cli.status import socket_folders
    from edge_agent.tools.zones.agent_view import AgentAway, AgentView
    from edge_agent.tools.zones.own_look import OwnLook
    from edge_agent.tools.zones.walk import WalkTest

    speak("en" if arguments.json else arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    test = WalkTest(camera)
    view = AgentView(tuple(socket_folders(arguments.config)), camera.id)
    with contextlib.ExitStack() as stack:
        source: AgentView | OwnLook = view
        try:
            view.news()
        except AgentAway:
            source = stack.enter_context(OwnLook(config, camera, SystemClock()))
            if not arguments.json:
                print(_("no agent runs: this command looks itself"))
        if not arguments.json:
            print(_("walk now; Ctrl-C ends the test"), flush=True)
        _follow(source, test, arguments)
    if arguments.json:
        print(printable_json(test.as_object()))
    else:
        print("\n" + test.report())
    return EXIT_OK


def _follow(source: AgentView | OwnLook, test: WalkTest, arguments: argparse.Namespace) -> None:
    """Until the time is over or Ctrl-C."""
    from edge_agent.tools.zones.agent_view import AgentAway

    ends_s = time.monotonic() + arguments.minutes * 60
    with contextlib.suppress(KeyboardInterrupt):
        while time.monotonic() < ends_s:
            try:
                lines = test.add(source.news())
            except AgentAway:
                lines = []  # it may be starting again
            for line in lines:
                if not arguments.json:
                    print(f"{dt.datetime.now():%H:%M:%S}  {line}")  # noqa: DTZ005 - who walks looks at a watch
            sys.stdout.flush()
            time.sleep(min(_EVERY_S, max(0.0, ends_s - time.monotonic())))
