"""The talk with one camera until it plays: OPTIONS, DESCRIBE, SETUP, PLAY, and logging in.

It is our own and not libav's, because a camera's password is at stake: libav sends it in clear
to whoever asks for Basic, follows redirects with it, cannot answer SHA-256, and tells a
refusal by a kind of error that has no number.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

from edge_agent.clock import Clock
from edge_agent.config.schema import RtspSource
from edge_agent.errors import SourceUnreachable
from edge_agent.foreign_text import printable
from edge_agent.runtime import Patience, StopToken
from edge_agent.sources.credentials import Login
from edge_agent.sources.libav import Target
from edge_agent.sources.refusal import CameraRefuses
from edge_agent.sources.rtsp.answers import (
    elsewhere,
    never_fresh,
    no_login,
    refusal,
    unanswerable,
    wrong_login,
)
from edge_agent.sources.rtsp.challenge import Answering, Challenge, challenges, chosen
from edge_agent.sources.rtsp.messages import NotRtsp, RtspReply, request
from edge_agent.sources.rtsp.sdp import Description, VideoTrack, control_uri, described
from edge_agent.sources.rtsp.wire import RtspWire, connected, not_rtsp

_PORTS = {"rtsp": 554, "rtsps": 322}
_MAX_REDIRECTS = 3
#: RFC 2326, 12.37: what holds where a camera does not say it. Who names hours may still forget
#: us after a minute, and so does a router on the way: a request in time costs nothing.
_SESSION_TIMEOUT_S = 60.0
_AGENT = "edge-agent"


class _Redirected(Exception):
    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(slots=True)
class UdpPorts:
    """Where a camera sends its packets and reports, without TCP."""

    rtp: socket.socket
    rtcp: socket.socket
    peer: str  # nobody else is heard

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Talk:
    """One connection. `play` belongs to one thread; then all belongs to the relay's."""

    def __init__(
        self,
        config: RtspSource,
        login: Login | None,
        *,
        target: Target,
        stop: StopToken,
        clock: Clock,
    ) -> None:
        self._config = config
        self._login = login
        self._target = target
        self._stop = stop
        self._clock = clock
        self._answering: Answering | None = None
        self._accepted = False  # a login of this connection was right
        self._number = 0
        self._keep_alive = "OPTIONS"
        self._uri = ""
        self._deadline_s = 0.0
        self.wire: RtspWire
        self.session = ""
        self.session_timeout_s = _SESSION_TIMEOUT_S
        self.track: VideoTrack
        self.offered_tracks = 0
        self.channels = (0, 1)  # of pictures and reports, over TCP
        self.declared_ssrc: int | None = None
        self.udp: UdpPorts | None = None
        self._hole: tuple[int, int] | None = None

    def play(self) -> None:
        """Connect, log in, have the camera send. Raises SourceUnreachable, CredentialRefused."""
        self._deadline_s = self._clock.mono_s() + self._config.open_timeout_s
        url = self._config.url
        for _ in range(1 + _MAX_REDIRECTS):
            location = self._begun(url)
            if location is None:
                return
            url = self._followed(url, location)
        raise CameraRefuses(
            f"{self._target} sends from one address to the next without end; check the URL",
            "refused: the camera sends to another address",
        )

    def keep_alive(self) -> bytes:
        """A request that says we are still here; its answer is of no interest."""
        return self._request(self._keep_alive, self._uri, {})

    def heard(self, reply: RtspReply) -> None:
        """An answer while it plays: to what keeps it alive."""
        if reply.status == 401:
            self._asked_again(challenges(reply.all("www-authenticate")))
        elif 200 <= reply.status < 300:
            self._accepted = True
        elif reply.status >= 400:
            self._keep_alive = "OPTIONS"  # it does not know the other one after all

    def _asked_again(self, offered: list[Challenge]) -> None:
        """While it plays. A login that is no longer right must not go out again and again:
        nobody counts it here, but the camera does."""
        challenge = chosen(offered, basic=self._basic)
        if self._login is None or challenge is None:
            return
        if self._accepted or self._answering is None or challenge.stale:
            self._answering, self._accepted = Answering(challenge, self._login), False
        else:
            self._login = self._answering = None

    def teardown(self) -> bytes:
        return self._request("TEARDOWN", self._uri, {})

    def close(self) -> None:
        if hasattr(self, "wire"):
            self.wire.close()
        if self.udp is not None:
            self.udp.close()
            self.udp = None

    # --- one address ---

    def _begun(self, url: str) -> str | None:
        """Where else to ask, if it is not here."""
        try:
            self._begin(url)
        except _Redirected as redirect:
            self.close()
            return redirect.location
        except ValueError as error:  # an address in an answer that is none
            self.close()
            raise not_rtsp(self._target, NotRtsp(printable(str(error)))) from None
        except BaseException:
            self.close()
            raise
        return None

    def _begin(self, url: str) -> None:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        self._answering, self._accepted, self._number, self.session = None, False, 0, ""
        self.wire = connected(
            host,
            parts.port or _PORTS[scheme],
            self._config,
            target=self._target,
            patience=Patience(self._deadline_s, self._clock, self._stop),
            tls=scheme == "rtsps",
        )
        path = parts._replace(path=parts.path or "/", fragment="")
        self._options(urlunsplit(path))
        description, base = self._describe(urlunsplit(path))
        self.track = self._chosen(description)
        self._uri = control_uri(base, description.control)
        self._setup(control_uri(base, self.track.control))
        self._check(self._ask("PLAY", self._uri, {"Range": "npt=0.000-"}), "PLAY")

    def _options(self, uri: str) -> None:
        """Some cameras do not know it: then its answer says nothing."""
        reply = self._ask("OPTIONS", uri, {})
        if 300 <= reply.status < 400:
            raise _Redirected(reply.header("location"))
        if "GET_PARAMETER" in reply.header("public").upper():
            self._keep_alive = "GET_PARAMETER"

    def _describe(self, uri: str) -> tuple[Description, str]:
        reply = self._check(self._ask("DESCRIBE", uri, {"Accept": "application/sdp"}), "DESCRIBE")
        named = reply.header("content-base") or reply.header("content-location")
        base = urljoin(uri, named) if named else uri
        return described(reply.body), base if base.startswith(("rtsp://", "rtsps://")) else uri

    def _chosen(self, description: Description) -> VideoTrack:
        self.offered_tracks = len(description.tracks)
        if not description.tracks:
            raise CameraRefuses(
                f"{self._target} answers, but offers no video",
                "refused: the camera offers no video at this address",
            )
        wanted = self._config.video_track
        if wanted > self.offered_tracks:
            raise CameraRefuses(
                f"{self._target} offers {self.offered_tracks} video tracks, and video_track is "
                f"{wanted}",
                "refused: the camera does not offer the video track that is set",
            )
        return description.tracks[wanted - 1]

    def _setup(self, uri: str) -> None:
        if self._config.transport == "udp":
            self.udp = _udp_ports(self.wire.socket)
            ports = [one.getsockname()[1] for one in (self.udp.rtp, self.udp.rtcp)]
            asked = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"
        else:
            asked = "RTP/AVP/TCP;unicast;interleaved=0-1"
        reply = self._check(self._ask("SETUP", uri, {"Transport": asked}), "SETUP")
        session, *rest = (part.strip() for part in reply.header("session").split(";"))
        self.session = session[:256]
        for part in rest:
            match = re.fullmatch(r"timeout\s*=\s*(\d{1,5})", part, re.IGNORECASE)
            if match and int(match[1]):
                self.session_timeout_s = min(max(2.0, float(match[1])), _SESSION_TIMEOUT_S)
        self._note_transport(reply.header("transport"))

    def _note_transport(self, text: str) -> None:
        if self.udp is None and (match := re.search(r"interleaved=(\d{1,3})-(\d{1,3})", text)):
            self.channels = (int(match[1]), int(match[2]))
        if match := re.search(r"ssrc=([0-9A-Fa-f]{1,8})\b", text):
            self.declared_ssrc = int(match[1], 16)
        if self.udp is not None and (match := re.search(r"server_port=(\d{1,5})-(\d{1,5})", text)):
            self.open_the_way(int(match[1]), int(match[2]))

    def open_the_way(self, rtp_port: int, rtcp_port: int) -> None:
        """A first packet from here lets the camera's through a firewall (RFC 5389's keepalive)."""
        if self.udp is None:
            return
        for sock, port in ((self.udp.rtp, rtp_port), (self.udp.rtcp, rtcp_port)):
            try:
                sock.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x00", (self.udp.peer, port))
            except (OSError, OverflowError):
                continue  # the camera may reach us all the same

    # --- one request ---

    def _ask(self, method: str, uri: str, headers: dict[str, str]) -> RtspReply:
        """The answer, after logging in where that is asked for."""
        reply = self._exchange(method, uri, headers)
        for _ in range(2):
            if reply.status != 401:
                break
            offered = challenges(reply.all("www-authenticate"))
            if self._login is None:
                raise no_login(self._target)
            challenge = chosen(offered, basic=self._basic)
            if challenge is None:
                raise unanswerable(self._target, offered)
            if self._answering is not None and not (self._accepted or challenge.stale):
                raise wrong_login(self._target, self._answering.challenge)
            self._answering, self._accepted = Answering(challenge, self._login), False
            reply = self._exchange(method, uri, headers)
        if reply.status == 401:
            assert self._answering is not None
            last = chosen(challenges(reply.all("www-authenticate")), basic=self._basic)
            if last is not None and last.stale:
                raise never_fresh(self._target)
            raise wrong_login(self._target, self._answering.challenge)
        self._accepted = self._answering is not None
        return reply

    def _exchange(self, method: str, uri: str, headers: dict[str, str]) -> RtspReply:
        self.wire.send(self._request(method, uri, headers), self._deadline_s)
        return self.wire.reply(self._number, self._deadline_s)

    def _request(self, method: str, uri: str, headers: dict[str, str]) -> bytes:
        self._number += 1
        head = {"CSeq": str(self._number), "User-Agent": _AGENT, **headers}
        if self.session:
            head["Session"] = self.session
        if self._answering is not None:
            head["Authorization"] = self._answering.header(method, uri)
        try:
            return request(method, uri, head)
        except NotRtsp as error:
            raise not_rtsp(self._target, error) from None

    def _check(self, reply: RtspReply, method: str) -> RtspReply:
        if 300 <= reply.status < 400:
            raise _Redirected(reply.header("location"))
        if not 200 <= reply.status < 300:
            raise refusal(reply.status, reply.reason, method, self._target, self._config.transport)
        return reply

    @property
    def _basic(self) -> bool:
        return self._config.allow_basic or self.wire.encrypted

    def _followed(self, url: str, location: str) -> str:
        """Only on the same host: the login goes along. Raises CameraRefuses."""
        try:
            before, after = urlsplit(url), urlsplit(urljoin(url, location))
            same_host = after.hostname == before.hostname and (after.port or 1) > 0
        except ValueError:
            raise elsewhere(self._target, location) from None
        secure = after.scheme in (before.scheme, "rtsps")
        if not same_host or not secure or after.scheme not in _PORTS or "@" in after.netloc:
            raise elsewhere(self._target, location)
        return urlunsplit(after)


def _udp_ports(connection: socket.socket) -> UdpPorts:
    """Two neighbouring ports, the even one for the pictures (RFC 3550, 11)."""
    family, peer = connection.family, connection.getpeername()[0]
    own = connection.getsockname()[0]
    for _ in range(64):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.bind((own, 0))
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            rtcp = socket.socket(family, socket.SOCK_DGRAM)
            try:
                rtcp.bind((own, port + 1))
            except OSError:
                rtcp.close()
            else:
                for one in (rtp, rtcp):
                    one.setblocking(False)
                rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
                return UdpPorts(rtp, rtcp, peer)
        rtp.close()
    raise SourceUnreachable("no two neighbouring UDP ports are free on this box")
