"""Settings to try, as they are written on the command line: `person.confirm_threshold=0.4`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import TABLES, camera_findings
from edge_agent.errors import ConfigError, ConfigProblem

#: What may be tried: what a profile may change, there too.
_TRIED = (*TABLES, "profiles")
MOST_CANDIDATES = 400
_STEP = re.compile(r"(-?[\d.]+):(-?[\d.]+):([\d.]+)")
_PART = re.compile(r"([A-Za-z_]\w*)(?:\[([^\]]+)\])?")


@dataclass(frozen=True, slots=True)
class Candidate:
    """`name`: what differs from the settings it was made of; `camera`: all of them."""

    name: str
    camera: CameraConfig


def with_changes(camera: CameraConfig, changes: Sequence[str]) -> Candidate:
    """`changes` as `key=value`. Raises ConfigError."""
    pairs = [_pair(change, "--set") for change in changes]
    return Candidate(" ".join(changes), _changed(camera, pairs, "--set"))


def swept(camera: CameraConfig, sweeps: Sequence[str]) -> list[Candidate]:
    """Every combination of the values of each `key=a:b:step` or `key=v1,v2`. Raises ConfigError."""
    axes = []
    for sweep in sweeps:
        key, text = _pair(sweep, "--sweep")
        axes.append([(key, value) for value in _values(key, text)])
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MOST_CANDIDATES:
        raise _refused("--sweep", f"makes {count} settings", f"give at most {MOST_CANDIDATES}")
    return [
        Candidate(
            " ".join(f"{key}={value}" for key, value in pairs), _changed(camera, pairs, "--sweep")
        )
        for pairs in product(*axes)
    ]


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise _refused(option, f"is {text!r}", "write it as person.confirm_threshold=0.4")
    return key.strip(), value.strip()


def _values(key: str, text: str) -> list[str]:
    found = _STEP.fullmatch(text)
    if not found:
        return list(_split(text))
    try:
        low, high, step = (Decimal(part) for part in found.groups())
    except InvalidOperation:
        raise _refused(
            "--sweep", f"is {key}={text}", "write it as a:b:step, 0.3:0.6:0.05"
        ) from None
    if step <= 0 or high < low or (high - low) / step >= MOST_CANDIDATES:
        fix = f"give a:b:step with a <= b, and at most {MOST_CANDIDATES} steps"
        raise _refused("--sweep", f"is {key}={text}", fix)
    return [str(low + step * i) for i in range(int((high - low) / step) + 1)]


def _split(text: str) -> Iterator[str]:
    """At commas outside of brackets."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _changed(camera: CameraConfig, pairs: Sequence[tuple[str, str]], option: str) -> CameraConfig:
    # As JSON and back: tuples of the structs are lists in a file, and the checks know files.
    raw = msgspec.json.decode(msgspec.json.encode({name: getattr(camera, name) for name in _TRIED}))
    for key, text in pairs:
        _put(raw, key, _value(text), option)
    raw |= {"id": camera.id, "source": {"kind": "file", "path": "recording"}}
    findings = [
        finding
        for finding in camera_findings(raw)
        if not finding.is_warning and not finding.tells_nobody
    ]
    if findings:
        raise ConfigError(
            [ConfigProblem(option, each.path, each.found, each.fix) for each in findings]
        )
    changed = msgspec.convert(raw, CameraConfig)
    tables = {name: getattr(changed, name) for name in _TRIED}
    return msgspec.structs.replace(camera, **tables)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # auto, door: nobody quotes on a command line


def _put(raw: dict[str, Any], key: str, value: Any, option: str) -> None:
    parts = key.split(".")
    if parts[0].partition("[")[0] not in _TRIED:
        fix = f"one recording decides about {', '.join(_TRIED)}; replay with the other file instead"
        raise _refused(option, f"names {key}", fix)
    at: Any = raw
    for part in parts[:-1]:
        at = _inner(at, part, key, option)
    last = _PART.fullmatch(parts[-1])
    if not isinstance(at, dict) or not last or last[2] is not None or len(parts) < 2:
        raise _refused(option, f"names {key}", "write the key in full, as person.confirm_threshold")
    at[last[1]] = value


def _inner(at: Any, part: str, key: str, option: str) -> Any:
    found = _PART.fullmatch(part)
    inner = at.get(found[1]) if found and isinstance(at, dict) else None
    if not found or inner is None:
        raise _refused(option, f"names {key}", f"there is no {part}")
    if found[2] is None:
        return inner
    named = [
        entry
        for index, entry in enumerate(inner)
        if found[2] in (str(index), str(entry.get("name")))
    ]
    if not named:
        names = ", ".join(f"{found[1]}[{entry.get('name')}]" for entry in inner) or "none"
        raise _refused(option, f"names {key}", f"this camera has {names}")
    return named[0]


def _refused(key: str, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem("command line", key, found, fix)])
