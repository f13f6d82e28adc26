"""Why a connection could not be made, in one sentence that says who has to do what."""

from __future__ import annotations

import socket
import ssl

from edge_agent.errors import AgentError, BrokerRefused, BrokerUnreachable

#: CONNACK reason codes of MQTT 5 (section 3.2.2.2) that a person has to act on. paho turns the
#: return codes of 3.1.1 into these. Everything else may heal by itself.
UNSUPPORTED_VERSION = 0x84
_OPERATOR_CODES = {
    0x81: "could not read our CONNECT (malformed packet)",
    0x82: "calls our CONNECT a protocol error",
    UNSUPPORTED_VERSION: "does not speak this version of MQTT",
    0x85: "does not accept the client id {client_id!r}",
    0x86: "refused the user name or the password: check mqtt.username and mqtt.password_file",
    0x87: "does not allow this client to connect (not authorized): check mqtt.username, "
    "mqtt.password_file and the broker's rules",
    0x8A: "has banned this client",
    0x8C: "does not know this authentication method",
    0x8E: "gave this client's place to another one with the client id {client_id!r}: is the card "
    "of this box in use twice?",
    0x90: "does not accept the topic of the will",
    0x95: "finds the packet too large",
    0x9A: "does not support retained messages",
    0x9B: "does not support QoS 1",
    0x9C: "says to use another server",
    0x9D: "says that this server has moved",
}

#: OpenSSL's X509_V_ERR_* (x509_vfy.h), in words.
_CERTIFICATE = {
    7: "the broker's certificate was not signed by the CA in mqtt.tls.ca_file",
    10: "the broker's certificate has expired; renew it, or set this box's clock",
    9: "the broker's certificate is not valid yet; set this box's clock",
    18: "the broker's certificate is self-signed; give its CA as mqtt.tls.ca_file",
    19: "the broker's certificate comes from an unknown CA; give that CA as mqtt.tls.ca_file",
    20: "the broker's certificate comes from an unknown CA; give that CA as mqtt.tls.ca_file",
    62: "the broker's certificate is for another name than {host}; correct mqtt.host",
    64: "the broker's certificate is for another address than {host}; use the name in mqtt.host",
}

#: What the broker's TLS stack complains of, as OpenSSL words it in a reason or a log line.
_ALERTS = {
    "CERTIFICATE_REQUIRED": "asks for a client certificate (mqtt.tls.cert_file)",
    "UNKNOWN_CA": "does not trust the CA of our client certificate",
    "BAD_CERTIFICATE": "does not accept our client certificate",
    "CERTIFICATE_EXPIRED": "says our client certificate has expired",
    "CERTIFICATE_REVOKED": "says our client certificate is revoked",
    "HANDSHAKE_FAILURE": "and we have no TLS version, cipher or certificate in common",
    "PROTOCOL_VERSION": "does not speak TLS 1.2 or newer",
    "UNSUPPORTED_PROTOCOL": "does not speak TLS 1.2 or newer",
}
_PLAINTEXT = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}


class VersionRefused(BrokerRefused):
    """The broker does not know this version of MQTT; an older one may do."""


class NoConnack(BrokerUnreachable):
    """The broker took the connection but did not answer our CONNECT: it hangs, it is going
    down, or it stumbles over a version of MQTT that it does not know."""


def refused_by_code(broker: str, code: int, name: str, client_id: str) -> AgentError:
    """From the reason code of a CONNACK or DISCONNECT."""
    if code == UNSUPPORTED_VERSION:
        return VersionRefused(f"broker {broker} {_OPERATOR_CODES[code]}")
    words = _OPERATOR_CODES.get(code)
    if words is not None:
        return BrokerRefused(f"broker {broker} {words.format(client_id=client_id)}")
    return BrokerUnreachable(f"broker {broker} closed the connection: {name} (0x{code:02X})")


def refused_by_socket(broker: str, host: str, error: OSError, *, tls: bool) -> AgentError:
    """From what connecting, or the TLS handshake, raised."""
    answer: AgentError
    match error:
        case ssl.SSLCertVerificationError():
            words = _CERTIFICATE.get(error.verify_code, error.verify_message)
            answer = BrokerRefused(f"broker {broker}: {words.format(host=host)}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            answer = _not_tls(broker)
        case ssl.SSLError():
            answer = refused_by_tls_text(broker, error.reason or str(error))
        case ConnectionResetError() if tls:
            answer = _not_tls(broker)
        case socket.gaierror():
            answer = BrokerUnreachable(f"broker {broker}: {_unresolved(error)}")
        case ConnectionRefusedError():
            answer = BrokerUnreachable(
                f"broker {broker}: {error.strerror}: nothing listens there, check mqtt.port"
            )
        case TimeoutError():
            answer = BrokerUnreachable(f"broker {broker}: no answer in time")
        case _:
            answer = BrokerUnreachable(f"broker {broker}: {error.strerror or error}")
    return answer


def _unresolved(error: socket.gaierror) -> str:
    if error.errno == socket.EAI_AGAIN:
        return (
            "no name server (DNS) answered: check the network and the DNS of this box, and "
            "mqtt.host in agent.toml"
        )
    return (
        "no name server (DNS) knows this name: check mqtt.host in agent.toml, and the DNS of "
        "this box"
    )


def refused_by_tls_text(broker: str, text: str) -> AgentError:
    """From OpenSSL's words about an alert, which TLS 1.3 may deliver after the handshake."""
    shouted = text.upper().replace(" ", "_")
    if any(word in shouted for word in _PLAINTEXT):
        return _not_tls(broker)
    for alert, words in _ALERTS.items():
        if alert in shouted:
            return BrokerRefused(f"broker {broker} {words}")
    if "EOF" in shouted or "RESET" in shouted:
        # Writing our CONNECT failed before the alert that said why could be read.
        return BrokerRefused(
            f"broker {broker} broke off after the TLS handshake: does it ask for a client "
            "certificate, or not accept ours (mqtt.tls.cert_file)?"
        )
    return BrokerUnreachable(f"broker {broker}: TLS failed: {text}")


def _not_tls(broker: str) -> BrokerRefused:
    return BrokerRefused(
        f"broker {broker} broke off the TLS handshake: is this its plaintext port, or does the "
        "way to it filter TLS?"
    )
