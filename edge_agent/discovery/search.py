"""Everything together: who is there, whose is it, and which stream is its small one."""

from __future__ import annotations

import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from edge_agent.clock import SystemClock
from edge_agent.discovery import wsd
from edge_agent.discovery.brand import brand_of
from edge_agent.discovery.brands import brand_named
from edge_agent.discovery.network import Network, hardware_addresses, open_ports
from edge_agent.discovery.onvif import Account, DeviceInfo, OnvifCamera, Profile
from edge_agent.errors import AgentError, CredentialRefused
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, Login

#: A clock that is further off than this is told: events of its recordings would be wrong.
CLOCK_OFF_S = 60.0
_MAC_DIGITS = 12


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How to search. Ports are tried only when asked: some routers take it for an attack."""

    networks: tuple[Network, ...] = ()
    addresses: tuple[str, ...] = ()  # these too, whatever network they are in
    ports: bool = False
    wait_s: float = 4.0
    wsd_port: int = wsd.PORT
    multicast: bool = True


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """What was learned of one camera."""

    address: str
    brand: str
    why: str
    serial: str = ""
    endpoint: str = ""  # of WS-Discovery: most makers' holds the MAC address
    hardware: str = ""  # its MAC address, where it is in our network
    model: str = ""
    service: str = ""  # of ONVIF
    clock_offset_s: float | None = None
    profiles: tuple[Profile, ...] = ()
    ports: tuple[int, ...] = ()
    note: str = ""  # what went wrong
    urls: tuple[str, str] = field(default=("", ""))  # small stream, main stream

    @property
    def identity(self) -> str:
        """What stays when the address changes: serial number, else hardware address."""
        return self.serial or self.hardware

    def is_called(self, identity: str) -> bool:
        """Known as this, whatever was asked of it so far."""
        wanted = identity.strip().lower()
        if not wanted:
            return False
        if wanted in (self.serial.lower(), self.hardware.lower()):
            return True
        endpoint, bare = self.endpoint.lower(), wanted.replace(":", "").replace("-", "")
        named = endpoint.removeprefix("urn:").removeprefix("uuid:")
        is_hardware = len(bare) == _MAC_DIGITS and set(bare) <= set(string.hexdigits)
        return named == wanted or (is_hardware and named.replace("-", "").endswith(bare))


def search(
    plan: SearchPlan, account: Account | None = None, guard: CredentialGuard | None = None
) -> list[FoundCamera]:
    """All cameras, by address. With an `account` each is asked with it, once.

    `guard` counts the logins that are refused; None: only those of this call.
    """
    found = meet(plan)
    guard = guard or CredentialGuard(None, SystemClock())
    return [look_closer(camera, account, guard) for camera in found]


def meet(plan: SearchPlan) -> list[FoundCamera]:
    """All cameras, by address, without asking any of them anything."""
    hosts = [host for network in plan.networks for host in network.hosts]
    hosts += [host for host in plan.addresses if host not in hosts]
    answers = wsd.ask(
        hosts,
        multicast=plan.multicast,
        wait_s=plan.wait_s,
        port=plan.wsd_port,
        interfaces=[network.address for network in plan.networks],
    )
    ports = open_ports(hosts) if plan.ports else {}
    hardware = hardware_addresses()
    by_address = {answer.address: answer for answer in answers}
    return [
        _met(address, by_address.get(address), hardware.get(address, ""), ports.get(address, []))
        for address in sorted({*by_address, *ports}, key=_order)
    ]


def look_closer(
    camera: FoundCamera, account: Account | None, guard: CredentialGuard
) -> FoundCamera:
    """Ask one camera: its clock without a login, the rest with one, tried once."""
    if not camera.service:
        return camera
    device = OnvifCamera(camera.service)
    try:
        offset_s = device.clock_offset_s()
    except AgentError as error:
        return replace(camera, note=str(error))
    camera = replace(camera, clock_offset_s=offset_s)
    if account is None:
        return camera
    login = Login(camera.address, account.user, account.password)
    try:
        with guard.attempt(login, camera=camera.address, stop=StopToken()):
            info = device.sign_in(account)
            profiles = tuple(device.profiles())
    except CredentialRefused as error:
        return replace(camera, note=str(error))
    except AgentError as error:
        return replace(camera, note=f"over ONVIF: {error}")
    return _described(camera, info, profiles)


def find_again(
    identity: str,
    plan: SearchPlan,
    account: Account | None = None,
    guard: CredentialGuard | None = None,
    others: Collection[str] = (),
) -> str | None:
    """Where the camera with this serial number or hardware address is now; None: nowhere.

    Those that can be told without a login are not asked with one, and the addresses of `others`
    never: a wrong login there would be counted against them.
    """
    met = [camera for camera in meet(plan) if camera.address not in others]
    for camera in met:
        if camera.is_called(identity):
            return camera.address
    if account is None:
        return None
    guard = guard or CredentialGuard(None, SystemClock())
    for camera in met:
        if look_closer(camera, account, guard).is_called(identity):
            return camera.address
    return None


def _met(
    address: str, answer: wsd.Answer | None, hardware: str, ports: Sequence[int]
) -> FoundCamera:
    scopes = answer.scopes if answer else {}
    words = {f"its {kind}": value for kind, value in scopes.items() if kind != "mac"}
    brand, why = brand_of(words, hardware, tuple(ports))
    known = brand_named(brand)
    return FoundCamera(
        address=address,
        brand=brand,
        why=why,
        endpoint=answer.endpoint if answer else "",
        hardware=hardware or scopes.get("mac", "").lower(),
        model=scopes.get("hardware", ""),
        service=(answer.service or "") if answer else "",
        ports=tuple(ports),
        urls=known.urls(address) if known else ("", ""),
    )


def _described(camera: FoundCamera, info: DeviceInfo, profiles: tuple[Profile, ...]) -> FoundCamera:
    brand, why = camera.brand, camera.why
    if brand == "generic":
        brand, why = brand_of({"its maker": info.maker, "its model": info.model})
    streams = [profile for profile in profiles if profile.url]
    urls = camera.urls
    if streams:
        by_size = sorted(streams, key=lambda each: (each.width or 0) * (each.height or 0))
        urls = (by_size[0].url, by_size[-1].url)
    return replace(
        camera,
        brand=brand,
        why=why,
        serial=info.serial,
        model=f"{info.maker} {info.model}".strip(),
        profiles=profiles,
        urls=urls,
    )


def _order(address: str) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split(".") if part.isdigit())
