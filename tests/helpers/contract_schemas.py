"""The published schemas, for tests of whatever is sent: `check("event", payload)`."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contract"
NAMES = ("event", "gap", "status", "telemetry", "command")


@functools.cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def check(name: str, payload: bytes | str) -> None:
    """Raises jsonschema.ValidationError when the payload is not what docs/contract/ promises."""
    validator(name).validate(json.loads(payload))
