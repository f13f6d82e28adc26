"""One camera from connection to frames: what a source thread runs.

    open -> packets -> ring, meter -> gate -> decoder -> sampler -> deliver(frame)

`run` is the retry loop around `run_once`. A feed shares nothing with other cameras' feeds
but the credential guard, so one that hangs or fails touches nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.clock import Clock
from edge_agent.config.schema import CameraConfig, FileSource, SourceConfig
from edge_agent.domain import CameraId, Frame, Packet
from edge_agent.errors import (
    AgentError,
    CredentialRefused,
    OperatorError,
    RetryableError,
    SourceEnded,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.geometry import Polygon
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.backoff import LONGEST_S, Backoff
from edge_agent.sources.capture_time import (
    CaptureTime,
    FrameSampler,
    LiveCaptureTime,
    RecordedCaptureTime,
)
from edge_agent.sources.credentials import CredentialGuard
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.gate import AlwaysDecode, DecodeMode, Gate, GateDecision
from edge_agent.sources.meter import StreamFigures, StreamMeter
from edge_agent.sources.opening import Opener, open_source
from edge_agent.sources.packets import PacketSource, StreamInfo
from edge_agent.sources.pixels import DecodedPixels
from edge_agent.sources.ring import GopRing
from edge_agent.sources.tap import PacketTap

log = logging.getLogger(__name__)

#: Longer than any GOP in use: a stream that shows no keyframe or picture for so long is broken.
PICTURELESS_S = 30.0

#: A lasting failure is logged when it begins and then this often.
REMIND_S = 600.0


class FeedState(StrEnum):
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALLED = "stalled"  # connected, but nothing comes
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # wrong login: a person must act
    UNUSABLE = "unusable"  # bad file or setting: a person must act
    ENDED = "ended"  # closed by the other side, or a recording's end


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """What a feed needs to know of its camera."""

    camera: CameraId
    source: SourceConfig
    fps: float  # frames a second that are analysed, at most
    privacy_masks: tuple[Polygon, ...] = ()

    @classmethod
    def of(cls, camera: CameraConfig, default_fps: float) -> FeedSettings:
        return cls(
            CameraId(camera.id),
            camera.source,
            default_fps if camera.fps is None else camera.fps,
            tuple(Polygon.of(mask.polygon) for mask in camera.privacy_masks),
        )


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What there is to tell about a feed at one moment."""

    camera: CameraId
    state: FeedState
    reason: str | None  # why it does not stream, for a person; holds no secret
    info: StreamInfo | None  # of the newest connection; None before the first
    figures: StreamFigures
    last_packet_age_s: float | None  # None before the first packet
    decode_mode: DecodeMode
    decoded: int  # frames, since the feed was made; so are the next three
    delivered: int
    decode_errors: int
    connections: int


@dataclass(slots=True)
class _Counts:
    decoded: int = 0
    delivered: int = 0
    decode_errors: int = 0
    connections: int = 0


@dataclass(slots=True)
class _Playing:
    """The parts that live as long as one connection."""

    decoder: Decoder
    gate: Gate
    sampler: FrameSampler
    timeline: CaptureTime
    ring: GopRing = field(default_factory=GopRing)
    first_packet_s: float | None = None
    keyed: bool = False
    blind_since_s: float | None = None  # packets are decoded, but no frame comes out


