"""What stands around a box under test, in one network with it: two cameras that want a login, one
whose password nobody knows, a broker with TLS, and the ward's subscriber.

Run as a process: `python house.py FOLDER`. It says `ready PORT`, answers every line of its standard
input with how many wrong logins the third camera had, and ends with its input.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from broker import BrokerTls, Mosquitto
from pki import Authority, Pair

from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip

WARD, BOX = "test-ward", "test-box"
USER, PASSWORD = "viewer", "cam-canary-7431"
GATE, YARD, PORCH = "127.0.0.2", "127.0.0.3", "127.0.0.4"
#: The small streams of a Hikvision and of a Tapo.
HIKVISION, TAPO = "Streaming/Channels/102", "stream2"
RTSP_PORT = 554
EVENTS = "events.jsonl"

ANSWERS = f"""\
model = "auto"

[box]
ward = "{WARD}"
id = "{BOX}"

[mqtt]
host = "127.0.0.1"
port = {{port}}
ca_file = "/etc/edge-agent/ca.pem"

[[cameras]]
id = "gate"
brand = "hikvision"
address = "{GATE}"
username = "{USER}"
password_from = "/media/usb/gate.txt"

[[cameras]]
id = "yard"
brand = "tapo"
address = "{YARD}"
username = "{USER}"
password_from = "/media/usb/yard.txt"
"""


def fill_stick(root: Path, ca: Path, broker_port: int) -> None:
    """What an installer brings along, as /media/usb of the machine with this `root`."""
    stick = root / "media/usb"
    stick.mkdir(parents=True)
    (stick / "ca.pem").write_bytes(ca.read_bytes())
    (stick / "answers.toml").write_text(ANSWERS.format(port=broker_port))
    for camera in ("gate", "yard"):
        (stick / f"{camera}.txt").write_text(PASSWORD + "\n")


def main(folder: Path) -> int:
    authority = Authority(folder / "pki")
    pair: Pair = authority.issue("127.0.0.1")
    clip = folder / "courtyard.mp4"
    render_clip(clip)
    media = Media.load(clip)
    login = ViewerLogin(USER, PASSWORD)
    broker = Mosquitto(folder / "broker", tls=BrokerTls(authority.ca, pair.cert, pair.key))
    broker.start()
    gate = RtspServer({HIKVISION: media}, login=login, host=GATE, port=RTSP_PORT)
    yard = RtspServer({TAPO: media}, login=login, host=YARD, port=RTSP_PORT)
    other = ViewerLogin(USER, "nobody knows it")
    porch = RtspServer({TAPO: media}, login=other, host=PORCH, port=RTSP_PORT)
    with gate, yard, porch:
        listen = [sys.executable, "-m", "edge_agent", "ward", "listen", f"--ward={WARD}", "--json"]
        listen += [f"--db={folder / 'ward.sqlite'}", "--host=127.0.0.1", f"--port={broker.port}"]
        listen += [f"--ca-file={authority.ca}"]
        with (folder / EVENTS).open("wb") as out:
            ward = subprocess.Popen(listen, stdout=out, stderr=subprocess.STDOUT)
        try:
            print(f"ready {broker.port}", flush=True)
            for _ in sys.stdin:
                print(porch.counts().wrong, flush=True)
        finally:
            ward.terminate()
            ward.wait()
            broker.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
