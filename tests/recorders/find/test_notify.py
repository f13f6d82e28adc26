"""The kernel's own limits and mounts, in a namespace where they can be set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify import InotifyObserver

from edge_agent.recorders.find.notify import Notifier

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


def test_watchers_never_take_each_others_threads_or_watches(tmp_path: Path) -> None:
    """Several start at once, beside a thread of another part that soon ends."""
    roots = [tmp_path / str(number) for number in range(4)]
    for number, root in enumerate(roots):
        (root / "yard").mkdir(parents=True)
        for index in range(number):
            (root / f"yard/{index}").mkdir()
    notifiers = [Notifier(root) for root in roots]
    together = threading.Barrier(len(roots) + 1)
    ends = threading.Event()

    def start(notifier: Notifier) -> None:
        together.wait(10)
        notifier.start()

    threads = [threading.Thread(target=start, args=(one,)) for one in notifiers]
    other = threading.Thread(target=lambda: (together.wait(10), ends.wait(10)))
    for thread in (*threads, other):
        thread.start()
    for thread in threads:
        thread.join()
    ends.set()
    other.join()
    assert all(one.healthy() for one in notifiers)
    inodes = [{folder.stat().st_ino for folder in (r, *r.rglob("*"))} for r in roots]
    counts = [one.watched_folders(inodes[n]) for n, one in enumerate(notifiers)]
    assert counts in ([2, 3, 4, 5], [None] * 4)
    roots[0].rename(tmp_path / "away")
    assert [one.healthy() for one in notifiers] == [False, True, True, True]
    notifiers[1].close()
    assert [one.healthy() for one in notifiers] == [False, False, True, True]
    (roots[2] / "yard/a.mp4").write_bytes(b"x")
    deadline = threading.Event()
    for _ in range(200):
        if any(path.endswith("a.mp4") for path in notifiers[2].take()[0]):
            break
        deadline.wait(0.05)
    else:
        raise AssertionError("the others' end has made this one deaf")
    for notifier in notifiers:
        notifier.close()
    assert not any(isinstance(thread, InotifyObserver) for thread in threading.enumerate())
