"""Network cameras and recorder channels over RTSP (RFC 2326), TCP interleaved or UDP.

`opening` is the way in. `talk` logs in and has the camera play (`messages`, `challenge`, `sdp`,
`answers`, `wire`); `relay` hands what comes to libav, and `traffic` looks at it on the way.
"""

from edge_agent.sources.rtsp.opening import RtspPackets, open_rtsp

__all__ = ["RtspPackets", "open_rtsp"]
