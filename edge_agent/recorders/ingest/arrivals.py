"""What is on its way into the ledger, so that clips are analysed in the order of time.

The rule is in docs/recorders.md, "From clips to events".

After a start, or where several clips arrive at once, the newest is found first. Analysed at once,
it would begin a run in the middle of a visit; and a run would be taken for over although its next
clip is about to be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_agent.clock import Clock
from edge_agent.domain import CameraId
from edge_agent.recorders.ingest.clip_work import IngestCamera
from edge_agent.recorders.ledger import LedgerClip, RunHead

#: A clip waits for earlier ones that are being found, but not longer: their upload may drag on.
EARLIER_WAIT_S = 20.0
#: A clip that has just come waits so long for the first scan, which takes less unless tens of
#: thousands of files are there.
_SCAN_WAIT_S = 3.0
#: Longer than a clip: one that is on its way and began earlier does not reach this one.
_EARLIER_S = 3600.0
#: Of what has no time in its name the mtime is known: its end, where the next one begins.
_NAMED_S = 1.0


class Arrivals:
    """For the ingest thread. `look` comes before the ledger is read: what is found in neither
    was not there yet."""

    def __init__(self, cameras: Mapping[CameraId, IngestCamera], clock: Clock) -> None:
        self._cameras = cameras
        self._clock = clock
        self._began_s = clock.read().utc_s
        self._scanned: Mapping[CameraId, bool] = {}
        self._recorded_s: Mapping[CameraId, Sequence[float]] = {}

    def look(self) -> None:
        # First whether: what a scan saw is awaited before it counts as scanned.
        self._scanned = {name: camera.folder.scanned for name, camera in self._cameras.items()}
        self._recorded_s = {
            name: camera.folder.awaited(name) for name, camera in self._cameras.items()
        }

    def none(self) -> None:
        """Instead of `look`, where all that there will ever be is in the ledger."""
        self._scanned = dict.fromkeys(self._cameras, True)
        self._recorded_s = {}

    def before(self, clip: LedgerClip) -> bool:
        """Whether one is about to come that this one may continue."""
        # While the agent was down nothing was found: what waited then, waits anew.
        age_s = self._clock.read().utc_s - max(clip.found_s, self._began_s)
        if age_s > EARLIER_WAIT_S:
            return False
        if not self.scanned(clip.camera):
            return clip.found_s < self._began_s or age_s < _SCAN_WAIT_S
        return self._any(clip.camera, clip.start_s - _EARLIER_S, clip.start_s + _NAMED_S)

    def scanned(self, camera: CameraId) -> bool:
        """Whether what lay in its folder at the start was awaited or in the ledger."""
        return self._scanned.get(camera, False)

    def after(self, head: RunHead) -> bool:
        """Whether one is about to come that may continue this run."""
        longest_s = self._cameras[head.camera].next_clip_s
        return self._any(head.camera, head.end_s - longest_s, head.end_s + longest_s)

    def _any(self, camera: CameraId, since_s: float, until_s: float) -> bool:
        return any(since_s <= one <= until_s for one in self._recorded_s.get(camera, ()))
