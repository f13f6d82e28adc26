"""The state directory: may the service write it, also inside the unit's sandbox?"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from edge_agent.config import LoadedConfig
from edge_agent.tools.preflight.account import WRITE, trouble_of
from edge_agent.tools.preflight.diagnosis import Diagnosis
from edge_agent.tools.preflight.service import Service

_KEY = "box.state_dir"
_DROP_IN = "systemctl edit edge-agent, and below [Service]: ReadWritePaths="


def state_dir_diagnoses(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    path = Path(loaded.config.box.state_dir)
    known = service.unit is not None  # only then is it certain who will run it, and how
    for found, fix in _findings(path, service):
        yield Diagnosis(loaded.problem(0, _KEY, found, fix), is_error=known)


def _findings(path: Path, service: Service) -> Iterator[tuple[str, str]]:
    unit = service.unit
    if unit is not None:
        if service.missing_user:
            found = f"is for the user {service.missing_user}, whom this machine does not have"
            yield found, f"useradd --system {service.missing_user}, or systemd-sysusers"
            return
        if by := unit.hidden(path):
            yield f"{path} is hidden from the service by {by}", "choose another folder"
            return
        if by := unit.read_only(path):
            yield f"{path} is read-only for this service by {by}", f"{_DROP_IN}{path}"
            return
        for opened in unit.opened_paths:
            if opened.startswith("/") and not Path(opened).exists():
                yield f"the unit opens {opened}, which does not exist", f"mkdir -p {opened}"
        if unit.makes(path) and not path.exists():
            return
    yield from _by_owner(path, service)


def _by_owner(path: Path, service: Service) -> Iterator[tuple[str, str]]:
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            yield f"{str(path)[:60]}...: {error.strerror}", "choose another folder"
            return
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    code = trouble_of(service.account, {str(existing): WRITE}).get(str(existing), 0)
    name = service.account.name
    if code in (errno.EACCES, errno.EPERM):
        if existing == path:
            yield f"{path}: {service.shown} cannot write there", f"chown {name} {path}"
        else:
            fix = f"install -d -o {name} -m 700 {path}"
            yield f"{path} does not exist, and {service.shown} cannot make it", fix
    elif code:
        yield f"{existing}: {os.strerror(code)}", "choose a folder that can be written"
