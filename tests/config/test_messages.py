"""What a technician reads for each mistake: file, line, path, what was found and the fix."""
# ruff: noqa: E501 - messages are shown whole, as they are printed

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, PASSWORD, english_left, problems, write, zone

BAD_AGENTS = {
    "typo in a key": (
        AGENT + "hots = 1\n",
        ["agent.toml:7: mqtt.hots: unknown key; did you mean mqtt.host?"],
    ),
    "typo in a table": (
        AGENT + "[snapshot]\nenabled = true\n",
        ["agent.toml:7: snapshot: unknown key; did you mean snapshots?"],
    ),
    "no such key at all": (
        AGENT + "[log]\ncolour = 1\n",
        ["agent.toml:8: log.colour: unknown key; known here: level"],
    ),
    "key in the wrong table": (
        AGENT + "max_age_days = 3\n",
        ["agent.toml:7: mqtt.max_age_days: unknown key; it belongs in [outbox]"],
    ),
    "a secret in the file": (
        AGENT + f'password = "{PASSWORD}"\n',
        [
            (
                "agent.toml:7: mqtt.password: unknown key; secrets are never written here: put it "
                "into a file and set password_file"
            )
        ],
    ),
    "a secret instead of its file": (
        AGENT + f'username = "box"\npassword_file = "{PASSWORD}"\n',
        [
            (
                "agent.toml:8: mqtt.password_file: is no absolute path; name a file by its absolute "
                "path, or credential:NAME; not the secret itself"
            )
        ],
    ),
    "text for a number": (
        AGENT + 'port = "8883"\n',
        [
            'agent.toml:7: mqtt.port: is "8883"; write a whole number, 1 to 65535, without quotes',
        ],
    ),
    "fraction for a whole number": (
        AGENT + "port = 8883.5\n",
        ["agent.toml:7: mqtt.port: is 8883.5; use a whole number, 1 to 65535"],
    ),
    "truth for a number": (
        AGENT + "port = true\n",
        ["agent.toml:7: mqtt.port: is true; use a whole number, 1 to 65535"],
    ),
    "number for truth": (
        AGENT + "allow_insecure = 1\n",
        ["agent.toml:7: mqtt.allow_insecure: is 1; write true or false, without quotes"],
    ),
    "out of range": (
        AGENT + "[analysis]\nfps = 60\n",
        ["agent.toml:8: analysis.fps: is 60; use 0.5 to 30"],
    ),
    "not a number": (
        AGENT + "[analysis]\nfps = nan\n",
        ["agent.toml:8: analysis.fps: is nan; use a number, 0.5 to 30"],
    ),
    "unknown choice": (
        AGENT + 'version = "3.1"\n',
        ['agent.toml:7: mqtt.version: is "3.1"; did you mean "3.1.1"?'],
    ),
    "no table where one is needed": (
        AGENT + "tls = 1\n",
        ["agent.toml:7: mqtt.tls: is 1; write a table: [mqtt.tls]"],
    ),
    "missing keys": (
        '[box]\nid = "b"\n',
        [
            'agent.toml:1: box.ward: is missing; add it: ward = "..."',
            "agent.toml: mqtt: is missing; add it: [mqtt]",
        ],
    ),
    "bad id": (
        AGENT.replace("box-17", "Box 17"),
        [
            (
                'agent.toml:3: box.id: is "Box 17"; use 1 to 32 of a-z, 0-9, _ and -, beginning with '
                'a letter or digit: "box-17"'
            )
        ],
    ),
    "bad time zone": (
        AGENT.replace("[mqtt]", 'timezone = "Asia/Ho_Chi_Min"\n[mqtt]'),
        [
            (
                'agent.toml:5: box.timezone: is "Asia/Ho_Chi_Min", which no time zone is called; '
                'did you mean "Asia/Ho_Chi_Minh"?'
            )
        ],
    ),
    "relative state directory": (
        AGENT.replace("[mqtt]", 'state_dir = "state"\n[mqtt]'),
        ['agent.toml:5: box.state_dir: is "state"; use an absolute path'],
    ),
    "scheme in the host": (
        AGENT.replace("mqtt.ward", "mqtts://mqtt.ward"),
        [
            (
                'agent.toml:6: mqtt.host: is "mqtts://mqtt.ward.example"; write only the name, without '
                "mqtt:// or mqtts://"
            )
        ],
    ),
    "port in the host": (
        AGENT.replace(".example", ".example:1883"),
        [
            (
                'agent.toml:6: mqtt.host: is "mqtt.ward.example:1883"; write only the name; the port '
                "has its own key"
            )
        ],
    ),
    "certificate without its key": (
        AGENT + '[mqtt.tls]\ncert_file = "/etc/box.pem"\n',
        [
            (
                "agent.toml:7: mqtt.tls.key_file: is missing beside cert_file; "
                "name the certificate's key"
            )
        ],
    ),
    "key without its certificate": (
        AGENT + '[mqtt.tls]\nkey_file = "credential:box.key"\n',
        [
            (
                "agent.toml:7: mqtt.tls.cert_file: is missing beside key_file; "
                "name the key's certificate"
            )
        ],
    ),
    "password without a user": (
        AGENT + 'password_file = "/etc/secret"\n',
        ["agent.toml:5: mqtt.username: is missing beside password_file; add the login name"],
    ),
    "cameras in agent.toml": (
        AGENT + '[[cameras]]\nid = "front"\n',
        [
            (
                "agent.toml:7: cameras: does not belong here; give each camera a file of its own in "
                "cameras.d/"
            )
        ],
    ),
    "bad defaults are said once, not for each camera": (
        AGENT + "[defaults.person]\nconfirm_look = 3\n",
        [
            (
                "agent.toml:8: defaults.person.confirm_look: unknown key; "
                "did you mean defaults.person.confirm_looks?"
            )
        ],
    ),
    "syntax": (
        AGENT + "port = 88 83\n",
        ["agent.toml:7: mqtt.port: is 88 83; write the number as 8883"],
    ),
    "syntax at the end": (
        AGENT + "version = [",
        [
            (
                "agent.toml:7: mqtt.version: has 1 bracket [ that nothing closes; "
                "close the list with ]"
            ),
            'agent.toml:7: mqtt.version: is an empty list; use "auto" or "5" or "3.1.1"',
        ],
    ),
}


