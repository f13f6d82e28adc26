"""Pictures for the report: the scene, and somebody at the moments that matter."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from edge_agent.agent.clip_player import PlayedFrame
from edge_agent.domain import F32, U8

#: A page of a few megabytes opens on a phone.
_WIDTH_PX, _QUALITY = 480, 68
_SCENE_PX, _SCENE_QUALITY = 800, 75
#: So many of a clip, each second's best; beyond it every other one goes.
_MOST = 400
_EVERY_S = 0.5
#: Cells of the heat map.
HEAT = (48, 27)


@dataclass(slots=True)
class ClipScenes:
    """Of one clip. `heat`: float32 (rows, columns), pictures in which each cell moved."""

    scene: bytes = b""
    heat: F32 = field(default_factory=lambda: np.zeros((HEAT[1], HEAT[0]), np.float32))
    pictures: list[tuple[float, bytes]] = field(default_factory=list)

    def near(self, at_s: float) -> bytes | None:
        """The picture of about that moment."""
        if not self.pictures:
            return None
        return min(self.pictures, key=lambda each: abs(each[0] - at_s))[1]


class Scenes:
    """Collects while clips are played, one after the other."""

    def __init__(self) -> None:
        self.clips: list[ClipScenes] = []
        self._every_s, self._last_s = _EVERY_S, float("-inf")

    def begin(self) -> None:
        """A clip begins."""
        self.clips.append(ClipScenes())
        self._every_s, self._last_s = _EVERY_S, float("-inf")

    def see(self, step: PlayedFrame) -> None:
        """While the pixels are valid."""
        clip, analysis, at_s = self.clips[-1], step.analysis, step.frame.captured_s
        if not clip.scene:
            clip.scene = _jpeg(step.frame.pixels.bgr(), _SCENE_PX, _SCENE_QUALITY)
        columns, rows = HEAT
        for region in analysis.motion.regions:
            box = region.bbox.clipped()
            x1, y1 = int(box.x * columns), int(box.y * rows)
            x2, y2 = min(columns, int(box.x2 * columns) + 1), min(rows, int(box.y2 * rows) + 1)
            clip.heat[y1:y2, x1:x2] += 1
        if (analysis.detections or analysis.tracks) and at_s - self._last_s >= self._every_s:
            self._last_s = at_s
            clip.pictures.append((at_s, _jpeg(step.frame.pixels.bgr(), _WIDTH_PX, _QUALITY)))
            if len(clip.pictures) > _MOST:
                clip.pictures = clip.pictures[::2]
                self._every_s *= 2


def _jpeg(bgr: U8, width_px: int, quality: int) -> bytes:
    height, width = bgr.shape[:2]
    if width > width_px:
        size = (width_px, round(height * width_px / width))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()
