"""Fixtures for every test: nobody leaks threads."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

#: tests/helpers/broker.py: the `mosquitto` fixtures.
pytest_plugins = ("broker",)


#: Tests read English, whatever their machine's language is.
os.environ["LC_ALL"] = "C.UTF-8"
#: A shell's background job begins without Ctrl-C, and so would all that the tests start.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_login_count(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Wrong logins of one test do not pause another's; none is counted in a developer's home."""
    home = tmp_path_factory.getbasetemp() / "homes" / uuid.uuid4().hex
    os.environ["XDG_STATE_HOME"] = str(home)  # the folder is made when a command counts
    os.environ["STATE_DIRECTORY"] = str(home / "none")  # not that of an agent of this machine
    yield
    del os.environ["XDG_STATE_HOME"], os.environ["STATE_DIRECTORY"]


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
