"""GStreamer's RTSP server, an implementation that is not ours, run in a process of its own."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"

_IMPORTS = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
"""

_SERVER = (
    _IMPORTS
    + """
import sys
Gst.init(None)
port, user, password, *mounts = sys.argv[1:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1"); server.set_service(port)
for mount in mounts:
    name, _, launch = mount.partition("=")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    if user:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_role("viewer")
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    factory.set_launch(launch)
    server.get_mount_points().add_factory("/" + name, factory)
if user:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""
).replace("GLib, Gst, GstRtspServer", "GLib, Gst, GstRtsp, GstRtspServer")


@functools.cache
def available() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    result = subprocess.run([SYSTEM_PYTHON, "-c", _IMPORTS], capture_output=True, check=False)
    return result.returncode == 0


@dataclass
class GstServer:
    process: subprocess.Popen[str]
    port: int

    def url(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{name}"

    def hang(self) -> None:
        """The process stays, its connections stay, nothing is sent any more."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)


def mount(clip: Path) -> str:
    """How GStreamer plays a clip of ours; the name says the codec."""
    name = clip.stem
    if "h265" in name:
        chain = "qtdemux ! h265parse config-interval=-1 ! rtph265pay"
    elif "mjpeg" in name:
        chain = "avidemux ! jpegparse ! rtpjpegpay"
    else:
        chain = "qtdemux ! h264parse config-interval=-1 ! rtph264pay"
    return f"{name}=( filesrc location={clip} ! {chain} name=pay0 pt=96 )"


@contextlib.contextmanager
def serving(*clips: Path, user: str = "", password: str = "", port: int = 0) -> Iterator[GstServer]:
    """Serve the clips, each under its stem; skips the test where GStreamer is not installed."""
    if not available():
        pytest.skip("GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0)")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [SYSTEM_PYTHON, "-c", _SERVER, str(port), user, password, *map(mount, clips)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                pytest.fail(f"GStreamer server did not start: {errors.read().decode()}")
            yield GstServer(process, int(line))
        finally:
            process.kill()
            process.wait(5)
            process.stdout.close()
