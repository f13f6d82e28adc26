"""All recorder folders of an agent: their watchers, the ingest thread, and how they stand.

folder-<camera>, one for each tree   FolderWatcher: finds clips, opens them, analyses nothing
ingest                               Ingest: one clip at a time, for all cameras
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import Seat, SeatCounters
from edge_agent.clock import Clock
from edge_agent.config import AnalysisConfig, CameraConfig, Config, FolderSource
from edge_agent.domain import CameraId
from edge_agent.errors import ConfigError
from edge_agent.pipeline.stages import Detector
from edge_agent.recorders.find import (
    FolderWatcher,
    FoundClip,
    Refused,
    Stray,
    template_problem,
)
from edge_agent.recorders.find.clip import Found, RefusedClip
from edge_agent.recorders.find.root import WatchedRoot
from edge_agent.recorders.ingest.clip_analysis import ClipAnalysis
from edge_agent.recorders.ingest.clip_untold import KeepMinutes
from edge_agent.recorders.ingest.clip_work import IngestCamera
from edge_agent.recorders.ingest.found import ledger_clip, left_out, strays_left_out
from edge_agent.recorders.ingest.ingest import Ingest
from edge_agent.recorders.ingest.notes import LedgerKnown, LedgerNotes
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.recorders.ledger import LedgerReader
from edge_agent.runtime import Attempts, StopToken
from edge_agent.sources import PictureRules
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.view_file import ViewFile
from edge_agent.writer.writer import Writer

log = logging.getLogger(__name__)

_LOOKED_AFTER_S = 5.0

#: The name of the ingest thread.
INGEST = "ingest"

_NEVER = StopToken()

Body = Callable[[StopToken], None]


@dataclass(frozen=True, slots=True)
class FolderCamera:
    """A camera whose clips lie in a folder."""

    config: CameraConfig
    source: FolderSource
    counters: SeatCounters


@dataclass(frozen=True, slots=True)
class FolderParts:
    """What recorder folders share with the rest of the agent."""

    exchange: FrameExchange
    detector: Detector
    drafter: EventDrafter
    writer: Writer
    open_reader: Callable[[], LedgerReader]
    clock: Clock
    attempts: Attempts = field(default_factory=Attempts)
    state_dir: Path | None = None  # where what is learned of views is kept
    keep_untold: KeepMinutes | None = None
    complete: bool = False  # a batch: nobody writes there, and nothing is left out for its age


def folder_cameras(config: Config) -> dict[CameraId, FolderCamera]:
    return {
        CameraId(camera.id): FolderCamera(camera, camera.source, SeatCounters())
        for camera in config.cameras
        if camera.enabled and isinstance(camera.source, FolderSource)
    }


class Tree:
    """One watched tree, which may hold the clips of several cameras."""

    def __init__(
        self,
        cameras: Mapping[CameraId, FolderCamera],
        zone: ZoneInfo,
        notes: LedgerNotes,
        parts: FolderParts,
        analysis: AnalysisConfig,
    ) -> None:
        """Raises ConfigError for a template that is none."""
        self.cameras = tuple(cameras)
        self._notes = notes
        self._parts = parts
        self.path = Path(next(iter(cameras.values())).source.path)
        source = next(iter(cameras.values())).source
        self._made_s = parts.clock.mono_s()
        problem = template_problem(self.cameras[0], source.template)
        if problem is not None:
            raise ConfigError([problem])
        self.watcher = FolderWatcher(
            Path(source.path),
            source.template,
            dict(_channels(cameras)),
            ZoneInfo(source.time_zone) if source.time_zone else zone,
            LedgerKnown(notes, parts.open_reader, any_age=parts.complete),
            parts.clock,
            method=source.watch,
            max_age_s=None if parts.complete else source.max_age_days * 86400,
            complete=parts.complete,
            rules=PictureRules.of(source, analysis),
            attempts=parts.attempts,
            tell_strays=self._strays_found,
        )
        self._strays: tuple[Stray, ...] | None = None  # as they were noted last

    def _strays_found(self, strays: Sequence[Stray]) -> None:
        """Called by the watcher after each full scan."""
        if self._strays == tuple(strays):
            return
        self._strays = tuple(strays)
        for note in strays_left_out(self.path, strays, self._parts.clock.read().utc_s):
            self._notes.note(note, _NEVER)

    @property
    def thread(self) -> str:
        """The name of the watcher's thread."""
        return f"folder-{self.cameras[0]}"

    @property
    def lost(self) -> bool:
        """As the watcher saw it last."""
        return self.watcher.status().lost is not None

    def awaited(self, camera: CameraId) -> list[float]:
        """When that camera's clips were recorded that are on their way into the ledger."""
        found = self.watcher.awaited()  # first: what leaves the watcher is in the notes
        noted = self._notes.awaited(camera)
        return [*noted, *(recorded_s for name, recorded_s in found if name == camera)]

    @property
    def looked(self) -> bool:
        """The watcher has had the time to see whether the folder is there."""
        return self._parts.clock.mono_s() > self._made_s + _LOOKED_AFTER_S

    # --- the thread ---

    def run(self, stop: StopToken) -> None:
        self.watcher.run(stop, *self._takers(stop))

    def run_once(self, stop: StopToken) -> None:
        """Until everything that lies there was handed over, or the folder is not there."""
        takers = self._takers(stop)
        try:
            delay_s = self.watcher.step(*takers)
            while not self.watcher.idle and not self.lost and not stop.wait(delay_s):
                delay_s = self.watcher.step(*takers)
        finally:
            self.watcher.close()

    def _takers(self, stop: StopToken) -> tuple[Found, RefusedClip]:
        def found(clip: FoundClip) -> None:
            self._notes.note(ledger_clip(clip, self._parts.clock.read().utc_s), stop)

        def refused(file: Refused) -> None:
            self._notes.note(left_out(file, self._parts.clock.read().utc_s), stop)

        return found, refused


