"""ULIDs: 26 characters that sort by time and are unique without asking anybody.

48 bits of milliseconds since 1970, then 80 random bits, in Crockford's base 32
(https://github.com/ulid/spec).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

from edge_agent.errors import ContractError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PATTERN = re.compile(rf"[0-7][{ALPHABET}]{{25}}")
_RANDOM_BYTES = 10
_RANDOM_LIMIT = 1 << 80
_TIME_LIMIT_MS = 1 << 48

#: A clock that steps back by less than this (NTP slewing) must not break the order of ids;
#: a larger step is a clock that was wrong before, and ids follow the better one.
_HOLD_MS = 10_000


def _encode(milliseconds: int, randomness: int) -> str:
    value = (milliseconds << 80) | randomness
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -5, -5))


def new_ulid(utc_s: float, randomness: bytes) -> str:
    """The ULID of this moment and these 10 random bytes. A clock before 1970 counts as 1970."""
    if len(randomness) != _RANDOM_BYTES:
        raise ValueError(f"a ULID needs {_RANDOM_BYTES} random bytes, got {len(randomness)}")
    milliseconds = min(max(int(utc_s * 1000), 0), _TIME_LIMIT_MS - 1)
    return _encode(milliseconds, int.from_bytes(randomness, "big"))


def hashed_ulid(*parts: str | int) -> str:
    """An id with the shape of a ULID that is always the same for the same parts.

    All 128 bits are of a SHA-256, also those where a ULID has its time: what happened in a
    recording is dated by clocks that may be understood better later, and must keep its id.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    value = int.from_bytes(digest.digest()[:16], "big")
    return _encode(value >> 80, value & (_RANDOM_LIMIT - 1))


def ulid_utc_s(ulid: str) -> float:
    """The moment inside a ULID, whole milliseconds. Raises ContractError when it is none."""
    check_ulid(ulid)
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds * 32 + ALPHABET.index(character)
    return milliseconds / 1000


def is_ulid(text: str) -> bool:
    return _PATTERN.fullmatch(text) is not None


def check_ulid(text: str) -> str:
    """`text` itself. Raises ContractError when it is not a ULID."""
    if not is_ulid(text):
        raise ContractError(f"not a ULID (26 characters of Crockford's base 32): {text[:40]!r}")
    return text


class UlidGenerator:
    """ULIDs in strictly rising order, also within one millisecond. For one thread."""

    def __init__(self, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._randomness = randomness
        self._last_ms = -1
        self._last_random = 0

    def next(self, utc_s: float) -> str:
        """The next id, `utc_s` being now."""
        now_ms = min(max(int(utc_s * 1000), 0), _TIME_LIMIT_MS - 1)
        fresh = int.from_bytes(self._randomness(_RANDOM_BYTES), "big")
        if self._last_ms - _HOLD_MS < now_ms <= self._last_ms:
            now_ms, fresh = self._last_ms, self._last_random + 1
            if fresh >= _RANDOM_LIMIT:
                now_ms, fresh = now_ms + 1, 0
        self._last_ms, self._last_random = now_ms, fresh
        return _encode(now_ms, fresh)
