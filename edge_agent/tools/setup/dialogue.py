"""Asks a person in the terminal. Every question says what is meant and offers an answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from edge_agent.discovery import FoundCamera
from edge_agent.discovery.brands import BRANDS
from edge_agent.foreign_text import printable
from edge_agent.language import _
from edge_agent.tools.sentences import of_search
from edge_agent.tools.setup import questions
from edge_agent.tools.setup.answers import Answers, BoxAnswers, BrokerAnswers, CameraAnswers
from edge_agent.tools.setup.certificates import certificate_problem, key_problem
from edge_agent.tools.setup.writing import BROKERS_NAME


def _said(text: str) -> None:
    """Cameras of the network have a word in it."""
    sys.stdout.write(printable(text, keep="\n") + "\n")


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to ask; a test answers instead of a person."""

    ask: Callable[[str], str] = input
    ask_secret: Callable[[str], str] = getpass.getpass
    say: Callable[[str], None] = _said

    def line(self, question: str, default: str = "") -> str:
        shown = f"{question} [{default}]: " if default else f"{question}: "
        return self.ask(shown).strip() or default

    def until(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        """Asks until there is no problem."""
        while True:
            value = self.line(question, default)
            found = problem(value)
            if not found:
                return value
            self.say(f"  {found}")

    def yes(self, question: str, *, default: bool) -> bool:
        offered = _("Y/n") if default else _("y/N")
        said = self.ask(f"{question} [{offered}]: ").strip().lower()
        return default if not said else said[0] in "yjcđ"  # yes, có, đúng


@dataclass(slots=True)
class GivenAnswers:
    """Answers and secrets, by `mqtt` or camera id. Never printed, never logged."""

    answers: Answers
    secrets: dict[str, str] = field(repr=False)


def ask_everything(
    terminal: Terminal, timezone: str, search: Callable[[], Sequence[FoundCamera]] = tuple
) -> GivenAnswers:
    """Box, broker, cameras. `search` finds cameras of this network, without a login."""
    secrets: dict[str, str] = {}
    box = ask_box(terminal, BoxAnswers("", "", timezone))
    broker = ask_broker(terminal, BrokerAnswers("", username=box.id), secrets)
    cameras = ask_cameras(terminal, [], secrets, search)
    return GivenAnswers(Answers(box, broker, cameras), secrets)


def ask_box(terminal: Terminal, before: BoxAnswers) -> BoxAnswers:
    terminal.say(_("The ward gave you two names: its own and this box's."))
    ward = terminal.until(_("Name of the ward"), before.ward, questions.id_problem)
    box = terminal.until(_("Name of this box"), before.id, questions.id_problem)
    zone = terminal.until(_("Time zone"), before.timezone, questions.zone_problem)
    return BoxAnswers(ward, box, zone, before.state_dir)


def ask_broker(
    terminal: Terminal, before: BrokerAnswers, secrets: dict[str, str], *, again: bool = False
) -> BrokerAnswers:
    """`again`: what was answered before is offered; an empty password keeps the old one."""
    host = terminal.until(_("Address of the ward's server"), before.host, questions.host_problem)
    secure = terminal.yes(_("Encrypted with TLS?"), default=not before.allow_insecure)
    usual = "8883" if secure else "1883"
    offered = str(before.port) if again and secure is not before.allow_insecure else usual
    port = int(terminal.until(_("Port"), offered, questions.port_problem))
    ca_file = cert_file = key_file = username = ""
    if secure:
        ca_file = terminal.until(
            _("File with the ward's CA certificate (empty: public CA)"),
            before.ca_file,
            lambda value: certificate_problem(value) if value else "",
        )
        cert_file = terminal.until(
            _("File with this box's certificate (empty: password)"),
            before.cert_file,
            lambda value: certificate_problem(value) if value else "",
        )
        if cert_file:
            key_file = terminal.until(
                _("File with its key"), before.key_file, lambda value: key_problem(cert_file, value)
            )
    if not cert_file:
        username = terminal.line(_("User at the server"), before.username)
        if username:
            _keep_secret(terminal, "mqtt", secrets, again=again)
    return BrokerAnswers(
        host=host,
        port=port,
        username=username,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        allow_insecure=not secure,
    )


def ask_cameras(
    terminal: Terminal,
    taken: Sequence[str],
    secrets: dict[str, str],
    search: Callable[[], Sequence[FoundCamera]],
) -> tuple[CameraAnswers, ...]:
    """At least one. `taken`: ids of cameras that are configured already."""
    terminal.say(_("Looking for cameras in this network ..."))
    found = list(search())
    cameras: list[CameraAnswers] = []
    while not cameras or terminal.yes(_("Another camera?"), default=False):
        others = [*taken, *(camera.id for camera in cameras)]
        last = cameras[-1] if cameras else None
        cameras.append(_ask_camera(terminal, others, secrets, found, last))
        found = [each for each in found if each.address != cameras[-1].address]
    return tuple(cameras)


def ask_login_again(
    terminal: Terminal, camera: CameraAnswers, secrets: dict[str, str]
) -> CameraAnswers:
    """User and password of a camera that refused them."""
    username = terminal.line(_("User of the camera"), camera.username)
    _keep_secret(terminal, camera.id, secrets, again=True)
    return msgspec.structs.replace(camera, username=username)


def _ask_camera(
    terminal: Terminal,
    taken: Sequence[str],
    secrets: dict[str, str],
    found: Sequence[FoundCamera],
    last: CameraAnswers | None,
) -> CameraAnswers:
    picked = _pick(terminal, found)
    name_problem = questions.camera_id_problem([*taken, BROKERS_NAME])
    camera = terminal.until(_("Short name of the camera, as gate"), "", name_problem)
    name = terminal.line(_("What the household calls it"), camera)
    brand, address = (picked.brand, picked.address) if picked else _ask_place(terminal)
    channel = int(terminal.until(_("Channel of the recorder"), "1", questions.channel_problem))
    username = _ask_login(terminal, camera, secrets, last)
    return CameraAnswers(
        camera,
        name,
        brand=brand,
        address=address,
        channel=channel,
        username=username,
        identity=picked.identity if picked else "",
    )


def _pick(terminal: Terminal, found: Sequence[FoundCamera]) -> FoundCamera | None:
    if not found:
        return None
    for number, each in enumerate(found, 1):
        about = each.model or _("model not told")
        why = of_search(each.why)
        terminal.say(f"  {number}  {each.address:<15} {each.brand:<10} {about}   ({why})")
    said = terminal.until(
        _("Which one? Its number; empty: another, typed by hand"),
        "",
        lambda value: "" if not value else questions.number_problem(value, len(found)),
    )
    return found[int(said) - 1] if said else None


def _ask_place(terminal: Terminal) -> tuple[str, str]:
    """Brand and address."""
    for number, brand in enumerate(BRANDS, 1):
        terminal.say(f"  {number}  {_(brand.name)}")
    chosen = terminal.until(
        _("Brand (number)"), "1", lambda value: questions.number_problem(value, len(BRANDS))
    )
    address = terminal.until(_("Address of the camera or recorder"), "", questions.host_problem)
    return BRANDS[int(chosen) - 1].key, address


def _ask_login(
    terminal: Terminal, camera: str, secrets: dict[str, str], last: CameraAnswers | None
) -> str:
    """The user; cameras of a household often have one login."""
    if last is not None and last.id in secrets:
        text = _("Same user and password as {camera}?").format(camera=last.id)
        if terminal.yes(text, default=True):
            secrets[camera] = secrets[last.id]
            return last.username
    username = terminal.line(_("User of the camera"), last.username if last else "admin")
    _keep_secret(terminal, camera, secrets, again=False)
    return username


def _keep_secret(terminal: Terminal, who: str, secrets: dict[str, str], *, again: bool) -> None:
    question = _("Password (not shown; empty: as before): ") if again else ""
    secret = terminal.ask_secret(question or _("Password (not shown): "))
    if secret:
        secrets[who] = secret
