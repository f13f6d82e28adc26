from __future__ import annotations

import base64
import hashlib

import pytest

from edge_agent.demo.rtsp_login import REALM, LoginVerdict, ViewerLogin

NONCE = "0123456789abcdef"


def digest(password: str, *, user: str = "viewer", nonce: str = NONCE) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    uri = "rtsp://127.0.0.1/cam0"
    secret = md5(f"{user}:{REALM}:{password}")
    response = md5(f"{secret}:{nonce}:{md5(f'PLAY:{uri}')}")
    return (
        f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}"'
    )


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("scheme", "header", "verdict"),
    [
        ("digest", None, LoginVerdict.ABSENT),
        ("digest", digest("secret"), LoginVerdict.RIGHT),
        ("digest", digest("Secret"), LoginVerdict.WRONG),
        ("digest", digest("secret", user="admin"), LoginVerdict.WRONG),
        ("digest", digest("secret", nonce="old"), LoginVerdict.STALE),
        ("digest", digest("wrong", nonce="old"), LoginVerdict.WRONG),
        ("digest", basic("viewer:secret"), LoginVerdict.WRONG),
        ("digest", "Digest", LoginVerdict.WRONG),
        ("basic", basic("viewer:secret"), LoginVerdict.RIGHT),
        ("basic", basic("viewer:wrong"), LoginVerdict.WRONG),
        ("basic", "Basic ?", LoginVerdict.WRONG),
        ("basic", digest("secret"), LoginVerdict.WRONG),
        ("both", basic("viewer:secret"), LoginVerdict.RIGHT),
        ("both", digest("secret"), LoginVerdict.RIGHT),
    ],
)
def test_verdict(scheme: str, header: str | None, verdict: LoginVerdict) -> None:
    login = ViewerLogin("viewer", "secret", scheme)  # type: ignore[arg-type]

    assert login.check(header, "PLAY", NONCE) is verdict


def test_password_does_not_show() -> None:
    assert "secret" not in repr(ViewerLogin("viewer", "secret"))
