"""What a connection that fails is called: once, with the file, the key and who may know."""

from __future__ import annotations

import socket

import pytest

from edge_agent.language import speak
from edge_agent.mqtt.refusal import refused_by_socket
from edge_agent.tools.sentences import of_error


@pytest.mark.parametrize(
    ("code", "words", "vietnamese"),
    [
        (socket.EAI_NONAME, "no name server (DNS) knows this name", "DNS không biết tên này"),
        (socket.EAI_AGAIN, "no name server (DNS) answered", "DNS không trả lời"),
    ],
)
def test_a_name_without_an_address_is_said_once_with_file_and_key(
    code: int, words: str, vietnamese: str
) -> None:
    error = refused_by_socket(
        "ward:8883", "ward", socket.gaierror(code, "Name or service not known"), tls=True
    )
    assert str(error).startswith(f"broker ward:8883: {words}: ")
    assert "mqtt.host in agent.toml" in str(error)
    assert "not known" not in str(error)
    speak("vi")
    try:
        said = of_error(error)
    finally:
        speak("en")
    assert said.startswith(f"máy chủ ward:8883: {vietnamese}: ")
