"""Finds every problem in a raw TOML table, not only the first one.

msgspec stops at the first error and speaks of Python types. This walks the same struct
definitions, goes on after each problem and speaks to a technician. Wherever a table is
sound, or sound without its bad keys, the checks that compare several keys run too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import inspect

from edge_agent.config.polygons import polygon_problem
from edge_agent.config.scalars import either, list_fix, number_hint, one_of, scalar_fix
from edge_agent.config.tables import Table
from edge_agent.config.unknown_keys import unknown_key_fix
from edge_agent.config.words import expected, joined, number, shown, unwrapped

#: Zones, corners, days: each is looked at for every person in every picture.
_LONGEST_LIST = 256


class ConfigFinding(NamedTuple):
    """One problem; `path` is dotted. A warning does not keep the agent from starting.

    `tells_nobody`: all keys are sound, and nobody can ever be reported; a replay may say why.
    """

    path: str
    found: str
    fix: str
    is_warning: bool = False
    tells_nobody: bool = False


#: Checks between the keys of one table, by struct; paths in their findings are relative to it.
Checks = Mapping[type, Callable[[Any], Iterator[ConfigFinding]]]


@cache
def _info_of(root: type[Table]) -> inspect.StructType:
    """It takes 8 ms of a fast computer, for each file of a configuration otherwise."""
    return cast(inspect.StructType, inspect.type_info(root))


class Validator:
    """Walks raw tables of one file, whose top table is `root`.

    `other` is the top table of the other kind of file: keys may have slipped into the wrong one.
    """

    def __init__(self, root: type[Table], checks: Checks, other: type[Table] | None = None) -> None:
        self._root = root
        self._other = other
        self._info = _info_of(root)
        self._checks = checks

    def findings(self, raw: Mapping[str, object]) -> Iterator[ConfigFinding]:
        """All problems, in the order of the schema; none when the file is sound."""
        return self._table(raw, self._info, "")

    def _value(self, value: object, kind: inspect.Type, path: str) -> Iterator[ConfigFinding]:
        kind, extra = unwrapped(kind)
        match kind:
            case inspect.UnionType():
                yield from self._union(value, kind, path)
            case inspect.StructType():
                if isinstance(value, Mapping):
                    yield from self._table(value, kind, path)
                else:
                    yield ConfigFinding(path, f"is {shown(value)}", f"write a table: [{path}]")
            case inspect.VarTupleType() | inspect.TupleType():
                yield from self._list(value, kind, path)
            case inspect.DictType():
                yield from self._named(value, kind, path)
            case _:
                if fix := scalar_fix(value, kind, extra, _last(path)):
                    yield ConfigFinding(path, f"is {shown(value)}", fix)

    def _named(self, value: object, kind: inspect.DictType, path: str) -> Iterator[ConfigFinding]:
        """Tables by name; or keys of any value, which are checked where they are laid."""
        if not isinstance(value, Mapping):
            yield ConfigFinding(path, f"is {shown(value)}", f"write a table: [{path}]")
        elif not isinstance(kind.value_type, inspect.AnyType):
            for name, inner in value.items():
                yield from self._value(name, kind.key_type, joined(path, name))
                yield from self._value(inner, kind.value_type, joined(path, name))

    def _union(self, value: object, union: inspect.UnionType, path: str) -> Iterator[ConfigFinding]:
        tables = [kind for kind in union.types if isinstance(kind, inspect.StructType)]
        if tables:
            yield from self._tagged_table(value, tables, path)
            return
        members = [kind for kind in union.types if not isinstance(kind, inspect.NoneType)]
        attempts = [list(self._value(value, kind, path)) for kind in members]
        if not all(attempts):
            return
        if len(members) == 1:
            yield from attempts[0]
        else:
            hint = number_hint(value, _last(path))
            fix = f"use {expected(union)}" + (f": {hint}" if hint else "")
            yield ConfigFinding(path, f"is {shown(value)}", fix)

    def _tagged_table(
        self, value: object, tables: Sequence[inspect.StructType], path: str
    ) -> Iterator[ConfigFinding]:
        tag_field = str(tables[0].tag_field)
        if not isinstance(value, Mapping):
            yield ConfigFinding(path, f"is {shown(value)}", f"write a table: [{path}]")
            return
        tags = [str(table.tag) for table in tables]
        tag_path = joined(path, tag_field)
        if tag_field not in value:
            yield ConfigFinding(tag_path, "is missing", f"add {tag_field} = {either(tags)}")
        elif value[tag_field] not in tags:
            fix = one_of(tags, value[tag_field])
            yield ConfigFinding(tag_path, f"is {shown(value[tag_field])}", fix)
        else:
            yield from self._table(value, tables[tags.index(value[tag_field])], path)

    def _list(
        self, value: object, kind: inspect.VarTupleType | inspect.TupleType, path: str
    ) -> Iterator[ConfigFinding]:
        problem = polygon_problem(value) if _is_polygon(kind) else None
        if problem is not None:
            yield ConfigFinding(path, *problem)
            return
        if not isinstance(value, list):
            yield ConfigFinding(path, f"is {shown(value)}", list_fix(value, kind, path))
            return
        if isinstance(kind, inspect.TupleType):
            if len(value) != len(kind.item_types):
                yield ConfigFinding(path, f"is {shown(value)}", f"use {expected(kind)}")
                return
            kinds: Sequence[inspect.Type] = kind.item_types
        else:
            least = kind.min_length or 0
            if len(value) < least:
                points = "point" if len(value) == 1 else "points"
                yield ConfigFinding(path, f"has {len(value)} {points}", f"needs at least {least}")
                return
            if len(value) > _LONGEST_LIST:
                yield ConfigFinding(
                    path, f"is a list of {len(value)}", f"use at most {_LONGEST_LIST}"
                )
                return
            kinds = [kind.item_type] * len(value)
        for index, (item, item_kind) in enumerate(zip(value, kinds, strict=True)):
            yield from self._value(item, item_kind, f"{path}[{index}]")

    def _table(
        self, raw: Mapping[str, object], kind: inspect.StructType, path: str
    ) -> Iterator[ConfigFinding]:
        fields = {field.encode_name: field for field in kind.fields}
        known = [*fields, *([kind.tag_field] if kind.tag_field else [])]
        for key in raw:
            if key not in known:
                fix = unknown_key_fix(key, known, path, self._root, self._other)
                yield ConfigFinding(joined(path, key), "unknown key", fix)
        sound: dict[str, object] = {}
        for key, field in fields.items():
            key_path = joined(path, key)
            if key not in raw:
                if field.required:
                    yield ConfigFinding(
                        key_path, "is missing", f"add it: {_example(key, field.type)}"
                    )
                continue
            findings = list(self._value(raw[key], field.type, key_path))
            yield from findings
            if all(finding.is_warning for finding in findings):
                sound[key] = raw[key]
        yield from self._between_keys(kind, sound, path)

    def _between_keys(
        self, kind: inspect.StructType, sound: dict[str, object], path: str
    ) -> Iterator[ConfigFinding]:
        check = self._checks.get(kind.cls)
        if check is None or any(f.required and f.encode_name not in sound for f in kind.fields):
            return
        if kind.tag_field:
            sound = {**sound, kind.tag_field: kind.tag}
        for finding in check(msgspec.convert(sound, kind.cls)):
            yield finding._replace(path=joined(path, finding.path))


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _is_polygon(kind: inspect.VarTupleType | inspect.TupleType) -> bool:
    return isinstance(kind, inspect.VarTupleType) and isinstance(
        unwrapped(kind.item_type)[0], inspect.TupleType
    )


def _example(key: str, kind: inspect.Type) -> str:
    bare, _ = unwrapped(kind)
    if isinstance(bare, inspect.StructType | inspect.UnionType):
        return f"[{key}]"
    if isinstance(bare, inspect.VarTupleType):
        return f"{key} = [...]"
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return f"{key} = {number(bare.ge or 0)}"
    return f'{key} = "..."'
