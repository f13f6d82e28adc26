"""What holds for every picture of a camera: how large it may be, and which way is up.

The size is known before anything is decoded. A few hundred kB of H.264 or JPEG can hold a
picture whose buffers take gigabytes, and the kernel would end the whole agent for one camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.config.schema import AnalysisConfig, SourceConfig
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize

_MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class PictureRules:
    """`turned_deg`: clockwise, a multiple of 90, on top of what the stream itself says."""

    max_side_px: int = 8192
    max_area_px: int = 40 * _MEGAPIXEL
    turned_deg: int = 0

    @classmethod
    def of(cls, source: SourceConfig, analysis: AnalysisConfig | None = None) -> PictureRules:
        analysis = analysis or AnalysisConfig()
        max_area_px = round(analysis.max_picture_mpx * _MEGAPIXEL)
        return cls(analysis.max_picture_side_px, max_area_px, source.rotate)

    def complaint(self, size: FrameSize | None) -> str | None:
        """Why a picture of this size is not decoded; None where it is, or it is not known."""
        if size is None:
            return None
        within = max(size.width, size.height) <= self.max_side_px
        if within and size.area_px <= self.max_area_px:
            return None
        return (
            f"has pictures of {size}, more than the {self.max_side_px}x{self.max_side_px} and "
            f"{self.max_area_px / _MEGAPIXEL:g} megapixels that are decoded "
            "(analysis.max_picture_side_px, analysis.max_picture_mpx)"
        )

    def check(self, size: FrameSize | None, source: object) -> None:
        """Raises MediaError that begins with `source`."""
        complaint = self.complaint(size)
        if complaint:
            raise MediaError(f"{source} {complaint}")

    @property
    def codec_options(self) -> Mapping[str, str]:
        """For libav's decoders: a stream may grow, or lie in its container. AVOption max_pixels."""
        return {"max_pixels": str(min(self.max_area_px, self.max_side_px**2))}


#: The defaults of the configuration.
ANY_CAMERA = PictureRules()
