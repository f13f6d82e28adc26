"""docs/config.md and the JSON Schemas, both made from the schema's structs."""

from __future__ import annotations

import inspect as python_inspect
import json
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import inspect

from edge_agent.config.camera import CameraConfig
from edge_agent.config.schema import AgentFile
from edge_agent.config.tables import Table
from edge_agent.config.words import expected, number, unwrapped

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_INTRODUCTION = """\
<!-- Made by `edge-agent config schema --markdown`. Edit edge_agent/config/*.py instead. -->

# Configuration

The agent reads one folder, `/etc/edge-agent` unless `--config` names another:

    agent.toml            the box, the broker, and what all cameras share
    cameras.d/*.toml      one file for each camera, in the order of their names

Both are [TOML](https://toml.io). `edge-agent config check` says everything that is wrong, with
file, line and fix; `edge-agent config show` prints what is in force with every default;
`edge-agent config schema` prints a JSON Schema for editors. The agent itself exits with 78 when
the configuration is wrong, and systemd then leaves it stopped.

The smallest agent.toml:

```toml
# agent.toml
[box]
ward = "hoan-kiem"
id = "box-0017"

[mqtt]
host = "mqtt.ward.example"
```

A camera whose picture shows a street behind the gate:

```toml
# cameras.d/front.toml
id = "front"
name = "Front door"

[source]
kind = "rtsp"
url = "rtsp://192.168.1.64:554/Streaming/Channels/102"
username = "viewer"
password_file = "/etc/edge-agent/secrets/front"

[person]
confirm_looks = 4

[[zones]]
name = "garden"
polygon = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]
dwell_s = 2

[[zones.schedule]]
days = ["mon", "tue", "wed", "thu", "fri"]
start = "22:00"
end = "06:00"

[[ignore_zones]]
name = "street"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.4], [0.0, 0.4]]
```

Other settings at night, also by the picture's own darkness:

```toml
[profiles.night]
dark = true

[profiles.night.person]
confirm_threshold = 0.4

[[profiles.night.zones]]
name = "garden"
dwell_s = 0
```

## Secrets

Secrets are never written into these files. A key that ends in `_file` names a file that holds
only the secret and that nobody but its owner may read (mode 0600), or, as `credential:NAME`, a
systemd credential (`LoadCredential=` in the unit). A user or password inside a URL is refused.

## Coordinates

Corners of polygons are `[x, y]` as fractions of the picture: `[0, 0]` is the top left corner,
`[1, 1]` the bottom right one. They stay right when the camera's resolution is changed.

## Defaults for all cameras

`[defaults.motion]` and `[defaults.person]` in agent.toml lie under each camera's own `[motion]`
and `[person]`, key by key: a camera's file needs only what is different there.
"""


def json_schema(root: type[Table]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one file: `AgentFile` or `CameraConfig`."""
    return {"$schema": JSON_SCHEMA_DIALECT, **msgspec.json.schema(root)}


def markdown() -> str:
    """The whole of docs/config.md."""
    parts = [_INTRODUCTION]
    for title, root in (("agent.toml", AgentFile), ("cameras.d/*.toml", CameraConfig)):
        info = cast(inspect.StructType, inspect.type_info(root))
        parts.append(f"\n# {title}\n\n{python_inspect.getdoc(root)}\n")
        parts.extend(_rows(info, ""))
    return "".join(parts)


def _section(info: inspect.StructType, path: str, *, in_list: bool) -> Iterator[str]:
    header = f"[[{path}]]" if in_list else f"[{path}]"
    kind = f' with `kind = "{info.tag}"`' if info.tag_field else ""
    yield f"\n## `{header}`{kind}\n\n{python_inspect.getdoc(info.cls)}\n"
    yield from _rows(info, path)


def _rows(info: inspect.StructType, header: str) -> Iterator[str]:
    """The keys of a table, then the tables in it."""
    keys = [field for field in info.fields if not _inner_tables(field.type)]
    if keys or info.tag_field:
        yield "\n| key | value | unit | default | what and why |\n|---|---|---|---|---|\n"
    if info.tag_field:
        yield f'| `{info.tag_field}` | `"{info.tag}"` | | required | Which kind of source. |\n'
    for field in keys:
        yield _row(field)
    for field in info.fields:
        path = f"{header}.{field.name}" if header else field.name
        named = isinstance(unwrapped(field.type)[0], inspect.DictType)
        for inner, in_list in _inner_tables(field.type):
            yield from _section(inner, f"{path}.NAME" if named else path, in_list=in_list)


def _inner_tables(kind: inspect.Type) -> list[tuple[inspect.StructType, bool]]:
    """The tables that a key holds, and whether in a list; none for plain values."""
    bare, _ = unwrapped(kind)
    match bare:
        case inspect.StructType():
            return [(bare, False)]
        case inspect.UnionType(types=types):
            return [table for member in types for table in _inner_tables(member)]
        case inspect.VarTupleType(item_type=item):
            return [(table, True) for table, _ in _inner_tables(item)]
        case inspect.DictType(value_type=value):
            return _inner_tables(value)
        case _:
            return []


def _row(field: inspect.Field) -> str:
    _, extra = unwrapped(field.type)
    default = "required" if field.required else _toml(_default(field))
    values = expected(field.type).replace("|", "\\|")
    description = describe(field)
    cells = (f"`{field.name}`", values, str(extra.get("unit", "")), default, description)
    return "| " + " | ".join(cells) + " |\n"


def _default(field: inspect.Field) -> object:
    made = field.default_factory
    return made() if callable(made) else field.default


def describe(field: inspect.Field) -> str:
    """A key's documentation; empty when it has none."""
    kind = field.type
    schema = kind.extra_json_schema if isinstance(kind, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _toml(value: object) -> str:
    """A default as TOML writes it; nothing for keys that may be left out."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"`{number(value)}`"
    return f"`{json.dumps(value)}`"
