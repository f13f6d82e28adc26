"""Who may see and change what over the page's port: everything else on this machine may not."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flash
import pytest
from config_files import AGENT, write

from edge_agent.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.tools.zones.desk import Desk, DrawingPlace
from edge_agent.tools.zones.server import MOST_BODY_BYTES, PageServer

ZONE = """
# in front of the door
[[zones]]
name = "door"
polygon = [[0, 0], [1, 0], [1, 1]]
dwell_s = 2
"""


@dataclass
class Page:
    server: PageServer
    folder: Path
    cookie: str = ""

    @property
    def path(self) -> str:
        """With the code."""
        return self.server.url.partition(str(self.server.port))[2]

    @property
    def file(self) -> Path:
        return self.folder / "cameras.d" / "yard.toml"

    def ask(
        self, path: str, body: object = None, *, host: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPResponse, bytes]:
        name = host or f"127.0.0.1:{self.server.port}"
        sent = {"Host": name, "Cookie": self.cookie}
        if body is not None:
            sent |= {"Content-Type": "application/json", "Origin": f"http://{name}"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            data = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, data, sent)
            answer = connection.getresponse()
            return answer.status, answer, answer.read()
        finally:
            connection.close()

    def open(self) -> None:
        status, answer, _ = self.ask(self.path)
        assert status == 200
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/state")[2])
        return found

    def draft(self, **more: object) -> dict[str, Any]:
        return {**self.state()["draft"], **more}


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    clip = flash.clip(tmp_path / "clip.avi", bright_s=5, dark_s=0)
    agent = AGENT.replace('id = "box-17"', f'id = "box-17"\nstate_dir = "{tmp_path / "state"}"')
    write(tmp_path, agent, yard=f'id = "yard"\nname = "<b>"\n{flash.camera(clip)}{ZONE}')
    place = DrawingPlace(tmp_path, "yard", (tmp_path / "state",))
    server = PageServer(Desk(place, SystemClock()))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Page(server, tmp_path)
    finally:
        server.end()
        thread.join()


def test_it_listens_on_loopback_alone(page: Page) -> None:
    assert page.server.server_address[0] == "127.0.0.1"


def test_the_code_opens_once_and_nothing_opens_without(page: Page) -> None:
    for path in ("/", "/?code=", "/?code=x", "/zones.js", "/state", "/picture", "/?code=%ff"):
        assert page.ask(path)[0] == 403
    status, answer, body = page.ask(page.path)
    assert status == 200
    assert b"&lt;b&gt;" in body
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert page.ask(page.path)[0] == 403
    page.cookie = cookie.partition(";")[0]
    assert page.ask("/")[0] == 200
    page.cookie += "x"
    assert page.ask("/")[0] == 403


def test_other_names_for_loopback_are_refused(page: Page) -> None:
    page.open()
    for host in ("evil.example", "127.0.0.1.evil.example", "[::", "localhost@evil.example", " "):
        assert page.ask("/state", host=host)[0] == 403
    for host in ("localhost:18000", "127.0.0.1", "[::1]:9"):
        assert page.ask("/state", host=host)[0] == 200


def test_other_pages_change_nothing(page: Page) -> None:
    page.open()
    before = page.file.read_text()
    draft = page.draft(zones=[])
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{page.server.port + 1}"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ):
        assert page.ask("/save", draft, **headers)[0] == 403
    page.cookie = ""
    assert page.ask("/save", draft)[0] == 403
    assert page.file.read_text() == before


def test_no_answer_may_be_kept_framed_or_load_anything(page: Page) -> None:
    page.open()
    for path in ("/", "/zones.js", "/state", "/picture", "/nothing"):
        headers = page.ask(path)[1].headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in headers["Server"]


def test_the_page_names_nothing_outside(page: Page) -> None:
    page.open()
    for path in ("/", "/zones.js", "/zones.css"):
        text = page.ask(path)[2].decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"\n *// ", "\n", text)


def test_requests_are_bounded(page: Page) -> None:
    page.open()
    assert page.ask("/save", {}, Content_Length=str(MOST_BODY_BYTES + 1))[0] == 413
    assert page.ask("/save", {}, Content_Length="9" * 30)[0] == 413
    assert page.ask("/save", {}, Content_Length="-1")[0] == 411
    for body in ({}, {"zones": 1}, [], page.draft(zones=[{"name": "a", "polygon": [[0, 0]]}])):
        assert page.ask("/save", body)[0] == 400
    assert page.ask("/save", page.draft(more=1))[0] == 400


def test_more_connections_than_a_browser_makes_are_closed(page: Page) -> None:
    page.open()
    many = [socket.create_connection(("127.0.0.1", page.server.port)) for _ in range(8)]
    try:
        extra = socket.create_connection(("127.0.0.1", page.server.port))
        extra.settimeout(10)
        assert extra.recv(1) == b""
        extra.close()
    finally:
        for each in many:
            each.close()


def test_the_picture_is_a_jpeg(page: Page) -> None:
    page.open()
    status, answer, body = page.ask("/picture")
    assert (status, answer.headers["Content-Type"], body[:2]) == (200, "image/jpeg", b"\xff\xd8")


def test_saving_rewrites_the_file_and_keeps_the_rest(page: Page) -> None:
    page.open()
    page.file.chmod(0o640)
    draft = page.draft(ignore_zones=[{"name": "road", "polygon": [[0, 0], [1, 0], [1, 0.25]]}])
    draft["zones"][0]["name"] = "porch"
    answer = json.loads(page.ask("/save", draft)[2])
    assert answer == {
        "saved": True,
        "text": "saved; no agent runs now, it will read this when it starts",
    }
    text = page.file.read_text()
    assert "# in front of the door" in text
    assert page.file.stat().st_mode & 0o777 == 0o640
    camera = load_config(page.folder).config.cameras[0]
    assert [(zone.name, zone.dwell_s) for zone in camera.zones] == [("porch", 2)]
    assert [zone.name for zone in camera.ignore_zones] == ["road"]


def test_a_bad_drawing_is_refused_in_the_words_of_a_hand_edit(page: Page) -> None:
    page.open()
    before = page.file.read_text()
    draft = page.draft()
    draft["zones"][0] |= {"name": "The Door", "polygon": [[0, 0], [1, 0], [1, 1.5]]}
    answer = json.loads(page.ask("/save", draft)[2])
    assert answer["saved"] is False
    assert page.file.read_text() == before
    page.file.write_text(before.replace('"door"', '"The Door"').replace("[1, 1]", "[1, 1.5]"))
    with pytest.raises(Exception, match="The Door") as caught:
        load_config(page.folder)
    assert answer["text"] == str(caught.value)


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(page: Page) -> None:
    page.open()
    draft = page.draft(zones=[])
    page.file.write_text(page.file.read_text() + "# by hand\n")
    answer = json.loads(page.ask("/save", draft)[2])
    assert answer["saved"] is False
    assert "changed meanwhile" in answer["text"]
    assert "# by hand" in page.file.read_text()
    assert "door" in page.file.read_text()


def test_without_an_agent_the_live_part_says_so(page: Page) -> None:
    page.open()
    answer = json.loads(page.ask("/live", page.draft())[2])
    assert answer["agent"] is False
    assert "no agent answers" in answer["text"]


def test_it_ends_by_itself(tmp_path: Path, page: Page) -> None:
    server = PageServer(page.server.desk, lifetime_s=0.05)
    assert server.run() is False
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_the_page_can_end_it(page: Page) -> None:
    page.open()
    assert page.ask("/done", {})[0] == 200
    assert page.server._ended.wait(5)
