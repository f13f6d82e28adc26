"""Asks a person in the terminal. Every question says what is meant and offers an answer."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.language import _
from edge_agent.tools.setup.answers import Answers, BoxAnswers, BrokerAnswers, CameraAnswers
from edge_agent.tools.setup.brands import BRANDS

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to ask; a test answers instead of a person."""

    ask: Callable[[str], str] = input
    ask_secret: Callable[[str], str] = getpass.getpass
    say: Callable[[str], None] = print


@dataclass(slots=True)
class Told:
    """Answers and secrets, by `mqtt` or camera id. Never printed, never logged."""

    answers: Answers
    secrets: dict[str, str]


def ask_everything(terminal: Terminal, timezone: str) -> Told:
    """Box, broker, cameras."""
    secrets: dict[str, str] = {}
    box = _ask_box(terminal, timezone)
    broker = _ask_broker(terminal, box.id, secrets)
    cameras: list[CameraAnswers] = []
    while not cameras or _yes(terminal, _("Another camera?"), default=False):
        cameras.append(_ask_camera(terminal, [camera.id for camera in cameras], secrets))
    return Told(Answers(box, broker, tuple(cameras)), secrets)


def _ask_box(terminal: Terminal, timezone: str) -> BoxAnswers:
    terminal.say(_("The ward gave you two names: its own and this box's."))
    ward = _id(terminal, _("Name of the ward"), "")
    box = _id(terminal, _("Name of this box"), "")
    zone = _until(
        terminal,
        _("Time zone"),
        timezone,
        _zone_problem,
    )
    return BoxAnswers(ward, box, zone)


def _ask_broker(terminal: Terminal, box: str, secrets: dict[str, str]) -> BrokerAnswers:
    host = _until(terminal, _("Address of the ward's server"), "", _host_problem)
    secure = _yes(terminal, _("Encrypted with TLS?"), default=True)
    port = int(_until(terminal, _("Port"), "8883" if secure else "1883", _port_problem))
    ca_file = cert_file = key_file = username = ""
    if secure:
        ca_file = _line(terminal, _("File with the ward's CA certificate (empty: public CA)"), "")
        cert_file = _line(terminal, _("File with this box's certificate (empty: password)"), "")
        if cert_file:
            key_file = _line(terminal, _("File with its key"), "")
    if not cert_file:
        username = _line(terminal, _("User at the server"), box)
        if username:
            secret = terminal.ask_secret(_("Password (not shown): "))
            if secret:
                secrets["mqtt"] = secret
    return BrokerAnswers(
        host=host,
        port=port,
        username=username,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        allow_insecure=not secure,
    )


def _ask_camera(terminal: Terminal, taken: list[str], secrets: dict[str, str]) -> CameraAnswers:
    def id_problem(value: str) -> str:
        if value in taken:
            return _("This name is taken.")
        return _id_problem(value)

    camera = _until(terminal, _("Short name of the camera, as gate"), "", id_problem)
    name = _line(terminal, _("What the household calls it"), camera)
    for number, brand in enumerate(BRANDS, 1):
        terminal.say(f"  {number}  {_(brand.name)}")
    chosen = int(_until(terminal, _("Brand (number)"), "1", _brand_problem))
    address = _until(terminal, _("Address of the camera or recorder"), "", _host_problem)
    channel = int(_until(terminal, _("Channel of the recorder"), "1", _channel_problem))
    username = _line(terminal, _("User of the camera"), "admin")
    secret = terminal.ask_secret(_("Password (not shown): "))
    if secret:
        secrets[camera] = secret
    return CameraAnswers(
        camera,
        name,
        brand=BRANDS[chosen - 1].key,
        address=address,
        channel=channel,
        username=username,
    )


# --- single questions -------------------------------------------------------------------


def _line(terminal: Terminal, question: str, default: str) -> str:
    shown = f"{question} [{default}]: " if default else f"{question}: "
    return terminal.ask(shown).strip() or default


def _until(terminal: Terminal, question: str, default: str, problem: Callable[[str], str]) -> str:
    """Asks until there is no problem."""
    while True:
        value = _line(terminal, question, default)
        found = problem(value)
        if not found:
            return value
        terminal.say(f"  {found}")


def _yes(terminal: Terminal, question: str, *, default: bool) -> bool:
    offered = _("Y/n") if default else _("y/N")
    said = terminal.ask(f"{question} [{offered}]: ").strip().lower()
    return default if not said else said[0] in "yjcđ"  # yes, có, đúng


def _id(terminal: Terminal, question: str, default: str) -> str:
    return _until(terminal, question, default, _id_problem)


def _id_problem(value: str) -> str:
    if _ID.fullmatch(value):
        return ""
    return _(
        "Use small letters a-z, digits, - and _; 32 at most, beginning with a letter or digit."
    )


def _zone_problem(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _("There is no such time zone; in Vietnam it is Asia/Ho_Chi_Minh.")
    return ""


def _host_problem(value: str) -> str:
    if value and not re.search(r"[\s/@?#]", value):
        return ""
    return _("Write the name or address only, as 192.168.1.64.")


def _port_problem(value: str) -> str:
    fits = value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 65535
    return "" if fits else _("A port is a number from 1 to 65535.")


def _channel_problem(value: str) -> str:
    fits = value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 64
    return "" if fits else _("A channel is a number from 1 to 64.")


def _brand_problem(value: str) -> str:
    fits = value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= len(BRANDS)
    return "" if fits else _("Write the number of a line above.")
