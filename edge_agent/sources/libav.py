"""The edge to libav: opening, and its errors in our words. Nothing here prints a secret.

libav's own error texts contain the whole URL, password included. So only their kind is
used, the URL is printed `scrubbed`, and the original error is never chained.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass

import av
import av.error
import av.logging
from av.container import InputContainer

from edge_agent.clock import Clock
from edge_agent.config.words import scrubbed
from edge_agent.errors import (
    AgentError,
    CredentialRefused,
    MediaError,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.sources.allocations import bound_allocations

# libav logs from its own threads, with URLs in the texts: nothing of it may reach a log.
av.logging.set_level(None)
bound_allocations()


class AccessForbidden(CredentialRefused):
    """403: the login is known, but it may not see this stream."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is being opened, for messages: never holds a secret."""

    camera: str
    shown: str  # the URL without its login, or the path
    timeout_s: float | None = None
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.camera}: {self.shown}"


def open_container(
    address: str,
    *,
    target: Target,
    clock: Clock,
    format_name: str | None = None,
    options: Mapping[str, str] | None = None,
    timeouts_s: tuple[float, float] | None = None,
) -> InputContainer:
    """Open for reading; `timeouts_s` are those of opening and of one read.

    Raises the AgentError that says what to do.
    """
    begin_s = clock.mono_s()
    try:
        return av.open(
            address,
            "r",
            format=format_name,
            options=dict(options or {}),
            timeout=timeouts_s,
        )
    except (av.error.FFmpegError, OSError) as error:
        if target.timeout_s is not None and clock.mono_s() - begin_s >= target.timeout_s:
            # libav calls an answer that did not come "invalid data".
            failure: AgentError = no_answer(target)
        else:
            failure = open_failure(error, target)
    # Outside the handler: the libav error, with the password in it, must not be chained.
    raise failure


_UNREACHABLE = {
    errno.ECONNREFUSED: "refused the connection; is the port right, is RTSP switched on?",
    errno.EHOSTUNREACH: "cannot be reached; is it switched on and in this network?",
    errno.ENETUNREACH: "cannot be reached; has this box a network?",
    errno.ECONNRESET: "closed the connection",
    errno.EPIPE: "closed the connection",
    errno.ENODEV: "is gone; is it plugged in?",
    errno.ENXIO: "is gone; is it plugged in?",
    errno.EBUSY: "is used by another program",
    errno.EACCES: "may not be opened by this user; add it to the group `video`",
}


def open_failure(error: Exception, target: Target) -> AgentError:
    """What libav's refusal to open a camera means."""
    if isinstance(error, av.error.HTTPClientError | av.error.HTTPError):
        return _answered_no(error, target)
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return no_answer(target)
    if isinstance(error, av.error.InvalidDataError):
        return SourceUnreachable(f"{target} answers, but not with a stream that can be read")
    reason = _UNREACHABLE.get(_errno(error), f"cannot be opened ({_kind(error)})")
    return SourceUnreachable(f"{target} {reason}")


def connection_failure(error: OSError, target: Target) -> SourceUnreachable:
    """What an error of a socket means."""
    reason = _UNREACHABLE.get(error.errno or 0, f"cannot be reached ({_kind(error)})")
    return SourceUnreachable(f"{target} {reason}")


def no_answer(target: Target) -> SourceUnreachable:
    within = f" within {target.timeout_s:g} s" if target.timeout_s else ""
    return SourceUnreachable(f"{target} gave no answer{within}")


def _answered_no(error: Exception, target: Target) -> AgentError:
    """RTSP has HTTP's status codes."""
    if isinstance(error, av.error.HTTPUnauthorizedError):
        if target.user is None:
            return CredentialRefused(
                f"{target} asks for a login (401); set username and password_file"
            )
        return CredentialRefused(f"{target} refused user {target.user!r} (401)")
    if isinstance(error, av.error.HTTPForbiddenError):
        return AccessForbidden(
            f"{target} does not let {target.user or 'an unnamed user'!r} see this stream (403); "
            "give that user view rights on the camera"
        )
    if isinstance(error, av.error.HTTPNotFoundError):
        return SourceUnreachable(
            f"{target} answers, but has no such stream (404); check the path of the URL"
        )
    return SourceUnreachable(
        f"{target} answers, but will not stream ({_kind(error)}); too many viewers, or a "
        "transport that it does not know"
    )


def file_failure(error: Exception, target: Target) -> MediaError:
    """What libav's refusal to read a file means."""
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return MediaError(f"{target} is no video, or its end is missing (cut off while written?)")
    return MediaError(f"{target} cannot be read ({_kind(error)})")


def read_failure(error: Exception, target: Target, stall_s: float) -> AgentError:
    """What an error in the middle of a live stream means."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return SourceStalled(f"{target} sent nothing for {stall_s:g} s")
    reason = _UNREACHABLE.get(_errno(error), f"broke off ({_kind(error)})")
    return SourceUnreachable(f"{target} {reason}")


def _errno(error: Exception) -> int:
    number = getattr(error, "errno", None)
    return number if isinstance(number, int) else 0


def _kind(error: Exception) -> str:
    """libav's words for the kind of error: without the file name that str(error) would add."""
    return scrubbed(str(getattr(error, "strerror", None) or type(error).__name__))
