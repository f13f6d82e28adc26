"""Text from outside (names of files, cameras, boxes, servers) on its way to a terminal or a log.

A name may hold escape sequences that clear the screen, set the title or colour what follows,
line breaks that forge a log line, or marks that turn the direction of reading around.
"""

from __future__ import annotations

import json
import logging
import os


def printable(text: str | bytes | os.PathLike[str], *, keep: str = "") -> str:
    """`text` with everything that commands a terminal as an escape: `\\x1b`, `\\n`, `\\u202e`.

    Bytes that are no UTF-8 become `\\xNN`. Of the characters that do not print, only those in
    `keep` stay. Used by all that prints or logs what somebody else may have written.
    """
    name = text if isinstance(text, bytes) else os.fspath(text)
    decoded = (
        name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else _decodable(name)
    )
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in decoded)


def printable_json(value: object, *, indent: int | None = None) -> str:
    """JSON as people read it, and with escapes alone where something would command a terminal."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else json.dumps(value, indent=indent)


class PrintableFormatter(logging.Formatter):
    """One record, one line: what a camera or a server wrote cannot forge another."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n" if record.exc_info else "")


def _decodable(text: str) -> str:
    """Of a file's name: Python keeps bytes that are no UTF-8 as lone surrogates (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text  # other surrogates do not print, and are escaped like all that does not


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
