"""Which test runs which line of a package. Kept between runs, by test file: what has not changed
since is not run again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mutants import Mutant
from working_copy import ROOT, WorkingCopy, tracked

_KEPT = ROOT / ".mutation_cache"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Files from the repository's root; tests by their names in pytest."""

    took_s: dict[str, float]
    lines: dict[str, dict[int, set[str]]]

    def met_by(self, mutant: Mutant) -> set[str]:
        """Tests that run the changed lines; of a constant, those that use it."""
        if not mutant.constant:
            lines = self.lines.get(mutant.path, {})
            return _union(lines.get(line, ()) for line in range(mutant.begin, mutant.end + 1))
        used, found = re.compile(rf"\b{re.escape(mutant.constant)}\b"), set[str]()
        for path, lines in self.lines.items():
            texts = enumerate((ROOT / path).read_text().splitlines(), start=1)
            found |= _union(lines.get(number, ()) for number, text in texts if used.search(text))
        # If none: a default of a record, which its maker leaves out.
        return found or _union(self.lines.get(mutant.path, {}).values())


def coverage_of(copy: WorkingCopy, package: str) -> Coverage:
    names, folder = tracked(), f"tests/{package}/"
    base = _digest(
        name
        for name in names
        if name.startswith((f"edge_agent/{package}/", "tests/helpers/"))
        or name.endswith("conftest.py")
    )
    files = [name for name in names if name.startswith(folder) and "/test_" in name]
    digests = {name: base + _digest([name]) for name in files}
    kept = _kept(package)
    found = {name: kept[name] for name in files if kept.get(name, {}).get("of") == digests[name]}
    missing = [name for name in files if name not in found]
    if missing:
        parts = _by_file(copy.covered(package, missing))
        for name in missing:
            found[name] = {"of": digests[name]} | parts.get(name, {"tests": {}, "lines": {}})
        _KEPT.mkdir(exist_ok=True)
        (_KEPT / f"{package}.json").write_text(json.dumps(found))
    return _joined(found.values())


def _union(several: Iterable[Iterable[str]]) -> set[str]:
    return {each for one in several for each in one}


def _digest(names: Iterable[str]) -> str:
    parts = [f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}" for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _kept(package: str) -> dict[str, Any]:
    path = _KEPT / f"{package}.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return kept


def _by_file(covered: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name in covered["failed"]:
        print(f"left out, since it fails as it is: {name}")

    def part(test: str) -> Any:
        return parts.setdefault(test.partition("::")[0], {"tests": {}, "lines": {}})

    for test, took_s in covered["tests"].items():
        part(test)["tests"][test] = took_s
    for path, lines in covered["lines"].items():
        for number, tests in lines.items():
            for test in tests:
                by_line = part(test)["lines"].setdefault(path, {})
                by_line.setdefault(number, []).append(test)
    return parts


def _joined(parts: Iterable[dict[str, Any]]) -> Coverage:
    took_s: dict[str, float] = {}
    lines: dict[str, dict[int, set[str]]] = {}
    for part in parts:
        took_s |= part["tests"]
        for path, by_line in part["lines"].items():
            for number, tests in by_line.items():
                lines.setdefault(path, {}).setdefault(int(number), set()).update(tests)
    return Coverage(took_s, lines)
