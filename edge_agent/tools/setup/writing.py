"""Writes the configuration of a new box: commented files, secrets with owner and mode.

First everything is laid out in a folder beside the real one and checked as `run` would; only
then do the files take their places, each whole or not at all.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.config import load_config
from edge_agent.errors import ConfigError, ConfigProblem, OperatorError
from edge_agent.language import _
from edge_agent.tools.setup.answers import Answers, CameraAnswers
from edge_agent.tools.setup.brands import brand_named

SERVICE_USER = "edge-agent"
_SECRETS = "secrets"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, in order; secrets last named, never shown."""

    files: tuple[Path, ...]
    kept: tuple[Path, ...]  # were there already, and stay as they are


def files_of(
    answers: Answers, secrets: Mapping[str, str], folder: Path
) -> dict[Path, tuple[str, int]]:
    """Relative path -> (text, mode). `secrets`: by `mqtt` or camera id.

    `folder` is where the files will lie. Raises ConfigError for an unknown brand.
    """
    files: dict[Path, tuple[str, int]] = {}
    files[Path("agent.toml")] = (_agent_toml(answers, "mqtt" in secrets, folder), 0o644)
    for camera in answers.cameras:
        text = _camera_toml(camera, camera.id in secrets, folder)
        files[Path("cameras.d") / f"{camera.id}.toml"] = (text, 0o644)
    for name, secret in secrets.items():
        files[Path(_SECRETS) / name] = (secret + "\n", 0o600)
    return files


def write(
    answers: Answers, secrets: Mapping[str, str], folder: Path, *, overwrite: bool = False
) -> Written:
    """Check in a folder beside, then put every file in its place.

    What is there already is kept unless `overwrite`. Raises ConfigError with every problem, and
    OperatorError when the folder cannot be written.
    """
    files = files_of(answers, secrets, folder)
    _check(files, folder)
    written, kept = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for relative, (text, mode) in files.items():
            path = folder / relative
            if path.exists() and not overwrite:
                kept.append(path)
                continue
            _make_folder(path.parent, secret=relative.parts[0] == _SECRETS)
            write_atomically(path, text.encode(), mode=mode)
            if relative.parts[0] == _SECRETS:
                _give_to_service(path)
            written.append(path)
    except OSError as error:
        raise OperatorError(
            _("{path}: {why}; run it as root: sudo edge-agent setup").format(
                path=error.filename or folder, why=error.strerror
            )
        ) from error
    return Written(tuple(written), tuple(kept))


def add_camera(camera: CameraAnswers, password: str, folder: Path) -> tuple[Path, ...]:
    """One more camera beside those that are there. Raises ConfigError and OperatorError."""
    load_config(folder)
    path = folder / "cameras.d" / f"{camera.id}.toml"
    if path.exists():
        found = "is there already"
        raise ConfigError([ConfigProblem(str(path), "", found, "take another name, or edit it")])
    text = _camera_toml(camera, bool(password), folder)
    secret = folder / _SECRETS / camera.id
    written = [path]
    try:
        if password:
            _make_folder(secret.parent, secret=True)
            write_atomically(secret, (password + "\n").encode())
            _give_to_service(secret)
            written.append(secret)
        _make_folder(path.parent, secret=False)
        write_atomically(path, text.encode(), mode=0o644)
        load_config(folder)
    except ConfigError:
        for each in written:
            each.unlink(missing_ok=True)
        raise
    except OSError as error:
        text = _("{path}: {why}; run it as root")
        raise OperatorError(text.format(path=error.filename, why=error.strerror)) from error
    return tuple(written)


def _check(files: Mapping[Path, tuple[str, int]], folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="edge-agent-setup-") as beside:
        for relative, (text, mode) in files.items():
            path = Path(beside) / relative
            path.parent.mkdir(exist_ok=True, mode=0o700)
            # Where the real secrets will lie nothing is yet: the check reads those beside.
            path.write_text(text.replace(str(folder / _SECRETS), f"{beside}/{_SECRETS}"))
            path.chmod(mode)
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


def _agent_toml(answers: Answers, has_password: bool, folder: Path) -> str:
    box, mqtt = answers.box, answers.mqtt
    lines = [
        "# Written by `edge-agent setup`. Every key: edge-agent config schema, docs/config.md.",
        "# The agent notices an edit; `edge-agent config check` says whether it is right.",
        "",
        "[box]",
        f"ward = {_text(box.ward)}  # as the ward's server knows it",
        f"id = {_text(box.id)}  # unique in the ward",
        f"timezone = {_text(box.timezone)}  # of schedules",
    ]
    if box.state_dir != "/var/lib/edge-agent":
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
    if camera.username:
        lines.append(f"username = {_text(camera.username)}")
    if has_password:
        lines.append(f"password_file = {_text(str(folder / _SECRETS / camera.id))}")
    lines += [
        "",
        "# Where people matter; without any zone: everywhere. Corners as shares of the picture.",
        "# [[zones]]",
        '# name = "yard"',
        "# polygon = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]",
    ]
    return "\n".join(lines) + "\n"


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


def _make_folder(folder: Path, *, secret: bool) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True, mode=0o700 if secret else 0o755)
    if secret:
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
