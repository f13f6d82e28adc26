"""What a technician reads for the slips that people make: the key, what was found, the fix."""
# ruff: noqa: E501 - messages are shown whole, as they are printed

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, PASSWORD, english_left, problems, write, zone

F = "cameras.d/front.toml"
PERSON = CAMERA + "[person]\n"
SQUARE = "polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]"

#: A camera's file -> the one message it gets.
CAMERA_SLIPS = {
    "decimal comma": (
        PERSON + "confirm_threshold = 0,7\n",
        f"{F}:7: person.confirm_threshold: is 0,7, with a decimal comma; write a point: 0.7",
    ),
    "thousands, German": (
        PERSON + "cooldown_s = 1.000,5\n",
        f"{F}:7: person.cooldown_s: is 1.000,5; write the number as 1000.5",
    ),
    "leading zero": (
        PERSON + "confirm_looks = 03\n",
        f"{F}:7: person.confirm_looks: is 03; write the number as 3",
    ),
    "no zero before the point": (
        PERSON + "confirm_threshold = .6\n",
        f"{F}:7: person.confirm_threshold: is .6; write the number as 0.6",
    ),
    "seconds": (
        PERSON + "cooldown_s = 30s\n",
        f"{F}:7: person.cooldown_s: is 30s, a number with a unit; write the number alone: 30 (seconds)",
    ),
    "milliseconds": (
        PERSON + "lost_after_s = 2500 ms   # a pillar\n",
        f"{F}:7: person.lost_after_s: is 2500 ms, a number with a unit; write the number alone: 2.5 (seconds)",
    ),
    "Vietnamese seconds": (
        PERSON + "cooldown_s = 30 giây\n",
        f"{F}:7: person.cooldown_s: is 30 giây, a number with a unit; write the number alone: 30 (seconds)",
    ),
    "percent": (
        PERSON + "confirm_threshold = 70%\n",
        f"{F}:7: person.confirm_threshold: is 70%, a number with a unit; write the number alone: 0.7 (a score, 0 to 1)",
    ),
    "percent in quotes": (
        PERSON + 'confirm_threshold = "70%"\n',
        f'{F}:7: person.confirm_threshold: is "70%"; use "auto" or a number, 0.01 to 0.99: 0.7',
    ),
    "percent without its sign": (
        PERSON + "min_height_frac = 20\n",
        f"{F}:7: person.min_height_frac: is 20; use 0 to 1; 20 % is 0.2",
    ),
    "unit in quotes": (
        PERSON + 'lost_after_s = "2 s"\n',
        f'{F}:7: person.lost_after_s: is "2 s"; write a number, 0.5 to 60, without quotes and unit: 2',
    ),
    "milliseconds where seconds are meant": (
        PERSON + "confirm_window_s = 2000\n",
        f"{F}:7: person.confirm_window_s: is 2000; use 0.2 to 60; it is in seconds; 2000 ms are 2",
    ),
    "True": (
        CAMERA + "[motion]\nevents = True\n",
        f"{F}:7: motion.events: is True; write true, in small letters and without quotes",
    ),
    "yes": (
        CAMERA + "[motion]\nevents = yes\n",
        f"{F}:7: motion.events: is yes; write true, in small letters and without quotes",
    ),
    "yes in Vietnamese, quoted": (
        CAMERA + '[motion]\nevents = "không"\n',
        f'{F}:7: motion.events: is "không"; write false, without quotes',
    ),
    "no quotes": (
        CAMERA + "username = viewer\n",
        f'{F}:6: source.username: is viewer, without quotes; text needs quotes: "viewer"',
    ),
    "no quotes around a URL": (
        CAMERA.replace('"rtsp://192.168.1.20/stream2"', "rtsp://192.168.1.20/stream2"),
        f'{F}:5: source.url: is rtsp://192.168.1.20/stream2, without quotes; text needs quotes: "rtsp://192.168.1.20/stream2"',
    ),
    "unclosed quote": (
        CAMERA + 'username = "viewer\n[motion]\n',
        f"{F}:6: source.username: is text with a quote missing; put the same quote before and behind the text",
    ),
    "two kinds of quotes": (
        CAMERA + "username = \"viewer'\n",
        f"{F}:6: source.username: is text with a quote missing; put the same quote before and behind the text",
    ),
    "typographic quotes": (
        "name = “Front”\n" + CAMERA,
        f"{F}:1: name: has typographic quotes (“ ”); use straight quotes, \" or '",
    ),
    "German quotes": (
        "name = „Vorne“\n" + CAMERA,
        f"{F}:1: name: has typographic quotes („ “); use straight quotes, \" or '",
    ),
    "accents for quotes": (
        "name = ´Front´\n" + CAMERA,
        f"{F}:1: name: has typographic quotes (´); use straight quotes, \" or '",
    ),
    "no-break space": (
        CAMERA + "username\u00a0= 'viewer'\n",
        f"{F}:6: source.username: has a no-break or other special space (U+00A0); delete it and type a space",
    ),
    "smart dash": (
        PERSON + "cooldown_s = \u22125\n",
        f"{F}:7: person.cooldown_s: has a typographic dash (U+2212); use the hyphen of the keyboard, -",
    ),
    "full-width keyboard": (
        PERSON + "confirm_looks ＝ ３\n",
        f"{F}:7: person.confirm_looks: has a full-width character (＝ ３); switch the keyboard to Latin letters and type it again",
    ),
    "zero width space": (
        CAMERA + "username\u200b = 'viewer'\n",
        f"{F}:6: source.username: has an invisible character (U+200B); delete it: retype the line",
    ),
    "backslash": (
        "name = 'x'\n" + CAMERA.replace('"rtsp://192.168.1.20/stream2"', '"rtsp:\\\\u\\s"'),
        f'{F}:6: source.url: is "rtsp:\\\\u\\s", with a backslash; use single quotes, in which \\ is a letter like others',
    ),
    "comment with //": (
        CAMERA + "// the gate\n",
        f"{F}:6: has a comment that begins with //; a comment begins with #",
    ),
    "a note without #": (
        CAMERA + "camera trước cổng nhà ông Ba\n",
        f"{F}:6: is a line of words, no setting; a comment begins with #",
    ),
    "late comment with //": (
        PERSON + "confirm_looks = 4 // surer\n",
        f"{F}:7: person.confirm_looks: has a comment that begins with //; a comment begins with #",
    ),
    "semicolon": (
        PERSON + "confirm_looks = 4;\n",
        f"{F}:7: person.confirm_looks: ends with ;; a line ends with its value",
    ),
    "colon": (
        PERSON + "confirm_looks: 3\n",
        f"{F}:7: person.confirm_looks: has : instead of =; write confirm_looks = 3",
    ),
    "no sign at all": (
        PERSON + "confirm_looks 3\n",
        f"{F}:7: person.confirm_looks: has no = between key and value; write confirm_looks = 3",
    ),
    "nothing": (
        PERSON + "confirm_looks =\n",
        f"{F}:7: person.confirm_looks: has no value; write a value, or delete the line",
    ),
    "null": (
        CAMERA + "main_url = null\n",
        f"{F}:6: source.main_url: is null; write a value, or delete the line",
    ),
    "space in the key": (
        PERSON + "confirm looks = 3\n",
        f'{F}:7: person.confirm_looks: has the key "confirm looks"; keys are made of a-z, 0-9 and _ only: confirm_looks',
    ),
    "key twice": (
        PERSON + "confirm_looks = 3\ncooldown_s = 1\nconfirm_looks = 4\n",
        f"{F}:9: person.confirm_looks: is there twice, first in line 7; keep one of the two",
    ),
    "table twice": (
        PERSON + "confirm_looks = 3\n[motion]\nquiet_s = 5\n[person]\ncooldown_s = 1\n",
        f"{F}:10: person: is there twice, first in line 6; put everything below one [person]",
    ),
    "second zone with one bracket": (
        zone('name = "gate"', SQUARE) + f'[zones]\nname = "yard"\n{SQUARE}\n',
        f"{F}:10: zones: is there twice, first in line 7; write [[zones]] with two brackets each time",
    ),
    "half a header": (
        CAMERA + f'[[zones]\nname = "gate"\n{SQUARE}\n',
        f"{F}:6: zones: is [[zones], which is no head of a table; write [[zones]] on a line of its own",
    ),
    "header and key on one line": (
        CAMERA + "[person] confirm_looks = 3\n",
        f"{F}:6: person: has something behind [person] on the same line; begin a new line there",
    ),
    "missing comma in a polygon": (
        zone('name = "gate"', "polygon = [[0.0, 0.4], [1.0, 0.4] [1.0, 1.0]]"),
        f"{F}:9: zones[0].polygon: has two parts of a list without a comma between them; put a comma between the parts: [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0]]",
    ),
    "missing bracket of a polygon": (
        zone('name = "gate"', "polygon = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0]", "dwell_s = 1"),
        f"{F}:9: zones[0].polygon: has 1 bracket [ that nothing closes; close the list with ]",
    ),
    "missing bracket, several lines": (
        zone('name = "gate"', "polygon = [", "[0, 0.4],", "[1, 0.4],", "[1, 1],", "dwell_s = 1"),
        f"{F}:9: zones[0].polygon: has 1 bracket [ that nothing closes; close the list with ]",
    ),
    "a bracket too many": (
        zone('name = "gate"', "polygon = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0]]]"),
        f"{F}:9: zones[0].polygon: has a ] too many; each [ has one ]",
    ),
    "round brackets": (
        zone('name = "gate"', "polygon = [(0, 0.4), (1, 0.4), (1, 1)]"),
        f"{F}:9: zones[0].polygon: is [(0, 0.4), (1, 0.4), (1, 1)]; a list stands in square brackets, [ ]",
    ),
    "polygon in pixels": (
        zone('name = "gate"', "polygon = [[0, 432], [1920, 432], [1920, 1080], [0, 1080]]"),
        f"{F}:9: zones[0].polygon: is in pixels, as [0, 432]; write fractions of the frame, 0 to 1; in a picture of 1920x1080: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]",
    ),
    "polygon in pixels of a substream": (
        zone('name = "gate"', "polygon = [[64, 180], [639, 200], [639, 359]]"),
        f"{F}:9: zones[0].polygon: is in pixels, as [64, 180]; write fractions of the frame, 0 to 1; in a picture of 640x360: [[0.1, 0.5], [0.998, 0.556], [0.998, 0.997]]",
    ),
    "polygon in percent": (
        zone('name = "gate"', "polygon = [[0, 40], [100, 40], [100, 100]]"),
        f"{F}:9: zones[0].polygon: is in percent, as [0, 40]; write fractions of the frame, 0 to 1; divided by 100: [[0, 0.4], [1, 0.4], [1, 1]]",
    ),
    "polygon as Frigate writes it": (
        zone('name = "gate"', 'polygon = "0,0.4,1,0.4,1,1"'),
        f"{F}:9: zones[0].polygon: is text; write a list of pairs, without quotes: [[0, 0.4], [1, 0.4], [1, 1]]",
    ),
    "polygon without pairs": (
        zone('name = "gate"', "polygon = [0, 0.4, 1, 0.4, 1, 1]"),
        f"{F}:9: zones[0].polygon: is a list of 6 numbers; write pairs: [[0, 0.4], [1, 0.4], [1, 1]]",
    ),
    "polygon of tables": (
        zone('name = "gate"', "polygon = [{x=0, y=0.4}, {x=1, y=0.4}, {x=1, y=1}]"),
        f"{F}:9: zones[0].polygon: is a list of tables; write pairs: [[0, 0.4], [1, 0.4], [1, 1]]",
    ),
    "odd numbers in a polygon": (
        zone('name = "gate"', "polygon = [[0, .4], [1., 0.4], [1, 01]]"),
        f"{F}:9: zones[0].polygon: is [[0, .4], [1., 0.4], [1, 01]], with an odd number; write the numbers as [[0, 0.4], [1.0, 0.4], [1, 1]]",
    ),
    "a stray character": (
        zone('name = "gate"', "polygon = [[0, 0.4]é, [1, 0.4], [1, 1]]"),
        f"{F}:9: zones[0].polygon: has a é where none belongs (column 20); delete it",
    ),
    "a word for a number": (
        PERSON + "confirm_looks = three\n",
        f'{F}:7: person.confirm_looks: is "three"; write a whole number, 1 to 20, without quotes',
    ),
    "an area in pixels": (
        CAMERA + "[motion]\nmin_area_frac = 5000\n",
        f"{F}:7: motion.min_area_frac: is 5000; use 0 to 0.5; it is a share of the frame; 5000 of 1920x1080 pixels are 0.00241",
    ),
    "a schedule in one text": (
        zone('name = "gate"', SQUARE, 'schedule = "22:00-06:00"'),
        f'{F}:10: zones[0].schedule: is "22:00-06:00"; write [[zones.schedule]], and its keys below it',
    ),
    "days in one text": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", 'days = "Mon, CN"'),
        f'{F}:11: zones[0].schedule[0].days: is "Mon, CN"; write a list: ["mon", "sun"]',
    ),
    "numbers of a polygon in quotes": (
        zone('name = "gate"', 'polygon = [["0", "0.4"], ["1", "0.4"], ["1", "1"]]'),
        f"{F}:9: zones[0].polygon: has its numbers in quotes; write them bare: [[0, 0.4], [1, 0.4], [1, 1]]",
    ),
    "a time with h": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", "start = 7h30"),
        f'{F}:11: zones[0].schedule[0].start: is 7h30; a time is written "07:30", in quotes',
    ),
    "a time without quotes": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", "start = 22:00"),
        f'{F}:11: zones[0].schedule[0].start: is 22:00; a time is written "22:00", in quotes',
    ),
    "a time of TOML": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", "start = 22:00:00"),
        f'{F}:11: zones[0].schedule[0].start: is the date or time 22:00:00; use a time HH:MM, 00:00 to 23:59: "22:00"',
    ),
    "pm": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", 'start = "9pm"'),
        f'{F}:11: zones[0].schedule[0].start: is "9pm"; use a time HH:MM, 00:00 to 23:59: "21:00"',
    ),
    "a day in Vietnamese": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", 'days = ["CN"]'),
        f'{F}:11: zones[0].schedule[0].days[0]: is "CN"; did you mean "sun"?',
    ),
    "days from to": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", 'days = ["mon-fri"]'),
        f'{F}:11: zones[0].schedule[0].days[0]: is "mon-fri"; write each day by itself: use "mon" or "tue" or "wed" or "thu" or "fri" or "sat" or "sun"',
    ),
    "days without quotes": (
        zone('name = "gate"', SQUARE, "[[zones.schedule]]", "days = [mon, tue]"),
        f'{F}:11: zones[0].schedule[0].days: is [mon, tue], without quotes; text in a list needs quotes: ["mon", "tue"]',
    ),
    "Frigate's min_score": (
        PERSON + "min_score = 0.5\n",
        f"{F}:7: person.min_score: unknown key; here it is called person.candidate_threshold (score)",
    ),
    "Frigate's threshold": (
        PERSON + "threshold = 0.7\n",
        f"{F}:7: person.threshold: unknown key; here it is called person.confirm_threshold (score)",
    ),
    "a threshold of motion": (
        CAMERA + "[motion]\nthreshold = 30\n",
        f"{F}:7: motion.threshold: unknown key; here it is called motion.sensitivity (factor)",
    ),
    "Frigate's min_area": (
        PERSON + "min_area = 5000\n",
        f"{F}:7: person.min_area: unknown key; here it is called person.min_height_frac (share of the height)",
    ),
    "rtsp_url": (
        CAMERA + 'rtsp_url = "rtsp://192.168.1.20/x"\n',
        f"{F}:6: source.rtsp_url: unknown key; here it is called source.url",
    ),
    "user": (
        CAMERA + 'user = "viewer"\n',
        f"{F}:6: source.user: unknown key; here it is called source.username",
    ),
    "host of a camera": (
        CAMERA + 'host = "192.168.1.20"\n',
        f"{F}:6: source.host: unknown key; here it is called source.url",
    ),
    "key in capitals": (
        PERSON + "ConfirmLooks = 3\n",
        f"{F}:7: person.ConfirmLooks: unknown key; did you mean person.confirm_looks?",
    ),
    "typo in the wrong table": (
        CAMERA + "confirm_treshold = 0.6\n",
        f"{F}:6: source.confirm_treshold: unknown key; did you mean confirm_threshold in [person]?",
    ),
    "box in a camera's file": (
        CAMERA + '[box]\nid = "b"\n',
        f"{F}:6: box: unknown key; it belongs into agent.toml",
    ),
    "capitals in a choice": (
        CAMERA + 'transport = "TCP"\n',
        f'{F}:6: source.transport: is "TCP"; did you mean "tcp"?',
    ),
    "a name for an id": (
        CAMERA.replace('"front"', '"Cổng Trước"'),
        f'{F}:1: id: is "Cổng Trước"; use 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit: "cong-truoc"',
    ),
    "number for text": (
        "name = 12\n" + CAMERA,
        f'{F}:1: name: is 12; write it in quotes: "12"',
    ),
    "merge conflict": (
        "<<<<<<< HEAD\n" + CAMERA,
        f'{F}:1: has a line "<<<<<<<", a mark of a merge conflict; delete the line',
    ),
    "table over several lines": (
        zone('name = "gate"', SQUARE, 'schedule = [{ start = "22:00",', 'end = "06:00" }]'),
        f"{F}:10: zones[0].schedule: has a {{ }} over several lines; write it on one line",
    ),
    "too deep": (
        CAMERA + f"x = {'[' * 5000}{']' * 5000}\n",
        f"{F}:6: lists or tables are nested too deeply; nothing here needs more than three levels",
    ),
    "too long a key": (
        CAMERA + f"x{'.x' * 5000} = 1\n",
        f"{F}:6: lists or tables are nested too deeply; nothing here needs more than three levels",
    ),
    "thousands of digits": (
        CAMERA + f"fps = {'9' * 5000}\n",
        f"{F}:6: a number has thousands of digits; write the number itself",
    ),
}


