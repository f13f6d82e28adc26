"""What people read, in Vietnamese: whole, current, and really said."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import clips
import pytest
from babel.messages.pofile import read_po
from broker import Mosquitto, free_port
from fake_onvif import FakeOnvif
from pki import Authority

from edge_agent import language
from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource
from edge_agent.errors import BrokerRefused, SourceUnreachable
from edge_agent.language import FOLDER, speak
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, format_report, probe
from edge_agent.tools.doctor.machine import Machine, memory, power, service
from edge_agent.tools.sentences import of_error, of_report
from edge_agent.tools.setup import Terminal, ask_everything

ROOT = Path(__file__).resolve().parent.parent
PO = FOLDER / "vi" / "LC_MESSAGES" / "edge-agent.po"
FIELD = re.compile(r"\{\w+\}")
#: Shorter ones are part of keys and of other words, as `size`.
SHORTEST = 8


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    speak("en")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "packaging" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def catalogue() -> dict[str, str]:
    with PO.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file) if each.id}


def english_in(output: str) -> list[str]:
    """Sentences of the catalogue that were said in English."""
    found = []
    for english, vietnamese in catalogue().items():
        if english in vietnamese or len(FIELD.sub("", english).strip()) < SHORTEST:
            continue
        pattern = ".+?".join(re.escape(part) for part in FIELD.split(english))
        if re.search(rf"(?<![\w.-]){pattern}(?![\w-])", output):
            found.append(english)
    return found


def test_every_message_is_in_the_catalogue_and_translated(tool: ModuleType) -> None:
    with PO.open("rb") as file:
        known = {each.id: each for each in read_po(file) if each.id}
    wanted = tool.messages()
    assert len(wanted) > 300
    assert [text for text in wanted if text not in known] == []  # run: make messages
    assert [text for text in known if text not in wanted] == []
    assert [text for text, each in known.items() if not each.string or each.fuzzy] == []


def test_messages_that_are_put_together_are_not_given_for_translation() -> None:
    wrong = []
    for path in (ROOT / "edge_agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                wrong += [f"{path.name}:{node.lineno}" for a in node.args if "Joined" in repr(a)]
    assert wrong == []


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    with PO.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for english, vietnamese in catalogue().items():
        assert compiled.gettext(english) == vietnamese  # run: make messages
    assert len(compiled._catalog) == len(catalogue()) + 1  # type: ignore[attr-defined]


def test_translations_keep_their_fields_and_are_composed() -> None:
    for english, vietnamese in catalogue().items():
        assert sorted(set(FIELD.findall(english))) == sorted(set(FIELD.findall(vietnamese)))
        assert unicodedata.normalize("NFC", vietnamese) == vietnamese
        assert english.endswith(": ") == vietnamese.endswith(": ")


def is_said(part: str, everything: str) -> bool:
    """Every word, and nearly all neighbours: a sentence is put together of two or three pieces."""
    words = part.split(" ")
    apart = [pair for pair in pairwise(words) if " ".join(pair) not in everything]
    return all(word in everything for word in words) and len(apart) <= (2 if len(words) < 4 else 1)


def test_sentences_of_other_modules_are_still_theirs(tool: ModuleType) -> None:
    """What `told` waits for is what the sources, the broker's client and the configuration say."""
    said = []
    for path in (ROOT / "edge_agent").rglob("*.py"):
        if path.name == "sentences.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(each, "value", "") for each in node.values]
                said.append("\0".join(each if isinstance(each, str) else "" for each in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    everything = "\n".join(said)
    gone = []
    for text, files in tool.messages().items():
        if any(file.endswith("sentences.py") for file in files):
            parts = [part.strip("'\"():;, ") for part in FIELD.split(text)]
            gone += [(text, part) for part in parts if not is_said(part, everything)]
    assert gone == [], gone


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "vi_VN"}, "vi"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_environment_chooses(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    speak()
    assert language.spoken() == expected


def answers_of(lines: Sequence[str], said: list[str]) -> Terminal:
    left = iter(lines)

    def ask(question: str) -> str:
        said.append(question)
        return next(left)

    def ask_secret(question: str) -> str:
        said.append(question)
        return "secret"

    return Terminal(ask, ask_secret, said.append)


def test_the_dialogue_of_setup_is_vietnamese_with_every_mistake(tmp_path: Path) -> None:
    own = Authority(tmp_path).issue("box-0017")
    speak("vi")
    said: list[str] = []
    box = ["Phường 5", "phuong-5", "box-0017", "GMT+7", "Asia/Ho_Chi_Minh"]
    server = ["mqtt://x", "mqtt.example", "c", "0", "8883", "/nowhere", str(own.key), ""]
    server += [str(own.cert), "", str(own.cert), str(own.key)]
    gate = ["gate", "Cổng", "99", "2", "rtsp://x/y", "192.168.1.64", "65", "3", "viewer"]
    yard = ["gate", "yard", "", "9", "192.168.1.65", "", "k", "admin"]
    told = ask_everything(answers_of([*box, *server, *gate, "có", *yard, "k"], said), "UTC")
    assert [camera.id for camera in told.answers.cameras] == ["gate", "yard"]
    assert not told.answers.mqtt.allow_insecure
    assert english_in("\n".join(said)) == []
    assert any("Tên phường" in line for line in said)


def write_box(folder: Path, port: int, source: str, more: str = "") -> None:
    (folder / "cameras.d").mkdir(exist_ok=True)
    (folder / "agent.toml").write_text(
        f'[box]\nward = "w"\nid = "b"\nstate_dir = "{folder}/state"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nallow_insecure = true\n{more}'
    )
    (folder / "cameras.d" / "gate.toml").write_text(f'id = "gate"\n[source]\n{source}')


def test_doctor_is_vietnamese_where_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "clips").mkdir()
    broker = Mosquitto(tmp_path / "broker").start()
    try:
        write_box(tmp_path, broker.port, f'kind = "folder"\npath = "{tmp_path}/clips"\n')
        main(["doctor", "--config", str(tmp_path), "--lang", "vi"])
    finally:
        broker.stop()
    output = capsys.readouterr().out
    assert "máy chủ của phường" in output
    assert "kết nối trong" in output
    assert english_in(output) == []


def test_doctor_is_vietnamese_where_nothing_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    away = f'kind = "rtsp"\nurl = "rtsp://127.0.0.1:{free_port()}/live"\n'
    write_box(tmp_path, free_port(), away)
    assert main(["doctor", "--config", str(tmp_path), "--lang", "vi"]) == 1
    output = capsys.readouterr().out
    assert "từ chối kết nối" in output
    assert "không có gì chạy ở cổng này" in output
    assert english_in(output) == []


def test_a_made_machine_is_described_in_vietnamese(tmp_path: Path) -> None:
    speak("vi")
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("81000\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 90000 kB\n")
    answers = {
        "vcgencmd get_throttled": (0, "throttled=0x50005"),
        "systemctl is-active edge-agent": (3, "failed"),
        "systemctl is-enabled edge-agent": (1, "disabled"),
    }
    box = Machine(tmp_path, lambda command: answers.get(" ".join(command), (127, "")))
    findings = [*power(box), *memory(box), *service(box)]
    assert len(findings) >= 4
    text = "\n".join(f"{each.subject}: {each.found}" for each in findings)
    assert english_in(text) == []
    assert "nguồn điện: đang bị yếu nguồn" in text


def test_programs_read_english(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    options = ["--config", str(tmp_path / "none"), "--json"]
    assert main(["doctor", *options]) == 78
    subjects = {each["subject"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert "memory" in subjects
    assert main(["config", "check", *options]) == 78
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["found"] == "does not exist"
    assert main(["doctor", "--codes"]) == 0
    assert "| code | grade |" in capsys.readouterr().out


def test_the_list_of_codes_in_vietnamese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--codes", "--lang", "vi"]) == 0
    table = capsys.readouterr().out
    assert "| EA-CAM-001 | đỏ | Camera không trả lời. |" in table
    assert english_in(table) == []


def test_config_check_is_vietnamese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_box(tmp_path, 1883, 'kind = "rtps"\nurl = "x"\n', 'colour = "red"\nusername = 3\n')
    assert main(["config", "check", "--config", str(tmp_path), "--lang", "vi"]) == 78
    said = capsys.readouterr().err
    assert 'đang là "rtps"; có phải ý là "rtsp"?' in said
    assert "không có khóa này; ở đây có: " in said
    assert said.endswith("3 lỗi\n")
    assert english_in(said) == []


def test_camera_commands_are_vietnamese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_box(tmp_path, 1883, 'kind = "rtsp"\nurl = "rtsp://127.0.4.9/live"\n')
    home = "onvif://www.onvif.org/name/HIKVISION"
    port = free_port()
    options = ["--wsd-port", str(port), "--lang", "vi"]
    with FakeOnvif("127.0.4.2", "HIKVISION", "DS-2CD", home, "HK9").running(port):
        (tmp_path / "pw").write_text("right")
        (tmp_path / "pw").chmod(0o600)
        login = ["--username", "viewer", "--password-file", str(tmp_path / "pw")]
        search = ["--network", "127.0.4.1/29", "--wait", "0.5"]
        main(["camera", "discover", *search, *login, *options])
        main(["camera", "find", "nowhere", *search, *options])
        added = ["camera", "add", "yard", "127.0.4.2", "--config", str(tmp_path)]
        main([*added, *login, *options])
        main([*added, *login, *options])
        main(["camera", "test", "none", "--config", str(tmp_path), "--lang", "vi"])
    said = capsys.readouterr()
    assert "luồng phụ: rtsp://127.0.4.2" in said.out
    assert "đã ghi: " in said.out
    assert "đã có rồi; lấy tên khác" in said.err
    assert english_in(said.out + said.err) == []


def test_a_failure_that_is_said_in_two_steps() -> None:
    speak("vi")
    failed = SourceUnreachable("gate: rtsp://10.0.0.1/live gave no answer within 5 s")
    assert of_error(failed) == "gate: rtsp://10.0.0.1/live không trả lời trong 5 giây"
    refused = BrokerRefused(
        "gate: rtsp://10.0.0.1/ refused user 'admin' (401); try 1 of 2; check username and "
        "password_file"
    )
    assert of_error(refused).endswith(
        "(401); đã thử 1 trên 2 lần; xem lại username và password_file"
    )
    unknown = BrokerRefused("the moon is full")
    assert of_error(unknown) == "the moon is full"


def test_the_installation_guide_shows_the_questions_that_are_asked() -> None:
    speak("vi")
    said: list[str] = []
    box = ["phuong-5", "box-0017", "", "mqtt.phuong-5.example", "", "", "", "", ""]
    gate = ["cong-truoc", "Cổng trước", "1", "192.168.1.64", "", "viewer", "k"]
    ask_everything(answers_of([*box, *gate], said), "Asia/Ho_Chi_Minh")
    guide = (ROOT / "docs" / "vi" / "cai-dat.md").read_text()
    position = 0
    for line in said:
        position = guide.find(f"\n{line.rstrip()}", position)
        assert position >= 0, line


def test_the_screens_of_the_guide_are_what_the_programs_say() -> None:
    """Marks of doctor, and the installer's lines, in the words of today."""
    guide = (ROOT / "docs" / "vi" / "cai-dat.md").read_text()
    script = (ROOT / "systemd" / "install.sh").read_text()
    ready = [FIELD.split(text) for text in catalogue().values()]
    patterns = [re.compile(".+?".join(map(re.escape, parts))) for parts in ready]
    found = re.findall(r"^(?:ok|!  ?|X  ?) (?:.*?): (.+?)(?:  \[EA-.*)?$", guide, re.MULTILINE)
    assert len(found) > 12
    camera = re.compile(
        r"h264 640x360, \d+ hình/giây, [\d.]+ giây có một khung I; hình: đủ sáng, thấy 1 người"
        r"|\d+ °C"
    )
    wrong = [
        text
        for text in found
        if not camera.fullmatch(text) and not any(p.fullmatch(text) for p in patterns)
    ]
    assert wrong == []
    installer = re.findall(r"^edge-agent: (.+)$", guide, re.MULTILINE)
    assert len(installer) == 5
    for line in installer:
        assert re.match(r"[^\d/]+", line)[0].strip() in script  # type: ignore[index]


def test_the_report_of_a_stream_is_vietnamese(tmp_path: Path) -> None:
    speak("vi")
    clip = clips.render(tmp_path / "clip.mp4", clips.Clip(width=64, height=64, frames=60, gop=60))
    clock = SystemClock()
    seen = probe(
        FileSource(path=str(clip), pace="fast"),
        credentials=CredentialGuard(None, clock),
        stop=StopToken(),
        clock=clock,
    )
    english = format_report(seen)
    said = of_report(english)
    assert len(said.splitlines()) == len(english.splitlines())
    names = {line[:15].rstrip() for line in english.splitlines()}
    assert {line[:15].rstrip() for line in said.splitlines()} & names == set()
    assert english_in(said) == []
