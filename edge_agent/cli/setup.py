"""`edge-agent setup`: the first configuration of a box, asked in the terminal or from a file."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_agent.cli.doctor import print_finding
from edge_agent.clock import SystemClock
from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.config.time_zones import machine_zone
from edge_agent.errors import (
    EXIT_FAILED,
    EXIT_OK,
    ConfigError,
    ConfigProblem,
)
from edge_agent.language import LANGUAGES, _, speak

if TYPE_CHECKING:
    from edge_agent.discovery import FoundCamera
    from edge_agent.tools.registry import FetchSettings
    from edge_agent.tools.setup import Answers, Course

#: As in edge_agent.tools.setup, which is imported late.
_STEPS = ("box", "broker", "cameras", "pictures", "model", "service", "check")
_INTERRUPTED = 130  # as shells report SIGINT
_FETCH_TIMEOUT_S = 15.0
_SEARCH_S = 4.0

_EXAMPLE = """\
# Answers for `edge-agent setup --answers FILE`. The passwords are read from the named files once.
model = "auto"            # what `models bench` says here, fetched where it is better
# pictures = "/var/tmp/look" # save each camera's picture there, for whoever runs this

[box]
ward = "phuong-5"
id = "box-0017"
timezone = "Asia/Ho_Chi_Minh"

[mqtt]
host = "mqtt.phuong-5.example"
username = "box-0017"
password_from = "/media/usb/mqtt.txt"
# ca_file = "/media/usb/ca.pem"   # of a ward that has a CA of its own; is copied
# cert_file = "/media/usb/box.pem" # instead of a password, and its key; both are copied
# key_file = "/media/usb/box.key"

[[cameras]]
id = "gate"
name = "Cổng trước"
brand = "hikvision"    # hikvision dahua tapo reolink uniview ezviz yoosee xmeye generic
address = "192.168.1.64"
username = "viewer"
password_from = "/media/usb/gate.txt"
# url = "rtsps://192.168.1.64:322/stream2" # instead of brand and address
# ca_file = "/media/usb/gate.pem" # the certificate of rtsps://, or its CA; is copied
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "setup",
        help="set this box up: ward, broker, cameras; tried, then written",
        description="Asks for ward, broker and cameras, tries them, chooses a detector, writes the "
        "configuration and starts the service. Nothing is written before everything is answered; "
        "what is there already is kept. --step does one part of it again.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument(
        "--step", choices=_STEPS, help="only this, of a configuration that is there"
    )
    parser.add_argument("--answers", type=Path, metavar="FILE", help="unattended: answers as TOML")
    parser.add_argument("--example", action="store_true", help="print an example of that file")
    parser.add_argument(
        "--yes", action="store_true", help="write although broker or cameras do not answer yet"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.add_argument("--no-try", action="store_true", help="do not try broker and cameras")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="save what each camera shows, mode 0600"
    )
    parser.add_argument(
        "--no-fetch", action="store_true", help="take no detector from the internet"
    )
    parser.add_argument("--mirror", metavar="URL", help="fetch detectors there")
    parser.add_argument("--network", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--wsd-port", type=int, default=3702, help=argparse.SUPPRESS)
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.set_defaults(func=_setup)


def _setup(arguments: argparse.Namespace) -> int:
    if arguments.example:
        print(_EXAMPLE, end="")
        return EXIT_OK
    speak(arguments.lang)
    answers, secrets = _answers(arguments)
    course = _course(arguments, answers)
    try:
        done = _go(course, arguments, answers, secrets)
    except (KeyboardInterrupt, EOFError) as error:
        if course.has_written:
            print("\n" + _("Stopped. What was told as written is there, and whole."))
        else:
            print("\n" + _("Stopped; nothing was written."))
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_FAILED
    return EXIT_OK if done else EXIT_FAILED


def _go(
    course: Course, arguments: argparse.Namespace, answers: Answers | None, secrets: dict[str, str]
) -> bool:
    from edge_agent.tools.setup import GivenAnswers, Terminal, ask_everything

    if arguments.step:
        return course.one_step(arguments.step, answers, secrets)
    if answers is not None:
        return course.whole(GivenAnswers(answers, secrets))
    print(_("Press Ctrl-C at any time: nothing is written before the end."))
    return course.whole(ask_everything(Terminal(), machine_zone(), course.manner.search))


def _course(arguments: argparse.Namespace, answers: Answers | None) -> Course:
    from edge_agent.tools.setup import Course, Manner, Terminal

    pictures = arguments.pictures
    if pictures is None and answers is not None and answers.pictures:
        pictures = Path(answers.pictures)
    manner = Manner(
        asks=answers is None and sys.stdin.isatty(),
        tries=not arguments.no_try,
        insists=arguments.yes,
        overwrites=arguments.overwrite,
        pictures=pictures,
        fetch=None if arguments.no_fetch else _fetch_settings(arguments),
        search=lambda: _cameras_here(arguments),
        show=lambda finding: print_finding(finding, colours=sys.stdout.isatty()),
        start_service=lambda: _enable_service(arguments.config),
    )
    return Course(Terminal(), arguments.config, manner, SystemClock())


def _fetch_settings(arguments: argparse.Namespace) -> FetchSettings:
    from edge_agent.tools.registry import FetchSettings

    mirror, proxy = arguments.mirror, None
    if (arguments.config / "agent.toml").is_file():
        detector = load_config(arguments.config).config.detector
        mirror, proxy = mirror or detector.mirror, detector.proxy
    return FetchSettings.of(mirror, proxy, False, _FETCH_TIMEOUT_S)


def _cameras_here(arguments: argparse.Namespace) -> Sequence[FoundCamera]:
    """Over ONVIF, without a login: nobody is asked for anything but its name."""
    from edge_agent.discovery import SearchPlan, meet
    from edge_agent.discovery.network import network_of, own_networks

    networks = [network_of(text) for text in arguments.network] or own_networks()
    return meet(SearchPlan(tuple(networks), wait_s=_SEARCH_S, wsd_port=arguments.wsd_port))


def _answers(arguments: argparse.Namespace) -> tuple[Answers | None, dict[str, str]]:
    """From the file, and the secrets that it names. None: they are asked for."""
    from edge_agent.tools.setup import read_answers
    from edge_agent.tools.setup.editing import answers_of

    path = arguments.answers
    if path is None:
        return None, {}
    before = answers_of(load_config(arguments.config).config) if arguments.step else None
    answers = read_answers(path, before)
    if not answers.box.timezone:
        box = msgspec.structs.replace(answers.box, timezone=machine_zone())
        answers = msgspec.structs.replace(answers, box=box)
    named = {"mqtt": answers.mqtt.password_from}
    named |= {camera.id: camera.password_from for camera in answers.cameras}
    return answers, {who: _secret(path, who, file) for who, file in named.items() if file}


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


def _enable_service(config: Path) -> None:
    """Where the unit is installed and reads this folder, and we may: it starts now and with the
    box."""
    if os.geteuid() != 0 or not Path("/run/systemd/system").is_dir():
        return
    if config.resolve() != DEFAULT_CONFIG_DIR:
        return
    command = ["systemctl", "enable", "--now", "edge-agent.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        print(_("The service runs, and will start with the box."))
    else:
        why = done.stderr.strip().partition("\n")[0]
        print(_("The service does not start: {why}").format(why=why))
