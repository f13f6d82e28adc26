"""A visitor, from footage to the ward: the end names a file that is there and plays."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

import av
from agent_process import Heard, agent, listening, write_config
from broker import Mosquitto
from packets import seen
from paho.mqtt.client import Client
from shared_data import require_footage

CLIPS = "[clips]\nenabled = true\nallow_upload = true\n"


def first_seconds(source: Path, path: Path, seconds: float) -> Path:
    """Copied without encoding."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        video = whole.streams.video[0]
        track = part.add_stream_from_template(video, opaque=True)
        for packet in whole.demux(video):
            if packet.pts is not None and packet.pts * packet.time_base <= seconds:
                packet.stream = track
                part.mux(packet)
    return path


def fetch(heard: Heard, client: Client, event_id: str) -> bytes:
    """A clip as a ward's server gets it, piece by piece."""
    got = b""
    while True:
        args = {"event_id": event_id, "from_byte": len(got)}
        command = {"cmd_id": f"c-{len(got)}", "verb": "clip", "args": args}
        client.publish("ea/v1/ward1/clips/cmd/clip", json.dumps(command), 1)
        heard.wait(lambda: heard.bodies(f"/ack/c-{len(got)}"))  # noqa: B023 - waited for here
        (ack,) = heard.bodies(f"/ack/c-{len(got)}")
        assert ack["status"] == "done", ack
        topic = f"ea/v1/ward1/clips/clip/hall/{event_id}/1/{len(got)}"
        got += next(body for name, body in heard.messages if name == topic)
        if len(got) == ack["result"]["clip_bytes"]:
            return got


def test_a_visitors_end_reaches_the_ward_with_the_fingerprint_of_a_clip_that_plays(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    whole = require_footage("intel_one-by-one-person-detection.mp4")
    visit = first_seconds(whole, tmp_path / "visit.mp4", 24.5)
    camera = f'[source]\nkind = "file"\npath = "{visit}"\npace = "fast"\n'
    config = write_config(tmp_path, mosquitto.port, {"hall": camera}, box="clips", extra=CLIPS)
    with listening(mosquitto, "clips") as (heard, client), agent(config) as process:
        ends = lambda: [  # noqa: E731
            body["data"]
            for body in heard.bodies("/ev/hall/person")
            if body["data"]["phase"] == "end"
        ]
        heard.wait(ends)
        end = ends()[0]
        heard.wait(lambda: heard.bodies("/tm")[-1]["figures"].get("clips_stored", 0) >= 1)
        fetched = fetch(heard, client, end["event_id"])
        assert process.stop() == 0, process.log
    (clip,) = end["clips"]
    (path,) = (tmp_path / "state" / "clips").rglob(f"{end['event_id']}.mp4")
    assert path.parent.name == "hall"
    data = path.read_bytes()
    assert fetched == data
    assert (clip["sha256"], clip["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    player = seen(path)
    assert (player.corrupt, player.codec) == (0, clip["codec"])
    assert clip["offset_s"] <= -5.0, "the seconds before are in it"
    began, ended = (dt.datetime.fromisoformat(end[key]) for key in ("start_time", "end_time"))
    event_s = (ended - began).total_seconds()
    assert clip["offset_s"] + clip["duration_s"] >= event_s + 3.0, "the seconds after, too"
    assert abs(player.duration_s - clip["duration_s"]) < 0.2
