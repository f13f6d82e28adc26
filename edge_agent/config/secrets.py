"""Reading secrets: from a file that only its owner can read, or from a systemd credential.

A secret is never a value in the configuration, an argument or an environment variable:
those end up in backups, `ps` and crash reports.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge_agent.config.text import first_bytes
from edge_agent.errors import ConfigError, ConfigProblem

CREDENTIAL_PREFIX = "credential:"

#: No password or token is longer; a larger file is a mistake (a certificate, a log).
MAX_SECRET_BYTES = 4096

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_secret(reference: str) -> str:
    """The secret behind `reference`: a path, or `credential:NAME`. One line, without its end.

    Raises ConfigError, saying the fix, when it is missing, empty, too large, not text, or a
    file that others than its owner may read.
    """
    if reference.startswith(CREDENTIAL_PREFIX):
        path = _credential_path(reference)
    else:
        path = Path(reference)
        _check_private(path, reference)
    try:
        data = first_bytes(path, MAX_SECRET_BYTES)
    except OSError as error:
        raise _problem(
            reference, f"cannot be read: {error.strerror}", "create it with the secret, mode 0600"
        ) from error
    return _one_line(data, reference)


def secret_version(reference: str | None) -> tuple[int, ...] | None:
    """Changes when the secret's file is written anew; None where there is none to see."""
    if reference is None:
        return None
    try:
        is_credential = reference.startswith(CREDENTIAL_PREFIX)
        path = _credential_path(reference) if is_credential else Path(reference)
        found = path.stat()
    except (OSError, ConfigError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode


def _credential_path(reference: str) -> Path:
    name = reference.removeprefix(CREDENTIAL_PREFIX)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not name or "/" in name or name in (".", ".."):
        raise _problem(reference, f"{name!r} is not the name of a credential", "write its name")
    if not folder:
        raise _problem(
            reference,
            "no credentials were handed to this process",
            f"start it by systemd with LoadCredential={name}:/path, or name a file",
        )
    return Path(folder) / name


def _check_private(path: Path, reference: str) -> None:
    """systemd guards its credentials itself; our files must be closed to everyone else."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _problem(
            reference, f"cannot be read: {error.strerror}", "create it with the secret, mode 0600"
        ) from error
    if not stat.S_ISREG(mode):
        raise _problem(reference, "is not a file", "name a file that holds only the secret")
    if mode & _OTHERS:
        raise _problem(
            reference,
            f"others may read it (mode {stat.S_IMODE(mode):04o})",
            f"chmod 600 {path}",
        )


def _one_line(data: bytes, reference: str) -> str:
    if len(data) > MAX_SECRET_BYTES:
        raise _problem(
            reference, f"holds more than {MAX_SECRET_BYTES} bytes", "keep only the secret in it"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _problem(reference, "is not text", "keep only the secret in it, UTF-8") from error
    secret = text.rstrip("\r\n")
    if not secret:
        raise _problem(reference, "is empty", "write the secret into it")
    if "\n" in secret or "\r" in secret or "\0" in secret:
        raise _problem(reference, "has several lines", "keep only the secret in it, on one line")
    return secret


def _problem(reference: str, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem(reference, "", found, fix)])
