"""The changes that `make mutation` tries are changes, each has a name of its own, and the tests
notice most of them."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MUTATION = ROOT / "tests" / "mutation"

SOURCE = """
import logging
log = logging.getLogger(__name__)
LIMIT = 5

def due(at_s: float, begun: bool = False) -> bool:
    if not begun and at_s >= LIMIT:
        log.info("due %d", 3)
        return at_s - LIMIT > 0
    zip("a", "b", strict=True)
    raise ValueError(f"{at_s + 1}")
"""
EXPECTED = [
    "-: 5 -> 6",
    "due: False -> True",
    "due: not begun and at_s >= LIMIT -> not begun or at_s >= LIMIT",
    "due: not begun -> begun",
    "due: at_s >= LIMIT -> at_s > LIMIT",
    "due: return at_s - LIMIT > 0 -> return None",
    "due: at_s - LIMIT > 0 -> at_s - LIMIT >= 0",
    "due: at_s - LIMIT -> at_s + LIMIT",
    "due: 0 -> 1",
    'due: zip("a", "b", strict=True) -> pass',
]


@pytest.fixture
def mutants_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(MUTATION))
    return runpy.run_path(str(MUTATION / "mutants.py"))["mutants_of"]


def test_operators_change_what_is_decided_and_no_words(tmp_path: Path, mutants_of) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    found = mutants_of(tmp_path, path)
    assert [each.name.removeprefix("module.py: ") for each in found] == EXPECTED
    assert found[1].source == SOURCE.replace("False", "(True)")


def test_every_mutant_of_a_package_is_another_program_with_a_name_of_its_own(mutants_of) -> None:
    for path in (ROOT / "edge_agent" / "outbox").glob("*.py"):
        found = mutants_of(ROOT, path)
        assert len({each.name for each in found}) == len(found)
        before = ast.dump(ast.parse(path.read_text()))
        for each in found[::9]:  # to parse all of them takes seconds
            assert ast.dump(ast.parse(each.source)) != before


@pytest.mark.system
def test_tests_notice_most_of_a_fixed_sample_of_changes() -> None:
    """Ten of each package, the first of those that `make mutation` tries."""
    command = [sys.executable, str(MUTATION), "--sample", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
