"""RTSP paths of the brands that households own, so that nobody types one by heart.

From the makers' own documents and from cameras that were seen; `sub` is the small stream that
the agent analyses. `{channel}` counts from 1; of a single camera it is 1.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """How one maker's streams are reached."""

    key: str
    name: str
    sub: str
    main: str
    port: int = 554

    def urls(self, address: str, channel: int = 1) -> tuple[str, str]:
        """(small stream, main stream) of a camera at `address`, which may hold a port."""
        host = address if ":" in address else f"{address}:{self.port}"
        paths = (path.format(channel=channel, zero=channel - 1) for path in (self.sub, self.main))
        sub, main = (f"rtsp://{host}{path}" for path in paths)
        return sub, main


BRANDS = (
    Brand(
        "hikvision",
        "Hikvision, HiLook, Ezviz recorders",
        "/Streaming/Channels/{channel}02",
        "/Streaming/Channels/{channel}01",
    ),
    Brand(
        "dahua",
        "Dahua, KBVision, Imou, Amcrest",
        "/cam/realmonitor?channel={channel}&subtype=1",
        "/cam/realmonitor?channel={channel}&subtype=0",
    ),
    Brand("tapo", "TP-Link Tapo, VIGI", "/stream2", "/stream1"),
    Brand("reolink", "Reolink", "/h264Preview_{channel:02}_sub", "/h264Preview_{channel:02}_main"),
    Brand("uniview", "Uniview", "/unicast/c{channel}/s1/live", "/unicast/c{channel}/s0/live"),
    Brand("ezviz", "Ezviz", "/ch{channel}/sub", "/ch{channel}/main"),
    Brand("yoosee", "Yoosee, V380", "/onvif2", "/onvif1"),
    Brand(
        "xmeye",
        "XMeye and recorders without a name",
        "/user=&password=&channel={channel}&stream=1.sdp",
        "/user=&password=&channel={channel}&stream=0.sdp",
    ),
    Brand("generic", "another brand", "/live/ch{zero}_1", "/live/ch{zero}_0"),
)


def brand_named(key: str) -> Brand | None:
    """By its key, whatever its case."""
    return next((brand for brand in BRANDS if brand.key == key.strip().lower()), None)
