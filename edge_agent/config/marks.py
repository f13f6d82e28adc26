"""Characters that look like TOML's but are none: of keyboards, word processors and web pages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

_DOUBLE_QUOTES = "“”„‟«»″＂"
_SINGLE_QUOTES = "‘’‚‛`´′"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACES += "\u202f\u205f\u3000"
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

#: What stands in for each, and how the kind is called in a message.
_INSTEAD: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(_DOUBLE_QUOTES, ('"', "typographic quotes")),
    **dict.fromkeys(_SINGLE_QUOTES, ("'", "typographic quotes")),
    **dict.fromkeys(_DASHES, ("-", "a typographic dash")),
    **dict.fromkeys(_SPACES, (" ", "a no-break or other special space")),
    **dict.fromkeys(_INVISIBLE, ("", "an invisible character")),
}
_FIXES: Mapping[str, str] = {
    "typographic quotes": "use straight quotes, \" or '",
    "a typographic dash": "use the hyphen of the keyboard, -",
    "a no-break or other special space": "delete it and type a space",
    "an invisible character": "delete it: retype the line",
    "a full-width character": "switch the keyboard to Latin letters and type it again",
    "a control character": "delete it: retype the line",
}
#: A whole string, whose inside is the technician's own.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'")


def plain_marks(line: str) -> tuple[str, Mapping[str, str]]:
    """The line with TOML's own characters, and what was found: kind -> the characters.

    What stands in straight quotes stays as it is.
    """
    found: dict[str, str] = {}
    parts = [
        part if is_string else "".join(_plain(character, found) for character in part)
        for is_string, part in _strings_and_rest(line)
    ]
    return "".join(parts), found


def fix_of(kind: str) -> str:
    return _FIXES[kind]


def shown_marks(kind: str, characters: str) -> str:
    """`typographic quotes (“ ”)`, `a no-break or other special space (U+00A0)`."""
    distinct = list(dict.fromkeys(characters))
    visible = kind in ("typographic quotes", "a full-width character")
    names = [c if visible else f"U+{ord(c):04X}" for c in distinct]
    return f"{kind} ({' '.join(names)})"


def _strings_and_rest(line: str) -> Iterator[tuple[bool, str]]:
    at = 0
    for match in _STRING.finditer(line):
        yield False, line[at : match.start()]
        yield True, match[0]
        at = match.end()
    yield False, line[at:]


def _plain(character: str, found: dict[str, str]) -> str:
    instead, kind = _INSTEAD.get(character, (character, ""))
    if not kind and "\uff01" <= character <= "\uff5e":
        instead, kind = unicodedata.normalize("NFKC", character), "a full-width character"
    if not kind and character in "，。；：、":
        instead, kind = ",.;:,"["，。；：、".index(character)], "a full-width character"
    if not kind and character != "\t" and unicodedata.category(character) == "Cc":
        instead, kind = "", "a control character"
    if kind:
        found[kind] = found.get(kind, "") + character
    return instead
