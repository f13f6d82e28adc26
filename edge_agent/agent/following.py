"""A camera that changed its address is looked for, and followed: `source.identity` allows it.

    open fails -> who is there? (WS-Discovery) -> which of them is it? -> open at its new address

Once for each try of the feed, so its back-off bounds how often a network is asked. Cameras that
tell their hardware address in their greeting are known by it; of others the serial number is
asked with the camera's own login, which the credential guard counts. Where it was found is kept
over a restart: a camera that needs a login is not asked at its old address again, where another
device may answer by now.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import Clock
from edge_agent.config import RtspSource, SourceConfig
from edge_agent.config.secrets import read_secret
from edge_agent.errors import (
    AgentError,
    ConfigError,
    CredentialRefused,
    SourceUnreachable,
    StorageError,
)
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, Opener, PacketSource, PictureRules, open_source

if TYPE_CHECKING:
    from edge_agent.discovery import Account, SearchPlan

log = logging.getLogger(__name__)

#: How long answers are waited for. Cameras are asked to wait up to half a second before they
#: answer (WS-Discovery 1.1, APP_MAX_DELAY), and slow ones take two.
_SEARCH_S = 3.0
#: What is asked one by one of a network that is not ours: the /24 around the old address.
_PREFIX = 24


class FollowedCamera:
    """Opens a camera where it was found last. `open` is an `Opener`; safe from any thread.

    `others`: hosts of the other configured cameras, which are never asked with this one's login.
    """

    def __init__(
        self,
        camera: str,
        others: Callable[[], Collection[str]],
        opener: Opener = open_source,
        state_dir: Path | None = None,
    ) -> None:
        """`state_dir`: where it is remembered; None: it is not."""
        self._camera = camera
        self._others = others
        self._opener = opener
        self._kept = state_dir / "followed" / f"{camera}.json" if state_dir else None
        # Host of the configuration and identity -> where it was found.
        self._moved: dict[tuple[str, str], str] = self._remembered()

    def open(
        self,
        source: SourceConfig,
        *,
        camera: str,
        credentials: CredentialGuard,
        stop: StopToken,
        clock: Clock,
        rules: PictureRules,
    ) -> PacketSource:
        """Raises what opening raises; the camera was looked for then, and not found."""

        def at(where: SourceConfig) -> PacketSource:
            return self._opener(
                where, camera=camera, credentials=credentials, stop=stop, clock=clock, rules=rules
            )

        try:
            return at(self.where(source))
        except (SourceUnreachable, CredentialRefused):
            # Refused: another device may have its address now.
            if stop.stopped or not isinstance(source, RtspSource) or source.identity is None:
                raise
            if not self._looked_for(source, credentials):
                raise
        return at(self.where(source))

    def where(self, source: SourceConfig) -> SourceConfig:
        """The source at the address where it was found last."""
        if not isinstance(source, RtspSource) or source.identity is None:
            return source
        moved = self._moved.get((_host(source.url), source.identity))
        if moved is None or moved in self._others():
            return source
        return msgspec.structs.replace(source, url=_at_host(source.url, moved))

    def _looked_for(self, source: RtspSource, credentials: CredentialGuard) -> bool:
        """Whether it is somewhere else than it was opened just now."""
        from edge_agent.discovery import find_again

        assert source.identity is not None
        configured = _host(source.url)
        opened = self._moved.get((configured, source.identity), configured)
        others = {host for host in self._others() if host != configured}
        try:
            account = _account(source)
            found = find_again(
                source.identity, self._plan(configured), account, credentials, others
            )
        except (AgentError, OSError) as error:
            log.info("%s: could not be looked for: %s", self._camera, error)
            return False
        if found is None or found == opened:
            return False
        self._moved = {(configured, source.identity): found}
        self._remember()
        if found == configured:
            log.warning("%s: is back at %s", self._camera, found)
        else:
            log.warning(
                "%s: does not answer at %s and was found at %s by its identity; it is followed. "
                "Write that address into its file, or give it a fixed one at the router",
                self._camera,
                opened,
                found,
            )
        return True

    def _remember(self) -> None:
        """A disk that takes nothing costs one search after the next start."""
        if self._kept is None:
            return
        try:
            self._kept.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._kept, msgspec.json.encode([*self._moved.items()]))
        except (OSError, StorageError) as error:
            log.info("%s: its address is not kept: %s", self._camera, error)

    def _remembered(self) -> dict[tuple[str, str], str]:
        if self._kept is None:
            return {}
        try:
            kept = msgspec.json.decode(
                self._kept.read_bytes(), type=list[tuple[tuple[str, str], str]]
            )
        except (OSError, msgspec.MsgspecError, ValueError):  # none, or spoilt
            return {}
        return dict(kept)

    def _plan(self, host: str) -> SearchPlan:
        """Our own networks, and the camera's where that is another one."""
        from edge_agent.discovery import SearchPlan
        from edge_agent.discovery.network import network_of, own_networks

        networks = own_networks()
        theirs = _network_text(host)
        if theirs and not any(host in each.hosts for each in networks):
            networks.append(network_of(theirs))
        return SearchPlan(tuple(networks), addresses=(host,) if theirs else (), wait_s=_SEARCH_S)


def _account(source: RtspSource) -> Account | None:
    from edge_agent.discovery import Account

    if source.username is None:
        return None
    try:
        password = read_secret(source.password_file) if source.password_file else ""
    except ConfigError:
        return None  # opening says so
    return Account(source.username, password)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _at_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}{port}").geturl()


def _network_text(host: str) -> str:
    """`192.168.1.64/24`; empty for a name."""
    try:
        return f"{ipaddress.IPv4Address(host)}/{_PREFIX}"
    except ValueError:
        return ""
