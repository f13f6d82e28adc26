"""A recorder's folder on a server that really goes away and comes back: sshfs to an sshd here.

CIFS and NFS go the same way through the mount table; they need modules of the kernel that
containers and most build machines lack.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import flash
import pytest
import sshd
from sshd import SharedFolder
from watched_folder import Watched

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing() or "all is here"),
]


@pytest.fixture
def share(tmp_path: Path) -> Iterator[SharedFolder]:
    made = SharedFolder(tmp_path)
    made.serve()
    made.mount()
    yield made
    made.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.clip(tmp_path_factory.mktemp("clip") / "clip.avi")


def put(share: SharedFolder, clip: Path, name: str) -> None:
    (share.server / "yard").mkdir(exist_ok=True)
    shutil.copy(clip, share.server / "yard" / name)


@pytest.mark.parametrize("unmounted", [False, True])
def test_share_that_vanishes_is_lost_and_goes_on_where_it_was(
    share: SharedFolder, clip: Path, unmounted: bool
) -> None:
    put(share, clip, "first.avi")
    box = Watched(share.mounted, method="auto")
    box.pass_time(60)
    assert box.names == ["first.avi"]
    assert box.watcher.status().method == "poll", "the kernel hears nothing of a server's files"
    share.vanish()
    if unmounted:
        share.unmount()
    put(share, clip, "while-away.avi")
    box.pass_time(60)
    lost = box.watcher.status().lost
    assert lost is not None
    assert str(share.mounted) in lost
    assert box.names == ["first.avi"]
    assert box.refused == [], "its files are not bad, they are out of reach"
    share.serve()
    share.unmount()
    share.mount()
    put(share, clip, "after.avi")
    box.pass_time(60)
    assert box.watcher.status().lost is None
    assert sorted(box.names) == ["after.avi", "first.avi", "while-away.avi"]