class CameraFeed:
    """Owned by one source thread; only `status` and `tap` may be used by others."""

    def __init__(
        self,
        settings: FeedSettings,
        *,
        credentials: CredentialGuard,
        clock: Clock,
        opener: Opener = open_source,
        gate: Callable[[StreamInfo], Gate] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.tap = PacketTap()  # where clips take their packets from
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._opener = opener
        self._make_gate = gate or (lambda _info: AlwaysDecode())
        self._backoff = backoff or Backoff()
        recorded = isinstance(settings.source, FileSource) and settings.source.pace == "fast"
        self._timeline: CaptureTime = RecordedCaptureTime() if recorded else LiveCaptureTime()
        self._meter = StreamMeter()
        self._counts = _Counts()
        self._state = FeedState.CONNECTING
        self._reason: str | None = None
        self._info: StreamInfo | None = None
        self._mode = AlwaysDecode().mode
        self._last_packet_s: float | None = None
        self._streamed_s = 0.0  # how long packets flowed in the newest connection
        self._logged: tuple[type[AgentError], float] | None = None

    def run(
        self,
        stop: StopToken,
        deliver: Callable[[Frame], None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Until the stop token is set or a recording ends; `lost` is told of every failure.

        A failure that a person must mend is tried again each minute, without touching the
        network while a login pauses: a corrected password file is noticed by that.
        """
        while not stop.stopped:
            try:
                self.run_once(stop, deliver)
            except RetryableError as error:
                delay_s = self._backoff.delay_s(self._streamed_s)
                self._log_failure(error, delay_s)
            except OperatorError as error:
                delay_s = LONGEST_S
                self._log_failure(error, delay_s)
            else:
                return
            lost()
            stop.wait(delay_s)

    def run_once(self, stop: StopToken, deliver: Callable[[Frame], None]) -> None:
        """One connection, or one file (again and again when it loops).

        Returns when stopped or at a recording's end; every frame went through `deliver`,
        which may block to slow a recording down. Raises an AgentError otherwise.
        """
        source = self._settings.source
        loops = isinstance(source, FileSource) and source.loop
        try:
            self._play(stop, deliver)
            while loops and not stop.stopped:
                self._play(stop, deliver)
        except AgentError as error:
            self._state, self._reason = _state_after(error), str(error)
            raise
        self._state, self._reason = FeedState.ENDED, None

    def status(self) -> FeedStatus:
        """Safe from any thread: each field is read at once."""
        last_s, state, reason = self._last_packet_s, self._state, self._reason
        age_s = None if last_s is None else max(0.0, self._clock.mono_s() - last_s)
        return FeedStatus(
            self._settings.camera,
            state,
            reason,
            self._info,
            self._meter.figures(),
            age_s,
            self._mode,
            self._counts.decoded,
            self._counts.delivered,
            self._counts.decode_errors,
            self._counts.connections,
        )

    def _play(self, stop: StopToken, deliver: Callable[[Frame], None]) -> None:
        self._state, self._reason, self._streamed_s = FeedState.CONNECTING, None, 0.0
        opened = self._opener(
            self._settings.source,
            camera=self._settings.camera,
            credentials=self._credentials,
            stop=stop,
            clock=self._clock,
        )
        with closing(opened) as source:
            playing = self._begin(source)
            for packet in source.packets():
                self._note(packet, playing)
                if self._wanted(packet, playing):
                    self._deliver(playing.decoder.decode(packet), playing, deliver)
                self._check_picture(playing)
            if not stop.stopped:
                self._deliver(playing.decoder.drain(), playing, deliver)

    def _begin(self, source: PacketSource) -> _Playing:
        self._info = source.info
        self._counts.connections += 1
        self._meter.restart()
        self._timeline.restart()
        return _Playing(
            Decoder(source.codec, source.time_base),
            self._make_gate(source.info),
            FrameSampler(self._settings.fps),
            self._timeline,
        )

    def _note(self, packet: Packet, playing: _Playing) -> None:
        """Everything that happens to every packet, decoded or not."""
        now_s = packet.received_s
        if playing.first_packet_s is None:
            playing.first_packet_s = now_s
            self._state = FeedState.STREAMING
            self._log_recovery()
        self._streamed_s = now_s - playing.first_packet_s
        self._last_packet_s = now_s
        self._meter.add(packet)
        playing.ring.add(packet)
        playing.timeline.received(packet)
        self.tap.flows(packet, playing.ring, playing.timeline.offset_s)

    def _wanted(self, packet: Packet, playing: _Playing) -> bool:
        """Is this packet to be decoded?"""
        decision = playing.gate.decide(packet)
        self._mode = playing.gate.mode
        playing.keyed = playing.keyed or packet.is_key
        if decision is GateDecision.SKIP:
            playing.blind_since_s = None
            return False
        if playing.blind_since_s is None:
            playing.blind_since_s = packet.received_s
        # Before the first keyframe a decoder only makes grey pictures and errors.
        return playing.keyed

    def _deliver(
        self, pictures: list[Picture], playing: _Playing, deliver: Callable[[Frame], None]
    ) -> None:
        counts, decoder = self._counts, playing.decoder
        counts.decode_errors += decoder.take_errors()
        counts.decoded += len(pictures)
        for picture in pictures:
            playing.blind_since_s = None
            # Sampled by the moment of capture, which follows the pts but evens out their jumps
            # and does not let a burst after a hiccup through.
            captured_s = playing.timeline.captured_s(picture.pts_s)
            if playing.sampler.due(captured_s):
                pixels = DecodedPixels(
                    picture.unit, self._settings.privacy_masks, picture.orientation
                )
                deliver(Frame(self._settings.camera, captured_s, pixels))
                counts.delivered += 1

    def _check_picture(self, playing: _Playing) -> None:
        """Raises SourceStalled when packets come but nothing can be seen in them."""
        since_s, now_s = playing.blind_since_s, self._last_packet_s
        if since_s is not None and now_s is not None and now_s - since_s > PICTURELESS_S:
            found = "no picture could be decoded" if playing.keyed else "no keyframe came"
            raise SourceStalled(
                f"{self._settings.camera}: packets arrive, but {found} for {PICTURELESS_S:g} s"
            )

    def _log_failure(self, error: AgentError, delay_s: float) -> None:
        now_s = self._clock.mono_s()
        if self._logged and self._logged[0] is type(error) and now_s - self._logged[1] < REMIND_S:
            return
        self._logged = (type(error), now_s)
        log.warning("%s (next look in %.0f s)", error, delay_s)

    def _log_recovery(self) -> None:
        if self._logged:
            self._logged = None
            log.info("%s: streaming again", self._settings.camera)


def _state_after(error: AgentError) -> FeedState:
    states: tuple[tuple[type[AgentError], FeedState], ...] = (
        (CredentialRefused, FeedState.REFUSED),
        (SourceStalled, FeedState.STALLED),
        (SourceEnded, FeedState.ENDED),
        (SourceUnreachable, FeedState.UNREACHABLE),
    )
    return next((state for kind, state in states if isinstance(error, kind)), FeedState.UNUSABLE)
