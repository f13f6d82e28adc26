"""Network cameras and recorder channels over RTSP (RFC 2326), TCP interleaved or UDP."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

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
from edge_agent.sources.packets import OpenedStream, video_stream

#: Enough to see the parameter sets and one picture; more only delays the first frame. The rate
#: is measured later anyway: waiting for libav's own estimate would cost another half a second.
PROBE_OPTIONS = {"analyzeduration": "500000", "probesize": "500000", "fpsprobesize": "0"}

#: libavformat/rtsp.h, `char auth[128]`: a longer login would be cut, and refused.
MAX_LOGIN_BYTES = 127

#: RFC 3986 allows these unescaped in userinfo; escaping less leaves more of the 127 bytes.
_SAFE = "!$&'()*+,;=-._~"


class RtspPackets(OpenedStream):
    """One opened RTSP stream."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        config: RtspSource,
        target: Target,
        stop: StopToken,
        clock: Clock,
    ) -> None:
        super().__init__(container, stream, transport=config.transport, clock=clock)
        self._stall_timeout_s = config.stall_timeout_s
        self._target = target
        self._stop = stop

    def packets(self) -> Iterator[Packet]:
        units = self._container.demux(self._stream)
        while not self._stop.stopped:
            asked_s = self._clock.mono_s()
            try:
                unit = next(units)
            except av.error.FFmpegError as error:
                failure = read_failure(error, self._target, self._stall_timeout_s)
            else:
                # An interrupted read first hands out the frame that libav's parser held back,
                # as if it had just come; only the next read would tell of the timeout.
                late = self._clock.mono_s() - asked_s >= self._stall_timeout_s
                if unit.size > 0 and not late:
                    yield self._stamper.stamp(unit)
                    continue
                failure = self._silent() if late else self._closed()
            # Outside the handler: the libav error, with the password in it, must not be chained.
            raise failure

    def _silent(self) -> AgentError:
        return SourceStalled(f"{self._target} sent nothing for {self._stall_timeout_s:g} s")

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
) -> RtspPackets:
    """Connect, log in and start playing.

    Takes at most `open_timeout_s` to connect and as long again to see the first packets.
    Raises SourceUnreachable, CredentialRefused, ConfigError.
    """
    target = Target(camera, scrubbed(config.url), config.open_timeout_s, config.username)
    login = _login(config)
    options = {
        **PROBE_OPTIONS,
        "rtsp_transport": config.transport,
        "allowed_media_types": "video",  # audio is never even set up
        "timeout": str(round(config.open_timeout_s * 1e6)),  # of one socket operation, in us
    }
    with credentials.attempt(login, camera=camera, stop=stop):
        container = open_container(
            config.url if login is None else with_login(config.url, login.user, login.password),
            target=target,
            clock=clock,
            options=options,
            timeouts_s=(config.open_timeout_s, config.stall_timeout_s),
        )
    stream = video_stream(container)
    if stream is None:
        container.close()
        raise SourceUnreachable(f"{target} answers, but sends no video that can be decoded")
    return RtspPackets(container, stream, config=config, target=target, stop=stop, clock=clock)


def with_login(url: str, user: str, password: str) -> str:
    """The URL that libav needs. Only ever in memory: never log it, never put it in an error."""
    login = f"{quote(user, safe=_SAFE)}:{quote(password, safe=_SAFE)}"
    if len(login) > MAX_LOGIN_BYTES:
        raise ConfigError(
            [
                ConfigProblem(
                    scrubbed(url),
                    "password_file",
                    f"user and password are longer than the {MAX_LOGIN_BYTES} bytes that RTSP "
                    "allows here (special characters count three times)",
                    "set a shorter password on the camera",
                )
            ]
        )
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


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
