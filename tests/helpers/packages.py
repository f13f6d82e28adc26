"""Packages of this checkout, and of versions of it that are newer or broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

Edit = Callable[[Path], None]


def replaced(name: str, old: str, new: str) -> Edit:
    """An edit of one file of the sources."""

    def edit(source: Path) -> None:
        path = source / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name}: {old!r}"
        path.write_text(text.replace(old, new))

    return edit


def version(number: str) -> Edit:
    from edge_agent import __version__

    return replaced("edge_agent/__init__.py", f'"{__version__}"', f'"{number}"')


def build(out: Path, what: str, source: Path = CHECKOUT, arch: str = "amd64") -> None:
    """Skips the test where the wheels cannot be had."""
    command = [sys.executable, str(CHECKOUT / "packaging/build.py"), what, f"--arch={arch}"]
    command += [f"--out={out}", f"--source={source}"]
    # Wheels that `make deb` fetched before are the same ones.
    fetched, wheels = CHECKOUT / "dist" / f"wheels-{arch}", out / f"wheels-{arch}"
    if fetched.is_dir() and not wheels.exists():
        wheels.mkdir(parents=True)
        for wheel in fetched.glob("*.whl"):
            _link_or_copy(wheel, wheels / wheel.name)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "pip" in done.stderr:
        pytest.skip(f"no package can be built here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


def _link_or_copy(source: Path, target: Path) -> None:
    """A wheel is never written again."""
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copy(source, target)


def build_variant(out: Path, what: str, folder: Path, *edits: Edit, arch: str = "amd64") -> None:
    """The same from a copy of the sources with these edits."""
    names = shutil.ignore_patterns(
        ".*", "dist", "build", "out", "tests", "benchmarks", "*.egg-info"
    )
    source = folder / "source"
    shutil.copytree(CHECKOUT, source, ignore=names)
    for edit in edits:
        edit(source)
    build(out, what, source, arch)
    shutil.rmtree(source)
