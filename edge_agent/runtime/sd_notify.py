"""systemd's notification protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket
import time

log = logging.getLogger(__name__)

_TIMEOUT_S = 0.2


class SystemdNotifier:
    """Tells the service manager how we are; does nothing where there is none."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        """Asked to read the configuration again; `ready` follows. systemctl reload waits for it
        where the unit has Type=notify-reload."""
        since_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={since_us}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ means Linux' abstract namespace, written as a NUL byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # A manager that does not read must not stop us: its queue holds few messages.
                sender.settimeout(_TIMEOUT_S)
                sender.connect(address)
                sender.sendall(message.encode())
        except OSError as error:
            log.debug("cannot notify systemd: %s", error)
