"""WS-Discovery (OASIS, version 1.1, and the 2005 draft that cameras speak): who is there?

A probe goes to the multicast group, and to every address of the network by itself: many access
points do not carry multicast from cable to radio.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

GROUP, PORT = "239.255.255.250", 3702
#: No answer of a camera is larger; more is not read.
_MOST_BYTES = 64 * 1024
#: One network cannot make us remember more.
_MOST_ANSWERS = 512
#: Both device types of ONVIF's discovery: old cameras know one only.
_TYPES = ("dn:NetworkVideoTransmitter", "tds:Device")
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>\
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"\
 xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"\
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"\
 xmlns:dn="http://www.onvif.org/ver10/network/wsdl"\
 xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><e:Header>\
<w:MessageID>uuid:{id}</w:MessageID>\
<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>\
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action>\
</e:Header><e:Body><d:Probe><d:Types>{types}</d:Types></d:Probe></e:Body></e:Envelope>"""
_SCOPE = re.compile(r"onvif://www\.onvif\.org/(name|hardware|location|MAC)/(\S{1,128})", re.I)


@dataclass(frozen=True, slots=True)
class Answer:
    """One device's answer. `address` is where the packet came from, whatever it claims."""

    address: str
    endpoint: str  # stays the same when the address changes
    services: tuple[str, ...]  # http addresses of its ONVIF device service
    scopes: dict[str, str]  # name, hardware, location, mac

    @property
    def service(self) -> str | None:
        """The address of its device service, at the address that answered."""
        for url in self.services:
            if f"//{self.address}:" in url or f"//{self.address}/" in url:
                return url
        return None


def ask(
    addresses: Sequence[str],
    *,
    multicast: bool = True,
    wait_s: float = 4.0,
    port: int = PORT,
    interfaces: Iterable[str] = (),
) -> list[Answer]:
    """Everyone who answers within `wait_s`, each once. `addresses` are asked one by one too.

    `interfaces`: own addresses whose networks the multicast probe goes to; none: the default.
    """
    found: dict[tuple[str, str], Answer] = {}
    with contextlib.ExitStack() as stack:
        sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sender.bind(("", 0))
        sender.setblocking(False)
        probes = [_PROBE.format(id=uuid.uuid4(), types=types).encode() for types in _TYPES]
        targets = [(address, port) for address in addresses]
        until_s = time.monotonic() + wait_s
        for probe in probes:
            if multicast:
                _to_group(sender, probe, port, interfaces)
            for target in targets:
                _send(sender, probe, target)
                _take(sender, found, 0.0)
        while (left_s := until_s - time.monotonic()) > 0:
            _take(sender, found, min(left_s, 0.25))
    return list(found.values())


def read_answer(data: bytes, address: str) -> Answer | None:
    """None for what is no ProbeMatch, whatever the bytes are."""
    if len(data) > _MOST_BYTES or any(each in data for each in (b"<!DOCTYPE", b"<!ENTITY", b"\0")):
        return None
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - bounded, and without entities
    except (ElementTree.ParseError, ValueError, RecursionError, LookupError):
        return None
    match = _first(root, "ProbeMatch")
    if match is None:
        return None
    endpoint = _text(match, "Address")
    services = [url for url in _text(match, "XAddrs").split() if url.startswith("http")]
    scopes: dict[str, str] = {}
    for kind, value in _SCOPE.findall(_text(match, "Scopes")):
        scopes.setdefault(kind.lower(), value)
    return Answer(address, endpoint[:200], tuple(services[:8]), scopes)


def _to_group(sender: socket.socket, probe: bytes, port: int, interfaces: Iterable[str]) -> None:
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    named = list(interfaces)
    for interface in named:
        with contextlib.suppress(OSError):
            sender.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface)
            )
            _send(sender, probe, (GROUP, port))
    if not named:
        _send(sender, probe, (GROUP, port))


def _send(sender: socket.socket, probe: bytes, target: tuple[str, int]) -> None:
    """An address that nobody has, or that may not be reached, is no failure."""
    with contextlib.suppress(OSError):
        sender.sendto(probe, target)


def _take(sender: socket.socket, found: dict[tuple[str, str], Answer], wait_s: float) -> None:
    """What has come, and for `wait_s` what comes."""
    while select.select([sender], [], [], wait_s)[0]:
        try:
            data, (address, _) = sender.recvfrom(_MOST_BYTES + 1)
        except OSError:
            return  # a port that nobody listens on comes back as an error
        answer = read_answer(data, address)
        if answer is not None and len(found) < _MOST_ANSWERS:
            found.setdefault((answer.address, answer.endpoint), answer)
        wait_s = 0.0


def _first(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((each for each in root.iter() if each.tag.rpartition("}")[2] == name), None)


def _text(root: ElementTree.Element, name: str) -> str:
    found = _first(root, name)
    return (found.text or "").strip() if found is not None else ""
