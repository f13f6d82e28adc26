"""What stands around a box under test, in one network with it: two cameras that want a login, a
broker with TLS, and the ward's subscriber. Run as a process: `python house.py FOLDER`.

It ends when its standard input does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from broker import BrokerTls, Mosquitto
from pki import Authority, Pair

from edge_agent.demo.rtsp_login import Login
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip

WARD, BOX = "test-ward", "test-box"
PASSWORD = "cam-canary-7431"
HIKVISION, TAPO = "Streaming/Channels/102", "stream2"
RTSP_PORT = 8554
EVENTS = "events.jsonl"

AGENT_TOML = """\
[box]
ward = "{ward}"
id = "{box}"

[mqtt]
host = "127.0.0.1"
port = {port}
backlog_jitter_s = 0

[mqtt.tls]
ca_file = "/etc/edge-agent/ca.pem"

[defaults.motion]
quiet_s = 3
"""

CAMERA_TOML = """\
id = "{name}"

[source]
kind = "rtsp"
url = "rtsp://127.0.0.1:{port}/{path}"
username = "viewer"
password_file = "/etc/edge-agent/secrets/{name}"
"""


def configure(etc: Path, ca: Path, broker_port: int, owner: tuple[int, int]) -> None:
    """Write the files that a technician would; `etc` is the box's /etc/edge-agent."""
    (etc / "ca.pem").write_bytes(ca.read_bytes())
    for name, path in (("gate", HIKVISION), ("yard", TAPO)):
        secret = etc / "secrets" / name
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        os.chown(secret, *owner)
        text = CAMERA_TOML.format(name=name, path=path, port=RTSP_PORT)
        (etc / "cameras.d" / f"{name}.toml").write_text(text)
    # The last: with it the configuration is complete.
    (etc / "agent.toml").write_text(AGENT_TOML.format(ward=WARD, box=BOX, port=broker_port))


def main(folder: Path) -> int:
    authority = Authority(folder / "pki")
    pair: Pair = authority.issue("127.0.0.1")
    clip = folder / "courtyard.mp4"
    render_clip(clip)
    media = Media.load(clip)
    login = Login("viewer", PASSWORD)
    broker = Mosquitto(folder / "broker", tls=BrokerTls(authority.ca, pair.cert, pair.key))
    broker.start()
    with RtspServer({HIKVISION: media, TAPO: media}, login=login, port=RTSP_PORT):
        listen = [sys.executable, "-m", "edge_agent", "ward", "listen", f"--ward={WARD}", "--json"]
        listen += [f"--db={folder / 'ward.sqlite'}", "--host=127.0.0.1", f"--port={broker.port}"]
        listen += [f"--ca-file={authority.ca}"]
        with (folder / EVENTS).open("wb") as out:
            ward = subprocess.Popen(listen, stdout=out, stderr=subprocess.STDOUT)
        try:
            print(f"ready {broker.port}", flush=True)
            sys.stdin.read()
        finally:
            ward.terminate()
            ward.wait()
            broker.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
