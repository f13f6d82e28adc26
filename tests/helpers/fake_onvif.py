"""ONVIF cameras written from the standard, each on a loopback address of its own.

They check WS-Security as real ones do: digest over nonce, created and password, and a token that is
more than ten seconds off their own clock is refused like a wrong password.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Of WS-Discovery.
GROUP = "239.255.255.250"
_SOAP = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:tt="http://www.onvif.org/ver10/schema"><s:Body>{}</s:Body></s:Envelope>'
)
_FAULT = "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason>{}</s:Reason></s:Fault>"


@dataclass
class FakeOnvif:
    """`address` is one of 127/8; `style` what its scopes say."""

    address: str
    maker: str
    model: str
    scopes: str
    serial: str = "SN-1"
    user: str = "viewer"
    password: str = "right"
    clock_off_s: float = 0.0
    answers: int = 1
    late_s: float = 0.0
    discovered: bool = True
    locks_after: int = 3
    text_only: bool = False
    endpoint: str = ""  # of WS-Discovery; left out: the serial number
    in_group: bool = False  # hears the multicast group, too
    alone: bool = True  # hears what is sent to it by itself
    logins: int = field(default=0, init=False)
    wrong: int = field(default=0, init=False)
    http_port: int = field(default=0, init=False)

    @contextlib.contextmanager
    def running(self, wsd_port: int) -> Iterator[FakeOnvif]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = fake.soap(body)
                data = _SOAP.format(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer((self.address, 0), Handler)
        server.daemon_threads = True
        self.http_port = server.server_address[1]
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((self.address, wsd_port))
        listener.settimeout(0.1)
        stop = threading.Event()
        heard = [listener] if self.alone else []
        if self.in_group:
            heard.append(_joined(self.address, wsd_port))
        threads = [threading.Thread(target=server.serve_forever, args=(0.05,))]
        threads += [
            threading.Thread(target=self._answer, args=(each, listener, stop)) for each in heard
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            server.shutdown()
            for thread in threads:
                thread.join()
            server.server_close()
            for each in {listener, *heard}:
                each.close()

    def _answer(self, heard: socket.socket, listener: socket.socket, stop: threading.Event) -> None:
        """By the socket that has its address, whichever heard the probe."""
        while not stop.is_set():
            try:
                data, sender = heard.recvfrom(65536)
            except OSError:
                continue
            if not self.discovered or b"Probe" not in data:
                continue
            stop.wait(self.late_s)
            for _ in range(self.answers):
                listener.sendto(self.match().encode(), sender)

    def match(self) -> str:
        # The first address is the factory's: cameras name it all the same.
        return (
            '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
            ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
            ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Body><d:ProbeMatches>'
            "<d:ProbeMatch><a:EndpointReference>"
            f"<a:Address>urn:uuid:{self.endpoint or self.serial}</a:Address></a:EndpointReference>"
            f"<d:Scopes>{self.scopes}</d:Scopes>"
            f"<d:XAddrs>http://192.168.1.108/onvif/device_service "
            f"http://{self.address}:{self.http_port}/onvif/device_service</d:XAddrs>"
            "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
        )

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.clock_off_s)

    def soap(self, body: str) -> tuple[int, str]:  # noqa: PLR0911 - one for each call
        if "GetSystemDateAndTime" in body:
            t = self.now()
            return 200, (
                "<GetSystemDateAndTimeResponse><SystemDateAndTime><tt:UTCDateTime><tt:Time>"
                f"<tt:Hour>{t.hour}</tt:Hour><tt:Minute>{t.minute}</tt:Minute>"
                f"<tt:Second>{t.second}</tt:Second></tt:Time><tt:Date><tt:Year>{t.year}</tt:Year>"
                f"<tt:Month>{t.month}</tt:Month><tt:Day>{t.day}</tt:Day></tt:Date>"
                "</tt:UTCDateTime></SystemDateAndTime></GetSystemDateAndTimeResponse>"
            )
        if not self._lets_in(body):
            return 400, _FAULT.format("ter:NotAuthorized: Sender not Authorized")
        if "GetDeviceInformation" in body:
            return 200, (
                f"<GetDeviceInformationResponse><Manufacturer>{self.maker}</Manufacturer>"
                f"<Model>{self.model}</Model><FirmwareVersion>1</FirmwareVersion>"
                f"<SerialNumber>{self.serial}</SerialNumber></GetDeviceInformationResponse>"
            )
        if "GetCapabilities" in body:
            return 200, (
                "<GetCapabilitiesResponse><Capabilities><tt:Media><tt:XAddr>"
                "http://192.168.1.108/onvif/media</tt:XAddr></tt:Media></Capabilities>"
                "</GetCapabilitiesResponse>"
            )
        if "GetStreamUri" in body:
            token = re.search(r"<ProfileToken>(.*?)<", body)
            name = token.group(1) if token else ""
            return 200, (
                "<GetStreamUriResponse><MediaUri><tt:Uri>"
                f"rtsp://admin:factory@192.168.1.108:554/{name}</tt:Uri></MediaUri>"
                "</GetStreamUriResponse>"
            )
        if "GetProfiles" in body:
            return 200, (
                "<GetProfilesResponse>"
                + "".join(
                    f'<Profiles token="{token}"><tt:Name>{token}</tt:Name>'
                    "<tt:VideoEncoderConfiguration><tt:Encoding>H264</tt:Encoding><tt:Resolution>"
                    f"<tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>"
                    "<tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl>"
                    "<tt:H264><tt:GovLength>50</tt:GovLength></tt:H264>"
                    "</tt:VideoEncoderConfiguration></Profiles>"
                    for token, width, height in (("main", 1920, 1080), ("sub", 640, 360))
                )
                + "</GetProfilesResponse>"
            )
        return 400, _FAULT.format("ter:ActionNotSupported")

    def _lets_in(self, body: str) -> bool:
        self.logins += "GetDeviceInformation" in body
        if self.wrong >= self.locks_after:
            return False
        fields = {name: _field(body, name) for name in ("Username", "Password", "Nonce", "Created")}
        if "PasswordText" in body:
            right = fields["Password"] == self.password
        else:
            made = hashlib.sha1(
                base64.b64decode(fields["Nonce"] or "")
                + fields["Created"].encode()
                + self.password.encode()
            )
            right = fields["Password"] == base64.b64encode(made.digest()).decode()
            right = right and not self.text_only
        fresh = False
        with contextlib.suppress(ValueError):
            made_at = dt.datetime.fromisoformat(fields["Created"])
            fresh = abs((made_at - self.now()).total_seconds()) <= 10
        if right and fresh and fields["Username"] == self.user:
            return True
        self.wrong += 1
        return False


def _joined(address: str, port: int) -> socket.socket:
    """A member of the group on the link that has this address."""
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    member.bind((GROUP, port))
    request = socket.inet_aton(GROUP) + socket.inet_aton(address)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    member.settimeout(0.1)
    return member


def _field(body: str, name: str) -> str:
    found = re.search(rf"<{name}(?:\s[^>]*)?>(.*?)</{name}>", body)
    return found.group(1) if found else ""
