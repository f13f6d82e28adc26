"""The dates of a broker's certificates, at a box that does not know the time yet.

OpenSSL compares them with the machine's clock, which may say 1970 or the day of the last shutdown.
Until a time server was heard, they are compared with the last time known to be past instead: what
had expired by then is refused. What is not valid yet by then may be valid by now, and is taken.
Name, signature and purpose are checked as always. When the time is known, the dates are judged
again, of the connection that stands, too.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from edge_agent.clock import Clock, is_trusted

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; the module `ssl` has no name for it.
NO_CHECK_TIME = 0x200000
#: X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_NOT_YET_VALID, _EXPIRED = 9, 10


@dataclass(frozen=True, slots=True)
class Validity:
    """Of a whole chain, the broker's certificate to the CA's: UTC seconds."""

    not_before_utc_s: float
    not_after_utc_s: float

    def check(self, at_utc_s: float, *, at_least: bool = False) -> None:
        """Raises ssl.SSLCertVerificationError. `at_least`: it may be any time later."""
        if at_utc_s > self.not_after_utc_s:
            raise _refused(_EXPIRED, "certificate has expired")
        if at_utc_s < self.not_before_utc_s and not at_least:
            raise _refused(_NOT_YET_VALID, "certificate is not yet valid")


class TlsContext(ssl.SSLContext):
    """A client's context (name and certificate checked) that knows what it wrapped last."""

    wrapped: ssl.SSLSocket | None = None
    #: Set by `do_not_trust_the_clock`: it is this late at least.
    earliest_utc_s: float | None = None
    #: Of the last handshake without a trusted clock.
    validity: Validity | None = None

    def do_not_trust_the_clock(self, earliest_utc_s: float) -> None:
        """Judge dates by this instead of the machine's clock."""
        self.earliest_utc_s = earliest_utc_s
        self.verify_flags |= NO_CHECK_TIME
        self.sslsocket_class = _DatedSocket

    def judge_again(self, clock: Clock) -> None:
        """Once, when the time is known after the handshake. Raises
        ssl.SSLCertVerificationError."""
        if self.validity is None:
            return
        reading = clock.read()
        if is_trusted(reading.quality):
            validity, self.validity = self.validity, None
            validity.check(reading.utc_s)

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        self.wrapped = super().wrap_socket(sock, *args, **options)
        return self.wrapped


class _DatedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        context = self.context
        if isinstance(context, TlsContext) and context.earliest_utc_s is not None:
            context.validity = _validity_of(self)
            context.validity.check(context.earliest_utc_s, at_least=True)


def _validity_of(sock: ssl.SSLSocket) -> Validity:
    """Raises ssl.SSLCertVerificationError when the dates cannot be read."""
    try:
        # Public from Python 3.13 on; here since 3.10.
        chain = sock._sslobj.get_verified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
        dates = [certificate.get_info() for certificate in chain]
        begins = [ssl.cert_time_to_seconds(each["notBefore"]) for each in dates]
        ends = [ssl.cert_time_to_seconds(each["notAfter"]) for each in dates]
        return Validity(max(begins), min(ends))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _refused(_EXPIRED, f"the certificate's dates cannot be read: {error}") from error


def _refused(code: int, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, words)
    error.verify_code, error.verify_message = code, words
    return error
