"""The files that a configuration names: are they there, and may the service read them?"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import FileSource, FolderSource, LoadedConfig, RtspSource
from edge_agent.config.secrets import CREDENTIAL_PREFIX, read_secret
from edge_agent.errors import ConfigError
from edge_agent.tools.preflight.account import READ, blocking_part, trouble_of
from edge_agent.tools.preflight.diagnosis import Diagnosis
from edge_agent.tools.preflight.service import Service

_CREATE = "create it, or correct the path"


@dataclass(frozen=True, slots=True)
class _Named:
    """A file that a key names."""

    source: int  # index of the configuration file
    key: str
    path: str
    secret: bool  # one line of text, closed to others
    vital: bool  # the agent does not start without it


def file_diagnoses(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    for named in _named_files(loaded):
        found = _credential(named, service) if _is_credential(named) else _file(named, service)
        if found is not None:
            problem = loaded.problem(named.source, named.key, *found)
            yield Diagnosis(problem, stops=named.vital)


def _named_files(loaded: LoadedConfig) -> Iterator[_Named]:
    mqtt = loaded.config.mqtt
    for key, path, secret in (
        ("mqtt.password_file", mqtt.password_file, True),
        ("mqtt.tls.ca_file", mqtt.tls.ca_file, False),
        ("mqtt.tls.cert_file", mqtt.tls.cert_file, False),
        ("mqtt.tls.key_file", mqtt.tls.key_file, False),
    ):
        if path is not None:
            yield _Named(0, key, path, secret, vital=True)
    for index, camera in enumerate(loaded.config.cameras, start=1):
        if not camera.enabled:
            continue
        match camera.source:
            case RtspSource(password_file=password_file, ca_file=ca_file):
                for key, named, secret in (
                    ("source.password_file", password_file, True),
                    ("source.ca_file", ca_file, False),
                ):
                    if named is not None:
                        yield _Named(index, key, named, secret, vital=False)
            case FileSource(path=path) | FolderSource(path=path):
                yield _Named(index, "source.path", path, secret=False, vital=False)


def _is_credential(named: _Named) -> bool:
    return named.path.startswith(CREDENTIAL_PREFIX)


def _credential(named: _Named, service: Service) -> tuple[str, str] | None:
    """Only the service sees its credentials; the unit says which there are."""
    name = named.path.removeprefix(CREDENTIAL_PREFIX)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        if (Path(folder) / name).is_file():
            return None
        return f"names the credential {name}, which this process does not have", _load_fix(name)
    if service.unit is None:
        return None
    credentials = service.unit.credentials
    if name not in credentials:
        return f"names the credential {name}, which the unit does not load", _load_fix(name)
    path = credentials[name]
    if path.startswith("/") and os.geteuid() == 0 and not Path(path).is_file():
        return f"names the credential {name}, whose file {path} is not there", "create it"
    return None


def _load_fix(name: str) -> str:
    return f"systemctl edit edge-agent, and below [Service]: LoadCredential={name}:/path"


def _file(named: _Named, service: Service) -> tuple[str, str] | None:
    path = Path(named.path)
    if service.unit is not None and (by := service.unit.hidden(path)):
        return (
            f"{path} is hidden from the service by {by}",
            "put it elsewhere, as in /etc/edge-agent",
        )
    code = trouble_of(service.account, {named.path: READ}).get(named.path, 0)
    if code in (errno.ENOENT, errno.ENOTDIR):
        return f"{path}: {os.strerror(code)}", _CREATE
    if code in (errno.EACCES, errno.EPERM):
        return _unreadable(named, path, service)
    if code:
        return f"{path}: {os.strerror(code)}", "it must be a file that can be read"
    return _secret(named) if named.secret and _can_read(path) else None


def _unreadable(named: _Named, path: Path, service: Service) -> tuple[str, str]:
    part = blocking_part(service.account, path)
    where = "" if part == path else f", because of the folder {part}"
    found = f"{path}: {service.shown} cannot read it{where}{_owned(part)}"
    if part == path and (named.secret or named.key.endswith("key_file")):
        return found, f"chown {service.account.name} {path} && chmod 600 {path}"
    if part == path:
        return found, f"chown {service.account.name} {path}, or chmod a+r {path}"
    private = stat.S_IMODE(part.stat().st_mode) & stat.S_IXOTH == 0
    fix = f"chown {service.account.name} {part}" if private and part != Path("/") else ""
    return found, fix or f"put the file elsewhere than below {part}"


def _owned(path: Path) -> str:
    try:
        status = path.stat()
        owner = pwd.getpwuid(status.st_uid).pw_name
    except (OSError, KeyError):
        return ""
    return f" (owner {owner}, mode {stat.S_IMODE(status.st_mode):04o})"


def _can_read(path: Path) -> bool:
    return os.access(path, os.R_OK) and path.is_file()


def _secret(named: _Named) -> tuple[str, str] | None:
    try:
        read_secret(named.path)
    except ConfigError as error:
        problem = error.problems[0]
        return f"{named.path}: {problem.found}", problem.fix
    return None