@pytest.mark.parametrize("case", CAMERA_SLIPS)
def test_a_slip_in_a_camera_file(case: str, tmp_path: Path) -> None:
    text, expected = CAMERA_SLIPS[case]
    found = problems(write(tmp_path, front=text))
    assert expected in found
    assert len(set(found)) == len(found)


AGENT_SLIPS = {
    "id without quotes": (
        AGENT.replace('"hoan-kiem"', "hoan-kiem"),
        'agent.toml:2: box.ward: is hoan-kiem, without quotes; text needs quotes: "hoan-kiem"',
    ),
    "address without quotes": (
        AGENT.replace('"mqtt.ward.example"', "192.168.1.5"),
        'agent.toml:6: mqtt.host: is 192.168.1.5, without quotes; text needs quotes: "192.168.1.5"',
    ),
    "broker": (
        AGENT + 'broker = "x"\n',
        "agent.toml:7: mqtt.broker: unknown key; here it is called mqtt.host",
    ),
    "ca": (
        AGENT + 'ca_cert = "/x.pem"\n',
        "agent.toml:7: mqtt.ca_cert: unknown key; here it is called mqtt.tls.ca_file",
    ),
    "megabytes": (
        AGENT + "[outbox]\nmax_mb = 2GB\n",
        "agent.toml:8: outbox.max_mb: is 2GB, a number with a unit; write the number alone: 2000 (MB)",
    ),
    "days for hours": (
        AGENT + "[clips]\nretention_h = 3 days\n",
        "agent.toml:8: clips.retention_h: is 3 days, a number with a unit; write the number alone: 72 (hours)",
    ),
    "zones": (
        AGENT + f'[[zones]]\nname = "x"\n{SQUARE}\n',
        "agent.toml:7: zones: unknown key; it belongs into a camera's file, cameras.d/*.toml",
    ),
    "min_score among the defaults": (
        AGENT + "[defaults.person]\nmin_score = 0.4\n",
        "agent.toml:8: defaults.person.min_score: unknown key; here it is called defaults.person.candidate_threshold (score)",
    ),
    "JSON": (
        '{"box": {"ward": "w"}}',
        "agent.toml: looks like JSON; write TOML, as in the shipped samples",
    ),
}


