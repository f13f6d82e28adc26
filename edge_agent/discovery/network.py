"""This box's networks, the hardware addresses it has met, and ports that answer."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import selectors
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: RTSP, its usual second, Hikvision's and XMeye's own, ONVIF of cheap ones, Dahua's own.
CAMERA_PORTS = (554, 8554, 8000, 8899, 37777, 34567)
#: Larger networks are asked in their first part only: a household has a /24.
_MOST_ADDRESSES = 1024
_AT_ONCE = 128
_CONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class Network:
    """One of our own addresses, and whom it can reach directly."""

    address: str
    hosts: tuple[str, ...]  # without our own address


def own_networks() -> list[Network]:
    """IPv4 networks of this box that a household may have: private, not virtual, not a tunnel."""
    try:
        shown = subprocess.run(
            ["ip", "-json", "-4", "address", "show", "up"],
            capture_output=True,
            timeout=5,
            check=True,
        ).stdout
        links = json.loads(shown)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    found = []
    for link in links:
        if str(link.get("ifname", "")).startswith(("lo", "docker", "veth", "br-", "tun", "wg")):
            continue
        for each in link.get("addr_info", []):
            with contextlib.suppress(ValueError, KeyError):
                found.append(network_of(f"{each['local']}/{each['prefixlen']}"))
    return found


def network_of(text: str) -> Network:
    """`192.168.1.20/24`. Raises ValueError for what is no such text."""
    interface = ipaddress.IPv4Interface(text)
    hosts: list[str] = []
    for host in interface.network.hosts():
        if len(hosts) == _MOST_ADDRESSES:
            break
        if host != interface.ip:
            hosts.append(str(host))
    return Network(str(interface.ip), tuple(hosts))


def hardware_addresses(table: Path = Path("/proc/net/arp")) -> dict[str, str]:
    """IPv4 address -> hardware address in small letters, of whom this box has spoken to."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return {}
    found = {}
    for line in lines:
        words = line.split()
        if len(words) >= 4 and words[3] != "00:00:00:00:00:00":
            found[words[0]] = words[3].lower()
    return found


def open_ports(
    addresses: Iterable[str], ports: Sequence[int] = CAMERA_PORTS, *, wait_s: float = _CONNECT_S
) -> dict[str, list[int]]:
    """Which of them take a connection. Nothing is sent; some hundred tries at once."""
    waiting = [(address, port) for address in addresses for port in ports]
    found: dict[str, list[int]] = {}
    with selectors.DefaultSelector() as selector:
        begun: dict[socket.socket, tuple[str, int, float]] = {}
        while waiting or begun:
            while waiting and len(begun) < _AT_ONCE:
                _begin(waiting.pop(), selector, begun)
            for key, _ in selector.select(0.05):
                tried = key.fileobj
                assert isinstance(tried, socket.socket)
                address, port, _since_s = begun[tried]
                if tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.setdefault(address, []).append(port)
                _give_up(tried, selector, begun)
            now_s = time.monotonic()
            for late in [each for each, (_, _, s) in begun.items() if now_s - s > wait_s]:
                _give_up(late, selector, begun)
    return {address: sorted(numbers) for address, numbers in found.items()}


def _begin(
    target: tuple[str, int],
    selector: selectors.BaseSelector,
    begun: dict[socket.socket, tuple[str, int, float]],
) -> None:
    tried = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tried.setblocking(False)
    try:
        tried.connect_ex(target)
        selector.register(tried, selectors.EVENT_WRITE)
    except (OSError, ValueError):
        tried.close()
        return
    begun[tried] = (*target, time.monotonic())


def _give_up(
    tried: socket.socket,
    selector: selectors.BaseSelector,
    begun: dict[socket.socket, tuple[str, int, float]],
) -> None:
    selector.unregister(tried)
    tried.close()
    del begun[tried]
