"""From the configuration to something that can be dialled. Secrets are read here, once."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.config.secrets import CREDENTIAL_PREFIX, read_secret
from edge_agent.config.text import check_is_file
from edge_agent.errors import ConfigError, ConfigProblem
from edge_agent.mqtt.validity import TlsContext

_WHERE = "mqtt"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker and how to log in to it. `tls` None: plaintext, which was allowed explicitly."""

    host: str
    port: int
    version: str  # auto, 5 or 3.1.1
    keepalive_s: int
    tls: TlsContext | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def endpoint_of(config: MqttConfig) -> Endpoint:
    """Read certificates and password. Raises ConfigError, with the fix.

    With `allow_insecure` and no certificates set up, the connection is plain; otherwise it is
    TLS 1.2 or newer with the broker's name checked.
    """
    password = read_secret(config.password_file) if config.password_file else None
    plain = config.allow_insecure and config.tls == TlsConfig()
    _check_login(config)
    return Endpoint(
        host=config.host,
        port=config.port,
        version=config.version,
        keepalive_s=config.keepalive_s,
        tls=None if plain else _context(config.tls),
        username=config.username,
        password=password,
    )


def _check_login(config: MqttConfig) -> None:
    if config.password_file and not config.username:
        raise _problem("username", "is missing although there is a password", "name the login")
    if config.tls.key_file and not config.tls.cert_file:
        raise _problem("tls.cert_file", "is missing although there is a key", "name both or none")


def _context(tls: TlsConfig) -> TlsContext:
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if tls.ca_file is None:
            context.load_default_certs()
        else:
            check_is_file(tls.ca_file)
            context.load_verify_locations(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _problem("tls.ca_file", f"{tls.ca_file}: {_why(error)}", "name a PEM file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        _load_own_certificate(context, tls, tls.cert_file)
    return context


def _load_own_certificate(context: TlsContext, tls: TlsConfig, cert_file: str) -> None:
    key_file = None if tls.key_file is None else str(_key_path(tls.key_file))
    try:
        for path in filter(None, (cert_file, key_file)):
            check_is_file(path)
        # A key with a passphrase must fail, not ask on a terminal that a daemon does not have.
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise _problem(
            "tls.cert_file",
            f"{cert_file} with the key {tls.key_file}: {_why(error)}",
            "name a PEM certificate and its own unencrypted key",
        ) from error


def _key_path(reference: str) -> Path:
    if not reference.startswith(CREDENTIAL_PREFIX):
        return Path(reference)
    name = reference.removeprefix(CREDENTIAL_PREFIX)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise _problem(
            "tls.key_file",
            f"{reference}: no credentials were handed to this process",
            f"start it by systemd with LoadCredential={name}:/path, or name a file",
        )
    return Path(folder) / name


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _problem(key: str, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem("agent.toml", f"{_WHERE}.{key}", found, fix)])
