"""Good configurations load; bad ones say what, where and what to do, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, PASSWORD, problems, write

from edge_agent.config import (
    Config,
    FileSource,
    MotionConfig,
    PersonConfig,
    load_config,
    redacted,
    short_sha,
)
from edge_agent.errors import ConfigError


def test_a_minimal_configuration_uses_the_defaults(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, front=CAMERA))
    assert loaded.config.box.id == "box-17"
    assert loaded.config.mqtt.port == 8883
    assert [camera.id for camera in loaded.config.cameras] == ["front"]
    assert loaded.config.cameras[0].person == PersonConfig()
    assert loaded.sources == (tmp_path / "agent.toml", tmp_path / "cameras.d" / "front.toml")
    assert loaded.warnings == ()


def test_the_folder_and_the_file_in_it_are_the_same(tmp_path: Path) -> None:
    write(tmp_path, front=CAMERA)
    assert load_config(tmp_path / "agent.toml") == load_config(tmp_path)


def test_cameras_come_in_the_order_of_their_file_names(tmp_path: Path) -> None:
    write(tmp_path, b=CAMERA.replace("front", "one"), a=CAMERA.replace("front", "two"))
    (tmp_path / "cameras.d" / "notes.txt").write_text("not a camera")
    (tmp_path / "cameras.d" / ".#c.toml").write_text("an editor's lock")
    assert [camera.id for camera in load_config(tmp_path).config.cameras] == ["two", "one"]


def test_defaults_lie_under_each_camera_key_by_key(tmp_path: Path) -> None:
    defaults = "[defaults.motion]\nsensitivity = 2\nquiet_s = 20\n"
    own = CAMERA + "[motion]\nquiet_s = 5\n[person]\nconfirm_looks = 4\n"
    write(tmp_path, f"{AGENT}{defaults}", own=own, plain=CAMERA.replace("front", "plain"))
    first, second = load_config(tmp_path).config.cameras
    assert first.motion == MotionConfig(sensitivity=2, quiet_s=5)
    assert first.person == PersonConfig(confirm_looks=4)
    assert second.motion == MotionConfig(sensitivity=2, quiet_s=20)


def test_a_recording_is_found_beside_its_camera_file(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    camera = 'id = "clip"\n[source]\nkind = "file"\npath = "../clip.mp4"\n'
    loaded = load_config(write(tmp_path, clip=camera))
    source = loaded.config.cameras[0].source
    assert isinstance(source, FileSource)
    assert Path(source.path).samefile(tmp_path / "clip.mp4")
    assert loaded.warnings == ()


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    write(tmp_path, AGENT + "prot = 1\n", a="id = 1\n", b="id = ", c=CAMERA)
    assert [line.split(": ")[0] for line in problems(tmp_path)] == [
        "cameras.d/b.toml:1",
        "agent.toml:7",
        "cameras.d/a.toml:1",
        "cameras.d/a.toml",
        "cameras.d/b.toml",
        "cameras.d/b.toml",
    ]


def test_two_cameras_with_one_id(tmp_path: Path) -> None:
    write(tmp_path, a=CAMERA, b="# the same\n" + CAMERA)
    assert problems(tmp_path) == [
        'cameras.d/b.toml:2: id: is "front", as in a.toml; give each camera its own id'
    ]


def test_thresholds_are_compared_after_merging_the_defaults(tmp_path: Path) -> None:
    agent = AGENT + "[defaults.person]\ncandidate_threshold = 0.6\n"
    write(tmp_path, agent, front=CAMERA + "[person]\nconfirm_threshold = 0.5\n")
    (problem,) = problems(tmp_path)
    assert "is 0.5, below candidate_threshold 0.6" in problem


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf" + AGENT.encode(), "begins with a byte order mark; save it as UTF-8"),
        (AGENT.encode("utf-16"), "agent.toml: is UTF-16; save it as UTF-8"),
        (b"# fine\n# caf\xe9\n", "agent.toml:2: is not UTF-8; save it as UTF-8"),
        (b"", "agent.toml: box: is missing; add it: [box]"),
        (b"\0\0\0\0", "agent.toml: holds 4 zero bytes"),
    ],
)
def test_bytes_that_are_not_our_text(data: bytes, expected: str, tmp_path: Path) -> None:
    write(tmp_path, front=CAMERA)
    (tmp_path / "agent.toml").write_bytes(data)
    assert expected in problems(tmp_path)[0]


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    assert problems(tmp_path) == [
        (
            "agent.toml: does not exist; give --config the folder that holds agent.toml; "
            "begin from the shipped sample"
        )
    ]


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").mkdir()
    assert "agent.toml: cannot be read: Is a directory" in problems(tmp_path)[0]


def warnings(folder: Path) -> list[str]:
    return [str(warning).replace(f"{folder}/", "") for warning in load_config(folder).warnings]


def test_missing_and_open_secret_files_are_warnings(tmp_path: Path) -> None:
    readable = tmp_path / "open"
    readable.write_text(PASSWORD)
    readable.chmod(0o644)
    login = f'username = "box"\npassword_file = "{readable}"\n'
    camera = f'username = "viewer"\npassword_file = "{tmp_path}/missing"\n'
    write(tmp_path, AGENT + login, front=CAMERA + camera)
    assert warnings(tmp_path) == [
        "agent.toml: mqtt.password_file: open may be read by others (mode 0644); chmod 600 open",
        (
            "cameras.d/front.toml: source.password_file: missing: No such file or directory; "
            "create it, or correct the path"
        ),
    ]
    readable.chmod(0o600)
    (tmp_path / "missing").touch(0o600)
    assert warnings(tmp_path) == []


def test_credentials_are_checked_where_the_service_sees_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, AGENT + 'username = "b"\npassword_file = "credential:mqtt"\n', front=CAMERA)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert warnings(tmp_path) == []
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "mqtt: No such file" in warnings(tmp_path)[0]


@pytest.mark.parametrize(
    ("agent", "cameras", "expected"),
    [
        (AGENT, {}, "no camera is configured"),
        (AGENT, {"front": "enabled = false\n" + CAMERA}, "no camera is enabled"),
        (AGENT, {f"c{n}": CAMERA.replace("front", f"c{n}") for n in range(17)}, "17 cameras are"),
        (AGENT + "[snapshots]\nallow_upload = true\n", {"front": CAMERA}, "no snapshots are kept"),
        (
            AGENT + 'allow_insecure = true\ntls = {ca_file = "/dev/null"}\n',
            {"front": CAMERA},
            "is true although tls is set up",
        ),
        (
            AGENT,
            {"front": 'id = "usb"\n[source]\nkind = "usb"\ndevice = "/dev/video0"\n'},
            "it may change at each boot",
        ),
        (
            AGENT,
            {"front": CAMERA.replace("stream2", "user=u&password=hunter2&channel=1")},
            "front.toml:5: source.url: holds a password= parameter",
        ),
        (
            AGENT,
            {"front": 'id = "clip"\n[source]\nkind = "file"\npath = "gone.mp4"\n'},
            "gone.mp4: No such file or directory",
        ),
    ],
)
def test_oddities_are_warnings_not_errors(
    agent: str, cameras: dict[str, str], expected: str, tmp_path: Path
) -> None:
    (warning,) = warnings(write(tmp_path, agent, **cameras))
    assert expected in warning
    assert "hunter2" not in warning


def config_of(folder: Path, camera: str = CAMERA) -> Config:
    folder.mkdir(exist_ok=True)
    return load_config(write(folder, front=camera)).config


def test_the_fingerprint_is_of_meaning_not_of_text(tmp_path: Path) -> None:
    plain = config_of(tmp_path / "a")
    spelled_out = config_of(tmp_path / "b", f"# said aloud\n{CAMERA}transport = 'tcp'\n")
    other = config_of(tmp_path / "c", f"{CAMERA}transport = 'udp'\n")
    assert short_sha(plain) == short_sha(spelled_out) != short_sha(other)
    assert len(short_sha(plain)) == 12


def test_what_is_shown_holds_no_secret(tmp_path: Path) -> None:
    camera = CAMERA.replace("stream2", "user=u&password=hunter2&channel=1")
    shown = redacted(config_of(tmp_path, camera))
    assert "hunter2" not in str(shown)
    assert shown["cameras"][0]["source"]["url"] == (
        "rtsp://192.168.1.20/user=u&password=***&channel=1"
    )
    assert shown["mqtt"]["port"] == 8883


@pytest.mark.parametrize(
    "value",
    [
        "[" * 3000,
        "{a=" * 3000,
        "0x" + "f" * 5000,
        "9" * 400,
        "9" * 5000,
        "-" + "9" * 400,
        "1" + "0" * 308,
        "[" + "9" * 400 + "]",
        "{ x = " + "9" * 400 + " }",
        "a." * 3000 + "b = 1\n[x]\ny = 1",
    ],
    ids=lambda value: value[:6],
)
def test_depth_and_digits_without_end_are_a_configuration_error(tmp_path: Path, value: str) -> None:
    for text in (
        f"{AGENT}keepalive_s = {value}\n",
        f"{AGENT}[telemetry]\ninterval_s = {value}\n",
        f"{AGENT}[box.x]\n{value}\n",
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(write(tmp_path, text, front=CAMERA))
        assert caught.value.exit_code == 78
        for problem in caught.value.problems:
            assert "agent.toml" in problem.file
            assert len(str(problem)) < 7000


def test_a_file_without_end_is_no_configuration(tmp_path: Path) -> None:
    write(tmp_path, f"{AGENT}#{'x' * 2_000_000}\n", front=CAMERA)
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    "bad", ["front\\n", "front\\r", "\\nfront", "fr\\u0000nt", "Front", "", "f" * 33]
)
def test_an_id_is_an_id_from_its_first_to_its_last_letter(tmp_path: Path, bad: str) -> None:
    write(tmp_path, AGENT.replace('id = "box-17"', f'id = "{bad}"'), front=CAMERA)
    with pytest.raises(ConfigError, match=r"box\.id"):
        load_config(tmp_path)
    write(tmp_path, AGENT, front=CAMERA.replace("front", bad, 1))
    with pytest.raises(ConfigError, match="id"):
        load_config(tmp_path)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_state_directory_that_the_unit_may_not_write_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = tmp_path / "units"
    (units / "edge-agent.service.d").mkdir(parents=True)
    monkeypatch.setattr("edge_agent.config.files.UNIT_FOLDERS", (units,))
    text = AGENT.replace("\n[mqtt]", 'state_dir = "/data/edge"\n[mqtt]', 1)
    config = write(made(tmp_path / "config"), text, front=CAMERA)
    assert load_config(config).warnings == (), "no unit, no warning"
    (units / "edge-agent.service").write_text("[Service]\nStateDirectory=edge-agent\n")
    (warning,) = load_config(config).warnings
    assert warning.path == "box.state_dir"
    assert "ReadWritePaths=/data/edge" in warning.fix
    (units / "edge-agent.service.d" / "data.conf").write_text("[Service]\nReadWritePaths=/data\n")
    assert load_config(config).warnings == ()
