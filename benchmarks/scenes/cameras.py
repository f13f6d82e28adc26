"""What lies between a scene and the agent: light, a sensor's noise, an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import U8

I16 = NDArray[np.int16]

Rng = np.random.Generator
Coder = Callable[[U8], U8]


@dataclass(frozen=True, slots=True)
class CameraKind:
    """How a camera shows what is before it."""

    name: str
    noise: float = 1.5  # levels, standard deviation
    night: bool = False  # grey, dim, as under infrared light
    codec: str = ""  # ffmpeg's name of the encoder; empty: none
    options: dict[str, str] = field(default_factory=dict)
    bit_rate: int = 0  # at one picture a second
    sway_frac: float = 0.0  # on a pole in the wind: standard deviation, of the height

    def swayed(self, picture: U8, rng: Rng) -> U8:
        if not self.sway_frac:
            return picture
        height, width = picture.shape[:2]
        across, down = rng.normal(0, self.sway_frac * height, 2)
        shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
        shown = cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(shown, np.uint8)

    def lit(self, picture: U8) -> U8:
        if not self.night:
            return picture
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        away = ((x - width / 2) / (width * 0.6)) ** 2 + ((y - height * 0.6) / (height * 0.7)) ** 2
        lit = (grey * 0.55 + 12) * np.exp(-away)
        return np.repeat(np.clip(lit, 0, 255).astype(np.uint8)[..., None], 3, 2)

    def sensed(self, picture: U8, rng: Rng) -> U8:
        """A sensor's noise: without it a looped clip would repeat itself to the bit."""
        height, width = picture.shape[:2]
        y, x = rng.integers(0, _GRAIN_PX, 2)
        grain = _grain(height, width, self.noise)[y:, x:][:height, :width]
        return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)

    def coder(self, shape: tuple[int, ...]) -> Coder:
        """Encodes and decodes, picture by picture."""
        return _Coder(self, shape) if self.codec else lambda picture: picture


#: A larger field of noise is drawn once, and cut anew for each picture.
_GRAIN_PX = 200


@cache
def _grain(height: int, width: int, deviation: float) -> I16:
    """int16, the same in each channel; pictures are whole levels, so noise is, too."""
    drawn = np.random.default_rng(5).normal(0, deviation, (height + _GRAIN_PX, width + _GRAIN_PX))
    return np.repeat(np.round(drawn).astype(np.int16)[..., None], 3, 2)


class _Coder:
    def __init__(self, kind: CameraKind, shape: tuple[int, ...]) -> None:
        self._encoder = encoder = cast(
            "av.VideoCodecContext", av.CodecContext.create(kind.codec, "w")
        )
        encoder.width, encoder.height = shape[1] // 2 * 2, shape[0] // 2 * 2
        encoder.pix_fmt = "yuvj420p" if kind.codec == "mjpeg" else "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 1), Fraction(1, 1)
        encoder.thread_count = 1
        if kind.bit_rate:
            encoder.bit_rate = kind.bit_rate
        encoder.options = kind.options
        decoded_by = {"libx264": "h264", "libx265": "hevc", "mjpeg": "mjpeg"}[kind.codec]
        self._decoder = cast("av.VideoCodecContext", av.CodecContext.create(decoded_by, "r"))
        self._decoder.thread_count = 1
        self._shown: U8 | None = None
        self._count = 0

    def __call__(self, picture: U8) -> U8:
        size = (self._encoder.width, self._encoder.height)
        cut = np.ascontiguousarray(picture[: size[1], : size[0]])
        frame = av.VideoFrame.from_ndarray(cut, format="bgr24")
        frame = frame.reformat(format=self._encoder.pix_fmt)
        frame.pts = self._count
        self._count += 1
        for packet in self._encoder.encode(frame):
            for shown in self._decoder.decode(av.Packet(bytes(packet))):
                self._shown = np.asarray(shown.to_ndarray(format="bgr24"), np.uint8)
        return cut if self._shown is None else self._shown


_X264 = {"preset": "veryfast", "tune": "zerolatency"}
PLAIN = CameraKind("as it is")
KINDS = (
    PLAIN,
    CameraKind("sways", sway_frac=0.02),
    CameraKind("grey night", noise=5.0, night=True),
    CameraKind("noise 0.5", noise=0.5),
    CameraKind("noise 3", noise=3.0),
    CameraKind("noise 6", noise=6.0),
    CameraKind("noise 10", noise=10.0),
    CameraKind("noise 16", noise=16.0),
    # About 100 kbit/s at 15 pictures a second, of which one in thirty is a keyframe.
    CameraKind("H.264, few bits", codec="libx264", options=_X264, bit_rate=60_000),
    CameraKind("H.264, keyframes", codec="libx264", options=_X264 | {"g": "1", "crf": "30"}),
    CameraKind("H.265", codec="libx265", options={**_X264, "preset": "ultrafast", "crf": "30"}),
    CameraKind("MJPEG", codec="mjpeg", options={"qmin": "8", "qmax": "8"}),
)
