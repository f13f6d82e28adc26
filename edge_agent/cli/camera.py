"""`edge-agent camera discover|add|test|accept|profile|find`: cameras of this network, not typed."""

from __future__ import annotations

import argparse
import getpass
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_agent.clock import SystemClock
from edge_agent.config import (
    DEFAULT_CONFIG_DIR,
    CameraConfig,
    Config,
    FolderSource,
    load_config,
)
from edge_agent.config.secrets import read_secret
from edge_agent.errors import EXIT_FAILED, EXIT_OK, ConfigError, ConfigProblem, OperatorError
from edge_agent.foreign_text import printable
from edge_agent.language import LANGUAGES, _, speak
from edge_agent.runtime import StopToken

if TYPE_CHECKING:
    from edge_agent.discovery import Account, FoundCamera, SearchPlan
    from edge_agent.sources import CredentialGuard


#: Of a camera that is there its greeting comes within a second.
_CLOCK_WAIT_S = 1.5


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("camera", help="find, add and test cameras of this network")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    discover = verbs.add_parser(
        "discover",
        help="who is there, whose is it, which stream to use",
        description="Asks this box's networks over ONVIF, by multicast and one by one. With "
        "--username each camera is asked once with that login.",
    )
    _add_search(discover)
    add_config(discover)
    discover.add_argument("--json", action="store_true", help="for programs")
    add_language(discover)
    discover.set_defaults(func=_discover)

    add = verbs.add_parser("add", help="write the file of a camera that was found or is known")
    add.add_argument("id", help="short name, as gate")
    add.add_argument("address", help="of the camera or recorder")
    add.add_argument("--brand", help="left out: as it says itself")
    add.add_argument("--channel", type=int, default=1, help="of a recorder (default: 1)")
    add.add_argument("--name", default="", help="what the household calls it")
    _add_login(add)
    add_config(add)
    add_language(add)
    add.set_defaults(func=_add)

    test = verbs.add_parser(
        "test", help="open a configured camera and say what to set in its own menu"
    )
    test.add_argument("id", help="of the configuration")
    test.add_argument("--wsd-port", type=int, default=3702, help=argparse.SUPPRESS)
    add_config(test)
    add_language(test)
    test.set_defaults(func=_test)

    accept = verbs.add_parser(
        "accept", help="the camera was turned on purpose: what it shows now is right"
    )
    accept.add_argument("id", help="of the configuration")
    add_config(accept)
    add_language(accept)
    accept.set_defaults(func=_accept)

    profile = verbs.add_parser(
        "profile", help="which profile is in force, until somebody asks for another"
    )
    profile.add_argument("id", help="of the configuration")
    profile.add_argument(
        "profile", help="of its file; none: its own settings; auto: as hour and darkness say"
    )
    add_config(profile)
    add_language(profile)
    profile.set_defaults(func=_profile)

    find = verbs.add_parser("find", help="where is a camera whose address changed?")
    find.add_argument("identity", help="serial number or hardware address, as discover shows it")
    _add_search(find)
    add_config(find)
    add_language(find)
    find.set_defaults(func=_find)


def add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml (default: %(default)s)",
    )


