"""How a key's type and a found value are said to a person, in error messages and docs."""

from __future__ import annotations

import datetime as dt
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import inspect

from edge_agent.config import camera, schema
from edge_agent.config.tables import Table

_LONGEST_SHOWN = 60
#: TOML's own: readers need not know larger ones.
LARGEST_INTEGER = 2**63 - 1
_SIMPLE_WORDS: Mapping[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "text in quotes",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
    inspect.TupleType: "a pair of numbers [x, y], each 0 to 1",
}
_USERINFO = re.compile(r"^(\s*\w+:(?=//))?(//)?.*@", re.DOTALL)
_SECRET_PARAMETER = re.compile(r"(?i)\b(pass(?:word|wd)?|pwd)=[^&\s/?]*")


def scrubbed(text: str) -> str:
    """`text` without what may be a password: URL user info and `password=` parameters."""
    return _SECRET_PARAMETER.sub(r"\1=***", _USERINFO.sub(r"\1\2***@", text))


def shown(value: object) -> str:
    """A found value as TOML would write it, scrubbed and never long."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(scrubbed(value))
        case Mapping():
            return "a table"
        case Sequence():
            return f"a list of {len(value)}" if value else "an empty list"
        case int() if abs(value) > LARGEST_INTEGER:
            return "larger than TOML's integers"
    return f"the date or time {value}" if isinstance(value, dt.date | dt.time) else f"{value}"


def _quoted(text: str) -> str:
    return f'"{text[:_LONGEST_SHOWN]}..."' if len(text) > _LONGEST_SHOWN else f'"{text}"'


def number(value: float) -> str:
    """8760.0 -> 8760."""
    return f"{value:.15g}"


def joined(base: str, path: str) -> str:
    """Two parts of a dotted path."""
    if not base or not path or path.startswith("["):
        return base + path
    return f"{base}.{path}"


def unwrapped(kind: inspect.Type) -> tuple[inspect.Type, Mapping[str, Any]]:
    """The type without its annotations, and the `extra` of those annotations."""
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra = {**(kind.extra or {}), **extra}
        kind = kind.type
    return kind, extra


def limits(kind: inspect.IntType | inspect.FloatType) -> str:
    """`1 to 65535`, `at least 0`, or nothing."""
    if kind.ge is not None and kind.le is not None:
        return f"{number(kind.ge)} to {number(kind.le)}"
    if kind.ge is not None:
        return f"at least {number(kind.ge)}"
    return f"at most {number(kind.le)}" if kind.le is not None else ""


def expected(kind: inspect.Type) -> str:
    """What may be written here: `a whole number, 1 to 65535`."""
    kind, extra = unwrapped(kind)
    if "words" in extra:
        return str(extra["words"])
    match kind:
        case inspect.IntType() | inspect.FloatType():
            name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            words = ", ".join(filter(None, [name, limits(kind)]))
        case inspect.LiteralType():
            words = " or ".join(f'"{choice}"' for choice in choices(kind))
        case inspect.VarTupleType(item_type=item):
            words = f"a list, each {expected(item)}"
        case inspect.UnionType(types=types):
            members = [member for member in types if not isinstance(member, inspect.NoneType)]
            words = " or ".join(dict.fromkeys(expected(member) for member in members))
        case _:
            words = _SIMPLE_WORDS[type(kind)]
    return words


def choices(kind: inspect.LiteralType) -> tuple[str, ...]:
    """The values in the order in which the schema declares them; msgspec sorts them."""
    values = frozenset(str(value) for value in kind.values)
    return _declared_orders().get(values, tuple(sorted(values)))


@cache
def _declared_orders() -> dict[frozenset[str], tuple[str, ...]]:
    orders = {}
    for module in (schema, camera):
        for struct in vars(module).values():
            if isinstance(struct, type) and issubclass(struct, Table):
                for hint in typing.get_type_hints(struct).values():
                    orders.update({frozenset(values): values for values in _literals(hint)})
    return orders


def _literals(hint: Any) -> Iterator[tuple[str, ...]]:
    if typing.get_origin(hint) is typing.Literal:
        yield typing.get_args(hint)
    else:
        for argument in typing.get_args(hint):
            yield from _literals(argument)
