"""A copy of the working tree that may be spoilt, and the runs of its tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]
COVERING_LIMIT_S = 1800.0
PASSED = "0"


class WorkingCopy:
    """One run at a time. A killed run leaves no changed file behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in tracked():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        self._list = folder / "chosen-tests"
        self._stamp_s = 1_000_000_000
        # Without an installed bytecode cache each run would compile all modules.
        environment = os.environ | {"PYTHONPATH": str(folder)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.communicate()

    def covered(self, package: str, files: Sequence[str]) -> dict[str, Any]:
        """Which of the tests in `files` run which lines of the package; see covering.py."""
        into = self.folder / "covered.json"
        into.unlink(missing_ok=True)
        environment = {"COVERED_PACKAGE": f"edge_agent/{package}", "COVERED_INTO": str(into)}
        status = self._run(["-p", "covering", *files], environment, COVERING_LIMIT_S)
        if not into.is_file():
            said = (self.folder / "output.txt").read_text(errors="replace")
            raise SystemExit(f"the tests of {package} did not run ({status}):\n{said[-4000:]}")
        found: dict[str, Any] = json.loads(into.read_text())
        return found

    def notices(self, mutant: Mutant, tests: Sequence[str], limit_s: float) -> bool:
        """Whether one of these tests fails with this change, or they take longer than that."""
        self._list.write_text("\n".join(tests))
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        with self._changed(mutant):
            status = self._run(
                ["-x", "-p", "choosing", *files], {"CHOSEN_TESTS": str(self._list)}, limit_s
            )
        return status != PASSED

    @contextlib.contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.path
        before = path.read_bytes()
        try:
            self._write(path, mutant.source.encode())
            yield
        finally:
            self._write(path, before)

    def _write(self, path: Path, source: bytes) -> None:
        """With a time of its own: Python compares seconds to know whether bytecode is stale."""
        path.write_bytes(source)
        self._stamp_s += 1
        os.utime(path, (self._stamp_s, self._stamp_s))

    def _run(self, arguments: list[str], environment: dict[str, str], limit_s: float) -> str:
        """The exit status of pytest, or `late`."""
        usual = ["-q", "-m", "not system", "-p", "no:cacheprovider", "-p", "no:xdist"]
        wanted = {
            "arguments": [*usual, *arguments],
            "environment": environment,
            "limit_s": limit_s,
        }
        if self._nursery.stdin is None or self._nursery.stdout is None:
            raise ValueError("a nursery without pipes")
        self._nursery.stdin.write(json.dumps(wanted) + "\n")
        self._nursery.stdin.flush()
        return self._nursery.stdout.readline().strip()


def tracked() -> list[str]:
    """Names of the working tree's files."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    return [name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]
