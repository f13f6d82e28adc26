"""`edge-agent setup`: the first configuration of a box, asked in the terminal or from a file."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.config.time_zones import machine_zone
from edge_agent.errors import EXIT_FAILED, EXIT_OK, ConfigError, ConfigProblem
from edge_agent.language import LANGUAGES, _, speak

if TYPE_CHECKING:
    from edge_agent.tools.setup import Told

_EXAMPLE = """\
# Answers for `edge-agent setup --answers FILE`. The passwords are read from the named files once.
model = "auto"

[box]
ward = "phuong-5"
id = "box-0017"
timezone = "Asia/Ho_Chi_Minh"

[mqtt]
host = "mqtt.phuong-5.example"
username = "box-0017"
password_from = "/media/usb/mqtt.txt"

[[cameras]]
id = "gate"
name = "Cổng trước"
brand = "hikvision"    # hikvision dahua tapo reolink uniview ezviz yoosee xmeye generic
address = "192.168.1.64"
username = "viewer"
password_from = "/media/usb/gate.txt"
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "setup",
        help="set this box up: ward, broker, cameras; tried, then written",
        description="Asks for ward, broker and cameras, tries them, and writes the configuration. "
        "Nothing is written before everything is answered; what is there already is kept.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument("--answers", type=Path, metavar="FILE", help="unattended: answers as TOML")
    parser.add_argument("--example", action="store_true", help="print an example of that file")
    parser.add_argument(
        "--yes", action="store_true", help="write although broker or cameras do not answer yet"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.add_argument("--no-try", action="store_true", help="do not try broker and cameras")
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.set_defaults(func=_setup)


def _setup(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.setup import Terminal, ask_everything, write

    if arguments.example:
        print(_EXAMPLE, end="")
        return EXIT_OK
    speak(arguments.lang)
    if arguments.answers:
        told = _from_file(arguments.answers)
    else:
        print(_("Press Ctrl-C at any time: nothing is written before the end."))
        told = ask_everything(Terminal(), machine_zone())
    if not arguments.no_try and not _try(told, arguments):
        return EXIT_FAILED
    done = write(told.answers, told.secrets, arguments.config, overwrite=arguments.overwrite)
    for path in done.files:
        print(_("written: {path}").format(path=path))
    for path in done.kept:
        print(_("kept as it was: {path}").format(path=path))
    _enable_service()
    print(_("Look at the whole box with: edge-agent doctor"))
    return EXIT_OK


def _try(told: Told, arguments: argparse.Namespace) -> bool:
    """Whether to go on."""
    from edge_agent.tools.setup import problems, tried

    print(_("Trying the broker and the cameras ..."))
    findings = []
    for finding in tried(told.answers, told.secrets, SystemClock()):
        findings.append(finding)
        mark = {"green": "ok", "yellow": "! ", "red": "X "}[finding.grade]
        print(f"{mark} {finding.subject}: {finding.found}", flush=True)
        if finding.fix:
            print("     " + _("do: {fix}").format(fix=_(finding.fix)))
    if not problems(findings) or arguments.yes:
        return True
    if arguments.answers or not sys.stdin.isatty():
        print(_("Nothing was written. Mend this, or write all the same with --yes."))
        return False
    said = input(_("Write all the same? [y/N]: ")).strip().lower()
    return bool(said) and said[0] in "ycđ"


def _from_file(path: Path) -> Told:
    from edge_agent.tools.setup import Told, read_answers

    answers = read_answers(path)
    if not answers.box.timezone:
        box = msgspec.structs.replace(answers.box, timezone=machine_zone())
        answers = msgspec.structs.replace(answers, box=box)
    named = {"mqtt": answers.mqtt.password_from}
    named |= {camera.id: camera.password_from for camera in answers.cameras}
    secrets = {who: _secret(path, who, file) for who, file in named.items() if file}
    return Told(answers, secrets)


def _secret(answers: Path, who: str, file: str) -> str:
    try:
        text = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise _problem(answers, f"password_from of {who}", f"{file}: {why}") from None
    if not text or "\n" in text:
        raise _problem(answers, f"password_from of {who}", f"{file}: needs one line")
    return text


def _problem(file: Path, key: str, found: str) -> ConfigError:
    fix = "name a file that holds only the password"
    return ConfigError([ConfigProblem(str(file), key, found, fix)])


def _enable_service() -> None:
    """Where the unit is installed and we may: it starts now and with the box."""
    if os.geteuid() != 0 or not Path("/run/systemd/system").is_dir():
        return
    command = ["systemctl", "enable", "--now", "edge-agent.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        print(_("The service runs, and will start with the box."))
