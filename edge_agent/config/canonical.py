"""What may be shown of a configuration, and the fingerprint that says which one is in force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_agent.config.schema import Config
from edge_agent.config.words import scrubbed

#: How much of the fingerprint events carry: enough to tell the configurations of a box apart.
_SHORT_LENGTH = 12
_URLS = frozenset({"url", "main_url"})


def redacted(config: Config) -> dict[str, Any]:
    """The effective configuration with every default, safe for logs and support.

    Names of password files and users are kept: they are no secrets, and support needs them.
    Secrets cannot be in a Config; what might have slipped into a URL prints as ***.
    """
    plain = msgspec.to_builtins(config)
    assert isinstance(plain, dict)
    return {key: _scrub(value) for key, value in plain.items()}


def short_sha(config: Config) -> str:
    """First 12 hex digits of the sha256 of the redacted configuration as canonical JSON.

    Equal configurations have equal fingerprints, however their files are written.
    """
    text = json.dumps(redacted(config), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT_LENGTH]


def _scrub(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _scrub(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item) for item in value]
    return scrubbed(value) if key in _URLS and isinstance(value, str) else value
