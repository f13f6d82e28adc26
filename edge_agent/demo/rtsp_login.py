"""The server's side of HTTP authentication as cameras do it: Digest (RFC 2617) or Basic."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

REALM = "edge-agent demo camera"

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class LoginVerdict(Enum):
    """What a request's Authorization header is worth."""

    ABSENT = "absent"
    RIGHT = "right"
    WRONG = "wrong"
    STALE = "stale"  # a nonce of another connection: try again with the new one


@dataclass(frozen=True, slots=True)
class ViewerLogin:
    """Who may watch. `scheme`: what the server asks for; cameras of today ask for digest."""

    user: str
    password: str = field(repr=False)
    scheme: Literal["digest", "basic", "both"] = "digest"

    def challenges(self, nonce: str, *, stale: bool = False) -> list[str]:
        """Values of the WWW-Authenticate headers, the stronger scheme first."""
        digest = f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5'
        digest += ", stale=TRUE" if stale else ""
        basic = f'Basic realm="{REALM}"'
        return {"digest": [digest], "basic": [basic], "both": [digest, basic]}[self.scheme]

    def check(self, header: str | None, method: str, nonce: str) -> LoginVerdict:
        """Judge the Authorization header of a request that was made with this nonce."""
        if header is None:
            return LoginVerdict.ABSENT
        scheme, _, rest = header.partition(" ")
        kind = scheme.lower()
        if kind == "basic" and self.scheme != "digest":
            return LoginVerdict.RIGHT if self._is_basic(rest) else LoginVerdict.WRONG
        if kind == "digest" and self.scheme != "basic":
            return self._check_digest(rest, method, nonce)
        return LoginVerdict.WRONG

    def _is_basic(self, token: str) -> bool:
        try:
            given = base64.b64decode(token.strip(), validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(given, f"{self.user}:{self.password}".encode())

    def _check_digest(self, parameters: str, method: str, nonce: str) -> LoginVerdict:
        given = {m[1].lower(): m[2] or m[3] or "" for m in _PARAMETER.finditer(parameters)}
        if given.get("username") != self.user or given.get("realm") != REALM:
            return LoginVerdict.WRONG
        secret = _md5(f"{self.user}:{REALM}:{self.password}")
        request = _md5(f"{method}:{given.get('uri', '')}")
        # The client's own nonce counts: it says whether the client knows the password at all.
        expected = _md5(f"{secret}:{given.get('nonce', '')}:{request}")
        if not hmac.compare_digest(given.get("response", "").lower(), expected):
            return LoginVerdict.WRONG
        return LoginVerdict.RIGHT if given.get("nonce") == nonce else LoginVerdict.STALE


def _md5(text: str) -> str:
    """MD5 is what RFC 2617 and the cameras speak; it protects nothing else here."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
