"""`install.sh --wheels DIR` for real: into folders of a test, and onto bare machines that boot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import packages
import pytest
from debian_machine import DebianMachine, booted
from install_script import SCRIPT, install

from edge_agent import __version__

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

NEXT, HANGS = "9.0.0", "9.0.1"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """install.sh and folders of wheels: `now`, `next` and `hangs`, which is never READY."""
    folder = tmp_path_factory.mktemp("wheels")
    packages.build(folder / "now", "wheels")
    packages.build_variant(folder / "next", "wheels", folder, packages.version(NEXT))
    hang = packages.replaced(
        "edge_agent/agent/agent.py",
        "            assembly = Assembly(config",
        "            StopToken().wait(3600)\n            assembly = Assembly(config",
    )
    packages.build_variant(folder / "hangs", "wheels", folder, packages.version(HANGS), hang)
    shutil.copy(SCRIPT, folder)
    yield folder
    shutil.rmtree(folder)


def wheels(shelf: Path, name: str) -> Path:
    return shelf / name / "wheels-amd64"


def test_twice_is_once_and_the_uninstaller_leaves_nothing(tmp_path: Path, shelf: Path) -> None:
    there = {"folder": tmp_path, "INSTALL_OS_CHECK": "no"}
    done = install("--wheels", wheels(shelf, "now"), **there)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    assert "the self-test passed" in done.stdout
    for path in (
        "bin/edge-agent",
        "share/edge-agent/config/agent.toml",
        "units/edge-agent.service",
    ):
        assert (tmp_path / path).exists()
    link = tmp_path / "opt/current"
    before = (link.readlink(), link.resolve().stat().st_ino)
    done = install("--wheels", wheels(shelf, "now"), **there)  # type: ignore[arg-type]
    assert "is installed already; nothing to do" in done.stdout
    assert (link.readlink(), link.resolve().stat().st_ino) == before
    # Another version, and back again.
    for name, number in (("next", NEXT), ("now", __version__)):
        done = install("--wheels", wheels(shelf, name), **there)  # type: ignore[arg-type]
        assert f"{number} is installed: edge-agent {number}" in done.stdout
        assert len(list((tmp_path / "opt").glob("*-py3*"))) == 1
    done = install(folder=tmp_path, script=tmp_path / "opt/uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize("damaged", ["pip-*.whl", "rich-*.whl", "edge_agent-*.whl"])
def test_damaged_wheel_is_not_installed(tmp_path: Path, shelf: Path, damaged: str) -> None:
    folder = tmp_path / "wheels"
    shutil.copytree(wheels(shelf, "now"), folder)
    (wheel,) = folder.glob(damaged)
    data = bytearray(wheel.read_bytes())
    data[len(data) // 2] ^= 1
    wheel.write_bytes(data)
    done = install("--wheels", folder, folder=tmp_path, INSTALL_OS_CHECK="no")
    assert done.returncode == 1
    assert not (tmp_path / "opt/current").exists()
    assert list(tmp_path.glob("opt/*")) == []


@pytest.fixture(params=["12", "13"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, shelf: Path) -> Iterator[DebianMachine]:
    with booted(request.param, tmp_path, shelf) as machine:
        yield machine


def test_machine_without_apt(machine: DebianMachine) -> None:
    def put(name: str, *, works: bool = True) -> str:
        done = machine.run(
            *("env", "INSTALL_READY_S=40", "sh", "/shared/install.sh"),
            *("--wheels", f"/shared/{name}/wheels-amd64"),
            check=False,
        )
        assert (done.returncode == 0) == works, done.stdout + done.stderr
        return done.stdout + done.stderr

    said = put("now")
    assert "next: " in said
    assert machine.shell("stat -c '%U %a' /etc/edge-agent/secrets") == "edge-agent 700"
    toml = machine.root / "etc/edge-agent/agent.toml"
    toml.write_text('[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "localhost"\n')
    machine.run("systemctl", "start", "edge-agent")
    machine.shell("cd / && edge-agent config check && systemd-analyze verify edge-agent.service")
    for _ in range(2):
        assert "9.0.0 runs: READY" in put("next")
        said = put("hangs", works=False)
        assert "was taken back: it was not READY within 40 s. 9.0.0 runs again" in said
        assert machine.property("ActiveState") == "active"
        assert machine.shell("edge-agent --version") == f"edge-agent {NEXT}"
        assert f"{__version__} runs: READY" in put("now")
    machine.run("/opt/edge-agent/uninstall.sh")
    assert toml.exists()
    assert machine.property("ActiveState") == "inactive"
    put("now")
    assert machine.property("ActiveState") == "active", "with the configuration that stayed"
    machine.run("/opt/edge-agent/uninstall.sh", "--purge")
    left = machine.shell(
        "find / -xdev -iname '*edge-agent*' -not -path '/proc/*' -not -path '/shared/*' "
        "-not -path '/var/log/journal/*'; getent passwd edge-agent; getent group edge-agent",
        check=False,
    )
    assert left == ""
