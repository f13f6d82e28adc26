"""Which cameras' main streams are received, and what for: clips, snapshots, closer looks."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.agent.clips import keeps_clips
from edge_agent.agent.closer_look import CloserLook
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, RtspSource, SourceConfig
from edge_agent.domain import CameraId
from edge_agent.geometry import Polygon
from edge_agent.sources import CredentialGuard, MainStream, PictureRules, open_source


def main_stream(
    config: Config,
    camera: CameraConfig,
    credentials: CredentialGuard,
    clock: Clock,
    *,
    detects: bool,
    where: Callable[[SourceConfig], SourceConfig] = lambda source: source,
) -> MainStream | None:
    """None where the camera has none, or nothing uses it. `where`: a camera that moved.

    Without a detector (`detects`) a closer look would find nobody either.
    """
    source = camera.source
    if not isinstance(source, RtspSource) or source.main_url is None:
        return None
    clips = keeps_clips(config, camera)
    if not (clips or config.snapshots.enabled or _looks_closer(source, detects=detects)):
        return None
    return MainStream(
        CameraId(camera.id),
        source,
        credentials=credentials,
        clock=clock,
        clips=clips,
        opener=lambda wanted, **how: open_source(where(wanted), **how),
        rules=PictureRules.of(source, config.analysis),
    )


def closer_look(
    camera: CameraConfig, main: MainStream | None, *, detects: bool
) -> CloserLook | None:
    """None where the substream must do."""
    source = camera.source
    if main is None or not isinstance(source, RtspSource):
        return None
    return CloserLook(main.view, masks(camera)) if _looks_closer(source, detects=detects) else None


def masks(camera: CameraConfig) -> tuple[Polygon, ...]:
    return tuple(Polygon.of(mask.polygon) for mask in camera.privacy_masks)


def _looks_closer(source: RtspSource, *, detects: bool) -> bool:
    return detects and source.closer_look == "auto"
