"""`edge-agent probe --camera ID`: the camera as its file says, login and transport included."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_agent.config import CameraConfig, RtspSource, SourceConfig
from edge_agent.sources.probe import ProbeReport, decoding_of


def streams_of(camera: CameraConfig) -> tuple[SourceConfig, ...]:
    """What the agent opens of it: its stream, and the main stream where one is named."""
    source = camera.source
    if isinstance(source, RtspSource) and source.main_url is not None:
        return source, msgspec.structs.replace(source, url=source.main_url, main_url=None)
    return (source,)


def report_plain(report: ProbeReport) -> dict[str, Any]:
    """For JSON: what the lines say, as numbers. Left out: what is not known."""
    info, figures = report.info, report.figures
    plain = {
        "source": report.shown,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "size": str(report.size),
        "rotated": report.rotated,
        "fps": _rounded(figures.fps),
        "announced_fps": _rounded(info.fps),
        "key_interval_s": _rounded(figures.key_interval_s),
        "longest_key_interval_s": _rounded(figures.longest_key_interval_s),
        "bitrate_bps": None if figures.bitrate_bps is None else round(figures.bitrate_bps),
        "decoding": decoding_of(report),
        "transport": info.transport,
        "b_frames": figures.reordered,
        "connected_s": _rounded(report.connected_s),
        "first_key_s": _rounded(report.first_key_s),
        "watched_s": _rounded(report.watched_s),
        "decode_errors": report.decode_errors,
        "remarks": list(report.remarks),
        "advice": list(report.advice),
    }
    return {key: value for key, value in plain.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
