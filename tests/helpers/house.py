"""What stands around a box under test, in one network with it: two cameras that want a login, one
whose password nobody knows, a broker that asks for certificates, and the ward's subscriber.

Run as a process: `python house.py FOLDER`. It says `ready PORT`, answers every line of its standard
input with how many wrong logins the third camera had, and ends with its input.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from broker import BrokerTls, Mosquitto
from pki import Authority

from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip

WARD, BOX = "test-ward", "test-box"
PKI = "pki"
USER, PASSWORD = "viewer", "cam-canary-7431"
GATE, YARD, PORCH = "127.0.0.2", "127.0.0.3", "127.0.0.4"
#: The small streams of a Hikvision and of a Tapo.
HIKVISION, TAPO = "Streaming/Channels/102", "stream2"
RTSP_PORT = 554
EVENTS = "events.jsonl"
#: On a disk of its own, as far as the box knows.
STATE_DIR = "/data/edge"

ANSWERS = f"""\
model = "auto"

[box]
ward = "{WARD}"
id = "{BOX}"
state_dir = "{STATE_DIR}"

[mqtt]
host = "127.0.0.1"
port = {{port}}
ca_file = "/media/usb/ca.pem"
cert_file = "/media/usb/box.pem"
key_file = "/media/usb/box.key"

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


def fill_stick(root: Path, folder: Path, broker_port: int) -> None:
    """What an installer brings along, as /media/usb of the machine with this `root`."""
    stick = root / "media/usb"
    stick.mkdir(parents=True)
    for name in ("ca.pem", "box.pem", "box.key"):
        shutil.copyfile(folder / PKI / name, stick / name)  # a stick knows no modes
    (stick / "answers.toml").write_text(ANSWERS.format(port=broker_port))
    for camera in ("gate", "yard"):
        (stick / f"{camera}.txt").write_text(PASSWORD + "\n")


def main(folder: Path) -> int:
    authority = Authority(folder / PKI)
    pair, own = authority.issue("127.0.0.1"), authority.issue(WARD)
    box = authority.issue(BOX)
    box.cert.rename(folder / PKI / "box.pem")
    box.key.rename(folder / PKI / "box.key")
    clip = folder / "courtyard.mp4"
    render_clip(clip)
    media = Media.load(clip)
    login = ViewerLogin(USER, PASSWORD)
    tls = BrokerTls(authority.ca, pair.cert, pair.key, require_certificate=True)
    broker = Mosquitto(folder / "broker", tls=tls)
    broker.start()
    gate = RtspServer({HIKVISION: media}, login=login, host=GATE, port=RTSP_PORT)
    yard = RtspServer({TAPO: media}, login=login, host=YARD, port=RTSP_PORT)
    other = ViewerLogin(USER, "nobody knows it")
    porch = RtspServer({TAPO: media}, login=other, host=PORCH, port=RTSP_PORT)
    with gate, yard, porch:
        listen = [sys.executable, "-m", "edge_agent", "ward", "listen", f"--ward={WARD}", "--json"]
        listen += [f"--db={folder / 'ward.sqlite'}", "--host=127.0.0.1", f"--port={broker.port}"]
        listen += [f"--ca-file={authority.ca}"]
        listen += [f"--cert-file={own.cert}", f"--key-file={own.key}"]
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
