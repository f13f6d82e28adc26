"""One part of a configuration that is there already: read as answers, and written back.

Comments, order and every other key of agent.toml stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from edge_agent.config import Config
from edge_agent.tools.setup.answers import Answers, BoxAnswers, BrokerAnswers
from edge_agent.tools.setup.certificates import Files
from edge_agent.tools.setup.writing import AGENT_TOML, check, commit, existing_files, secret_path

#: A table's name, with dots -> key -> value; None removes the key.
Tables = Mapping[str, Mapping[str, object | None]]


def answers_of(config: Config) -> Answers:
    """What was answered before, without cameras: those are only added to."""
    box, mqtt, tls = config.box, config.mqtt, config.mqtt.tls
    return Answers(
        BoxAnswers(box.ward, box.id, box.timezone, box.state_dir),
        BrokerAnswers(
            mqtt.host,
            mqtt.port,
            mqtt.username or "",
            "",
            tls.ca_file or "",
            tls.cert_file or "",
            tls.key_file or "",
            mqtt.allow_insecure,
        ),
        (),
        config.detector.model,
    )


def edit(
    folder: Path, tables: Tables, secrets: Mapping[str, str], certificates: Files | None = None
) -> tuple[Path, ...]:
    """Change these keys of agent.toml; the files that were written.

    `secrets`: new ones, by name; `certificates`: new ones, by relative path. Raises ConfigError
    and OperatorError; then nothing is changed.
    """
    files = existing_files(folder)
    text, mode = files[AGENT_TOML]
    new = {secret_path(name): (secret + "\n", 0o600) for name, secret in secrets.items()}
    new |= certificates or {}
    edited = edited_text(text, tables)
    if edited != text:
        new[AGENT_TOML] = (edited, mode)
    check({**files, **new}, folder)
    commit(new, folder)
    return tuple(folder / path for path in new)


def edited_text(text: str, tables: Tables) -> str:
    document = tomlkit.parse(text)
    for name, keys in tables.items():
        table: Any = document
        wanted = {key: value for key, value in keys.items() if value is not None}
        for part in name.split("."):
            if part not in table:
                if not wanted:
                    break
                table.add(part, tomlkit.table())
            table = table[part]
        else:
            _set(table, keys)
    return tomlkit.dumps(document)


def _set(table: Any, keys: Mapping[str, object | None]) -> None:
    for key, value in keys.items():
        if value is None:
            table.pop(key, None)
        elif table.get(key) != value:
            table[key] = value


def box_tables(box: BoxAnswers) -> Tables:
    return {"box": {"ward": box.ward, "id": box.id, "timezone": box.timezone}}


def broker_tables(broker: BrokerAnswers, password_file: str | None) -> Tables:
    """`password_file` None: the broker wants no password."""
    return {
        "mqtt": {
            "host": broker.host,
            "port": broker.port,
            "username": broker.username or None,
            "password_file": password_file,
            "allow_insecure": True if broker.allow_insecure else None,
        },
        "mqtt.tls": {
            "ca_file": broker.ca_file or None,
            "cert_file": broker.cert_file or None,
            "key_file": broker.key_file or None,
        },
    }


def model_tables(model: str) -> Tables:
    return {"detector": {"model": model}}