def _add_login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wsd-port", type=int, default=3702, help=argparse.SUPPRESS)
    parser.add_argument("--username", help="a user of the cameras")
    parser.add_argument("--password-file", metavar="FILE", help="left out: it is asked for")
    parser.add_argument(
        "--text-password",
        action="store_true",
        help="for a camera that knows no digest over ONVIF: the password goes out in clear",
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    _add_login(parser)
    parser.add_argument(
        "--network", action="append", default=[], metavar="NET", help="as 192.168.1.0/24"
    )
    parser.add_argument("--ports", action="store_true", help="try the usual ports, too")
    parser.add_argument("--wait", type=float, default=5.0, metavar="S", help="default: 5 s")


def _discover(arguments: argparse.Namespace) -> int:
    from edge_agent.discovery import search

    speak("en" if arguments.json else arguments.lang)

    found = search(_plan(arguments), _account(arguments), _guard(arguments))
    if arguments.json:
        print(json.dumps([asdict(camera) for camera in found], indent=2))
        return EXIT_OK
    for camera in found:
        _show(camera)
    if not found:
        print(_("no camera answered; is ONVIF switched on in its menu? try --ports"))
        return EXIT_FAILED
    text = _("{count} found. Add one: edge-agent camera add NAME ADDRESS --username USER")
    print("\n" + text.format(count=len(found)))
    return EXIT_OK


def _show(camera: FoundCamera) -> None:
    from edge_agent.discovery.search import CLOCK_OFF_S
    from edge_agent.tools.sentences import of_search

    def say(text: str) -> None:
        print(printable(text))

    about = camera.model or _("model not told")
    say(f"{camera.address:<15} {camera.brand:<10} {about}   ({of_search(camera.why)})")
    if camera.identity:
        say("    " + _("identity: {identity}").format(identity=camera.identity))
    if camera.clock_offset_s is not None and abs(camera.clock_offset_s) > CLOCK_OFF_S:
        text = _("its clock is {s} s off: set it to a time server")
        say("    " + text.format(s=f"{camera.clock_offset_s:+.0f}"))
    if camera.urls[0]:
        sure = "" if camera.profiles else _(" (the brand's usual one)")
        say("    " + _("small stream: {url}").format(url=camera.urls[0]) + sure)
    if camera.note:
        say(f"    {of_search(camera.note)}")


def _add(arguments: argparse.Namespace) -> int:
    from edge_agent.discovery.brands import BRANDS, brand_named
    from edge_agent.tools.setup.answers import CameraAnswers
    from edge_agent.tools.setup.writing import add_camera

    speak(arguments.lang)
    account = _account(arguments)
    url = main_url = identity = ""
    brand = arguments.brand
    if brand is None:
        found = _asked(arguments, account)
        if found is not None and found.profiles:
            url, main_url = found.urls
        brand = found.brand if found is not None else "generic"
        identity = found.identity if found is not None else ""
    elif brand_named(brand) is None:
        known = ", ".join(each.key for each in BRANDS)
        raise ConfigError(
            [ConfigProblem("command line", "--brand", f"no brand {brand!r}", f"one of {known}")]
        )
    answers = CameraAnswers(
        arguments.id,
        arguments.name,
        brand=brand,
        address=arguments.address,
        channel=arguments.channel,
        url=url,
        main_url=main_url,
        username=account.user if account else "",
        identity=identity,
    )
    for path in add_camera(answers, account.password if account else "", arguments.config):
        print(_("written: {path}").format(path=path))
    print(_("now: edge-agent camera test {id}").format(id=arguments.id))
    return EXIT_OK


def _test(arguments: argparse.Namespace) -> int:
    from edge_agent.sources import format_report, login_guard, probe
    from edge_agent.tools.menus import advice
    from edge_agent.tools.sentences import of_report, of_stream

    speak(arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    clock = SystemClock()
    guard = login_guard(Path(config.box.state_dir), clock)
    seen = probe(camera.source, credentials=guard, stop=StopToken(), clock=clock)
    print(printable(of_report(format_report(seen)), keep="\n"))
    brand = _brand_of(camera)
    wishes = list(advice(seen, brand, _clock_offset_s(camera, arguments.wsd_port)))
    for measured, where in wishes:
        print(_("set at the camera: {measured}").format(measured=of_stream(measured)))
        print(f"    {_(where)}")
    if not wishes:
        print(_("nothing to set at the camera"))
    return EXIT_OK


def _clock_offset_s(camera: CameraConfig, wsd_port: int) -> float | None:
    """How far its clock is ahead, where it says so over ONVIF; no login is needed for that."""
    from edge_agent.discovery import SearchPlan, search

    host = urlsplit(getattr(camera.source, "url", "")).hostname
    if host is None:
        return None
    plan = SearchPlan(addresses=(host,), wait_s=_CLOCK_WAIT_S, multicast=False, wsd_port=wsd_port)
    found = search(plan)
    return found[0].clock_offset_s if found else None


def _accept(arguments: argparse.Namespace) -> int:
    """By a file that the running agent looks for: no socket, no network."""
    from edge_agent.writer.view_file import accept_mark

    speak(arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    _leave(accept_mark(Path(config.box.state_dir), camera.id), "")
    text = _("{camera}: the running agent learns its view anew; it needs a minute")
    print(text.format(camera=camera.id))
    return EXIT_OK


def _profile(arguments: argparse.Namespace) -> int:
    """As `_accept`."""
    from edge_agent.agent.kept_profiles import ask_mark, askable

    speak(arguments.lang)
    config = load_config(arguments.config).config
    camera = configured(config, arguments)
    if isinstance(camera.source, FolderSource):
        text = _("{camera}: a recorder's clips have the profile of the time they were recorded")
        raise OperatorError(text.format(camera=camera.id))
    if arguments.profile not in askable(camera):
        text = _("{camera} has no profile '{profile}'; it has: {known}")
        known = ", ".join(askable(camera))
        raise OperatorError(text.format(camera=camera.id, profile=arguments.profile, known=known))
    _leave(ask_mark(Path(config.box.state_dir), camera.id), arguments.profile)
    text = _("{camera}: the running agent takes it up: edge-agent status {camera}")
    print(text.format(camera=camera.id))
    return EXIT_OK


def _leave(mark: Path, content: str) -> None:
    """A file that the running agent looks for, and has to remove. Raises OperatorError."""
    new = mark.with_suffix(".new")
    try:
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        new.touch(mode=0o600)
        new.write_text(content, encoding="utf-8")
        for path in (new, mark.parent):
            shutil.chown(path, *_owner(mark.parent.parent))
        new.rename(mark)
    except OSError as error:
        text = _("{path}: {why}; run it as root")
        raise OperatorError(text.format(path=mark, why=error.strerror)) from error


def _owner(folder: Path) -> tuple[int, int]:
    """The service's user, who has to remove the mark."""
    status = folder.stat()
    return status.st_uid, status.st_gid


def configured(config: Config, arguments: argparse.Namespace, name: str = "") -> CameraConfig:
    """The camera of `arguments.id`, or `name`. Raises OperatorError where there is none."""
    wanted = name or arguments.id
    camera = next((each for each in config.cameras if each.id == wanted), None)
    if camera is None:
        known = ", ".join(each.id for each in config.cameras) or _("none")
        text = _("no camera '{id}' in {folder}; there are: {known}")
        raise OperatorError(text.format(id=wanted, folder=arguments.config, known=known))
    return camera


def _brand_of(camera: CameraConfig) -> str:
    """By the path of its stream."""
    from edge_agent.discovery.brands import BRANDS

    url = getattr(camera.source, "url", "")
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    for brand in BRANDS:
        for channel in range(1, 33):
            if any(each.endswith(path) for each in brand.urls("h", channel)) and len(path) > 1:
                return brand.key
    return "generic"


def _find(arguments: argparse.Namespace) -> int:
    from edge_agent.discovery import find_again

    speak(arguments.lang)
    address = find_again(
        arguments.identity, _plan(arguments), _account(arguments), _guard(arguments)
    )
    if address is None:
        print(_("{identity}: not found in this network").format(identity=arguments.identity))
        return EXIT_FAILED
    print(address)
    return EXIT_OK


def _asked(arguments: argparse.Namespace, account: Account | None) -> FoundCamera | None:
    from edge_agent.discovery import SearchPlan, search

    plan = SearchPlan(
        addresses=(arguments.address,), wait_s=3.0, multicast=False, wsd_port=arguments.wsd_port
    )
    found = search(plan, account, _guard(arguments))
    return found[0] if found else None


def _plan(arguments: argparse.Namespace) -> SearchPlan:
    from edge_agent.discovery import SearchPlan
    from edge_agent.discovery.network import network_of, own_networks

    try:
        networks = [network_of(text) for text in arguments.network] or own_networks()
    except ValueError as error:
        fix = "write it as 192.168.1.0/24"
        raise ConfigError([ConfigProblem("command line", "--network", str(error), fix)]) from None
    return SearchPlan(
        networks=tuple(networks),
        ports=arguments.ports,
        wait_s=arguments.wait,
        wsd_port=arguments.wsd_port,
    )


def _account(arguments: argparse.Namespace) -> Account | None:
    from edge_agent.discovery import Account

    if not arguments.username:
        return None
    if arguments.password_file:
        password = read_secret(arguments.password_file)
    else:
        password = getpass.getpass(_("Password (not shown): "))
    return Account(arguments.username, password, arguments.text_password)


def _guard(arguments: argparse.Namespace) -> CredentialGuard:
    """Counts with the agent of this configuration, also when it is not written yet."""
    from edge_agent.sources import login_guard

    state_dir: Path | None
    try:
        state_dir = Path(load_config(arguments.config).config.box.state_dir)
    except ConfigError:
        state_dir = None
    return login_guard(state_dir, SystemClock())
