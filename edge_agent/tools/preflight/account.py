"""Another user of this machine, and what they may read and write."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READ, WRITE = "read", "write"


@dataclass(frozen=True, slots=True)
class ServiceUser:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()

    @classmethod
    def ours(cls) -> ServiceUser:
        uid = os.geteuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return cls(name, uid, os.getegid(), tuple(os.getgroups()))

    @classmethod
    def named(cls, name: str, group: str = "", groups: Sequence[str] = ()) -> ServiceUser | None:
        """None when this machine has no such user."""
        try:
            entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
            gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
        except (KeyError, OverflowError):
            return None
        more = [
            each.gr_gid
            for each in grp.getgrall()
            if each.gr_name in groups or entry.pw_name in each.gr_mem
        ]
        return cls(entry.pw_name, entry.pw_uid, gid, tuple({gid, *more}))


def trouble_of(account: ServiceUser, wishes: Mapping[str, str]) -> Mapping[str, int]:
    """For each path (-> `read` or `write`) the errno that the account would meet, 0 when none.

    What cannot be found out by this user is left out.
    """
    if account.is_us:
        return {path: _try(path, wish) for path, wish in wishes.items()}
    if os.geteuid() == 0:
        return _tried_as(account, wishes)
    return {
        path: code
        for path, wish in wishes.items()
        if (code := _by_mode(account, path, wish)) is not None
    }


def blocking_part(account: ServiceUser, path: Path) -> Path:
    """The file itself, or the first folder on the way that the account may not enter."""
    for folder in reversed(path.parents):
        try:
            if not _may(account, folder.stat(), stat.S_IXOTH):
                return folder
        except OSError:
            return path
    return path


def _try(path: str, wish: str) -> int:
    try:
        if wish == WRITE:
            effective = os.access in os.supports_effective_ids
            if not Path(path).is_dir():
                return errno.ENOTDIR if Path(path).exists() else errno.ENOENT
            if not os.access(path, os.W_OK | os.X_OK, effective_ids=effective):
                return errno.EROFS if _is_read_only(path) else errno.EACCES
        elif Path(path).is_dir():
            os.scandir(path).close()
        else:
            # A pipe would wait for somebody who writes.
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _tried_as(account: ServiceUser, wishes: Mapping[str, str]) -> Mapping[str, int]:
    """As root: a child becomes the account and tries. Only it knows of ACLs and mounts."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        code = 1
        try:
            os.close(read_end)
            os.setgroups(list(account.groups))
            os.setgid(account.gid)
            os.setuid(account.uid)
            answer = {path: _try(path, wish) for path, wish in wishes.items()}
            with os.fdopen(write_end, "w") as pipe:
                json.dump(answer, pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer = json.loads(text) if text else {}
    return {str(path): int(code) for path, code in answer.items()}


def _by_mode(account: ServiceUser, path: str, wish: str) -> int | None:
    """As an ordinary user: from owner and mode. None: we cannot see it."""
    try:
        status = Path(path).stat()
    except PermissionError:
        return None
    except OSError as error:
        return error.errno
    for folder in Path(path).absolute().parents:
        if not _may(account, folder.stat(), stat.S_IXOTH):
            return errno.EACCES
    bit = stat.S_IROTH if wish == READ else stat.S_IWOTH
    return 0 if _may(account, status, bit) else errno.EACCES


def _may(account: ServiceUser, status: os.stat_result, bit: int) -> bool:
    """`bit` is one of S_IROTH, S_IWOTH, S_IXOTH."""
    if account.uid == 0:
        return True
    if status.st_uid == account.uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid in (account.gid, *account.groups):
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)
