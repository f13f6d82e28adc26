"""A pytest plugin: which test runs which lines of a package, how long it takes, and which fail as
it is. Files are named from the repository's root.

COVERED_PACKAGE=edge_agent/outbox COVERED_INTO=lines.json pytest -p covering ...
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_ROOT = str(Path.cwd()) + os.sep
_PACKAGE = _ROOT + os.environ["COVERED_PACKAGE"] + os.sep
_INTO = Path(os.environ["COVERED_INTO"])

_tests: dict[str, float] = {}
_failed: set[str] = set()
_lines: dict[str, dict[int, set[str]]] = {}
_now: dict[str, set[int]] = {}
#: By identity: to hash a code object means to hash all that is in it.
_known: dict[int, set[int] | None] = {}
_all: dict[int, tuple[CodeType, frozenset[int]]] = {}
#: A function that a test calls more often is watched no more: it would take minutes.
_MOST_CALLS = 500
_calls: Counter[int] = Counter()


def _called(frame: FrameType, event: str, arg: Any) -> Any:
    code = frame.f_code
    key = id(code)
    if key not in _known:
        mine = code.co_filename.startswith(_PACKAGE)
        _known[key] = _now.setdefault(code.co_filename, set()) if mine else None
        _all[key] = code, frozenset(line for *_, line in code.co_lines() if line is not None)
    lines = _known[key]
    if lines is None:
        return None
    lines.add(frame.f_lineno)
    _calls[key] += 1
    if _all[key][1] <= lines or _calls[key] > _MOST_CALLS:
        return None  # nothing new can be seen in it, or will be

    def line(frame: FrameType, event: str, arg: Any) -> Any:
        lines.add(frame.f_lineno)
        return line

    return line


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _calls.clear()
    for lines in _now.values():
        lines.clear()
    begun_s = time.monotonic()
    threading.settrace(_called)
    sys.settrace(_called)
    yield
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    _tests[item.nodeid] = time.monotonic() - begun_s
    for file, lines in _now.items():
        for number in tuple(lines):
            _lines.setdefault(file.removeprefix(_ROOT), {}).setdefault(number, set()).add(
                item.nodeid
            )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    lines = {
        file: {number: sorted(tests - _failed) for number, tests in by_line.items()}
        for file, by_line in _lines.items()
    }
    _INTO.write_text(json.dumps({"tests": _tests, "failed": sorted(_failed), "lines": lines}))
