"""Run under `unshare --user --map-root-user --mount`: limits and mounts that are really there.

    python folder_in_namespace.py limits|mounts FOLDER

Prints what the watcher did, a JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import clips
from watched_folder import Watched


def limits(folder: Path) -> dict[str, object]:
    """Fewer watches than folders, then no instance at all."""
    root = folder / "root"
    for index in range(60):
        (root / f"yard/{index}").mkdir(parents=True)
    Path("/proc/sys/user/max_inotify_watches").write_text("30")
    few = Watched(root, method="notify")
    few.pass_time(3)
    clips.render(root / "yard/55/a.mp4", clips.Clip(frames=3))
    few.pass_time(12)
    few.watcher.close()
    Path("/proc/sys/user/max_inotify_instances").write_text("0")
    none = Watched(root, method="notify")
    none.pass_time(12)
    none.watcher.close()
    return {
        "few": [few.watcher.status().limited, few.names],
        "none": [none.watcher.status().limited, none.names],
    }


def mounts(folder: Path) -> dict[str, object]:
    """A share that is mounted, goes, and comes back with more in it."""
    root, outside = folder / "share", folder / "a.mp4"
    root.mkdir()
    clips.render(outside, clips.Clip(frames=3))
    lost = []

    def mount(*names: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], check=True)
        (root / "yard").mkdir()
        for name in names:
            (root / "yard" / name).write_bytes(outside.read_bytes())
        os.sync()

    mount("a.mp4")
    box = Watched(root)
    box.pass_time(12)
    method = box.watcher.status().method
    for again in (("a.mp4", "b.mp4"), ("c.mp4",)):
        box.watcher.close()  # a watched folder is not busy, but let go anyway
        subprocess.run(["umount", root], check=True)
        box.pass_time(12)
        lost.append(box.watcher.status().lost)
        mount(*again)
        box.pass_time(20)
        lost.append(box.watcher.status().lost)
    box.watcher.close()
    return {"method": method, "lost": lost, "names": box.names, "refused": len(box.refused)}


if __name__ == "__main__":
    print(json.dumps({"limits": limits, "mounts": mounts}[sys.argv[1]](Path(sys.argv[2]))))