@pytest.mark.parametrize("case", BAD_AGENTS)
def test_bad_agent_file(case: str, tmp_path: Path) -> None:
    text, expected = BAD_AGENTS[case]
    assert problems(write(tmp_path, text, front=CAMERA)) == expected


FRONT = "cameras.d/front.toml"
SQUARE = "polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]"
BAD_CAMERAS = {
    "polygon with two points": (
        zone('name = "gate"', "polygon = [[0.1, 0.2], [0.3, 0.4]]"),
        [f"{FRONT}:9: zones[0].polygon: has 2 points; needs at least 3"],
    ),
    "polygon without area": (
        zone('name = "gate"', "polygon = [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]"),
        [
            f"{FRONT}:9: zones[0].polygon: encloses no area; the corners must not lie on one line",
        ],
    ),
    "polygon in disorder": (
        zone('name = "gate"', "polygon = [[0, 0], [1, 1], [1, 0], [0, 1]]"),
        [
            (
                f"{FRONT}:9: zones[0].polygon: has edges that cross each other; "
                "list the corners in order around the area"
            )
        ],
    ),
    "polygon in pixels": (
        zone('name = "gate"', "polygon = [", "  [0.1, 0.2],", "  [640, 0],", "  [0, 1],", "]"),
        [
            (
                f"{FRONT}:9: zones[0].polygon: mixes fractions and pixels: 0.1 and 640; "
                "write every corner as fractions of the frame, 0 to 1"
            )
        ],
    ),
    "point with three coordinates": (
        zone('name = "gate"', "polygon = [[0, 0], [1, 0, 0], [1, 1]]"),
        [
            (
                f"{FRONT}:9: zones[0].polygon[1]: is a list of 3; "
                "use a pair of numbers [x, y], each 0 to 1"
            )
        ],
    ),
    "same zone twice": (
        zone('name = "gate"', SQUARE, "[[zones]]", 'name = "gate"', SQUARE),
        [f'{FRONT}:11: zones[1].name: is "gate", as zones[0] already is; give each its own name'],
    ),
    "one bracket too few": (
        CAMERA + f'[zones]\nname = "gate"\n{SQUARE}\n',
        [f"{FRONT}:6: zones: is a table; write [[zones]] with two brackets, once for each"],
    ),
    "top key after a table": (
        CAMERA + "enabled = false\n",
        [
            (
                f"{FRONT}:6: source.enabled: unknown key; "
                "it belongs at the top, before the first [table] or in [health]"
            )
        ],
    ),
    "schedule that never is": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", 'start = "08:00"', 'end = "08:00"'),
        [
            (
                f'{FRONT}:12: zones[0].schedule[0].end: is "08:00", the same as start; '
                'use "00:00" and "24:00" for the whole day'
            )
        ],
    ),
    "days in a wrong language": (
        zone('name = "gate"', SQUARE, 'schedule = [{days = ["mo"]}]'),
        [f'{FRONT}:10: zones[0].schedule[0].days[0]: is "mo"; did you mean "mon"?'],
    ),
    "time without a colon": (
        zone('name = "gate"', SQUARE, 'schedule = [{start = "8"}]'),
        [
            f'{FRONT}:10: zones[0].schedule[0].start: is "8"; use a time HH:MM, 00:00 to 23:59',
        ],
    ),
    "confirm below candidate": (
        CAMERA + "[person]\ncandidate_threshold = 0.5\nconfirm_threshold = 0.4\n",
        [
            (
                f"{FRONT}:8: person.confirm_threshold: is 0.4, below candidate_threshold 0.5; "
                "a person is confirmed by candidates: raise it, or lower candidate_threshold"
            )
        ],
    ),
    "a zone's confirm below candidate": (
        zone('name = "gate"', SQUARE, "confirm_threshold = 0.4")
        + "[person]\ncandidate_threshold = 0.5\n",
        [
            (
                f"{FRONT}:10: zones[0].confirm_threshold: is 0.4, below person.candidate_threshold "
                "0.5; a person is confirmed by candidates: raise it, or lower candidate_threshold"
            )
        ],
    ),
    "threshold that is neither": (
        CAMERA + '[person]\nconfirm_threshold = "high"\n',
        [f'{FRONT}:7: person.confirm_threshold: is "high"; use "auto" or a number, 0.01 to 0.99'],
    ),
    "nobody is tall enough": (
        CAMERA + "[person]\nmin_height_frac = 0.5\nmax_height_frac = 0.5\n",
        [
            (
                f"{FRONT}:7: person.min_height_frac: is 0.5, not below max_height_frac 0.5; "
                "nobody would be reported: lower it"
            )
        ],
    ),
    "no kind": (
        CAMERA.replace('kind = "rtsp"\n', ""),
        [f'{FRONT}:3: source.kind: is missing; add kind = "rtsp" or "usb" or "file" or "folder"'],
    ),
    "unknown kind": (
        CAMERA.replace('"rtsp"', '"onvif"'),
        [f'{FRONT}:4: source.kind: is "onvif"; use "rtsp" or "usb" or "file" or "folder"'],
    ),
    "no source": ('id = "front"\n', [f"{FRONT}: source: is missing; add it: [source]"]),
    "not an RTSP URL": (
        CAMERA.replace("rtsp://", "http://"),
        [f'{FRONT}:5: source.url: is "http://192.168.1.20/stream2"; use rtsp://host[:port]/path'],
    ),
    "a port that is none": (
        CAMERA.replace(".20/", ".20:99999/"),
        [
            (
                f'{FRONT}:5: source.url: is "rtsp://192.168.1.20:99999/stream2"; '
                "use rtsp://host[:port]/path"
            )
        ],
    ),
    "password in the URL": (
        CAMERA.replace("192", f"admin:{PASSWORD}@192"),
        [
            (
                f'{FRONT}:5: source.url: is "rtsp://***@192.168.1.20/stream2", with a user or password '
                "inside; take them out: set username, put the password into a file of mode 0600 and "
                "name it in password_file"
            )
        ],
    ),
    "password in a URL without a scheme": (
        CAMERA.replace("rtsp://192", f"admin:{PASSWORD}@192"),
        [
            (
                f'{FRONT}:5: source.url: is "***@192.168.1.20/stream2", with a user or password '
                "inside; take them out: set username, put the password into a file of mode 0600 and "
                "name it in password_file"
            )
        ],
    ),
    "password without a user": (
        CAMERA + 'password_file = "/etc/secret"\n',
        [f"{FRONT}:3: source.username: is missing beside password_file; add the camera's user"],
    ),
    "device that is none": (
        'id = "usb"\n[source]\nkind = "usb"\ndevice = "video0"\n',
        [f'{FRONT}:4: source.device: is "video0"; use /dev/v4l/by-id/..., see: ls /dev/v4l/by-id'],
    ),
    "several at once": (
        CAMERA.replace("front", "Front").replace("192", f"admin:{PASSWORD}@192")
        + 'transprt = "udp"\n[motion]\nsensitivity = 50\nquiet_s = "long"\n',
        [
            (
                f'{FRONT}:1: id: is "Front"; use 1 to 32 of a-z, 0-9, _ and -, beginning with a letter '
                'or digit: "front"'
            ),
            f"{FRONT}:6: source.transprt: unknown key; did you mean source.transport?",
            (
                f'{FRONT}:5: source.url: is "rtsp://***@192.168.1.20/stream2", with a user or password '
                "inside; take them out: set username, put the password into a file of mode 0600 and "
                "name it in password_file"
            ),
            f"{FRONT}:8: motion.sensitivity: is 50; use 0.1 to 10",
            f'{FRONT}:9: motion.quiet_s: is "long"; write a number, 0.5 to 600, without quotes',
        ],
    ),
}


@pytest.mark.parametrize("case", BAD_CAMERAS)
def test_bad_camera_file(case: str, tmp_path: Path) -> None:
    text, expected = BAD_CAMERAS[case]
    found = problems(write(tmp_path, front=text))
    assert found == expected
    assert not any("c4n4ry" in line or "ss?word" in line for line in found)


def test_each_of_them_has_its_words_in_vietnamese(tmp_path: Path) -> None:
    cases = [(text, CAMERA) for text, _ in BAD_AGENTS.values()]
    cases += [(AGENT, text) for text, _ in BAD_CAMERAS.values()]
    assert [line for text, front in cases for line in english_left(tmp_path, text, front)] == []
