"""`edge-agent doctor`: is everything right at this box? Green, yellow, red, with one fix each."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK
from edge_agent.foreign_text import printable
from edge_agent.language import LANGUAGES, _, speak

if TYPE_CHECKING:
    from edge_agent.tools.doctor import DoctorFinding

_MARKS = {"green": "ok", "yellow": "! ", "red": "X "}
_COLOURS = {"green": "\033[32m", "yellow": "\033[33m", "red": "\033[31m"}
_PLAIN = "\033[0m"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor",
        help="is everything right here? box, camera, broker, with one fix each",
        description="Looks at power, clock, card, memory, libraries, configuration, detector, "
        "broker, cameras and what waits for the ward. Exit code: 0 green or yellow, 1 red, "
        "78 wrong configuration.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--no-cameras", action="store_true", help="do not open the cameras")
    parser.add_argument("--no-broker", action="store_true", help="do not connect to the broker")
    parser.add_argument("--codes", action="store_true", help="list every code, as Markdown")
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.set_defaults(func=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.doctor import DoctorVisit, Grade, codes_markdown, examine, worst

    # What programs read, and the list behind docs/codes.md, is English unless asked otherwise.
    is_for_programs = arguments.json or (arguments.codes and arguments.lang is None)
    speak("en" if is_for_programs else arguments.lang)
    if arguments.codes:
        print(codes_markdown(), end="")
        return EXIT_OK
    visit = DoctorVisit(arguments.config, not arguments.no_cameras, not arguments.no_broker)
    findings = []
    colours = sys.stdout.isatty()
    for finding in examine(visit, SystemClock()):
        findings.append(finding)
        if not arguments.json:
            print_finding(finding, colours=colours)
    grade = worst(findings)
    if arguments.json:
        print(json.dumps({"grade": grade, "findings": [_plain(each) for each in findings]}))
    else:
        counts = [sum(each.grade == name for each in findings) for name in Grade]
        total = _("{green} green, {yellow} yellow, {red} red")
        print("\n" + total.format(green=counts[0], yellow=counts[1], red=counts[2]))
    if any(finding.code == "EA-CFG-001" for finding in findings):
        return EXIT_CONFIG
    return EXIT_FAILED if grade is Grade.RED else EXIT_OK


def _plain(finding: DoctorFinding) -> dict[str, str]:
    return {
        "code": finding.code,
        "grade": finding.grade,
        "subject": finding.subject,
        "found": finding.found,
        "fix": finding.fix,
    }


def print_finding(finding: DoctorFinding, *, colours: bool) -> None:
    """One line, and what to do."""
    mark = _MARKS[finding.grade]
    if colours:
        mark = f"{_COLOURS[finding.grade]}{mark}{_PLAIN}"
    code = f"  [{finding.code}]" if finding.code else ""
    print(mark, printable(f"{finding.subject}: {finding.found}{code}"), flush=True)
    if finding.fix:
        print("     " + printable(_("do: {fix}").format(fix=_(finding.fix))))
