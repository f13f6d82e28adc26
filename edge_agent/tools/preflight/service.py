"""For whom a configuration is: the installed service, or whoever runs the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.tools.preflight.account import ServiceUser
from edge_agent.tools.preflight.unit import InstalledUnit, find_unit

#: The user of the shipped unit (systemd/edge-agent.sysusers).
_USUAL_USER = "edge-agent"


@dataclass(frozen=True, slots=True)
class Service:
    """Who will read the configuration. `unit` is None outside systemd."""

    account: ServiceUser
    unit: InstalledUnit | None = None
    missing_user: str = ""  # the unit names it, but this machine has no such user

    @property
    def is_us(self) -> bool:
        return self.account.is_us

    @property
    def shown(self) -> str:
        kind = "the service's user" if self.unit else "the user"
        return f"{kind} {self.account.name}"


def service_of(config: Path, user: str | None = None, root: Path = Path("/")) -> Service:
    """The service that uses the configuration at `config`; `user` names another account.

    Only the configuration that the installed unit names is the service's. Raises KeyError for a
    `user` that this machine does not have.
    """
    folder = (config.parent if config.name.endswith(".toml") else config).resolve()
    unit = find_unit(root)
    named = (unit.config_path or DEFAULT_CONFIG_DIR) if unit else DEFAULT_CONFIG_DIR
    named = named.parent if named.name.endswith(".toml") else named
    is_installed = folder == named.resolve()
    if user is not None:
        account = ServiceUser.named(user)
        if account is None:
            raise KeyError(user)
        return Service(account, unit if is_installed else None)
    if not is_installed:
        return Service(ServiceUser.ours())
    if unit is not None:
        account = ServiceUser.named(unit.user, unit.group, unit.groups)
        if account is None:
            return Service(ServiceUser.ours(), unit, unit.user)
        return Service(account, unit)
    return Service(ServiceUser.named(_USUAL_USER) or ServiceUser.ours())
