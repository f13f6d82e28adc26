"""Which file system a folder lies on: whether notifications work there, and whether it is there.

inotify sees what programs of this machine do. Of what other machines write to a shared folder
it hears nothing, without any error, so such folders are polled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.recorders.find.clip import WatchMethod

_MOUNTINFO = Path("/proc/self/mountinfo")
_FSTAB = Path("/etc/fstab")

#: Served by other machines, or by a program that may get its files from anywhere.
_REMOTE = frozenset(
    (
        *("cifs", "smb3", "smbfs", "nfs", "nfs4", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("virtiofs", "vboxsf", "prl_fs", "vmhgfs", "ocfs2", "gfs2", "coda", "autofs", "fuse"),
    )
)

#: Here a folder's own mtime changes, at once, when a file in it comes or goes. Programs behind
#: FUSE, 9p and their like often make it up.
_HONEST_FOLDER_TIMES = frozenset(
    (
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "exfat"),
        *("nfs", "nfs4", "cifs", "smb3"),
    )
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table."""

    point: str
    fs_type: str
    source: str


@dataclass(frozen=True, slots=True)
class WatchChoice:
    """How to watch a folder, and why."""

    method: WatchMethod
    reason: str
    folder_times: bool  # the mtime of a folder tells whether files came or went


def mount_table(text: str) -> list[Mount]:
    """The lines of /proc/self/mountinfo (proc(5)) that can be understood, in their order."""
    mounts = []
    for line in text.splitlines():
        # 36 35 98:0 /root /mount/point rw,noatime shared:1 - ext3 /dev/root rw
        left, separator, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        if separator and len(fields) >= 6 and len(rest) >= 2:
            mounts.append(Mount(_unescaped(fields[4]), rest[0], _unescaped(rest[1])))
    return mounts


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that `path` (absolute, no links) lies on: the longest, and of those the last."""
    best: Mount | None = None
    for mount in mounts:
        if _is_below(path, mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def read_mounts(table: Path = _MOUNTINFO) -> list[Mount]:
    try:
        return mount_table(os.fsdecode(table.read_bytes()))
    except OSError:
        return []


def choose_method(root: Path, wanted: str, mounts: Sequence[Mount]) -> WatchChoice:
    """`wanted` is `auto`, `notify` or `poll`."""
    mount = mount_of(os.path.realpath(root), mounts)
    fs_type = mount.fs_type if mount else "unknown"
    folder_times = fs_type in _HONEST_FOLDER_TIMES
    if wanted != "auto":
        return WatchChoice(
            WatchMethod(wanted), f"as configured; it lies on {fs_type}", folder_times
        )
    if mount is None:
        reason = "its file system is not known"
        return WatchChoice(WatchMethod.POLL, reason, folder_times)
    where = f"{mount.point} is {fs_type}"
    if fs_type in _REMOTE or fs_type.startswith("fuse."):
        reason = f"{where}, where other machines write unnoticed"
        return WatchChoice(WatchMethod.POLL, reason, folder_times)
    return WatchChoice(WatchMethod.NOTIFY, f"{where}, a local file system", folder_times)


def declared_mount(root: Path, fstab: Path = _FSTAB) -> str | None:
    """The mount point of /etc/fstab that `root` should lie on; None: none but the root's."""
    try:
        text = os.fsdecode(fstab.read_bytes())
    except OSError:
        return None
    points = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 3 and not line.lstrip().startswith("#"):
            points.append(_unescaped(fields[1]).rstrip("/"))
    path = os.path.realpath(root)
    below = [point for point in points if point.startswith("/") and _is_below(path, point)]
    return max(below, key=len, default=None)


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _unescaped(text: str) -> str:
    r"""The kernel writes space, tab, newline, backslash and # as \040 and so on."""

    def byte(found: re.Match[str]) -> str:
        return chr(int(found[1], 8))

    return re.sub(r"\\([0-7]{3})", byte, text)
