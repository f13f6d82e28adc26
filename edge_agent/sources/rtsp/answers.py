"""What a status that is no 200 means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_agent.config.words import scrubbed
from edge_agent.errors import AgentError, CredentialRefused, SourceUnreachable
from edge_agent.foreign_text import printable
from edge_agent.sources.libav import AccessForbidden, Target
from edge_agent.sources.refusal import CameraRefuses, LoginWithheld
from edge_agent.sources.rtsp.challenge import Challenge

#: For the technician, and for the ward.
_WORDS: Mapping[int, tuple[str, str]] = {
    400: (
        "does not understand the request; check the path of the URL",
        "refused: the camera does not understand the address that it is asked for",
    ),
    404: (
        "has no such stream; check the path of the URL",
        "refused: the camera has no such stream",
    ),
    405: (
        "does not stream at this address; check the path of the URL",
        "refused: the camera has no such stream",
    ),
    453: (
        "has no bandwidth or session left: too many viewers; close others, or restart it",
        "busy: the camera has no room for another viewer",
    ),
    454: (
        "lost the session while it was set up; it is tried again, restart the camera if it stays",
        "refused: the camera forgot the session",
    ),
    461: (
        "does not know this transport; set transport = {other}",
        "refused: the camera does not take the transport that is set",
    ),
    501: (
        "does not know {method}: no camera's RTSP; check address and port",
        "refused: the camera does not know how to stream",
    ),
    503: (
        "is busy or starts up; it is tried again",
        "busy: the camera does not stream at the moment",
    ),
    505: (
        "speaks another version of RTSP; look for newer firmware",
        "refused: the camera speaks another version of RTSP",
    ),
    551: (
        "does not know an option of {method}; look for newer firmware",
        "refused: the camera does not know how to stream",
    ),
}
_OTHER = ("will not stream; look at the camera's own page", "refused: the camera will not stream")


def refusal(status: int, reason: str, method: str, target: Target, transport: str) -> AgentError:
    """Of an answer that is no success, no redirect and no question for a login."""
    number = f"{status} {printable(reason)[:60]}".strip()
    if status == 403:
        return AccessForbidden(
            f"{target} does not let {target.user or 'an unnamed user'!r} see this stream (403); "
            "give that user view rights on the camera"
        )
    words, told = _WORDS.get(status, _OTHER)
    other = '"udp"' if transport == "tcp" else '"tcp"'
    words = words.format(other=other, method=method)
    return CameraRefuses(f"{target} answers, but {words} ({method}: {number})", told)


def no_login(target: Target) -> CredentialRefused:
    return CredentialRefused(f"{target} asks for a login (401); set username and password_file")


def wrong_login(target: Target, challenge: Challenge) -> CredentialRefused:
    hint = ""
    if challenge.scheme == "digest" and not challenge.algorithm.startswith("MD5"):
        hint = f", asked as {challenge}; if it is right, set the camera's RTSP login to MD5 digest"
    return CredentialRefused(f"{target} refused user {target.user!r} (401){hint}")


def never_fresh(target: Target) -> LoginWithheld:
    """The camera says that the password is right."""
    return LoginWithheld(
        f"{target} calls every login too old (stale) at once, and asks for the next one: restart "
        "it, and look at its clock; no wrong password is counted",
        "refused: the camera calls every login too old",
    )


def unanswerable(target: Target, offered: Sequence[Challenge]) -> LoginWithheld:
    """No login was sent."""
    told = "refused: the camera asks for a kind of login that is not answered"
    if any(one.scheme == "basic" for one in offered):
        return LoginWithheld(
            f"{target} asks for a Basic login, which everyone in this network could read: nothing "
            "was sent; set the camera's RTSP login to digest, or allow_basic = true",
            told,
        )
    kinds = ", ".join(printable(str(one)) for one in offered) or "no kind that it names"
    return LoginWithheld(
        f"{target} asks for a login of the kind {kinds}, which is not known here: nothing was "
        "sent; set the camera's RTSP login to MD5 digest",
        told,
    )


def elsewhere(target: Target, location: str) -> CameraRefuses:
    return CameraRefuses(
        f"{target} sends to {printable(scrubbed(location))[:120]!r}, which is not followed; "
        "if it is right, write that address into url",
        "refused: the camera sends to another address",
    )


def unknown_host(target: Target, host: str) -> SourceUnreachable:
    return CameraRefuses(
        f"{target}: the name {host} is not known; use the camera's address, as 192.168.1.64",
        "unreachable: the camera's name is not known in the household's network",
    )
