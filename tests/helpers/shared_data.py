"""Where tests find real footage and third-party detectors, which are never part of the project.

Set EDGE_AGENT_SHARED, or keep a folder `shared` beside the checkout. Without it, tests that
need it skip and say so.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[2]


def shared_dir() -> Path | None:
    candidates = [Path(os.environ.get("EDGE_AGENT_SHARED", "")), _CHECKOUT.parent / "shared"]
    return next((path for path in candidates if path.name and path.is_dir()), None)


def _find(folder: str, name: str) -> Path | None:
    base = shared_dir()
    path = base / folder / name if base else None
    return path if path and path.is_file() else None


def footage(name: str) -> Path | None:
    return _find("footage", name)


def model(name: str) -> Path | None:
    return _find("models", name)


def require_footage(name: str) -> Path:
    path = footage(name)
    if path is None:
        pytest.skip(f"footage {name} is not here (set EDGE_AGENT_SHARED)")
    return path


def require_model(name: str) -> Path:
    path = model(name)
    if path is None:
        pytest.skip(f"model {name} is not here (set EDGE_AGENT_SHARED)")
    return path
