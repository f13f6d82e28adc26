"""All cameras of a box, by name, and what an edit of the configuration does to each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from edge_agent.agent.camera import Camera, Shared
from edge_agent.agent.kept_profiles import askable
from edge_agent.analysis.recordings import RecordedTime
from edge_agent.config import CameraConfig, Config, FolderSource
from edge_agent.config.plan import CameraStep
from edge_agent.contract import RecordedTimeline
from edge_agent.domain import CameraId
from edge_agent.outbox import Outbox
from edge_agent.recorders.ingest.folders import Folders
from edge_agent.writer.view_file import accept_view


class Cameras:
    """Belongs to the main thread."""

    def __init__(
        self,
        shared: Shared,
        folders: Folders,
        in_writer: Callable[[Callable[[Outbox], None]], None],
    ) -> None:
        """`in_writer` has something done by the outbox's only writer."""
        self.live: dict[CameraId, Camera] = {}  # those that send their pictures now
        self.folders = folders
        self._shared = shared
        self._in_writer = in_writer
        self._recordings: dict[CameraId, RecordedTime] = {}
        for camera in _live(shared.config):
            self._make(camera)

    @property
    def count(self) -> int:
        return len(self.live) + len(self.folders.names)

    def recorded_time(self, name: CameraId) -> RecordedTimeline | None:
        """Of a file that is played, also after it was removed; None for what is live. May be
        asked by any thread."""
        recording = self._recordings.get(name)
        return recording.timeline() if recording else None

    def start(self) -> None:
        for part in self._parts():
            part.start()

    def poll(self) -> None:
        """Tell the ward how each stands, when that changed."""
        for part in self._parts():
            part.poll()

    def halt(self, timeout_s: float) -> None:
        """End all threads; what is open is the analysis' to end."""
        clock, parts = self._shared.clock, list(self._parts())
        for part in parts:
            part.halt()
        deadline_s = clock.mono_s() + timeout_s
        for part in parts:
            part.halted(max(0.0, deadline_s - clock.mono_s()))

    def say_stopped(self) -> None:
        for part in self._parts():
            part.say_stopped()

    def forget(self, names: Iterable[str]) -> None:
        """They are gone: the broker need not keep their status any more."""
        for name in names:
            self._shared.set_status(self._shared.topics.camera_status(name), b"")

    def accept_view(self, name: str) -> bool:
        """Learn its view anew; False: no such camera is watched. From any thread.

        Raises StorageError.
        """
        config = self._shared.config
        known = any(each.id == name and each.enabled for each in config.cameras)
        if known:
            accept_view(Path(config.box.state_dir), name)
        return known

    def forget_nuisances(self, name: str) -> bool:
        """Tell of all places again; False: no such camera sends its pictures. From any thread."""
        camera = self.live.get(CameraId(name))
        if camera is not None:
            camera.forget_nuisances()
        return camera is not None

    def can_ask(self, name: str) -> tuple[str, ...] | None:
        """The profiles that may be asked for; None: no such camera sends its pictures. From any
        thread."""
        camera = self.live.get(CameraId(name))
        return askable(camera.config) if camera is not None else None

    def apply(self, before: Config, steps: Mapping[str, CameraStep]) -> None:
        """From `before` to the configuration that is shared now."""
        self._end(steps)
        self._change_folders(before, steps)
        self._begin(steps)
        self.forget(name for name, step in steps.items() if step is CameraStep.REMOVE)

    def _end(self, steps: Mapping[str, CameraStep]) -> None:
        ending = [
            self.live.pop(CameraId(name))
            for name, step in steps.items()
            if step in (CameraStep.REMOVE, CameraStep.RESTART) and name in self.live
        ]
        for camera in ending:
            camera.halt()
        for camera in ending:
            camera.stop()

    def _change_folders(self, before: Config, steps: Mapping[str, CameraStep]) -> None:
        shared, now = self._shared, _in_folders(self._shared.config)
        others = {name for name, step in steps.items() if step is not CameraStep.SWAP}
        if others & (now | _in_folders(before)):
            self.folders.begin_anew(shared.config)
            self._in_writer(self.folders.end_left_over)
        swapped = {
            CameraId(camera.id): camera
            for camera in shared.config.cameras
            if camera.id in now and steps.get(camera.id) is CameraStep.SWAP
        }
        if swapped:
            self.folders.apply(swapped, shared.config.analysis.fps, shared.detector)

    def _begin(self, steps: Mapping[str, CameraStep]) -> None:
        for config in _live(self._shared.config):
            step = steps.get(config.id)
            if step is CameraStep.SWAP:
                self.live[CameraId(config.id)].apply(config)
            elif step in (CameraStep.ADD, CameraStep.RESTART):
                self._make(config).start()

    def _make(self, config: CameraConfig) -> Camera:
        camera = self.live[CameraId(config.id)] = Camera(config, self._shared)
        if camera.recording is not None:
            self._recordings[camera.name] = camera.recording
        else:
            self._recordings.pop(camera.name, None)
        return camera

    def _parts(self) -> Iterator[Camera | Folders]:
        yield from self.live.values()
        yield self.folders


def _live(config: Config) -> Iterator[CameraConfig]:
    for camera in config.cameras:
        if camera.enabled and not isinstance(camera.source, FolderSource):
            yield camera


def _in_folders(config: Config) -> set[str]:
    folders = (camera for camera in config.cameras if isinstance(camera.source, FolderSource))
    return {camera.id for camera in folders if camera.enabled}
