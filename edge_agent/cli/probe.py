"""`edge-agent probe URL|FILE|FOLDER|DEVICE`: what a source is, and how to set it up."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.cli.numbers import number
from edge_agent.clock import SystemClock
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
    parser.add_argument(
        "source", metavar="URL|FILE|FOLDER|DEVICE", help="rtsp://..., /dev/video*, a clip, a folder"
    )
    parser.add_argument("--template", help="of a folder's paths, instead of the proposed one")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="of the times in a folder's paths (default: this machine's)",
    )
    parser.add_argument("--json", action="store_true", help="of a folder: cameras and all files")
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
    if Path(arguments.source).is_dir():
        return _probe_folder(Path(arguments.source).absolute(), arguments)
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
    print(printable(format_report(report), keep="\n"))
    return EXIT_OK


def _probe_folder(root: Path, arguments: argparse.Namespace) -> int:
    from edge_agent.config.time_zones import BadZone, machine_zone, zone_called
    from edge_agent.recorders.find import BadTemplate
    from edge_agent.recorders.find.proposal import probe_folder
    from edge_agent.recorders.find.report import folder_report_json, format_folder_report

    name = arguments.time_zone or machine_zone()
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
