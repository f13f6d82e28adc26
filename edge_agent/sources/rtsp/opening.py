"""From a camera's address to its packets."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.config.schema import RtspSource
from edge_agent.config.secrets import read_secret
from edge_agent.config.words import scrubbed
from edge_agent.domain import Packet
from edge_agent.errors import (
    AgentError,
    ConfigError,
    ConfigProblem,
    SourceEnded,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.credentials import CredentialGuard, Login
from edge_agent.sources.libav import Target, open_container, read_failure
from edge_agent.sources.packets import OpenedStream, refuse_large, video_stream
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.refusal import StreamConfused
from edge_agent.sources.rtsp.relay import Relay
from edge_agent.sources.rtsp.talk import Talk

#: Enough to see the parameter sets and one picture; more only delays the first frame. The rate
#: is measured later anyway: waiting for libav's own estimate would cost another half a second.
PROBE_OPTIONS = {"analyzeduration": "500000", "probesize": "500000", "fpsprobesize": "0"}
#: UDP packets overtake each other; libav's own number where it receives them itself.
_REORDER = {"reorder_queue_size": "500", "max_delay": "500000"}


class RtspPackets(OpenedStream):
    """One opened RTSP stream."""

    def __init__(  # noqa: PLR0913 - the parts of one stream, each by its name
        self,
        container: InputContainer,
        stream: VideoStream,
        relay: Relay,
        *,
        config: RtspSource,
        tracks: int,
        target: Target,
        stop: StopToken,
        clock: Clock,
    ) -> None:
        super().__init__(
            container, stream, transport=config.transport, clock=clock, follows_clock=True
        )
        self._relay = relay
        self._stall_timeout_s = config.stall_timeout_s
        self._track, self._tracks = config.video_track, tracks
        self._target = target
        self._stop = stop

    @property
    def lost_packets(self) -> int:
        """Of the network, that never came."""
        return self._relay.traffic.lost

    @property
    def sender_ahead_s(self) -> float | None:
        return self._relay.sender.ahead_s

    @property
    def remarks(self) -> tuple[str, ...]:
        tracks = ""
        if self._tracks > 1:
            tracks = (
                f"{self._tracks} video tracks are offered; number {self._track} is taken "
                "(video_track)"
            )
        own = (tracks, self._relay.traffic.remark, *super().remarks)
        return tuple(text for text in own if text)

    def packets(self) -> Iterator[Packet]:
        units = self._container.demux(self._stream)
        lost = 0
        while not self._stop.stopped:
            asked_s = self._clock.mono_s()
            try:
                unit = next(units)
            except av.error.FFmpegError as error:
                failure = self._stalled() or read_failure(
                    error, self._target, self._stall_timeout_s
                )
            else:
                # An interrupted read first hands out the frame that libav's parser held back,
                # as if it had just come; only the next read would tell of the timeout.
                late = self._clock.mono_s() - asked_s >= self._stall_timeout_s
                if unit.size > 0 and not late:
                    before, lost = lost, self.lost_packets
                    yield self._stamper.stamp(unit, after_loss=lost > before)
                    continue
                failure = self._silent() if late else self._closed()
            # Outside the handler: the libav error must not be chained.
            raise self._relay.failure or failure

    def close(self) -> None:
        self._relay.close()
        super().close()

    def _silent(self) -> AgentError:
        silent = SourceStalled(f"{self._target} sent nothing for {self._stall_timeout_s:g} s")
        return self._stalled() or silent

    def _stalled(self) -> AgentError | None:
        """What came instead of what was agreed; None when nothing did."""
        remark = self._relay.traffic.remark
        if not remark:
            return None
        return StreamConfused(
            f"{self._target} sends no picture: {remark}",
            "confused: packets come, but not those that were agreed with the camera",
        )

    def _closed(self) -> AgentError:
        # libav takes a closed connection for the stream's end (PyAV's empty flush packet).
        return SourceEnded(f"{self._target} closed the stream")


def open_rtsp(
    config: RtspSource,
    *,
    camera: str,
    credentials: CredentialGuard,
    stop: StopToken,
    clock: Clock,
    rules: PictureRules = ANY_CAMERA,
) -> RtspPackets:
    """Connect, log in and start playing.

    Takes at most `open_timeout_s` to connect and as long again to see the first packets.
    Raises SourceUnreachable, CredentialRefused, ConfigError, MediaError (pictures too large).
    """
    target = Target(camera, scrubbed(config.url), config.open_timeout_s, config.username)
    login = _login(config)
    talk = Talk(config, login, target=target, stop=stop, clock=clock)
    with credentials.attempt(login, camera=camera, stop=stop):
        talk.play()
    relay = Relay(talk, target, clock)
    try:
        container, stream = _opened(relay, config, target, clock, rules)
    except BaseException:
        relay.close()
        raise
    return RtspPackets(
        container,
        stream,
        relay,
        config=config,
        tracks=talk.offered_tracks,
        target=target,
        stop=stop,
        clock=clock,
    )


def _opened(
    relay: Relay, config: RtspSource, target: Target, clock: Clock, rules: PictureRules
) -> tuple[InputContainer, VideoStream]:
    options = {
        **PROBE_OPTIONS,
        **rules.codec_options,
        **(_REORDER if config.transport == "udp" else {}),
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",  # audio is never even set up
        "timeout": str(round(config.open_timeout_s * 1e6)),  # of one socket operation, in us
    }
    try:
        container = open_container(
            relay.url,
            target=target,
            clock=clock,
            options=options,
            timeouts_s=(config.open_timeout_s, config.stall_timeout_s),
        )
    except AgentError as error:
        remark = relay.traffic.remark
        if remark and relay.failure is None:
            raise StreamConfused(
                f"{target} sends no picture: {remark}",
                "confused: packets come, but not those that were agreed with the camera",
            ) from None
        raise relay.failure or error from None
    stream = video_stream(container)
    if stream is None:
        container.close()
        raise SourceUnreachable(f"{target} answers, but sends no video that can be decoded")
    refuse_large(container, stream, rules, target)
    return container, stream


def _login(config: RtspSource) -> Login | None:
    if "@" in config.url:  # anywhere: a password may hold a slash
        raise ConfigError(
            [
                ConfigProblem(
                    scrubbed(config.url),
                    "source.url",
                    "holds a user or password",
                    "write them as username and password_file",
                )
            ]
        )
    if config.username is None:
        return None
    password = read_secret(config.password_file) if config.password_file else ""
    host = urlsplit(config.url).hostname or ""
    return Login(host.lower(), config.username, password)
