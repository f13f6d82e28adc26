"""What a camera says over ONVIF is an answer or a fault of its own, and soon one of both."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from edge_agent.discovery import Account, onvif
from edge_agent.discovery.onvif import OnvifCamera
from edge_agent.errors import AgentError

SOAP = '<e xmlns:tt="http://www.onvif.org/ver10/schema">{}</e>'
UTC = (
    "<UTCDateTime><Time><Hour>{h}</Hour><Minute>1</Minute><Second>1</Second></Time>"
    "<Date><Year>{y}</Year><Month>1</Month><Day>1</Day></Date></UTCDateTime>"
)


@contextlib.contextmanager
def answering(*answers: bytes, gap_s: float = 0.0) -> Iterator[str]:
    """One HTTP answer for each request, in turn; `gap_s` between its bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = list(answers)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while left:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    data = left.pop(0)
                    for at in range(0, len(data), 1 if gap_s else len(data)):
                        connection.sendall(data[at : at + 1] if gap_s else data)
                        time.sleep(gap_s)

    thread = threading.Thread(target=serve, name="hostile-onvif")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/onvif"
    finally:
        left.clear()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listener.close()


def http(body: str, encoding: str = "utf-8") -> bytes:
    data = body.encode(encoding)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data


@pytest.mark.parametrize("year", ["9" * 30, "9" * 5000, "-5", "0", "1", "9999", "x", ""])
def test_a_clock_that_no_calendar_knows_is_no_clock(year: str) -> None:
    with answering(http(SOAP.format(UTC.format(y=year, h=1)))) as url, pytest.raises(AgentError):
        OnvifCamera(url).clock_offset_s()


def test_addresses_that_are_none_are_left_out() -> None:
    capabilities = SOAP.format("<Media><XAddr>http://[::1/media</XAddr></Media>")
    profiles = SOAP.format('<Profiles token="a"><Name>n</Name></Profiles>')
    stream = SOAP.format("<Uri>rtsp://[::1/stream</Uri>")
    information = SOAP.format("<SerialNumber>1</SerialNumber>")
    answers = [http(each) for each in (information, capabilities, profiles, stream)]
    with answering(*answers) as url:
        camera = OnvifCamera(url)
        camera.sign_in(Account("viewer", "right"))
        assert [profile.url for profile in camera.profiles()] == [""]


def test_an_answer_that_trickles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "_ANSWER_S", 0.5)
    trickle = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000
    begin_s = time.monotonic()
    with answering(trickle, gap_s=0.05) as url, pytest.raises(AgentError):
        OnvifCamera(url).clock_offset_s()
    assert time.monotonic() - begin_s < 5.0


def test_a_document_type_is_not_hidden_by_its_encoding() -> None:
    bomb = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "1">]>' + SOAP.format(
        UTC.format(y=2026, h="&b;")
    )
    with answering(http(bomb, "utf-16")) as url, pytest.raises(AgentError, match="document type"):
        OnvifCamera(url).clock_offset_s()
