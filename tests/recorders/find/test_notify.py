"""The kernel's own limits and mounts, in a namespace where they can be set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HELPERS = Path(__file__).parents[2] / "helpers"
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def in_namespace(what: str, folder: Path) -> Any:
    if subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no user namespaces")
    command = [*UNSHARE, sys.executable, str(HELPERS / "folder_in_namespace.py"), what, str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{HELPERS}:{HELPERS.parents[1]}"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_reached_limits_name_the_setting_and_the_folder_is_polled(tmp_path: Path) -> None:
    found = in_namespace("limits", tmp_path)
    limited, names = found["few"]
    assert "watches only 30 of 62 folders; raise fs.inotify.max_user_watches (now " in limited
    assert names == ["a.mp4"]
    limited, names = found["none"]
    assert "no more inotify instances; raise fs.inotify.max_user_instances (now " in limited
    assert names == ["a.mp4"]


def test_unmounted_share_is_lost_and_found_with_what_came_meanwhile(tmp_path: Path) -> None:
    found = in_namespace("mounts", tmp_path)
    gone, back, gone_again, back_again = found["lost"]
    assert "no longer mounted" in gone
    assert "no longer mounted" in gone_again
    assert back is back_again is None
    assert sorted(set(found["names"])) == ["a.mp4", "b.mp4", "c.mp4"]
    assert found["refused"] == 0
