"""The locks and setup.cfg agree, and every target has a wheel of everything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

FOLDER = Path(__file__).resolve().parents[2] / "packaging"


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    # By its path: the folder is no package, and must not hide the library of the same name.
    spec = importlib.util.spec_from_file_location("packaging_lock", FOLDER / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_locks_answer_what_setup_cfg_asks_for(lock: ModuleType) -> None:
    for path, requirements in lock.wanted().items():
        assert lock.problems(lock.read_lock(path), requirements) == [], "run `make lock`"


def test_drift_is_noticed(lock: ModuleType) -> None:
    pins = lock.read_lock(lock.LOCK)
    asked = [Requirement("numpy>=99"), Requirement("left-pad"), Requirement("rich>=13")]
    newer, absent = lock.problems(pins, asked)
    assert newer.startswith("numpy>=99 is asked for, ")
    assert absent == "left-pad is not locked"


def test_compiled_wheels_are_locked_for_every_target(lock: ModuleType) -> None:
    pins = lock.read_lock(lock.LOCK)
    # One wheel a Python and architecture; PyAV and OpenCV use the stable ABI: one an architecture.
    assert {name: len(pins[name].hashes) for name in ("numpy", "msgspec", "onnxruntime")} == {
        "numpy": 4,
        "msgspec": 4,
        "onnxruntime": 4,
    }
    assert {len(pins[name].hashes) for name in ("av", "opencv-python-headless")} == {2}


@pytest.mark.parametrize("line", ["numpy>=2", "numpy==2.4.6", "numpy==2.4.6 --hash=md5:00"])
def test_line_without_version_and_hash_is_refused(
    lock: ModuleType, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "some.lock"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="is no pin with hashes"):
        lock.read_lock(path)
