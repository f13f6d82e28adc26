"""A pytest plugin: only the tests that the file CHOSEN_TESTS names, one a line, in its order. Names
may hold what a command line would not take for one test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    by_name = {item.nodeid: item for item in items}
    names = Path(os.environ["CHOSEN_TESTS"]).read_text().splitlines()
    items[:] = [by_name[name] for name in names if name in by_name]
