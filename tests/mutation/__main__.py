"""Would a test notice? Changes modules one small thing at a time, and runs the tests that run the
changed line. `make mutation`; operators, sample and seed are fixed, so two runs try the same.

A mutant that no test can notice is excused by its name in excused.txt, with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from coverage_map import Coverage, coverage_of
from mutants import Mutant, mutants_of
from working_copy import ROOT, WorkingCopy

EXCUSED = Path(__file__).with_name("excused.txt")
PACKAGES = ("pipeline", "sources", "outbox", "publish")  # the slowest tests first
SAMPLE, SEED = 60, 7
LEAST_KILLED = 0.85
#: Tests that run a line, the module's own and the quickest first, until they take so long together.
TESTS_S, MOST_TESTS = 30.0, 150
#: A run that takes so many times as long as before, and so long more, hangs.
LIMIT_TIMES, LIMIT_S = 4.0, 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tried:
    mutant: Mutant
    verdict: str  # killed, survived, excused or unseen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, metavar="PACKAGE")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants with it in the name")
    parser.add_argument("--tests-s", type=float, default=TESTS_S, help="of tests for a mutant")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, metavar="RUNS")
    arguments = parser.parse_args()
    excused = read_excused(EXCUSED)
    chosen = {
        package: chosen_of(package, arguments.sample, arguments.seed, arguments.only)
        for package in arguments.packages
    }
    with contextlib.ExitStack() as stack:
        copies: queue.SimpleQueue[WorkingCopy] = queue.SimpleQueue()
        for _ in range(arguments.at_once):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mutation-"))
            copies.put(stack.enter_context(WorkingCopy(Path(folder))))
        pool = stack.enter_context(ThreadPoolExecutor(arguments.at_once))

        def lent(work: Callable[[WorkingCopy], T]) -> T:
            copy = copies.get()
            try:
                return work(copy)
            finally:
                copies.put(copy)

        def covered(package: str) -> Coverage:
            return lent(lambda copy: coverage_of(copy, package))

        def tried(mutant: Mutant, coverage: Coverage) -> Tried:
            begun_s = time.monotonic()
            rounds = (
                [] if mutant.name in excused else rounds_of(mutant, coverage, arguments.tests_s)
            )
            found = lent(lambda copy: verdict_of(copy, mutant, rounds, coverage.took_s))
            found = "excused" if mutant.name in excused else found
            print(f"{found:8} {time.monotonic() - begun_s:4.0f} s  {mutant.name}", flush=True)
            return Tried(mutant, found)

        coverages = dict(zip(chosen, pool.map(covered, chosen), strict=True))
        waiting = {
            package: [pool.submit(tried, mutant, coverages[package]) for mutant in mutants]
            for package, mutants in chosen.items()
        }
        found = {
            package: [each.result() for each in futures] for package, futures in waiting.items()
        }
    return told(found)


def read_excused(path: Path) -> dict[str, str]:
    """Reasons by names: `NAME | REASON`, one a line."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.rpartition(" | ") for line in lines]
    if any(not name or not reason for name, _, reason in pairs):
        raise SystemExit(f"{path}: each line needs a name, ' | ' and a reason")
    return {name: reason for name, _, reason in pairs}


def chosen_of(package: str, sample: int, seed: int, only: str) -> list[Mutant]:
    modules = sorted((ROOT / "edge_agent" / package).rglob("*.py"))
    mutants = [each for path in modules for each in mutants_of(ROOT, path) if only in each.name]
    return sorted(mutants, key=lambda mutant: _place(seed, mutant))[:sample]


def _place(seed: int, mutant: Mutant) -> str:
    """In the sample's order: an edit elsewhere changes nothing about who is tried."""
    return hashlib.sha256(f"{seed} {mutant.name}".encode()).hexdigest()


def verdict_of(
    copy: WorkingCopy, mutant: Mutant, rounds: list[list[str]], took_s: dict[str, float]
) -> str:
    for tests in rounds:
        limit_s = LIMIT_S + LIMIT_TIMES * sum(took_s[test] for test in tests)
        if copy.notices(mutant, tests, limit_s):
            return "killed"
    return "survived" if rounds else "unseen"


def rounds_of(mutant: Mutant, coverage: Coverage, most_s: float) -> list[list[str]]:
    """The tests to run: those that are named for the module, which are most likely to notice, and
    then the others."""
    took_s, own = coverage.took_s, f"/test_{Path(mutant.path).stem.strip('_')}.py::"
    tests = sorted(coverage.met_by(mutant), key=lambda test: (own not in test, took_s[test]))
    chosen, sum_s = list[str](), 0.0
    for test in tests[:MOST_TESTS]:
        sum_s += took_s[test]
        if chosen and sum_s > most_s:
            break
        chosen.append(test)
    first = [test for test in chosen if own in test]
    return [tests for tests in (first, chosen[len(first) :]) if tests]


def told(found: dict[str, list[Tried]]) -> int:
    for package, tried in found.items():
        print(f"{package}: {_share(tried)}")
        for each in tried:
            if each.verdict in {"survived", "unseen"}:
                print(f"  {each.verdict}: line {each.mutant.line}: {each.mutant.name}")
    every = [each for tried in found.values() for each in tried]
    print(f"together: {_share(every)}")
    counted = [each for each in every if each.verdict != "excused"]
    killed = sum(each.verdict == "killed" for each in counted)
    return 0 if killed >= LEAST_KILLED * len(counted) else 1


def _share(tried: list[Tried]) -> str:
    counted = [each for each in tried if each.verdict != "excused"]
    killed = sum(each.verdict == "killed" for each in counted)
    share = killed / len(counted) if counted else 1.0
    excused = len(tried) - len(counted)
    return f"{killed} of {len(counted)} mutants killed ({share:.1%}), {excused} excused"


if __name__ == "__main__":
    sys.exit(main())
