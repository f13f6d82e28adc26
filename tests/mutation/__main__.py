"""Would a test notice? Changes modules one small thing at a time, and runs the tests that run the
changed line. `make mutation`; operators, sample and seed are fixed, so two runs try the same.

A mutant that no test can notice is excused by its name in excused.txt, with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
EXCUSED = Path(__file__).with_name("excused.txt")
PACKAGES = ("outbox", "publish", "pipeline", "sources")
SAMPLE, SEED = 60, 7
LEAST_KILLED = 0.85
#: Tests that run a line, the module's own and the quickest first, until they take so long together.
TESTS_S, MOST_TESTS = 60.0, 120
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Tried:
    mutant: Mutant
    verdict: str  # killed, survived, excused or unseen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, metavar="PACKAGE")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    excused = read_excused(EXCUSED)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = copied(Path(folder))
        tried = [
            each
            for package in arguments.packages
            for each in tried_of(copy, package, arguments.sample, arguments.seed, excused)
        ]
    return told(tried)


def read_excused(path: Path) -> dict[str, str]:
    """Reasons by names: `NAME | REASON`, one a line."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.rpartition(" | ") for line in lines]
    if any(not name or not reason for name, _, reason in pairs):
        raise SystemExit(f"{path}: each line needs a name, ' | ' and a reason")
    return {name: reason for name, _, reason in pairs}


def copied(folder: Path) -> Path:
    """The working tree, so that a killed run leaves no changed file behind."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    for name in names.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def tried_of(
    copy: Path, package: str, sample: int, seed: int, excused: dict[str, str]
) -> list[Tried]:
    modules = sorted((copy / "edge_agent" / package).rglob("*.py"))
    mutants = [each for path in modules for each in mutants_of(copy, path)]
    chosen = sorted(mutants, key=lambda mutant: _place(seed, mutant))[:sample]
    covered = covered_by(copy, package)
    found = []
    for number, mutant in enumerate(chosen, start=1):
        began_s = time.monotonic()
        verdict = "excused" if mutant.name in excused else verdict_of(copy, mutant, covered)
        took_s = time.monotonic() - began_s
        print(f"{package} {number}/{len(chosen)} {verdict:8} {took_s:4.0f} s  {mutant.name}")
        sys.stdout.flush()
        found.append(Tried(mutant, verdict))
    return found


def _place(seed: int, mutant: Mutant) -> str:
    """In the sample's order: an edit elsewhere changes nothing about who is tried."""
    return hashlib.sha256(f"{seed} {mutant.name}".encode()).hexdigest()


def covered_by(copy: Path, package: str) -> dict[str, Any]:
    into = copy / f"covered-{package}.json"
    more = {"COVERED_PACKAGE": str(copy / "edge_agent" / package), "COVERED_INTO": str(into)}
    plugin = str(Path(__file__).parent)
    run_tests(copy, ["-p", "covering", f"tests/{package}"], 1800.0, more, plugin)
    found: dict[str, Any] = json.loads(into.read_text())
    return found


def verdict_of(copy: Path, mutant: Mutant, covered: dict[str, Any]) -> str:
    took, own = covered["tests"], f"/test_{Path(mutant.path).stem.strip('_')}.py::"
    tests = sorted(met_by(copy, mutant, covered), key=lambda test: (own not in test, took[test]))
    chosen, sum_s = [], 0.0
    for test in tests[:MOST_TESTS]:
        sum_s += took[test]
        if chosen and sum_s > TESTS_S:
            break
        chosen.append(test)
    if not chosen:
        return "unseen"
    path = copy / mutant.path
    before = path.read_text()
    path.write_text(mutant.source)
    try:
        failed = run_tests(copy, ["-x", *chosen], LIMIT_S)
    finally:
        path.write_text(before)
    return "killed" if failed else "survived"


def met_by(copy: Path, mutant: Mutant, covered: dict[str, Any]) -> set[str]:
    """Tests that run the changed lines; of a constant, those that use it."""
    if not mutant.constant:
        lines = covered["lines"].get(str(copy / mutant.path), {})
        ran = [lines.get(str(line), ()) for line in range(mutant.begin, mutant.end + 1)]
        return {test for tests in ran for test in tests}
    used, found = re.compile(rf"\b{re.escape(mutant.constant)}\b"), set()
    for path, lines in covered["lines"].items():
        for number, text in enumerate(Path(path).read_text().splitlines(), start=1):
            if used.search(text):
                found.update(lines.get(str(number), ()))
    if not found:  # a default of a record, which its maker leaves out
        lines = covered["lines"].get(str(copy / mutant.path), {})
        found = {test for tests in lines.values() for test in tests}
    return found


def run_tests(
    copy: Path,
    arguments: list[str],
    limit_s: float,
    more: dict[str, str] | None = None,
    *paths: str,
) -> bool:
    """Whether one failed, or they took too long."""
    environment = os.environ | (more or {})
    environment["PYTHONPATH"] = os.pathsep.join([str(copy), *paths])
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-m", "not system"]
    try:
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider", *arguments],
            cwd=copy,
            env=environment,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def told(tried: list[Tried]) -> int:
    counted = [each for each in tried if each.verdict != "excused"]
    killed = sum(each.verdict == "killed" for each in counted)
    for each in counted:
        if each.verdict != "killed":
            print(f"{each.verdict}: {each.mutant.path}:{each.mutant.line}: {each.mutant.name}")
    share = killed / len(counted) if counted else 1.0
    excused = len(tried) - len(counted)
    print(f"{killed} of {len(counted)} mutants killed ({share:.0%}), {excused} excused")
    return 0 if share >= LEAST_KILLED else 1


if __name__ == "__main__":
    sys.exit(main())
