"""Valid bytes made invalid, at random but repeatable."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

#: What breaks parsers more often than noise does.
_NASTY = (
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1" + b"0" * 400,
    b"1e400",
    b"-0",
    b"NaN",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"[" * 3000,
    b'"\\ud800"',
    b'"\\u0000\\u001b[2J"',
    b'"' + b"x" * 5000 + b'"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59-23:59"',
    b"\xff\xfe",
    b"\n",
    b"../../etc/passwd",
    b"+/#",
)
_VALUE = re.compile(rb'"[^"]*"|-?\d+(\.\d+)?')


def spoil(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One to four changes of `data`; `others` are what else might have come."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice((_flip, _cut, _nasty, _value, _value, _splice))(data, others, chance)
    return data[:400_000]


def _flip(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    spoilt = bytearray(data or b"\0")
    spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def _cut(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[last:]


def _nasty(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_NASTY) + data[at:]


def _value(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One value of a JSON text is something else."""
    found = list(_VALUE.finditer(data))
    if not found:
        return _nasty(data, others, chance)
    where = chance.choice(found)
    return data[: where.start()] + chance.choice(_NASTY) + data[where.end() :]


def _splice(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]
