"""What a camera offers (SDP, RFC 4566), and the part of it that is shown to libav."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

#: Attributes of a track that its decoder needs; everything else is left out.
_KEPT = ("rtpmap:", "fmtp:", "framerate:", "framesize:", "cliprect:", "x-dimensions:")
_MAX_LINES = 512
_MAX_LINE_CHARS = 16 * 1024
_MEDIA = re.compile(r"video\s+\d+(?:/\d+)?\s+(RTP/\S+)\s+(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """One `m=video` of a session."""

    payload_type: int
    control: str  # absolute, or relative to `base`
    lines: tuple[str, ...]  # of its description, for libav

    @property
    def description(self) -> bytes:
        """An SDP of this track alone."""
        own = (f"m=video 0 RTP/AVP {self.payload_type}", *self.lines, "a=control:video")
        head = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 127.0.0.1", "t=0 0")
        return ("\r\n".join((*head, *own)) + "\r\n").encode()


@dataclass(frozen=True, slots=True)
class Description:
    """A session: where it is controlled as a whole, and its pictures."""

    control: str
    tracks: tuple[VideoTrack, ...]


def described(body: bytes) -> Description:
    """Of whatever text a camera sends: what is no SDP has no tracks."""
    text = body.decode("utf-8", "replace")
    lines = [line.strip()[:_MAX_LINE_CHARS] for line in re.split(r"\r\n|\r|\n", text)[:_MAX_LINES]]
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    session = lines[: starts[0]] if starts else lines
    ends = [*starts, len(lines)][1:]
    tracks = (_track(lines[start:end]) for start, end in zip(starts, ends, strict=True))
    control = next(_attributes(session, "control:"), "*")
    return Description(control, tuple(track for track in tracks if track is not None))


def _track(lines: list[str]) -> VideoTrack | None:
    media = _MEDIA.match(lines[0].removeprefix("m="))
    if media is None or int(media[2]) > 127:
        return None
    kept = tuple(
        line
        for line in lines[1:]
        if line.startswith("a=")
        and line[2:].lower().startswith(_KEPT)
        and line.isascii()
        and line.isprintable()
    )
    return VideoTrack(int(media[2]), next(_attributes(lines, "control:"), ""), kept)


def _attributes(lines: list[str], name: str) -> Iterator[str]:
    for line in lines:
        if line.lower().startswith(f"a={name}"):
            yield line[len(name) + 2 :].strip()


def control_uri(base: str, control: str) -> str:
    """RFC 2326, C.1.1: relative ones are appended as cameras and libav do, not by folder."""
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    if control.startswith("/"):
        return urljoin(base, control)
    return f"{base}{control}" if base.endswith("/") else f"{base}/{control}"
