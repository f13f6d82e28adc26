"""The mount table decides how a folder is watched, and tells an empty folder from a lost one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.recorders.find.clip import WatchMethod
from edge_agent.recorders.find.mounts import (
    Mount,
    choose_method,
    declared_mount,
    mount_of,
    mount_table,
    read_mounts,
)
from edge_agent.recorders.find.root import WatchedRoot

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:40 / /srv/nas rw,relatime shared:7 master:2 - cifs //nas/cam\040eras rw,vers=3.0
41 27 0:41 / /srv/nas/cam\040one rw - tmpfs tmpfs rw
42 27 0:42 / /srv/over rw - nfs4 nas:/over rw
43 42 0:43 / /srv/over rw - ext4 /dev/sdb1 rw
44 27 0:44 / /srv/rclone rw - fuse.rclone remote: rw
45 27 0:45 / /srv/fuse rw - fuse thing rw
46 27 0:46 / /srv/b\134ack\011slash rw - 9p hostshare rw
broken line
47 27 0:47 / /srv/auto rw - autofs systemd-1 rw
48 47 0:48 / /srv/auto rw - cifs //nas/auto rw
"""


@pytest.mark.parametrize(
    ("path", "fs_type", "method"),
    [
        ("/srv/local", "ext4", "notify"),
        ("/srv/nas", "cifs", "poll"),
        ("/srv/nas/front", "cifs", "poll"),
        ("/srv/nasty", "ext4", "notify"),
        ("/srv/nas/cam one/x", "tmpfs", "notify"),
        ("/srv/over/x", "ext4", "notify"),  # the later mount covers the earlier
        ("/srv/rclone/x", "fuse.rclone", "poll"),
        ("/srv/fuse/x", "fuse", "poll"),
        ("/srv/b\\ack\tslash/x", "9p", "poll"),
        ("/srv/auto/x", "cifs", "poll"),
    ],
)
def test_method_follows_the_file_system(path: str, fs_type: str, method: str) -> None:
    mounts = mount_table(TABLE)
    mount = mount_of(path, mounts)
    assert mount is not None
    assert mount.fs_type == fs_type
    choice = choose_method(Path(path), "auto", mounts)
    assert choice.method == method
    assert fs_type in choice.reason


def test_method_can_be_overridden_and_the_unknown_is_polled() -> None:
    mounts = mount_table(TABLE)
    assert choose_method(Path("/srv/nas"), "notify", mounts).method is WatchMethod.NOTIFY
    assert choose_method(Path("/srv/local"), "poll", mounts).method is WatchMethod.POLL
    assert choose_method(Path("/srv/local"), "auto", []).method is WatchMethod.POLL


@pytest.mark.parametrize(
    ("path", "honest"),
    [
        ("/srv/local", True),
        ("/srv/nas", True),
        ("/srv/rclone", False),
        ("/srv/b\\ack\tslash", False),
    ],
)
def test_folder_times_are_trusted_only_where_they_are_kept(path: str, honest: bool) -> None:
    assert choose_method(Path(path), "auto", mount_table(TABLE)).folder_times is honest


def test_this_machines_table_is_read() -> None:
    """Where tests run in a chroot, nothing is mounted at its root."""
    found = mount_of("/proc/self", read_mounts())
    assert found is not None
    assert (found.point, found.fs_type) == ("/proc", "proc")


def test_missing_file_and_folder_are_lost(tmp_path: Path) -> None:
    lost = WatchedRoot(tmp_path / "gone", mounts=list).lost()
    assert lost is not None
    assert lost.endswith("gone is not there")
    (tmp_path / "file").touch()
    lost = WatchedRoot(tmp_path / "file", mounts=list).lost()
    assert lost is not None
    assert lost.endswith("is not a folder")
    assert WatchedRoot(tmp_path, mounts=list).lost() is None


def test_unmounted_share_is_lost_though_its_empty_mount_point_is_there(tmp_path: Path) -> None:
    slash, share = Mount("/", "ext4", "/dev/vda"), Mount(str(tmp_path), "cifs", "//nas/x")
    table = [slash, share]
    root = WatchedRoot(tmp_path, mounts=lambda: table, declared=lambda _: None)
    assert root.lost() is None
    table.remove(share)
    lost = root.lost()
    assert lost is not None
    assert "no longer mounted" in lost
    table.append(share)
    assert root.lost() is None


def test_share_that_was_not_mounted_at_boot_is_lost(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(
        "# /dev/x /never ext4\n"
        f"/dev/vda / ext4 defaults 0 1\n//nas/cams {tmp_path}/n\\040as cifs _netdev 0 0\n"
    )
    root_path = tmp_path / "n as" / "front"
    root_path.mkdir(parents=True)
    assert declared_mount(root_path, fstab) == f"{tmp_path}/n as"
    assert declared_mount(tmp_path / "other", fstab) is None
    table = [Mount("/", "ext4", "/dev/vda")]
    root = WatchedRoot(
        root_path, mounts=lambda: table, declared=lambda path: declared_mount(path, fstab)
    )
    lost = root.lost()
    assert lost is not None
    assert f"{tmp_path}/n as, which is not mounted" in lost
    table.append(Mount(f"{tmp_path}/n as", "cifs", "//nas/cams"))
    assert root.lost() is None
