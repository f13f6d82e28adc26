"""`edge-agent probe URL|FILE|FOLDER|DEVICE`: what a source is, and how to set it up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from edge_agent.cli.numbers import number
from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR, FolderSource, SourceConfig, load_config
from edge_agent.errors import EXIT_OK, ConfigError, ConfigProblem
from edge_agent.foreign_text import printable
from edge_agent.runtime import StopToken


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "probe",
        help="look at a stream, file or recorder's folder and say what it is",
        description="Watches a camera for some seconds and advises on its settings. Of a folder "
        "that a recorder uploads into, proposes the template of its paths, shows what it reads in "
        "three files of each camera, and prints the configuration.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "source",
        nargs="?",
        metavar="URL|FILE|FOLDER|DEVICE",
        help="rtsp://..., /dev/video*, a clip, a folder",
    )
    what.add_argument("--camera", metavar="ID", help="a camera as the configuration says")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="with --camera: folder of agent.toml (default: %(default)s)",
    )
    parser.add_argument("--template", help="of a folder's paths, instead of the proposed one")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="of the times in a folder's paths (default: this machine's)",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON; of a folder: cameras and all files"
    )
    parser.add_argument("--username", help="the camera's user")
    parser.add_argument("--password-file", metavar="FILE", help="file with the password, mode 0600")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument(
        "--seconds",
        type=number(1, 3600, "s"),
        default=10.0,
        help="how long to watch a camera (default: 10)",
    )
    parser.add_argument(
        "--rotate",
        type=int,
        choices=(0, 90, 180, 270),
        default=0,
        help="turn the picture clockwise, as source.rotate does",
    )
    parser.add_argument(
        "--allow-basic",
        action="store_true",
        help="send the password in clear to a camera that knows no digest login",
    )
    parser.add_argument("--ca-file", metavar="FILE", help="CA or certificate of an rtsps:// camera")
    parser.add_argument(
        "--allow-insecure", action="store_true", help="speak rtsps:// with any certificate"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="where wrong logins are counted (default: the agent's, so that both count together)",
    )
    parser.set_defaults(func=_probe)


def _probe(arguments: argparse.Namespace) -> int:
    if arguments.camera is not None:
        return _probe_configured(arguments)
    if Path(arguments.source).is_dir():
        return _probe_folder(Path(arguments.source).absolute(), arguments)
    from edge_agent.sources import probe_source

    password_file = arguments.password_file
    source = probe_source(
        arguments.source,
        username=arguments.username,
        password_file=password_file and str(Path(password_file).absolute()),
        transport=arguments.transport,
        rotate=arguments.rotate,
        allow_basic=arguments.allow_basic,
        ca_file=arguments.ca_file,
        allow_insecure=arguments.allow_insecure,
    )
    _watch([source], None, arguments)
    return EXIT_OK


def _probe_configured(arguments: argparse.Namespace) -> int:
    from edge_agent.cli.camera import configured
    from edge_agent.cli.probe_configured import streams_of

    config = load_config(arguments.config).config
    camera = configured(config, arguments, arguments.camera)
    if isinstance(camera.source, FolderSource):
        arguments.template = camera.source.template
        arguments.time_zone = camera.source.time_zone or config.box.timezone
        return _probe_folder(Path(camera.source.path), arguments)
    _watch(streams_of(camera), Path(config.box.state_dir), arguments)
    return EXIT_OK


def _watch(
    sources: Sequence[SourceConfig], state_dir: Path | None, arguments: argparse.Namespace
) -> None:
    from edge_agent.cli.probe_configured import report_plain
    from edge_agent.sources import PictureRules, format_report, login_guard, probe

    clock = SystemClock()
    credentials, reports = login_guard(arguments.state_dir or state_dir, clock), []
    for source in sources:
        report = probe(
            source,
            credentials=credentials,
            stop=StopToken(),
            clock=clock,
            watch_s=arguments.seconds,
            rules=PictureRules.of(source),
        )
        reports.append(report)
        if not arguments.json:
            print(printable(format_report(report), keep="\n"), flush=True)
    if arguments.json:
        print(json.dumps([report_plain(report) for report in reports], indent=2))


def _probe_folder(root: Path, arguments: argparse.Namespace) -> int:
    from edge_agent.cli.zone_here import zone_here
    from edge_agent.config.time_zones import BadZone, zone_called
    from edge_agent.recorders.find import BadTemplate
    from edge_agent.recorders.find.proposal import probe_folder
    from edge_agent.recorders.find.report import folder_report_json, format_folder_report

    name = arguments.time_zone or zone_here()
    try:
        zone = zone_called(name)
    except BadZone as error:
        raise _problem("--time-zone", str(error), error.fix) from None
    try:
        report = probe_folder(root, template=arguments.template, zone_name=name, zone=zone)
    except BadTemplate as error:
        raise _problem("--template", str(error), "") from None
    text = folder_report_json(report) if arguments.json else format_folder_report(report)
    print(printable(text, keep="\n"))
    return EXIT_OK


def _problem(option: str, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem("command line", option, found, fix)])
