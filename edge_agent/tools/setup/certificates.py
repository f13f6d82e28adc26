"""Certificates of the broker and of cameras: read where the technician brought them, kept beside
the configuration.

A file on a stick or in somebody's home is gone tomorrow, or hidden from the service. Only what is
needed is copied: a key that lies in the same file as a certificate does not come along.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from pathlib import Path

import msgspec

from edge_agent.config.secrets import CREDENTIAL_PREFIX
from edge_agent.errors import ConfigError, ConfigProblem
from edge_agent.language import _
from edge_agent.tools.setup.answers import BrokerAnswers, CameraAnswers

#: Below the configuration's folder.
TLS = "tls"
CA_FILE = Path(TLS) / "ca.pem"
CERT_FILE = Path(TLS) / "box.pem"
KEY_FILE = Path("secrets") / "box.key"

#: Relative path -> (text, mode).
Files = dict[Path, tuple[str, int]]

_MOST_BYTES = 1 << 20  # the system's whole list of CAs is a fifth of it
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class _Unfit(Exception):
    """Why a file cannot be taken, in words."""


def certificate_problem(path: str) -> str:
    """What is wrong with a file that should hold certificates (PEM or DER); empty: nothing."""
    try:
        _certificates(path)
    except _Unfit as error:
        return str(error)
    return ""


def key_problem(cert_file: str, key_file: str) -> str:
    """What is wrong with a file that should hold this certificate's key (PEM)."""
    if key_file.startswith(CREDENTIAL_PREFIX):
        return ""  # only the service can read it
    try:
        _key(_certificates(cert_file), key_file)
    except _Unfit as error:
        return str(error)
    return ""


def keep_certificates(mqtt: BrokerAnswers, folder: Path) -> tuple[BrokerAnswers, Files]:
    """The broker with the places that its files will have, and these files.

    What lies in `folder` already, and credentials of the service, stay where they are.
    Raises ConfigError for a file that is not what it should be.
    """
    files: Files = {}
    ca_file, cert_file, key_file = mqtt.ca_file, mqtt.cert_file, mqtt.key_file
    key, path = "ca_file", ca_file
    try:
        if ca_file and not _stays(ca_file, folder):
            files[CA_FILE] = (_certificates(ca_file), 0o644)
            ca_file = str(folder / CA_FILE)
        key, path = "cert_file", cert_file
        if cert_file and not _stays(cert_file, folder):
            files[CERT_FILE] = (_certificates(cert_file), 0o644)
            cert_file = str(folder / CERT_FILE)
        key, path = "key_file", key_file
        if mqtt.cert_file and key_file and not _stays(key_file, folder):
            files[KEY_FILE] = (_key(_certificates(mqtt.cert_file), key_file), 0o600)
            key_file = str(folder / KEY_FILE)
    except _Unfit as error:
        fix = _("name a file of the ward's, as it gave it out")
        raise ConfigError([ConfigProblem(path, f"mqtt.{key}", str(error), fix)]) from None
    kept = msgspec.structs.replace(mqtt, ca_file=ca_file, cert_file=cert_file, key_file=key_file)
    return kept, files


def keep_camera_certificate(camera: CameraAnswers, folder: Path) -> tuple[CameraAnswers, Files]:
    """The same of what a camera's rtsps:// is checked against. Raises ConfigError."""
    if not camera.ca_file or _stays(camera.ca_file, folder):
        return camera, {}
    path = Path(TLS) / f"camera-{camera.id}.pem"
    try:
        files: Files = {path: (_certificates(camera.ca_file), 0o644)}
    except _Unfit as error:
        fix = _("name the file of the camera's certificate, or of its CA")
        problem = ConfigProblem(camera.ca_file, f"cameras.{camera.id}.ca_file", str(error), fix)
        raise ConfigError([problem]) from None
    return msgspec.structs.replace(camera, ca_file=str(folder / path)), files


def _stays(path: str, folder: Path) -> bool:
    return path.startswith(CREDENTIAL_PREFIX) or Path(path).is_relative_to(folder)


def _certificates(path: str) -> str:
    """As PEM, and nothing else that is in the file."""
    data = _read(path)
    blocks = [match.group().decode("ascii", "replace") for match in _CERTIFICATE.finditer(data)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if not blocks:
            context.load_verify_locations(cadata=data)  # DER, as Windows saves it
            blocks = [ssl.DER_cert_to_PEM_cert(data).strip()]
        context.load_verify_locations(cadata="\n".join(blocks))
    except (ssl.SSLError, ValueError):
        raise _Unfit(_("This file is no certificate.")) from None
    return "\n".join(blocks) + "\n"


def _key(certificates: str, path: str) -> str:
    data = _read(path)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as beside:
        beside.write(certificates)
        beside.flush()
        try:
            # Without a password OpenSSL would ask the terminal for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
                beside.name, _expanded(path), password=lambda: ""
            )
            return data.decode("ascii")
        except (ssl.SSLError, OSError, UnicodeDecodeError):
            text = _("This file is not the key of the certificate, or it has a password.")
            raise _Unfit(text) from None


def _read(path: str) -> bytes:
    try:
        where = _expanded(path)
        if not where.is_file():
            raise _Unfit(_("There is no such file."))
        with where.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError, RuntimeError):
        raise _Unfit(_("This file cannot be read.")) from None
    if len(data) > _MOST_BYTES:
        raise _Unfit(_("This file is no certificate."))
    return data


def _expanded(path: str) -> Path:
    return Path(path).expanduser()
