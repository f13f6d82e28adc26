"""How a camera asks who we are, and what we answer (RFC 7616 Digest, RFC 7617 Basic)."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.sources.credentials import Login

#: Without a way back (`++`): thousands of spaces would be tried in every division.
_SCHEME = re.compile(r"\s*+(?:,\s*+)?([A-Za-z][\w-]*+)(?:\s++|$)(?![=\s])")
_PARAMETER = re.compile(r'\s*+(?:,\s*+)?([\w-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))')

#: Every camera can MD5 right; with SHA-256 some offer it and then refuse the answer.
_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate; `scheme` in lower case, names of parameters, too."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def algorithm(self) -> str:
        return self.parameters.get("algorithm", "MD5").upper()

    @property
    def stale(self) -> bool:
        """The answer was right, but too old."""
        return self.parameters.get("stale", "").lower() == "true"

    def __str__(self) -> str:
        return f"Digest {self.algorithm}" if self.scheme == "digest" else self.scheme.capitalize()


def challenges(headers: Sequence[str]) -> list[Challenge]:
    """Of all WWW-Authenticate headers; one header may hold several."""
    found = []
    for header in headers:
        at = 0
        while scheme := _SCHEME.match(header, at):
            at = scheme.end()
            parameters = {}
            while parameter := _PARAMETER.match(header, at):
                quoted, plain = parameter[2], parameter[3]
                value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[parameter[1].lower()] = value
                at = parameter.end()
            found.append(Challenge(scheme[1].lower(), parameters))
    return found


def chosen(offered: Sequence[Challenge], *, basic: bool) -> Challenge | None:
    """The one to answer; None where none may be. `basic`: the password may be sent as it is."""
    digests = [one for one in offered if one.scheme == "digest"]
    for name in _HASHES:
        for one in digests:
            if one.algorithm.removesuffix("-SESS") == name and _has_qop(one):
                return one
    return next((one for one in offered if one.scheme == "basic" and basic), None)


def _has_qop(challenge: Challenge) -> bool:
    """`auth` is the only protection that we answer; without `qop` there is none to choose."""
    qop = challenge.parameters.get("qop")
    return qop is None or "auth" in re.split(r"[\s,]+", qop)


class Answering:
    """Makes the Authorization headers of one connection."""

    def __init__(self, challenge: Challenge, login: Login) -> None:
        self.challenge = challenge
        self._login = login
        self._count = 0

    def header(self, method: str, uri: str) -> str:
        """For one request."""
        user, password = self._login.user, self._login.password
        if self.challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self._digest(method, uri)

    def _digest(self, method: str, uri: str) -> str:
        asked = self.challenge.parameters
        algorithm = self.challenge.algorithm
        digest = _HASHES[algorithm.removesuffix("-SESS")]

        def hashed(text: str) -> str:
            return digest(text.encode())

        realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
        client = os.urandom(8).hex()
        secret = hashed(f"{self._login.user}:{realm}:{self._login.password}")
        if algorithm.endswith("-SESS"):
            secret = hashed(f"{secret}:{nonce}:{client}")
        request = hashed(f"{method}:{uri}")
        fields = {"username": self._login.user, "realm": realm, "nonce": nonce, "uri": uri}
        bare = {}
        if "qop" in asked:
            self._count += 1
            count = f"{self._count:08x}"
            fields["response"] = hashed(f"{secret}:{nonce}:{count}:{client}:auth:{request}")
            fields["cnonce"] = client
            bare = {"qop": "auth", "nc": count}
        else:
            fields["response"] = hashed(f"{secret}:{nonce}:{request}")
        if "opaque" in asked:
            fields["opaque"] = asked["opaque"]
        if "algorithm" in asked:
            bare["algorithm"] = asked["algorithm"]
        quoted = [f'{name}="{_escaped(value)}"' for name, value in fields.items()]
        return "Digest " + ", ".join(
            [*quoted, *(f"{name}={value}" for name, value in bare.items())]
        )


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