@pytest.mark.parametrize("case", AGENT_SLIPS)
def test_a_slip_in_agent_toml(case: str, tmp_path: Path) -> None:
    text, expected = AGENT_SLIPS[case]
    assert expected in problems(write(tmp_path, text, front=CAMERA))


def test_all_slips_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = PERSON + 'confirm_looks: 3\ncooldown_s = 30s\nconfirm_treshold = 0,6\nfps = "x"\n'
    assert [line.split(": ")[0] for line in problems(write(tmp_path, front=text))] == [
        f"{F}:7",
        f"{F}:8",
        f"{F}:9",
        f"{F}:9",
        f"{F}:10",
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"password = {PASSWORD}",
        f"password: {PASSWORD}",
        f'password = "{PASSWORD}',
        f"password_file = {PASSWORD}",
        f"mat_khau = ‘{PASSWORD}’",
        f"passwort {PASSWORD}",
        f"url = rtsp://admin:{PASSWORD}@192.168.1.20/x",
        f"url = “rtsp://admin:{PASSWORD}@192.168.1.20/x”",
    ],
)
def test_a_password_on_a_line_with_a_slip_is_not_shown(line: str, tmp_path: Path) -> None:
    text = CAMERA.replace("url = ", "main_url = ") + line + "\n"
    found = problems(write(tmp_path, front=text))
    assert found
    assert not any("c4n4ry" in problem or "ss?word" in problem for problem in found)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (CAMERA.encode("utf-16-le"), "is UTF-16 without its mark; save it as UTF-8"),
        (CAMERA.encode("utf-32"), "is UTF-32; save it as UTF-8"),
        (CAMERA.encode() + b"\0" * 40, "holds 40 zero bytes, as after a power cut"),
        (CAMERA.replace("\n", "\r").encode(), "has lines that end with a carriage return alone"),
        (b"name = 'x'\n" * 200_000, "is larger than 1024 KiB"),
    ],
)
def test_bytes_that_no_editor_should_leave(data: bytes, expected: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "cameras.d" / "front.toml").write_bytes(data)
    assert expected in problems(tmp_path)[0]


def test_tabs_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    text = CAMERA.replace("url =", "\turl\t=").replace("\n", "\r\n")
    write(tmp_path)
    (tmp_path / "cameras.d" / "front.toml").write_bytes(text.encode())
    from edge_agent.config import load_config

    assert len(load_config(tmp_path).config.cameras) == 1


def test_each_slip_has_its_words_in_vietnamese(tmp_path: Path) -> None:
    cases = [(text, CAMERA) for text, _ in AGENT_SLIPS.values()]
    cases += [(AGENT, text) for text, _ in CAMERA_SLIPS.values()]
    assert [line for text, front in cases for line in english_left(tmp_path, text, front)] == []
