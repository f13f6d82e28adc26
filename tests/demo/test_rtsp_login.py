from __future__ import annotations

import base64
import hashlib

import pytest

from edge_agent.demo.rtsp_login import REALM, Login, Verdict

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
        ("digest", None, Verdict.ABSENT),
        ("digest", digest("secret"), Verdict.RIGHT),
        ("digest", digest("Secret"), Verdict.WRONG),
        ("digest", digest("secret", user="admin"), Verdict.WRONG),
        ("digest", digest("secret", nonce="old"), Verdict.STALE),
        ("digest", digest("wrong", nonce="old"), Verdict.WRONG),
        ("digest", basic("viewer:secret"), Verdict.WRONG),
        ("digest", "Digest", Verdict.WRONG),
        ("basic", basic("viewer:secret"), Verdict.RIGHT),
        ("basic", basic("viewer:wrong"), Verdict.WRONG),
        ("basic", "Basic ?", Verdict.WRONG),
        ("basic", digest("secret"), Verdict.WRONG),
        ("both", basic("viewer:secret"), Verdict.RIGHT),
        ("both", digest("secret"), Verdict.RIGHT),
    ],
)
def test_verdict(scheme: str, header: str | None, verdict: Verdict) -> None:
    login = Login("viewer", "secret", scheme)  # type: ignore[arg-type]

    assert login.check(header, "PLAY", NONCE) is verdict


def test_password_does_not_show() -> None:
    assert "secret" not in repr(Login("viewer", "secret"))
