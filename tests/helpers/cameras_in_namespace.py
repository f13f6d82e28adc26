"""A household's network of its own: this box at one end of a cable, cameras at the other.

Run under `unshare --user --map-root-user --net`:

    python cameras_in_namespace.py OPTION...      as `edge-agent camera discover --json OPTION...`

prints a JSON object: what was found, how long it took, and what each camera counted. The cameras
run in a network namespace of their own, so what is heard went over a cable as multicast does.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from pathlib import Path

from fake_onvif import FakeOnvif

BOX = "10.77.0.2"
WSD_PORT = 3702
ONVIF = "onvif://www.onvif.org"
#: Hikvision hears the group alone, Dahua what is sent to it alone, Tapo is late, Reolink answers
#: twice, Uniview's clock is a year off, the last one locks after three logins.
CAMERAS = (
    FakeOnvif("10.77.0.64", "HIKVISION", "DS-2CD", f"{ONVIF}/name/HIKVISION", "HK", alone=False),
    FakeOnvif("10.77.0.65", "Dahua", "IPC-HFW1", f"{ONVIF}/hardware/IPC-HFW1", "DH"),
    FakeOnvif("10.77.0.66", "TP-Link", "C310", f"{ONVIF}/name/Tapo_C310", "TP", late_s=1.5),
    FakeOnvif("10.77.0.67", "Reolink", "RLC", f"{ONVIF}/name/Reolink", "RL", answers=2),
    FakeOnvif("10.77.0.68", "UNIVIEW", "IPC3", f"{ONVIF}/name/UNV", "UN", clock_off_s=-3.15e7),
    FakeOnvif("10.77.0.69", "Weird", "Box", f"{ONVIF}/name/IPC", "WB", locks_after=3),
)
#: No ONVIF at all: an XMeye recorder and a web page.
PORTS = (("10.77.0.80", 34567), ("10.77.0.81", 80))


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def devices() -> None:
    """The cameras' end; ends with standard input, and prints what was counted."""
    sys.stdin.readline()  # the cable is there
    ip("link", "set", "lo", "up")
    ip("link", "set", "cable", "up")
    for address in [camera.address for camera in CAMERAS] + [address for address, _ in PORTS]:
        ip("address", "add", f"{address}/24", "dev", "cable")
    with contextlib.ExitStack() as stack:
        import socket

        for camera in CAMERAS:
            camera.in_group = camera.address != "10.77.0.65"
            stack.enter_context(camera.running(WSD_PORT))
        for place in PORTS:
            stack.enter_context(socket.create_server(place))
        print("ready", flush=True)
        sys.stdin.read()
    counted = {c.serial: {"logins": c.logins, "wrong": c.wrong} for c in CAMERAS}
    print(json.dumps(counted), flush=True)


def main(options: list[str]) -> None:
    from edge_agent.cli import main as edge_agent

    other = subprocess.Popen(
        ["unshare", "--net", sys.executable, str(Path(__file__)), "devices"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    while Path(f"/proc/{other.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        time.sleep(0.01)
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "cable", "netns", str(other.pid))
    ip("address", "add", f"{BOX}/24", "dev", "eth0")
    ip("link", "set", "eth0", "up")
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "ready\n"
    begun_s, said = time.monotonic(), io.StringIO()
    with contextlib.redirect_stdout(said):
        edge_agent(["camera", "discover", "--json", *options])
    took_s = time.monotonic() - begun_s
    other.stdin.close()
    counted = json.loads(other.stdout.read())
    other.wait()
    print(json.dumps({"found": json.loads(said.getvalue()), "s": took_s, "counted": counted}))


if __name__ == "__main__":
    if sys.argv[1:] == ["devices"]:
        devices()
    else:
        main(sys.argv[1:])
