"""`config check` and `run` say 78 for the same things, with the key and the fix."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Mosquitto
from config_files import CAMERA, PASSWORD, write
from english_words import english
from fake_camera import LoginServer

from edge_agent.assets import asset_dir
from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.language import speak
from edge_agent.runtime import LocalSocket, StopToken
from edge_agent.tools.preflight import diagnoses, service_of

AGENT = """\
[box]
ward = "w"
id = "b"
state_dir = "{state}"
{box}
[mqtt]
host = "127.0.0.1"
{mqtt}
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def box(folder: Path, mqtt: str = "", *, keys: str = "", more: str = "", **cameras: str) -> Path:
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    cameras = cameras or {"front": CAMERA}
    return write(folder, AGENT.format(state=state, box=keys, mqtt=mqtt) + more, **cameras)


def check(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> tuple[int, list[str]]:
    code = main(["config", "check", "--config", str(folder), *options])
    said = capsys.readouterr()
    return code, (said.err + said.out).replace(f"{folder}/", "").splitlines()


def secret(path: Path, text: str = PASSWORD, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


LOGIN = 'username = "u"\npassword_file = "{folder}/pw"\n'
STOPS = {
    "no CA": (
        '[mqtt.tls]\nca_file = "{folder}/none.pem"\n',
        (
            "agent.toml:9: mqtt.tls.ca_file: none.pem: No such file or directory; "
            "create it, or correct the path"
        ),
    ),
    "a CA that is none": (
        '[mqtt.tls]\nca_file = "{folder}/agent.toml"\n',
        "agent.toml:9: mqtt.tls.ca_file: agent.toml: ",
    ),
    "no password": (
        LOGIN,
        (
            "agent.toml:9: mqtt.password_file: pw: No such file or directory; "
            "create it, or correct the path"
        ),
    ),
    "the sample's host": (
        "",
        (
            'agent.toml:7: mqtt.host: is "mqtt.my-ward.example", the sample\'s, which leads '
            "nowhere; write the name of the ward's broker"
        ),
    ),
}


@pytest.mark.parametrize("case", STOPS)
def test_what_stops_run_is_said_by_check(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mqtt, message = STOPS[case]
    folder = box(tmp_path, mqtt.format(folder=tmp_path))
    if case == "the sample's host":
        agent = folder / "agent.toml"
        agent.write_text(agent.read_text().replace("127.0.0.1", "mqtt.my-ward.example"))
    code, lines = check(capsys, folder)
    assert code == 78
    assert any(line.startswith(f"error: {message}") for line in lines)
    assert main(["run", "--config", str(folder)]) == 78
    assert message in capsys.readouterr().err.replace(f"{folder}/", "")


@pytest.mark.parametrize("case", STOPS)
def test_what_stops_run_is_said_in_vietnamese(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = box(tmp_path, STOPS[case][0].format(folder=tmp_path))
    agent = folder / "agent.toml"
    agent.write_text(agent.read_text().replace('"w"', '"my-ward"').replace('"b"', '"box-1"'))
    credential = f'{CAMERA}username = "v"\npassword_file = "credential:gate"\n'
    (folder / "cameras.d/front.toml").write_text(credential)
    code, lines = check(capsys, folder, "--lang", "vi")
    speak("en")
    assert code == 78
    assert english("\n".join(lines)) == []
    assert len(lines) >= 2


@pytest.mark.parametrize(
    ("text", "mode", "found"),
    [
        (PASSWORD, 0o644, "pw: others may read it (mode 0644); chmod 600 pw"),
        ("", 0o600, "pw: is empty; write the secret into it"),
        ("a\nb", 0o600, "pw: has several lines; keep only the secret in it, on one line"),
    ],
)
def test_a_password_that_run_would_refuse(
    text: str, mode: int, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret(tmp_path / "pw", text, mode)
    folder = box(tmp_path, LOGIN.format(folder=tmp_path))
    code, lines = check(capsys, folder)
    assert code == 78
    assert f"error: agent.toml:9: mqtt.password_file: {found}" in lines
    assert main(["run", "--config", str(folder)]) == 78


def test_the_secret_of_one_camera_is_an_error_but_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = f'{CAMERA}username = "v"\npassword_file = "{tmp_path}/none"\n'
    folder = box(tmp_path, front=camera)
    code, lines = check(capsys, folder)
    assert code == 78
    assert (
        "error: cameras.d/front.toml:7: source.password_file: none: No such file or directory; "
        "create it, or correct the path"
    ) in lines
    assert len([line for line in lines if "password_file" in line]) == 1
    assert not any(d.stops for d in diagnoses(load_config(folder), service_of(folder)))


@pytest.fixture
def public() -> Iterator[Path]:
    """Not below pytest's own folder, which nobody else may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
def test_a_secret_of_root_is_told_with_chown(
    public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret(public / "pw")
    folder = box(public, LOGIN.format(folder=public))
    shutil.chown(folder / "state", "nobody")
    code, lines = check(capsys, folder, "--user", "nobody")
    assert code == 78
    assert (
        "error: agent.toml:9: mqtt.password_file: pw: the user nobody cannot read it "
        "(owner root, mode 0600); chown nobody pw && chmod 600 pw"
    ) in lines
    shutil.chown(folder / "pw", "nobody")
    assert check(capsys, folder, "--user", "nobody")[0] == 0
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    (folder / "pw").rename(secrets / "pw")
    box(public, LOGIN.format(folder=secrets))
    code, lines = check(capsys, folder, "--user", "nobody")
    assert code == 78
    assert any("because of the folder secrets (owner root, mode 0700); " in x for x in lines)
    assert any(line.endswith("chown nobody secrets") for line in lines)


@needs_root
def test_a_cameras_certificate_that_only_root_reads(
    public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret(public / "ca.pem")
    camera = CAMERA.replace("rtsp://", "rtsps://") + f'ca_file = "{public}/ca.pem"\n'
    folder = box(public, front=camera)
    shutil.chown(folder / "state", "nobody")
    code, lines = check(capsys, folder, "--user", "nobody")
    assert code == 78
    (line,) = [line for line in lines if "ca_file" in line]
    assert line == (
        "error: cameras.d/front.toml:6: source.ca_file: ca.pem: the user nobody cannot read it "
        "(owner root, mode 0600); chown nobody ca.pem, or chmod a+r ca.pem"
    )


def installed(root: Path, config: Path, settings: str) -> None:
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True)
    text = f"[Service]\nUser=root\nExecStart=/x/edge-agent run --config {config}\n{settings}\n"
    (folder / "edge-agent.service").write_text(text)


@needs_root
def test_a_state_directory_that_the_unit_does_not_open(tmp_path: Path) -> None:
    folder = box(tmp_path)
    installed(tmp_path / "root", folder, "ProtectSystem=strict\nPrivateTmp=no")
    found = list(diagnoses(load_config(folder), service_of(folder, root=tmp_path / "root")))
    (problem,) = [d.problem for d in found if d.is_error]
    state = folder / "state"
    assert problem.path == "box.state_dir"
    assert problem.found == f"{state} is read-only for this service by ProtectSystem=strict"
    assert problem.fix.endswith(f"ReadWritePaths={state}")
    drop_in = tmp_path / "root/etc/systemd/system/edge-agent.service.d"
    drop_in.mkdir()
    (drop_in / "state.conf").write_text(f"[Service]\nReadWritePaths={state}\n")
    again = diagnoses(load_config(folder), service_of(folder, root=tmp_path / "root"))
    assert not [d for d in again if d.is_error]
    # A folder that is not the unit's is nobody's but ours.
    assert service_of(tmp_path / "other", root=tmp_path / "root").unit is None


def test_a_credential_that_the_unit_does_not_load(tmp_path: Path) -> None:
    folder = box(tmp_path, 'username = "u"\npassword_file = "credential:mqtt"\n')
    installed(tmp_path / "root", folder, "LoadCredential=other:/x")
    found = diagnoses(load_config(folder), service_of(folder, root=tmp_path / "root"))
    assert any(
        d.stops
        and "the credential mqtt, which the unit does not load" in d.problem.found
        and "LoadCredential=mqtt:/path" in d.problem.fix
        for d in found
    )


def test_a_copy_of_the_sample_names_every_placeholder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--config", str(asset_dir("config"))]) == 0
    capsys.readouterr()
    shutil.copytree(asset_dir("config"), tmp_path / "etc")
    code, lines = check(capsys, tmp_path / "etc")
    assert code == 78
    keys = [line.split(": ")[2] for line in lines if line.startswith("error")]
    assert keys == ["box.ward", "box.id", "mqtt.host"]
    agent = tmp_path / "etc" / "agent.toml"
    agent.write_text(agent.read_text().replace("my-ward", "hoan-kiem"))
    code, lines = check(capsys, tmp_path / "etc")
    assert code == 0
    assert any(line.startswith("warning: agent.toml:8: box.id") for line in lines)


def test_a_model_that_can_be_pulled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(asset_dir("models") / "edge-person.toml", models)
    monkeypatch.setattr("edge_agent.detect.catalog.default_model_dirs", lambda: (models,))
    folder = box(tmp_path, more='[detector]\nmodel = "edge-person"\n')
    code, lines = check(capsys, folder)
    assert code == 78
    (line,) = [line for line in lines if "detector.model" in line]
    assert line.endswith("pull it: edge-agent models pull edge-person")


SCHEDULE = """
[[zones]]
name = "yard"
polygon = [[0, 0], [1, 0], [1, 1]]
[[zones.schedule]]
start = "22:00"
end = "06:00"
"""


def test_a_schedule_without_a_zone_says_the_hours_that_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    folder = box(tmp_path, front=CAMERA + SCHEDULE)
    code, lines = check(capsys, folder)
    assert code == 0
    assert (
        "warning: cameras.d/front.toml:10: zones[0].schedule: 22:00 to 06:00 is in UTC, because "
        "box.timezone of agent.toml is not written: 05:00 to 13:00 in Asia/Ho_Chi_Minh; "
        'write timezone = "Asia/Ho_Chi_Minh" below [box]'
    ) in lines
    box(tmp_path, keys='timezone = "Asia/Ho_Chi_Minh"', front=CAMERA + SCHEDULE)
    assert not any("schedule" in line for line in check(capsys, folder)[1])


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("candidate_threshold = 0.95", "which moves up with it"),
        ("confirm_threshold = 0.02", "which moves down with it"),
        ("candidate_threshold = 0.02", ""),
        (
            "[profiles.night]\ndark = true\n[profiles.night.person]\nconfirm_threshold = 0.02",
            "profiles.night.person.confirm_threshold: is 0.02, below the model's own",
        ),
        ("[profiles.night]\ndark = true\n[profiles.night.person]\nconfirm_looks = 2", ""),
    ],
)
def test_a_threshold_that_moves_the_other_one(
    person: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = box(tmp_path, front=f"{CAMERA}[person]\n{person}\n")
    code, lines = check(capsys, folder)
    assert code == 0
    told = [line for line in lines if "threshold" in line]
    assert bool(told) is bool(words)
    assert all(words in line for line in told)


def test_json_holds_what_the_lines_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = box(tmp_path, LOGIN.format(folder=tmp_path))
    code, lines = check(capsys, folder, "--json")
    answer = json.loads("\n".join(lines))
    assert (code, answer["fine"]) == (78, False)
    (error,) = answer["errors"]
    assert (error["file"], error["line"], error["key"]) == ("agent.toml", 9, "mqtt.password_file")


def test_what_the_running_agent_sees_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = box(tmp_path)
    remark = "H.265 costs about 1.7 times as much to decode as H.264: choose H.264"
    camera = {"id": "front", "stream_remarks": [remark]}
    gone = {"id": "gone", "stream_remarks": ["a camera that the files do not have"]}
    status = {"state_dir": str(folder / "state"), "cameras": [camera, gone]}
    answer = json.dumps(status).encode()
    local, stop = LocalSocket(folder / "state" / "status.sock", lambda: answer), StopToken()
    thread = threading.Thread(target=local.run, args=(stop,))
    thread.start()
    try:
        code, lines = check(capsys, folder)
    finally:
        stop.stop()
        local.close()
        thread.join(5)
    assert code == 0
    assert f"warning: cameras.d/front.toml:3: source: {remark}" in lines
    assert not any("gone" in line for line in lines)


def test_an_unknown_user_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, box(tmp_path), "--user", "no-such-user")[0] == 78


def test_online_names_the_key_of_a_wrong_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Mosquitto(tmp_path / "broker", passwords={"u": "right"})
    broker.start()
    try:
        secret(tmp_path / "pw", "wrong")
        mqtt = f"port = {broker.port}\nallow_insecure = true\n" + LOGIN.format(folder=tmp_path)
        with LoginServer("v", "another") as camera:
            source = CAMERA.replace("rtsp://192.168.1.20/stream2", camera.url())
            pw = secret(tmp_path / "cam")
            source += f'username = "v"\npassword_file = "{pw}"\n'
            folder = box(tmp_path, mqtt, front=source)
            code, lines = check(capsys, folder, "--online")
            assert code == 78
            assert any("mqtt.password_file: broker 127.0.0.1" in line for line in lines)
            assert any("front.toml:3: source: " in line and "refused" in line for line in lines)
            assert not any(PASSWORD in line for line in lines)
            secret(tmp_path / "pw", "right")
            _, lines = check(capsys, folder, "--online")
            assert not any("mqtt" in line for line in lines)
    finally:
        broker.stop()
