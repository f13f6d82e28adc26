"""Uploads under temporary names: what they will be, so that later clips wait for them."""

from __future__ import annotations

import os

from edge_agent.domain import CameraId
from edge_agent.recorders.find.intake import ClipIntake
from edge_agent.recorders.find.scan import SeenFile
from edge_agent.recorders.find.template import final_name

#: A file under such a name that was not written to for so long was given up by its uploader.
RESTED_S = 60.0
#: A recorder uploads a few at once.
MOST = 64


class Unfinished:
    """One owner; `awaited` may be called from any thread."""

    def __init__(self, intake: ClipIntake) -> None:
        self._intake = intake
        self._found: dict[str, tuple[CameraId, float]] = {}

    def add(self, path: str, size_bytes: int, mtime_ns: int, now_utc_s: float) -> None:
        """A file that is still being written, as a scan or a notification shows it."""
        name = final_name(path)
        if name is None or now_utc_s - mtime_ns / 1e9 > RESTED_S or len(self._found) >= MOST:
            return
        claim = self._intake.claim(name)
        if claim is not None:
            seen = SeenFile(mtime_ns, name, size_bytes)
            self._found[path] = claim.camera, self._intake.recorded_s(claim, seen)

    def tidy(self, now_utc_s: float) -> None:
        """Forgets what was renamed, deleted or given up."""
        for path in list(self._found):
            try:
                rested_s = now_utc_s - os.lstat(path).st_mtime
            except OSError:
                rested_s = RESTED_S + 1
            if rested_s > RESTED_S:
                self._found = {key: one for key, one in self._found.items() if key != path}

    def awaited(self) -> list[tuple[CameraId, float]]:
        """Whose, and about when each was recorded."""
        return list(self._found.values())
