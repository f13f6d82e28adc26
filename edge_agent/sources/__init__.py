"""Where pictures come from: RTSP, USB and files; packets, GOP ring, decoder, feed."""

from edge_agent.sources.backoff import Backoff
from edge_agent.sources.capture_time import (
    CaptureTime,
    FrameSampler,
    LiveCaptureTime,
    RecordedCaptureTime,
)
from edge_agent.sources.closer_view import CloserView
from edge_agent.sources.credentials import FILE_NAME as REFUSED_LOGINS
from edge_agent.sources.credentials import CredentialGuard, Login
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.feed import CameraFeed
from edge_agent.sources.feed_state import FeedSettings, FeedState, FeedStatus, GateStatus
from edge_agent.sources.gate import DecodeMode, Finding, GateCounters, GatePlan
from edge_agent.sources.login_count import login_guard
from edge_agent.sources.main_stream import MainStream
from edge_agent.sources.meter import StreamFigures, StreamMeter
from edge_agent.sources.moment import picture_at
from edge_agent.sources.opening import Opener, open_source
from edge_agent.sources.packets import PacketSource, StreamInfo
from edge_agent.sources.picture_rules import PictureRules
from edge_agent.sources.pixels import DecodedPixels, Orientation, blackened
from edge_agent.sources.probe import ProbeReport, format_report, probe, probe_source
from edge_agent.sources.ring import GopRing
from edge_agent.sources.tap import PacketDrain, PacketTap, TimedPacket

__all__ = [
    "REFUSED_LOGINS",
    "Backoff",
    "CameraFeed",
    "CaptureTime",
    "CloserView",
    "CredentialGuard",
    "DecodeMode",
    "DecodedPixels",
    "Decoder",
    "FeedSettings",
    "FeedState",
    "FeedStatus",
    "Finding",
    "FrameSampler",
    "GateCounters",
    "GatePlan",
    "GateStatus",
    "GopRing",
    "LiveCaptureTime",
    "Login",
    "MainStream",
    "Opener",
    "Orientation",
    "PacketDrain",
    "PacketSource",
    "PacketTap",
    "Picture",
    "PictureRules",
    "ProbeReport",
    "RecordedCaptureTime",
    "StreamFigures",
    "StreamInfo",
    "StreamMeter",
    "TimedPacket",
    "blackened",
    "format_report",
    "login_guard",
    "open_source",
    "picture_at",
    "probe",
    "probe_source",
]
