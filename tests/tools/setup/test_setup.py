"""`edge-agent setup`: asked, unattended, interrupted, and on a box that is set up already."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from broker import Mosquitto, free_port

from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.discovery.brands import BRANDS, brand_named
from edge_agent.errors import ConfigError
from edge_agent.tools.setup import Answers, Terminal, ask_everything, read_answers, write
from edge_agent.tools.setup.answers import BoxAnswers, BrokerAnswers, CameraAnswers
from edge_agent.tools.setup.writing import give_state_dir

CANARY = "s3cret-\"'\\ #"


def answered(lines: list[str], secrets: list[str], said: list[str]) -> Terminal:
    left, hidden = iter(lines), iter(secrets)

    def ask(question: str) -> str:
        said.append(question)
        return next(left)

    return Terminal(ask, lambda question: next(hidden), said.append)


ASKED = [
    "Phường 5",  # no id: asked again
    "phuong-5",
    "box-0017",
    "GMT+7",  # no zone: asked again
    "Asia/Ho_Chi_Minh",
    "mqtt.phuong-5.example",
    "",  # TLS
    "",  # 8883
    "",  # public CA
    "",  # no certificate
    "",  # user: the box
    "gate",
    "Cổng trước",
    "2",  # Dahua
    "192.168.1.64",
    "3",
    "viewer",
    "n",
]


def test_what_is_asked_becomes_a_configuration_that_loads(tmp_path: Path) -> None:
    said: list[str] = []
    told = ask_everything(answered(ASKED, [CANARY, CANARY], said), "UTC")
    assert told.secrets == {"mqtt": CANARY, "gate": CANARY}
    done = write(told.answers, told.secrets, tmp_path / "etc")
    assert len(done.files) == 4
    config = load_config(tmp_path / "etc").config
    assert (config.box.ward, config.box.id) == ("phuong-5", "box-0017")
    assert config.box.timezone == "Asia/Ho_Chi_Minh"
    camera = config.cameras[0]
    assert camera.name == "Cổng trước"
    assert camera.source.url == (  # type: ignore[union-attr]
        "rtsp://192.168.1.64:554/cam/realmonitor?channel=3&subtype=1"
    )
    assert not any(CANARY in text for text in said)


def test_secrets_are_whole_and_for_their_owner_only(tmp_path: Path) -> None:
    answers = Answers(BoxAnswers("w", "b", "UTC"), BrokerAnswers("broker.example", username="b"))
    write(answers, {"mqtt": CANARY}, tmp_path / "etc")
    path = tmp_path / "etc" / "secrets" / "mqtt"
    assert path.read_text() == CANARY + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for other in (tmp_path / "etc").rglob("*.toml"):
        assert CANARY not in other.read_text()


def test_a_configuration_that_is_there_is_kept_byte_for_byte(tmp_path: Path) -> None:
    answers = Answers(BoxAnswers("w", "b", "UTC"), BrokerAnswers("broker.example"))
    write(answers, {}, tmp_path)
    mine = (tmp_path / "agent.toml").read_text() + "# the household's own\n"
    (tmp_path / "agent.toml").write_text(mine)
    done = write(answers, {}, tmp_path)
    assert (tmp_path / "agent.toml").read_text() == mine
    assert done.files == ()
    assert done.kept == (tmp_path / "agent.toml",)
    assert write(answers, {}, tmp_path, overwrite=True).files == (tmp_path / "agent.toml",)


def test_answers_that_make_no_configuration_write_nothing(tmp_path: Path) -> None:
    wrong = Answers(
        BoxAnswers("w", "b", "UTC"),
        BrokerAnswers("broker.example"),
        (CameraAnswers("gate", brand="hikvision", address="192.168.1.64", username="a b\n"),),
    )
    unknown = Answers(wrong.box, wrong.mqtt, (CameraAnswers("gate", brand="kodak", address="x"),))
    bad_host = Answers(wrong.box, BrokerAnswers("mqtt://broker.example"))
    for answers in (unknown, bad_host):
        with pytest.raises(ConfigError) as raised:
            write(answers, {}, tmp_path / "etc")
        assert str(tmp_path / "etc") in str(raised.value) or "brand" in str(raised.value)
    assert not (tmp_path / "etc").exists()


def test_no_camera_takes_the_place_of_the_brokers_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = Answers(BoxAnswers("w", "b", "UTC"), BrokerAnswers("broker.example", username="b"))
    write(answers, {"mqtt": CANARY}, tmp_path)
    (tmp_path / "pw").write_text("a camera's")
    (tmp_path / "pw").chmod(0o600)
    login = ["--username", "viewer", "--password-file", str(tmp_path / "pw")]
    place = ["127.0.0.1", "--brand", "tapo", "--config", str(tmp_path)]
    assert main(["camera", "add", "mqtt", *place, *login]) == 78
    assert "broker's password" in capsys.readouterr().err
    assert (tmp_path / "secrets" / "mqtt").read_text() == CANARY + "\n"
    said: list[str] = []
    lines = [*ASKED[:11], "mqtt", *ASKED[11:]]
    ask_everything(answered(lines, [CANARY, CANARY], said), "UTC")
    assert any("taken" in text for text in said)


def test_an_empty_disk_becomes_the_services_and_nothing_else_does(tmp_path: Path) -> None:
    disk, home = tmp_path / "disk", tmp_path / "home"
    (disk / "lost+found").mkdir(parents=True)
    home.mkdir(mode=0o755)
    (home / "letter").touch()
    for folder in (disk, home):
        give_state_dir(folder)
    assert stat.S_IMODE(disk.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o755


@pytest.mark.parametrize("brand", BRANDS)
def test_every_brand_has_two_streams_that_load(brand: object, tmp_path: Path) -> None:
    key = brand.key  # type: ignore[attr-defined]
    answers = Answers(
        BoxAnswers("w", "b", "UTC"),
        BrokerAnswers("broker.example"),
        (CameraAnswers("gate", brand=key.upper(), address="192.168.1.64", channel=2),),
    )
    write(answers, {}, tmp_path)
    assert load_config(tmp_path).config.cameras[0].id == "gate"
    found = brand_named(key)
    assert found is not None
    sub, main = found.urls("192.168.1.64:8554", 2)
    assert sub != main
    assert sub.startswith("rtsp://192.168.1.64:8554/")


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_everything(Terminal(interrupted), "UTC")
    assert list(tmp_path.iterdir()) == []


def setup(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", "setup", *options],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LANG": "C.UTF-8"},
        timeout=60,
    )


@pytest.fixture
def answers_file(tmp_path: Path) -> Path:
    (tmp_path / "pw").write_text(CANARY)
    return tmp_path / "answers.toml"


def unattended(port: int, camera_port: int, folder: Path) -> str:
    return (
        'model = "edge-person-int8"\n'  # nothing is measured or fetched
        f'[box]\nward = "w"\nid = "b"\nstate_dir = "{folder}/state"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nallow_insecure = true\n'
        f'[[cameras]]\nid = "gate"\nurl = "rtsp://127.0.0.1:{camera_port}/s"\n'
        f'username = "viewer"\npassword_from = "{folder}/pw"\n'
    )


def test_unattended_stops_at_what_does_not_answer_and_yes_writes_all_the_same(
    tmp_path: Path, answers_file: Path, mosquitto: Mosquitto
) -> None:
    answers_file.write_text(unattended(mosquitto.port, free_port(), tmp_path))
    options = ("--answers", str(answers_file), "--config", str(tmp_path / "etc"))
    refused = setup(*options)
    assert refused.returncode == 1
    assert "camera gate" in refused.stdout
    assert "Nothing was written" in refused.stdout
    assert not (tmp_path / "etc").exists()
    done = setup(*options, "--yes")
    assert done.returncode == 0, done.stderr
    assert load_config(tmp_path / "etc").config.mqtt.port == mosquitto.port
    assert CANARY not in refused.stdout + refused.stderr + done.stdout + done.stderr


def test_the_example_is_an_answers_file(tmp_path: Path) -> None:
    example = setup("--example")
    path = tmp_path / "answers.toml"
    path.write_text(example.stdout)
    assert read_answers(path).cameras[0].brand == "hikvision"


def test_wrong_answers_name_file_and_key(tmp_path: Path, answers_file: Path) -> None:
    answers_file.write_text('[box]\nward = "w"\nidd = "b"\n')
    wrong = setup("--answers", str(answers_file), "--config", str(tmp_path / "etc"))
    assert wrong.returncode == 78
    assert "answers.toml" in wrong.stderr
    assert "idd" in wrong.stderr or "id" in wrong.stderr
