"""Everything together: who is there, whose is it, and which stream is its small one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edge_agent.errors import AgentError, CredentialRefused
from edge_agent.tools.discovery import wsd
from edge_agent.tools.discovery.brand import brand_of
from edge_agent.tools.discovery.network import Network, hardware_addresses, open_ports
from edge_agent.tools.discovery.onvif import Account, DeviceInfo, OnvifCamera, Profile
from edge_agent.tools.setup.brands import brand_named

#: A clock that is further off than this is told: events of its recordings would be wrong.
CLOCK_OFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
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


def search(plan: Plan, account: Account | None = None) -> list[FoundCamera]:
    """All cameras, by address. With an `account` each is asked with it, once."""
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
    found = [
        _met(address, by_address.get(address), hardware.get(address, ""), ports.get(address, []))
        for address in sorted({*by_address, *ports}, key=_order)
    ]
    return [look_closer(camera, account) for camera in found]


def look_closer(camera: FoundCamera, account: Account | None) -> FoundCamera:
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
    try:
        info = device.sign_in(account)
        profiles = tuple(device.profiles())
    except CredentialRefused as error:
        return replace(camera, note=str(error))
    except AgentError as error:
        return replace(camera, note=f"over ONVIF: {error}")
    return _described(camera, info, profiles)


def find_again(identity: str, plan: Plan, account: Account | None = None) -> str | None:
    """Where the camera with this serial number or hardware address is now; None: nowhere.

    Cameras that can be told without a login are not asked with one.
    """
    for camera in search(plan):
        if identity in (camera.hardware, camera.serial):
            return camera.address
        if account is not None and camera.service:
            closer = look_closer(camera, account)
            if closer.serial and closer.serial == identity:
                return closer.address
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