class IngestFolder:
    """Implements `clip_work.Watched`, for the ingest thread."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.path = tree.path
        self._root = WatchedRoot(tree.path)

    @property
    def lost(self) -> bool:
        # The watcher looks every few seconds; a share that goes in between must not make its
        # clips "gone".
        return self._tree.lost or self._root.lost() is not None

    @property
    def scanned(self) -> bool:
        return self._tree.watcher.status().scans > 0

    def awaited(self, camera: CameraId) -> list[float]:
        return self._tree.awaited(camera)


class WatchedFolders:
    """Built by the main thread, which also calls `poll`."""

    def __init__(
        self,
        config: Config,
        parts: FolderParts,
        enter: Callable[[Seat], None],
    ) -> None:
        self._parts = parts
        self._cameras = cameras = folder_cameras(config)
        self.notes = LedgerNotes(parts.writer, self._committed)
        self.trees = tuple(
            _trees(cameras, ZoneInfo(config.box.timezone), self.notes, parts, config.analysis)
        )
        self.ingest = Ingest(
            {
                name: IngestCamera(
                    cameras[name].config,
                    cameras[name].source.next_clip_s,
                    cameras[name].source.max_age_days * 86400,
                    ClipAnalysis(
                        cameras[name].config,
                        parts.exchange,
                        enter,
                        default_fps=config.analysis.fps,
                        analysis=config.analysis,
                        zone=ZoneInfo(config.box.timezone),
                        counters=cameras[name].counters,
                        pace=Pace(config.ingest.cpu_frac),
                        clock=parts.clock,
                    ),
                    folder,
                    ViewFile(parts.state_dir, name) if parts.state_dir else None,
                    parts.keep_untold,
                )
                for tree, folder in [(tree, IngestFolder(tree)) for tree in self.trees]
                for name in tree.cameras
            },
            parts.detector,
            parts.drafter,
            parts.writer,
            open_reader=parts.open_reader,
            clock=parts.clock,
            attempts=parts.attempts,
        )
        for name in cameras:
            parts.exchange.add(name, recorded=True)

    def counters(self, camera: CameraId) -> SeatCounters:
        return self._cameras[camera].counters

    def bodies(self) -> Iterator[tuple[str, Body]]:
        """The threads to start, by name; none where no camera has a folder."""
        if not self.trees:
            return
        for tree in self.trees:
            yield tree.thread, tree.run
        yield INGEST, self.ingest.run

    def take_over(self, before: WatchedFolders) -> None:
        """Count on where those ended."""
        for name, camera in self._cameras.items():
            if name in before._cameras:
                camera.counters.add(before.counters(name))

    def poll(self) -> None:
        self.notes.retry()

    def _committed(self) -> None:
        self.ingest.wake()


def _trees(
    cameras: Mapping[CameraId, FolderCamera],
    zone: ZoneInfo,
    notes: LedgerNotes,
    parts: FolderParts,
    analysis: AnalysisConfig,
) -> Iterator[Tree]:
    """Cameras of one path share a watcher; the configuration was checked to agree on the rest."""
    by_path: dict[str, dict[CameraId, FolderCamera]] = {}
    for name, camera in cameras.items():
        by_path.setdefault(camera.source.path, {})[name] = camera
    for together in by_path.values():
        yield Tree(together, zone, notes, parts, analysis)


def _channels(cameras: Mapping[CameraId, FolderCamera]) -> Iterator[tuple[str, CameraId]]:
    """Which camera each channel of a tree is; "" is what a template without channel reads."""
    for name, camera in cameras.items():
        yield camera.source.channel or name, name
        if len(cameras) == 1 and camera.source.channel is None:
            yield "", name
