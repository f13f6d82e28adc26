"""The bytes of a configuration file as text, or why they are none."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path

from edge_agent.errors import ConfigProblem

#: The sample with every key, sixteen times over.
_LARGEST_FILE_BYTES = 1024 * 1024

_SAVE = "save it as UTF-8 (Notepad: Save As, Encoding: UTF-8)"


class Unreadable(Exception):
    """Carries the problem."""

    def __init__(self, path: Path, found: str, fix: str, line: int = 0) -> None:
        self.problem = ConfigProblem(f"{path}:{line}" if line else str(path), "", found, fix)


def text_of(path: Path) -> str:
    """Raises Unreadable."""
    data = _bytes_of(path)
    for marks, name in (
        ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "UTF-32"),
        ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "UTF-16"),
    ):
        if data.startswith(marks):
            raise Unreadable(path, f"is {name}", _SAVE)
    if data.startswith(codecs.BOM_UTF8):
        fix = "save it as UTF-8 without BOM (byte order mark)"
        raise Unreadable(path, "begins with a byte order mark", fix)
    if b"\0" in data:
        raise Unreadable(path, *_with_zeros(data))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(path, "is not UTF-8", _SAVE, line) from error
    if "\r" in text.replace("\r\n", ""):
        found = "has lines that end with a carriage return alone"
        raise Unreadable(path, found, "save it with Unix or Windows line ends", _line(text))
    return text


def first_bytes(path: Path, most_bytes: int = _LARGEST_FILE_BYTES) -> bytes:
    """All of a file that is no larger than that; of a larger one a byte more, so that it shows.
    Waits for nobody to write into a pipe. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        return opened.read(most_bytes + 1) or b""


def check_is_file(path: str | Path) -> None:
    """Before a library reads it: a pipe would hold it up for ever, and a device never ends.
    Raises OSError."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "is not a file", str(path))


def _bytes_of(path: Path) -> bytes:
    try:
        data = first_bytes(path)
    except FileNotFoundError as error:
        fix = "give --config the folder that holds agent.toml; begin from the shipped sample"
        raise Unreadable(path, "does not exist", fix) from error
    except OSError as error:
        fix = "it must be a file that the agent's user may read"
        raise Unreadable(path, f"cannot be read: {error.strerror}", fix) from error
    if len(data) > _LARGEST_FILE_BYTES:
        found = f"is larger than {_LARGEST_FILE_BYTES // 1024} KiB"
        raise Unreadable(path, found, "name a configuration file, not something else")
    return data


def _with_zeros(data: bytes) -> tuple[str, str]:
    even, odd = data[::2].count(0), data[1::2].count(0)
    if abs(even - odd) * 4 > len(data):
        return "is UTF-16 without its mark", _SAVE
    found = f"holds {data.count(bytes(1))} zero bytes, as after a power cut"
    return found, "write it anew, or take it from a backup"


def _line(text: str) -> int:
    at = next(i for i, c in enumerate(text) if c == "\r" and text[i + 1 : i + 2] != "\n")
    return text.count("\n", 0, at) + 1
