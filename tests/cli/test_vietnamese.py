"""What `status`, a whole `setup` and `config check` print in Vietnamese: nothing English left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import Mosquitto, free_port
from english_words import english

from edge_agent.agent.minute_reason import MinuteReason, in_words
from edge_agent.agent.untold_ring import MinuteRow
from edge_agent.cli import main
from edge_agent.cli.status_view import status_text
from edge_agent.clock import SystemClock
from edge_agent.contract.reasons import FAULT_WORDS
from edge_agent.language import speak
from edge_agent.tools.sentences import of_running
from edge_agent.tools.setup import Answers, Course, GivenAnswers, Manner, Terminal
from edge_agent.tools.setup.answers import BoxAnswers, BrokerAnswers
from edge_agent.tools.tuning.sentences import said

STATUS = Path(__file__).parent / "status.json"


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    speak("en")


def status(**more: Any) -> dict[str, Any]:
    return json.loads(STATUS.read_text()) | more


def eventful() -> dict[str, Any]:
    """Everything odd at once."""
    found = status(
        state="degraded",
        reasons=["broker h:1: no answer in time"],
        config={
            "cfg": "1",
            "result": "rejected",
            "errors": ['/etc/edge-agent/agent.toml:3: box.colour: unknown key; did you mean "id"?'],
        },
    )
    found["broker"] |= {
        "denied": True,
        "state": "waiting",
        "error": "broker h:1: no answer in time",
    }
    found["clock"] = {"quality": "synced", "error_ms": 12}
    away, yard = found["cameras"]
    away["state"] = "refused"
    yard["picture_faults"] = list(FAULT_WORDS.values())
    yard["remarks"] = ["confirm_threshold is 0.5: candidate_threshold moved it up"]
    yard["stream_remarks"] = [
        "H.265 costs about 1.7 times as much to decode as H.264: choose H.264",
        "3 of the camera's time stamps jumped and were replaced",
    ]
    yard["events"].append(
        {"utc": found["at_utc"], "label": "motion", "phase": "end", "top_score": 0.4, "lasted_s": 9}
    )
    return found


@pytest.mark.parametrize("in_full", [False, True])
@pytest.mark.parametrize("shown", [status(), eventful(), status(cameras=[])], ids=range(3))
def test_status_is_vietnamese(shown: dict[str, Any], in_full: bool) -> None:
    speak("vi")
    text = status_text(shown, in_full=in_full).plain
    assert english(text) == []
    assert "máy chủ" in text
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("reason", MinuteReason)
def test_why_nobody_was_told_is_vietnamese(reason: MinuteReason) -> None:
    speak("vi")
    for looks, dropped in ((1, 0), (0, 7), (5, 3)):
        row = MinuteRow(
            "gate", 0, str(reason), 90, looks, 4, 0.001, 0.4, 0.2, 0.5, False, dropped, True
        )
        assert english(of_running(in_words(row))) == []


@pytest.mark.parametrize(
    "state", ["connecting", "stalled", "unreachable", "refused", "unusable", "ended", "streaming"]
)
def test_every_state_of_a_camera_fits_its_column(state: str) -> None:
    speak("vi")
    shown = status()
    shown["cameras"][0]["state"] = state
    line = next(
        line for line in status_text(shown, in_full=False).plain.splitlines() if "away" in line
    )
    assert "~" not in line
    assert state not in line


def test_nobody_who_answers_is_told_in_vietnamese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", str(tmp_path), "--lang", "vi"]) == 1
    assert english(capsys.readouterr().err.replace("edge-agent", "")) == []


def test_programs_read_english_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert main(["status", "--config", str(tmp_path), "--json"]) == 1
    assert "no agent answers" in capsys.readouterr().err


def test_a_whole_setup_is_vietnamese(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = f'[[cameras]]\nid = "gate"\nurl = "rtsp://127.0.0.1:{free_port()}/s"\n'
    (tmp_path / "answers.toml").write_text(
        f'model = "edge-person-int8"\n[box]\nward = "w"\nid = "b"\nstate_dir = "{tmp_path}/state"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nallow_insecure = true\n{dead}'
    )
    options = ["--answers", str(tmp_path / "answers.toml"), "--config", str(tmp_path / "etc")]
    assert main(["setup", *options, "--lang", "vi"]) == 1
    assert main(["setup", *options, "--lang", "vi", "--yes"]) == 0
    assert main(["setup", "--step", "pictures", *options[2:], "--lang", "vi"]) == 1
    assert main(["setup", "--step", "model", *options, "--lang", "vi"]) == 0
    assert main(["setup", "--step", "cameras", *options, "--lang", "vi"]) == 0
    said = capsys.readouterr()
    assert english(said.out + said.err) == []
    assert "hỏi đáp" in said.out


#: Edits that a technician makes, one file each: all of what `config check` says of them.
WRONG = {
    "agent.toml": [
        "[box\n",
        '[box]\nward = "W 1"\nid = "b"\n[mqtt]\nhost = "mqtt://h"\n',
        '[box]\nward = "w"\n[mqtt]\nhost = "h"\nport = 99999\n',
        '[box]\nward = "w"\nid = "b"\ntimezone = "Hanoi"\n[mqtt]\nhost = "h"\nusername = "u"\n',
        '[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "h"\npassword_file = "/nowhere/pw"\n',
        '[box]\nward = "w"\nid = "b"\nstate_dir = "relative"\n[mqtt]\nhost = "h"\n',
    ],
    "cameras.d/gate.toml": [
        'id = "gate"\n',
        'id = "gate"\n[source]\nkind = "rtsp"\nurl = "http://h/x"\n',
        'id = "gate"\n[source]\nkind = "rtsp"\nurl = "rtsp://u:p@h/x"\n',
        'id = "gate"\nenabled = yes\n[source]\nkind = "rtsp"\nurl = "rtsp://h/x"\n',
        'id = "gate"\n[source]\nkind = "rtsp"\nurl = "rtsp://h/x"\nidentity = "1"\n',
        'id = "gate"\n[source]\nkind = "usb"\ndevice = "/dev/v"\n[[zones]]\npolygon = [[2, 1]]\n',
        'id = "gate"\n[person]\nconfirm_threshold = 2\n[source]\nkind = "file"\npath = "x"\n',
        'id = "gate"\n[source]\nkind = "folder"\npath = "/nowhere"\n',
    ],
}


@pytest.mark.parametrize(
    ("file", "text"), [(file, text) for file, texts in WRONG.items() for text in texts]
)
def test_config_check_is_vietnamese_whatever_is_wrong(
    file: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cameras.d").mkdir()
    (tmp_path / "agent.toml").write_text(
        f'[box]\nward = "w"\nid = "b"\nstate_dir = "{tmp_path}"\n[mqtt]\nhost = "h"\n'
    )
    (tmp_path / file).write_text(text)
    assert main(["config", "check", "--config", str(tmp_path), "--lang", "vi"]) == 78
    said = capsys.readouterr()
    assert english(said.out + said.err) == []


def test_the_dialogue_again_after_a_refusal_is_vietnamese(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak("vi")
    said: list[str] = []
    lines = iter(["", "127.0.0.1", "", str(mosquitto.port), "b", ""])

    def ask(question: str) -> str:
        said.append(question)
        return next(lines)

    terminal = Terminal(ask, lambda question: said.append(question) or "", said.append)
    manner = Manner(asks=True, show=lambda finding: said.append(finding.found))
    answers = Answers(
        BoxAnswers("w", "b", "UTC", str(tmp_path / "state")),
        BrokerAnswers("127.0.0.1", free_port(), allow_insecure=True),
        model="edge-person-int8",
    )
    course = Course(terminal, tmp_path / "etc", manner, SystemClock())
    assert course.whole(GivenAnswers(answers, {}))
    assert english("\n".join(said)) == []
    assert (tmp_path / "etc/agent.toml").exists()


#: Each form of what `why` and `tune` say.
LINES = [
    "gate: 26 Nov 22:00 to 22:30, Asia/Ho_Chi_Minh",
    (
        "  untold 22:14:03-22:14:09  best 0.83  person.confirm_threshold (3 looks scored 0.77 of "
        "0.98) -> person.confirm_threshold = 0.76"
    ),
    (
        "  untold 22:14:03-22:14:09  best 0.83  person.min_height_frac (0.10 to 0.15 high, least "
        '0.2) and zones[0].polygon (feet at (0.50, 0.61), outside zone "door") -> '
        "person.min_height_frac = 0.15 and zones[0].polygon = [[0, 0], [1, 0], [1, 1]]"
    ),
    (
        '  untold 0:04.0-0:10.0  best 0.85  zones[0].schedule (Thu 14:20, when zone "door" is not'
        ' watched) -> zones[0].schedule = [{start = "14:00", end = "15:00"}]'
    ),
    "  untold 0:04.0-0:10.0  best 0.85  not looked at (nothing moved there: motion.sensitivity)",
    "  untold 0:04.0-0:10.0  best 0.85  zones[0].dwell_s (seen for 1.2 of 3 s) -> without zones[0]",
    "  2 more: no threshold, zone or time told them: part of somebody else, or too seldom seen",
    "  one value that tells all 3: person.confirm_threshold = 0.7",
    "  one value that tells 2 of 3: person.confirm_threshold = 0.7",
    "  zones are easier drawn than typed: edge-agent zones gate",
    "  22:14-22:16  nothing moved; 3 pictures dropped: the box was too busy",
    "  22:16-22:20  no record: the agent did not run",
    "  22:27-22:30  not written yet: the next at 22:31",
    "     12  looked, and nothing looked like a person",
    "  31 minutes of record:",
    "yard.avi: 0:10.0 min, 50 pictures analysed, 12 looked at by the detector",
    "  lost    0:04.0-0:10.0  0.85  taken for somebody told",
    (
        "  gained  0:04.0-0:10.0  0.85  person.confirm_looks (1 of 3 looks within 2 s)"
        " -> person.confirm_looks = 1"
    ),
    "recommended: keep what holds now",
    "  confidence low: only one visit is labelled; 10 are few, 30 say much",
    "  told 1 of 2 visits: between 9% and 91% of visits like these",
    "CPU: 1.0 s to decode and find motion, 0.5 s in the detector, 0.1 s to decide",
]


@pytest.mark.parametrize("line", LINES)
def test_why_and_tune_are_vietnamese(line: str) -> None:
    speak("en")
    assert said(line) == line
    speak("vi")
    told = said(line)
    assert told != line
    assert english(told) == []
    assert len(told) - len(told.lstrip()) == len(line) - len(line.lstrip())
