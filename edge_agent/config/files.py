"""What is odd about the files that a configuration names. Warnings only: a missing password
file of one camera must not keep the others from being watched."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.config.folder import FolderSource
from edge_agent.config.schema import Config
from edge_agent.config.secrets import CREDENTIAL_PREFIX
from edge_agent.config.sources import FileSource, RtspSource
from edge_agent.errors import ConfigProblem

_OTHERS = stat.S_IRWXG | stat.S_IRWXO

#: systemd.unit(5), in the order of precedence.
UNIT_FOLDERS = tuple(map(Path, ("/etc/systemd/system", "/usr/lib/systemd/system")))
_UNIT = "edge-agent.service"
#: StateDirectory= of the unit.
DEFAULT_STATE_DIR = Path("/var/lib/edge-agent")


def file_warnings(
    config: Config, agent_path: Path, camera_paths: Sequence[Path]
) -> Iterator[ConfigProblem]:
    """Named files that are missing, and secrets that others may read.

    `camera_paths` are the files of `config.cameras`, in the same order.
    """
    mqtt = config.mqtt
    yield from _state_dir(agent_path, Path(config.box.state_dir))
    yield from _secret(agent_path, "mqtt.password_file", mqtt.password_file)
    yield from _secret(agent_path, "mqtt.tls.key_file", mqtt.tls.key_file)
    yield from _exists(agent_path, "mqtt.tls.ca_file", mqtt.tls.ca_file)
    yield from _exists(agent_path, "mqtt.tls.cert_file", mqtt.tls.cert_file)
    for camera, path in zip(config.cameras, camera_paths, strict=True):
        match camera.source:
            case RtspSource(password_file=password_file, ca_file=ca_file):
                yield from _secret(path, "source.password_file", password_file)
                yield from _exists(path, "source.ca_file", ca_file)
            case FileSource(path=recording) | FolderSource(path=recording):
                yield from _exists(path, "source.path", recording)


def unit_words(value: str) -> list[str]:
    """A setting of a systemd unit that is a list: with quotes, and %% for % (systemd.syntax(7))."""
    try:
        words = shlex.split(value)
    except ValueError:  # a quote that nothing closes
        words = value.split()
    return [word.replace("%%", "%") for word in words]


def _state_dir(file: Path, state_dir: Path) -> Iterator[ConfigProblem]:
    """The installed unit lets the service write its own state directory, and nothing else."""
    units = [unit for folder in UNIT_FOLDERS if (unit := folder / _UNIT).exists()]
    if not units or state_dir.is_relative_to(DEFAULT_STATE_DIR):
        return
    more = [folder for folder in UNIT_FOLDERS if (folder / f"{_UNIT}.d").is_dir()]
    drop_ins = [path for folder in more for path in sorted((folder / f"{_UNIT}.d").glob("*.conf"))]
    for path in (*units, *drop_ins):
        for line in _lines(path):
            key, _, value = line.partition("=")
            if key.strip() == "ReadWritePaths":
                allowed = [each.lstrip("-+") for each in unit_words(value)]
                if any(state_dir.is_relative_to(each) for each in allowed if each):
                    return
    found = f"{state_dir} is not the service's own, and {units[0]} does not let it write there"
    fix = f"`systemctl edit edge-agent`: the lines [Service] and ReadWritePaths={state_dir}"
    yield ConfigProblem(str(file), "box.state_dir", found, fix)


def _lines(path: Path) -> Sequence[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return ()


def _secret(file: Path, key: str, reference: str | None) -> Iterator[ConfigProblem]:
    if reference is None:
        return
    if reference.startswith(CREDENTIAL_PREFIX):
        # Only the service sees its credentials; a technician's shell cannot check them.
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder:
            name = reference.removeprefix(CREDENTIAL_PREFIX)
            yield from _exists(file, key, str(Path(folder) / name))
        return
    try:
        mode = Path(reference).stat().st_mode
    except OSError:
        yield from _exists(file, key, reference)
        return
    if mode & _OTHERS:
        found = f"{reference} may be read by others (mode {stat.S_IMODE(mode):04o})"
        yield ConfigProblem(str(file), key, found, f"chmod 600 {reference}")


def _exists(file: Path, key: str, named: str | None) -> Iterator[ConfigProblem]:
    if named is None:
        return
    try:
        Path(named).stat()
    except PermissionError:
        return  # a technician's shell need not see what the service sees
    except OSError as error:
        found = f"{named}: {error.strerror}"
        yield ConfigProblem(str(file), key, found, "create it, or correct the path")
