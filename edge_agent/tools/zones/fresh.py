"""A fresh picture of a camera: of the running agent, else of the camera itself, opened once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from edge_agent.agent.main_streams import masks
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, FileSource, FolderSource
from edge_agent.config.schema import SourceConfig
from edge_agent.domain import U8
from edge_agent.errors import MediaError, OperatorError, SourceStalled
from edge_agent.language import _
from edge_agent.runtime import StopToken
from edge_agent.sources import (
    DecodedPixels,
    Decoder,
    PictureRules,
    login_guard,
    open_source,
)
from edge_agent.tools.zones.agent_view import AgentAway, AgentView

#: Long enough for a keyframe of a camera with a GOP of some seconds.
_WATCH_S = 15.0


class FreshPictures:
    """Of one camera; `clip`: of this recording instead, as for a recorder's folder."""

    def __init__(
        self,
        config: Config,
        camera: CameraConfig,
        folders: Sequence[Path],
        clock: Clock,
        clip: Path | None = None,
        stop: StopToken | None = None,
    ) -> None:
        self._config = config
        self._camera = camera
        self._clip = clip
        self._clock = clock
        self._stop = stop or StopToken()
        self._agent = AgentView(folders, camera.id)

    def take(self) -> U8:
        """BGR, uint8 (height, width, 3), privacy masks black.

        Raises OperatorError and the AgentErrors of opening and reading.
        """
        if self._clip is not None:
            return self._of_source(FileSource(path=str(self._clip), pace="fast"))
        if self._camera.enabled and not isinstance(self._camera.source, FolderSource):
            try:
                return decoded(self._agent.picture(self._stop))
            except AgentAway:
                pass  # then nobody else has it open
        if isinstance(self._camera.source, FolderSource):
            text = _("{camera} has no stream, only a recorder's clips: name one with --clip FILE")
            raise OperatorError(text.format(camera=self._camera.id))
        return self._of_source(self._camera.source)

    def _of_source(self, source: SourceConfig) -> U8:
        state_dir = Path(self._config.box.state_dir)
        guard = login_guard(state_dir, self._clock)
        camera, stop = self._camera, self._stop
        rules = PictureRules.of(camera.source, self._config.analysis)
        opened = open_source(
            source,
            camera=camera.id,
            credentials=guard,
            stop=stop,
            clock=self._clock,
            rules=rules,
        )
        begun_s = self._clock.mono_s()
        with closing(opened) as packets:
            decoder, keyed = Decoder(packets.stream, packets.time_base, rules), False
            for packet in packets.packets():
                keyed |= packet.is_key
                pictures = decoder.decode(packet) if keyed else []
                if decoder.complaint:
                    raise MediaError(f"{camera.id}: the source {decoder.complaint}")
                for picture in pictures:
                    if not picture.damaged:
                        pixels = DecodedPixels(picture.unit, masks(camera), picture.orientation)
                        return pixels.bgr()
                if packets.live and self._clock.mono_s() - begun_s > _WATCH_S:
                    break
            for picture in decoder.drain():
                return DecodedPixels(picture.unit, masks(camera), picture.orientation).bgr()
        raise SourceStalled(f"{camera.id}: watched for {_WATCH_S:g} s, but no picture came")


def decoded(jpeg: bytes) -> U8:
    """Raises OperatorError for what is no JPEG."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise OperatorError(_("the agent sent no picture"))
    return np.asarray(picture, np.uint8)
