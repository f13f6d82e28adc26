"""Writes the configuration of a new box: commented files, secrets with owner and mode.

First everything is laid out in a folder beside the real one and checked as `run` would; only
then do the files take their places, each whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.config import load_config
from edge_agent.config.schema import DEFAULT_STATE_DIR
from edge_agent.discovery.brands import brand_named
from edge_agent.errors import ConfigError, ConfigProblem, OperatorError, StorageError
from edge_agent.language import _
from edge_agent.tools.setup.answers import Answers, BrokerAnswers, CameraAnswers
from edge_agent.tools.setup.certificates import TLS, keep_camera_certificate, keep_certificates

SERVICE_USER = "edge-agent"
AGENT_TOML = Path("agent.toml")
_SECRETS = "secrets"
#: Among the secrets, which have the names of cameras else.
BROKERS_NAME = "mqtt"
#: What the configuration names is laid out beside with it.
_NAMED = (_SECRETS, TLS)
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, in order; secrets last named, never shown."""

    files: tuple[Path, ...]
    kept: tuple[Path, ...]  # were there already, and stay as they are


def files_of(
    answers: Answers, secrets: Mapping[str, str], folder: Path
) -> dict[Path, tuple[str, int]]:
    """Relative path -> (text, mode), in the order of writing. `secrets`: by `mqtt` or camera id.

    `folder` is where the files will lie. Raises ConfigError for an unknown brand, and for a file
    that is no certificate.
    """
    files = camera_files(answers.cameras, secrets, folder)
    mqtt, certificates = keep_certificates(answers.mqtt, folder)
    files |= certificates
    if "mqtt" in secrets:
        files[secret_path("mqtt")] = (secrets["mqtt"] + "\n", 0o600)
    # The last: with it the configuration is complete.
    files[AGENT_TOML] = (_agent_toml(answers, mqtt, "mqtt" in secrets, folder), 0o644)
    return files


def camera_files(
    cameras: Sequence[CameraAnswers], secrets: Mapping[str, str], folder: Path
) -> dict[Path, tuple[str, int]]:
    """The same of cameras alone: each one's secret and certificate, then its file.

    Raises ConfigError as `files_of`.
    """
    files: dict[Path, tuple[str, int]] = {}
    for each in cameras:
        if each.id == BROKERS_NAME:
            path, found = f"cameras.d/{each.id}.toml", _("is what the broker's password is kept as")
            raise ConfigError([ConfigProblem(path, "id", found, _("take another name"))])
        camera, certificates = keep_camera_certificate(each, folder)
        files |= certificates
        if camera.id in secrets:
            files[secret_path(camera.id)] = (secrets[camera.id] + "\n", 0o600)
        text = _camera_toml(camera, camera.id in secrets, folder)
        files[_camera_path(camera)] = (text, 0o644)
    return files


