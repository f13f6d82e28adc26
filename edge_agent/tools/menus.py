"""What to set in a camera's own menu, in the words of that menu.

Menus as the makers' manuals show them (Hikvision V5, Dahua web 3.0/4.0, Tapo app, Reolink client,
Uniview web); firmware differs, so each entry names what to look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.sources import ProbeReport

#: With keyframes further apart than this, short visits are missed while the gate is closed.
KEY_INTERVAL_S = 2.0
#: A substream needs no more lines: people are looked for in crops of the main stream.
MOST_LINES = 800
CLOCK_OFF_S = 30.0


@dataclass(frozen=True, slots=True)
class Menu:
    """Where in one maker's menu."""

    keyframes: str
    smart_codec: str
    substream: str
    codec: str
    digest: str
    clock: str


_GENERIC = Menu(
    keyframes='video settings: "I-frame interval" or "GOP", as many as pictures a second',
    smart_codec='video settings: "smart codec", "H.264+", "H.265+" or "AI codec": off',
    substream='video settings, "sub stream": 640x360 or 704x576',
    codec='video settings: "encoding" H.264',
    digest='network or security settings: RTSP authentication "digest"',
    clock='date and time: "NTP", the address of this box or of the router',
)
MENUS: Mapping[str, Menu] = {
    "hikvision": Menu(
        keyframes="Configuration > Video/Audio > Video > Sub-Stream: I Frame Interval = Frame Rate",
        smart_codec="Configuration > Video/Audio > Video: H.264+ / H.265+ off, SVC off",
        substream="Configuration > Video/Audio > Video > Stream Type Sub-Stream: 640*360",
        codec="Configuration > Video/Audio > Video > Video Encoding: H.264",
        digest="Configuration > System > Security > Authentication: RTSP digest, algorithm MD5",
        clock="Configuration > System > System Settings > Time Settings: NTP",
    ),
    "dahua": Menu(
        keyframes="Setup > Camera > Video > Sub Stream: I Frame Interval = Frame Rate (FPS)",
        smart_codec="Setup > Camera > Video: Smart Codec off (AI Codec off)",
        substream="Setup > Camera > Video > Sub Stream: Enable, 640*480 (VGA) or 704*576 (D1)",
        codec="Setup > Camera > Video > Encode Mode: H.264H",
        digest="Setup > System > Safety > RTSP Authentication: Digest (MD5)",
        clock="Setup > System > General > Date & Time: NTP",
    ),
    "tapo": Menu(
        keyframes="the Tapo app offers no such setting; stream2 has a keyframe every 2 to 4 s",
        smart_codec="the Tapo app offers no such setting",
        substream="use stream2 in the address; Tapo app > Camera Settings > Advanced > "
        "Camera Account sets user and password",
        codec="Tapo app > Camera Settings > Video Quality",
        digest="Tapo cameras use digest",
        clock="Tapo app > Camera Settings > Time Zone",
    ),
    "reolink": Menu(
        keyframes="Settings > Display > Stream > Fluent: I-frame Interval 1x",
        smart_codec="Reolink has none",
        substream="Settings > Display > Stream > Fluent: 640*360",
        codec="Settings > Display > Stream: H.264",
        digest="Settings > Network > Advanced > Server Settings: RTSP on",
        clock="Settings > System > Date & Time: NTP",
    ),
    "uniview": Menu(
        keyframes="Setup > Video & Audio > Video > Sub Stream: I Frame Interval = Frame Rate",
        smart_codec="Setup > Video & Audio > Video: Smart Encoding off (U-Code off)",
        substream="Setup > Video & Audio > Video > Sub Stream: 640x360",
        codec="Setup > Video & Audio > Video > Video Compression: H.264",
        digest="Setup > Security > Network Security > Authentication: Digest MD5",
        clock="Setup > Common > Time: NTP",
    ),
}


def menu_of(brand: str) -> Menu:
    return MENUS.get(brand, _GENERIC)


def advice(
    seen: ProbeReport, brand: str, clock_offset_s: float | None = None
) -> Iterator[tuple[str, str]]:
    """(what was measured, where to change it), only for what was measured to be poor."""
    menu, figures = menu_of(brand), seen.figures
    longest_s = figures.longest_key_interval_s or figures.key_interval_s
    if longest_s is not None and longest_s > KEY_INTERVAL_S:
        yield f"a keyframe every {longest_s:.1f} s; 1 s is good", menu.keyframes
        if figures.key_interval_s and longest_s > 2 * figures.key_interval_s:
            yield "keyframes at uneven distances: a smart codec is on", menu.smart_codec
    if min(seen.size.width, seen.size.height) > MOST_LINES:
        yield f"{seen.size}: the main stream; the small one costs a tenth", menu.substream
    if seen.info.codec == "hevc":
        yield "H.265 costs twice as much to decode as H.264", menu.codec
    if clock_offset_s is not None and abs(clock_offset_s) > CLOCK_OFF_S:
        yield f"its clock is {clock_offset_s:+.0f} s off", menu.clock
