"""Is the watched folder there? A share that went away must not look like an empty folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.recorders.find.clip import shown_path
from edge_agent.recorders.find.mounts import Mount, declared_mount, mount_of, read_mounts


class WatchedRoot:
    """Knows on which mount the folder was first seen. One owner."""

    def __init__(
        self,
        root: Path,
        *,
        mounts: Callable[[], Sequence[Mount]] = read_mounts,
        declared: Callable[[Path], str | None] = declared_mount,
    ) -> None:
        self._root = root
        self._mounts = mounts
        self._declared = declared
        self._seen_on: Mount | None = None

    def lost(self) -> str | None:
        """Why the folder cannot be seen; None: it is there."""
        shown = shown_path(self._root)
        try:
            found = self._root.stat()  # which also mounts what is mounted on demand
        except FileNotFoundError:
            return f"{shown} is not there"
        except OSError as error:
            return f"{shown} cannot be reached ({error.strerror})"
        if not stat.S_ISDIR(found.st_mode):
            return f"{shown} is not a folder"
        return self._mount_lost(shown)

    def _mount_lost(self, shown: str) -> str | None:
        mounts = self._mounts()
        if not mounts:
            return None  # no mount table: what can be read counts
        path = os.path.realpath(self._root)
        mount = mount_of(path, mounts)
        if self._seen_on is None:
            point = self._declared(self._root)
            if point and all(m.point.rstrip("/") != point for m in mounts):
                return f"{shown} lies on {shown_path(Path(point))}, which is not mounted"
            self._seen_on = mount
        if mount is None or len(mount.point) < len(self._seen_on.point if self._seen_on else ""):
            point = self._seen_on.point if self._seen_on else "/"
            return f"{shown} lies on {shown_path(Path(point))}, which is no longer mounted"
        self._seen_on = mount
        return None
