"""Which cameras' main streams are received, and what for: clips, snapshots, closer looks."""

from __future__ import annotations

from edge_agent.agent.clips import keeps_clips
from edge_agent.agent.closer_look import CloserLook
from edge_agent.agent.main_pictures import MainCamera
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, RtspSource
from edge_agent.domain import CameraId
from edge_agent.geometry import Polygon
from edge_agent.sources import CredentialGuard, MainStream, PictureRules


class MainCameras:
    """The main streams of the cameras that have one and use it."""

    def __init__(
        self, config: Config, credentials: CredentialGuard, clock: Clock, *, detects: bool
    ) -> None:
        """Without a detector (`detects`) a closer look would find nobody either."""
        self._detects = detects
        self.streams: dict[CameraId, MainStream] = {}
        for camera in config.cameras:
            source = camera.source
            if not camera.enabled or not isinstance(source, RtspSource) or source.main_url is None:
                continue
            clips = keeps_clips(config, camera)
            if clips or config.snapshots.enabled or self._looks_closer(source):
                name = CameraId(camera.id)
                self.streams[name] = MainStream(
                    name,
                    source,
                    credentials=credentials,
                    clock=clock,
                    clips=clips,
                    rules=PictureRules.of(source, config.analysis),
                )
        self._cameras = {CameraId(camera.id): camera for camera in config.cameras}

    def for_pictures(self) -> dict[CameraId, MainCamera]:
        """Where snapshots come from."""
        return {
            name: MainCamera(main, _masks(self._cameras[name]))
            for name, main in self.streams.items()
        }

    def closer_look(self, camera: CameraConfig) -> CloserLook | None:
        """None where the substream must do."""
        main = self.streams.get(CameraId(camera.id))
        source = camera.source
        if main is None or not isinstance(source, RtspSource) or not self._looks_closer(source):
            return None
        return CloserLook(main.view, _masks(camera))

    def _looks_closer(self, source: RtspSource) -> bool:
        return self._detects and source.closer_look == "auto"


def _masks(camera: CameraConfig) -> tuple[Polygon, ...]:
    return tuple(Polygon.of(mask.polygon) for mask in camera.privacy_masks)
