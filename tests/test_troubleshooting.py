"""docs/troubleshooting.md: each example is run, with the fault planted that it is about."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import flash
import pytest
from agent_process import AgentProcess, agent, write_config
from broker import Mosquitto
from config_files import CAMERA, write
from fake_camera import LoginServer

from edge_agent.assets import asset_dir

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.md"
_EXAMPLE = re.compile(r"<!-- run: (\w+) -->\n```console\n\$ (.+)\n((?:.*\n)*?)```")
EXAMPLES = _EXAMPLE.findall(DOCUMENT.read_text())
SQUARE = "polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]"
#: The folder that the text speaks of.
SHOWN = "/etc/edge-agent"

Said = Callable[..., str]


def said(config: Path, command: str, *more: str, env: dict[str, str] | None = None) -> str:
    words = shlex.split(command)
    assert words[0] == "edge-agent"
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", *words[1:], "--config", str(config), *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return (done.stdout + done.stderr).replace(str(config), SHOWN)


def shows(example: str, output: str) -> None:
    """Every line of the example stands in the output, in any order and however it is wrapped;
    ... is anything."""
    text = " ".join(output.split())
    for line in example.splitlines():
        parts = " ".join(line.split()).split("...")
        assert re.search(".*".join(map(re.escape, parts)), text), (line, output)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, AgentProcess]]:
    """An agent with a locked camera, one that is away, a threshold too high, and no broker."""
    folder = tmp_path_factory.mktemp("troubled")
    broker = Mosquitto(folder / "broker", passwords={"box": "right"})
    broker.start()
    wrong = folder / "pw"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    with LoginServer("viewer", "right") as camera:
        rtsp = '[source]\nkind = "rtsp"\nopen_timeout_s = 1\nurl = "{}"\n'
        cameras = {
            "gate": rtsp.format(camera.url()) + f'username = "viewer"\npassword_file = "{wrong}"\n',
            "porch": rtsp.format("rtsp://127.0.0.1:9/x"),
            "yard": flash.camera(flash.clip(folder / "clip.avi"))
            + "[person]\nconfirm_threshold = 0.95\n",
        }
        login = f'username = "box"\npassword_file = "{wrong}"'
        extra = flash.settings(flash.model(folder))
        config = write_config(folder, broker.port, cameras, extra=extra, mqtt_keys=login)
        with agent(config) as process:
            process.told(b"STATUS=broker not connected, 1 of 3 cameras online")
            yield config, process
    broker.stop()


AGENT = '[box]\nward = "w"\nid = "b"\nstate_dir = "{state}"\n[mqtt]\nhost = "127.0.0.1"\n{mqtt}'


def planted(folder: Path, mqtt: str = "", camera: str = CAMERA) -> Path:
    state = folder / "state"
    state.mkdir(mode=0o700)
    return write(folder, AGENT.format(state=state, mqtt=mqtt), yard=camera)


def schedule(folder: Path, example: str, command: str) -> None:
    zone = (
        f'[[zones]]\nname = "yard"\n{SQUARE}\n[[zones.schedule]]\nstart = "22:00"\nend = "06:00"\n'
    )
    config = planted(folder, camera=CAMERA + zone)
    shows(example, said(config, command, env={"TZ": "Asia/Ho_Chi_Minh"}))


def stopped(folder: Path, example: str, command: str) -> None:
    shows(example, said(planted(folder), command))


def ca(folder: Path, example: str, command: str) -> None:
    config = planted(folder, f'[mqtt.tls]\nca_file = "{folder}/tls/ca.pem"\n')
    shows(example, said(config, command))


def chown(folder: Path, example: str, command: str) -> None:
    if os.geteuid():
        pytest.skip("only root may give files away")
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = planted(folder, f'username = "b"\npassword_file = "{folder}/pw"\n')
        (folder / "pw").write_text("secret")
        (folder / "pw").chmod(0o600)
        shows(example, said(config, command, "--user", "nobody"))


def sample(folder: Path, example: str, command: str) -> None:
    shutil.copytree(asset_dir("config"), folder, dirs_exist_ok=True)
    shows(example, said(folder, command))


def model(folder: Path, example: str, command: str) -> None:
    config = planted(folder, '[detector]\nmodel = "no-such-model"\n')
    shows(example.replace("pull it", "pull one"), said(config, command))


def slips(folder: Path, example: str, command: str) -> None:
    person = "[person]\nconfirm_threshold = 0,7\ncooldown_s = 30s\nmin_score = 0.4\n"
    pixels = "polygon = [[0, 432], [1920, 432], [1920, 1080], [0, 1080]]\n"
    config = planted(folder, camera=f'{CAMERA}{person}[[zones]]\nname = "yard"\n{pixels}')
    shows(example, said(config, command))


PLANTED = {f.__name__: f for f in (schedule, stopped, ca, chown, sample, model, slips)}


def test_every_example_is_one_that_can_be_run() -> None:
    assert len(EXAMPLES) >= 11
    assert DOCUMENT.read_text().count("```console") == len(EXAMPLES)
    assert {name for name, _, _ in EXAMPLES} == {"status", *PLANTED}


@pytest.mark.parametrize(
    ("name", "command", "example"), [e for e in EXAMPLES if e[0] != "status"], ids=lambda x: x[:9]
)
def test_an_example_with_its_fault(name: str, command: str, example: str, tmp_path: Path) -> None:
    PLANTED[name](tmp_path, example, command)


@pytest.mark.parametrize(
    ("command", "example"),
    [(command, example) for name, command, example in EXAMPLES if name == "status"],
)
def test_an_example_of_a_running_agent(
    command: str, example: str, troubled: tuple[Path, AgentProcess]
) -> None:
    deadline_s = time.monotonic() + 10
    while True:  # each camera's trouble comes when it comes
        output = said(troubled[0], command)
        try:
            return shows(example, output)
        except AssertionError:
            if time.monotonic() > deadline_s:
                raise


def test_the_journal_names_the_key_of_the_brokers_password(
    troubled: tuple[Path, AgentProcess],
) -> None:
    assert "check mqtt.username, mqtt.password_file and the broker's rules" in troubled[1].log
