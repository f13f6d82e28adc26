"""Fixtures for every test: nobody leaks threads."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

#: tests/helpers/broker.py: the `mosquitto` fixtures.
pytest_plugins = ("broker",)


#: Tests read English, whatever their machine's language is.
os.environ["LC_ALL"] = "C.UTF-8"
#: A shell's background job begins without Ctrl-C, and so would all that the tests start.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _own_home(base: Path) -> Iterator[None]:
    """Wrong logins of one test do not pause another's; none is counted in a developer's home."""
    home = base / "homes" / uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home))  # the folder is made when a command counts
        patch.setenv("STATE_DIRECTORY", str(home / "none"))  # not that of an agent of this machine
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: with several workers none of them is begun at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="module")
def login_count_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what a module's tests share: it is made before each test has its own."""
    with _own_home(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(autouse=True)
def own_login_count(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with _own_home(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """A test that leaves a thread behind fails: a stop token was not honoured."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2.0
    while True:
        leaked = [t for t in threading.enumerate() if t not in before and t.is_alive()]
        if not leaked or time.monotonic() > deadline:
            break
        leaked[0].join(0.05)
    assert not leaked, f"threads left behind: {[t.name for t in leaked]}"
