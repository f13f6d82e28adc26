"""One camera under several names: `cam.local` and `192.168.1.64` have the same accounts."""

from __future__ import annotations

import ipaddress
import socket
import threading

from edge_agent.clock import Clock

#: A name that nobody knows is asked for again after this long.
_UNKNOWN_FOR_S = 60.0
_MOST_ADDRESSES = 4


class HostNames:
    """Asks the resolver once for each name. Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        self._unknown_since_s: dict[str, float] = {}

    def of(self, host: str) -> tuple[str, ...]:
        """The name as it is written, and its addresses. May wait for the resolver."""
        host = host.lower()
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        with self._lock:
            if host not in self._known and not self._failed_lately(host):
                addresses = _addresses(host)
                if addresses:
                    self._known[host] = (host, *addresses)
                else:
                    self._unknown_since_s[host] = self._clock.mono_s()
            return self._known.get(host, (host,))

    def _failed_lately(self, host: str) -> bool:
        since_s = self._unknown_since_s.get(host)
        return since_s is not None and self._clock.mono_s() - since_s < _UNKNOWN_FOR_S


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(address[0]) for *_, address in found})[:_MOST_ADDRESSES]