def existing_files(folder: Path) -> dict[Path, tuple[str, int]]:
    """What is configured now, without secrets. Raises OperatorError."""
    paths = [folder / AGENT_TOML, *sorted((folder / "cameras.d").glob("*.toml"))]
    try:
        return {path.relative_to(folder): (path.read_text(), 0o644) for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise _not_written(error, folder) from error


def write(
    answers: Answers, secrets: Mapping[str, str], folder: Path, *, overwrite: bool = False
) -> Written:
    """Check in a folder beside, then put every file in its place, all of them or none.

    What is there already is kept unless `overwrite`. Raises ConfigError with every problem, and
    OperatorError when the folder cannot be written.
    """
    files = files_of(answers, secrets, folder)
    check(files, folder)
    wanted = {
        path: each for path, each in files.items() if overwrite or not (folder / path).exists()
    }
    commit(wanted, folder)
    kept = tuple(folder / path for path in files if path not in wanted)
    return Written(tuple(folder / path for path in wanted), kept)


def add_camera(camera: CameraAnswers, password: str, folder: Path) -> tuple[Path, ...]:
    """One more camera beside those that are there. Raises ConfigError and OperatorError."""
    load_config(folder)
    path = folder / _camera_path(camera)
    if path.exists():
        found = "is there already"
        raise ConfigError([ConfigProblem(str(path), "", found, "take another name, or edit it")])
    files = camera_files([camera], {camera.id: password} if password else {}, folder)
    check({**existing_files(folder), **files}, folder)
    commit(files, folder)
    return tuple(folder / each for each in files)


def check(files: Mapping[Path, tuple[str, int]], folder: Path) -> None:
    """Would `run` take them? Raises ConfigError, with the paths that they will have."""
    named = [path for path in files if path.parts[0] in _NAMED]
    with tempfile.TemporaryDirectory(prefix="edge-agent-setup-") as beside:
        for relative, (text, mode) in files.items():
            path = Path(beside) / relative
            path.parent.mkdir(exist_ok=True, mode=0o700)
            # Where the new secrets will lie nothing is yet: the check reads those beside.
            laid = text
            for each in named:
                laid = laid.replace(f'"{folder / each}"', f'"{beside}/{each}"')
            path.touch(mode=mode)
            path.write_text(laid)
        try:
            load_config(Path(beside))
        except ConfigError as error:
            raise ConfigError(
                [
                    ConfigProblem(
                        each.file.replace(beside, str(folder)), each.path, each.found, each.fix
                    )
                    for each in error.problems
                ]
            ) from None


def commit(files: Mapping[Path, tuple[str, int]], folder: Path) -> None:
    """All of them or none: what was begun is undone when a disk is full or somebody ends us.

    Ctrl-C waits until the end. Raises OperatorError.
    """
    with _endings_wait():
        _commit(files, folder)


@contextlib.contextmanager
def _endings_wait() -> Iterator[None]:
    """Signals that end a program come after the block. Not by a signal mask: libraries' threads,
    which have none, would take them."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        ending: signal.signal(ending, lambda number, frame: came.append(number))
        for ending in _ENDINGS
    }
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def _commit(files: Mapping[Path, tuple[str, int]], folder: Path) -> None:
    undo: list[Callable[[], object]] = []
    try:
        for relative, (text, mode) in files.items():
            path = folder / relative
            is_secret = relative.parts[0] == _SECRETS
            undo += _make_folders(path.parent, secret=is_secret)
            undo.append(_way_back(path))
            write_atomically(path, text.encode(), mode=mode)
            if is_secret:
                _give_to_service(path)
    except BaseException as error:
        for step in reversed(undo):
            with contextlib.suppress(OSError, StorageError):
                step()
        if isinstance(error, (OSError, StorageError)):
            raise _not_written(error, folder) from error
        raise


def _way_back(path: Path) -> Callable[[], object]:
    if not path.exists():
        return lambda: path.unlink(missing_ok=True)
    before, about = path.read_bytes(), path.stat()

    def put_back() -> None:
        write_atomically(path, before, mode=about.st_mode & 0o7777)
        os.chown(path, about.st_uid, about.st_gid)

    return put_back


def _not_written(error: Exception, folder: Path) -> OperatorError:
    if isinstance(error, OSError):
        where, why = error.filename or folder, error.strerror
        text = _("{path}: {why}; run it as root: sudo edge-agent setup")
        return OperatorError(text.format(path=where, why=why))
    return OperatorError(str(error))


def _agent_toml(answers: Answers, mqtt: BrokerAnswers, has_password: bool, folder: Path) -> str:
    box = answers.box
    lines = [
        "# Written by `edge-agent setup`. Every key: edge-agent config schema, docs/config.md.",
        "# The agent notices an edit; `edge-agent config check` says whether it is right.",
        "",
        "[box]",
        f"ward = {_text(box.ward)}  # as the ward's server knows it",
        f"id = {_text(box.id)}  # unique in the ward",
        f"timezone = {_text(box.timezone)}  # of schedules",
    ]
    if box.state_dir != DEFAULT_STATE_DIR:
        lines.append(f"state_dir = {_text(box.state_dir)}")
    lines += ["", "[mqtt]", f"host = {_text(mqtt.host)}", f"port = {mqtt.port}"]
    if mqtt.username:
        lines.append(f"username = {_text(mqtt.username)}")
    if has_password:
        lines.append(f"password_file = {_text(str(folder / _SECRETS / 'mqtt'))}")
    if mqtt.allow_insecure:
        lines.append("allow_insecure = true  # no TLS: for a closed test net only")
    tls = {"ca_file": mqtt.ca_file, "cert_file": mqtt.cert_file, "key_file": mqtt.key_file}
    if any(tls.values()):
        lines += ["", "[mqtt.tls]"]
        lines += [f"{key} = {_text(value)}" for key, value in tls.items() if value]
    if answers.model != "auto":
        lines += ["", "[detector]", f"model = {_text(answers.model)}"]
    lines += [
        "",
        "# Pictures of people are personal data: only when the household agrees.",
        "[snapshots]",
        "# enabled = false",
    ]
    return "\n".join(lines) + "\n"


def _camera_toml(camera: CameraAnswers, has_password: bool, folder: Path) -> str:
    url, main_url = _urls(camera, folder)
    lines = [
        f"id = {_text(camera.id)}  # part of the topic; never for another viewpoint",
        f"name = {_text(camera.name or camera.id)}",
        "",
        "[source]",
        'kind = "rtsp"',
        f"url = {_text(url)}  # the small stream is analysed",
    ]
    if main_url:
        lines.append(f"# main_url = {_text(main_url)}  # for clips, if they are kept")
    if camera.ca_file:
        lines.append(f"ca_file = {_text(camera.ca_file)}")
    if camera.username:
        lines.append(f"username = {_text(camera.username)}")
    if has_password:
        lines.append(f"password_file = {_text(str(folder / _SECRETS / camera.id))}")
    if camera.identity:
        lines.append(
            f"# identity = {_text(camera.identity)}  # is looked for when its address changed"
        )
    lines += [
        "",
        "# Where people matter; without any zone: everywhere. Corners as shares of the picture.",
        "# [[zones]]",
        '# name = "yard"',
        "# polygon = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]",
    ]
    return "\n".join(lines) + "\n"


def _camera_path(camera: CameraAnswers) -> Path:
    return Path("cameras.d") / f"{camera.id}.toml"


def _urls(camera: CameraAnswers, folder: Path) -> tuple[str, str]:
    if camera.url:
        return camera.url, camera.main_url
    brand = brand_named(camera.brand)
    if brand is None or not camera.address:
        found = f"brand {camera.brand!r}" if camera.address else "neither address nor url"
        raise ConfigError(
            [ConfigProblem(f"cameras.d/{camera.id}.toml", "brand", found, "give brand and address")]
        )
    return brand.urls(camera.address, camera.channel)


def _text(value: str) -> str:
    """A TOML string, whatever is in it."""
    import tomlkit

    return tomlkit.item(value).as_string()


def _make_folders(folder: Path, *, secret: bool) -> list[Callable[[], object]]:
    """And how to undo it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700 if secret and each == folder else 0o755)
    if missing and secret:
        _give_to_service(folder)
    return [each.rmdir for each in reversed(missing)]


def secret_path(name: str) -> Path:
    """Below the configuration's folder."""
    return Path(_SECRETS) / name


def give_state_dir(folder: Path) -> None:
    """There before the agent's first start, and its own: a new folder, or an empty one, as a disk
    has it. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(each.name != "lost+found" for each in folder.iterdir()):
        folder.chmod(0o700)
        _give_to_service(folder)


def _give_to_service(path: Path) -> None:
    """The service alone reads secrets; root writes them whatever their mode."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return  # no package installed: whoever runs the agent owns them
    shutil.chown(path, user.pw_uid, user.pw_gid)
