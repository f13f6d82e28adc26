"""The Debian package on bare machines that boot: from the first install to the purge.

No machine here reaches a network: what is installed came in the package.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import house
import packages
import pytest
from debian_machine import DebianMachine, booted, changed_copy, debian_root

from edge_agent import __version__
from edge_agent.demo.scene import SceneSpec, render_clip

pytestmark = [pytest.mark.system, pytest.mark.timeout(2400)]

#: How long a good version may take to READY on a busy machine, and how long a bad one is awaited:
#: as on a box.
PATIENT_S, READY_S = 240, 60

NEXT, HANGS, BLIND, MUTE = "9.0.0", "9.0.1", "9.0.2", "9.0.3"


def nobody_comes(source: Path) -> None:
    render_clip(source / "proof/person.mp4", SceneSpec(fps=5, duration_s=3.0))


EDITS = {
    NEXT: (),
    # Never READY.
    HANGS: (
        packages.replaced(
            "edge_agent/agent/agent.py",
            "            assembly = Assembly(config",
            "            StopToken().wait(3600)\n            assembly = Assembly(config",
        ),
    ),
    # Its self-test sees nobody.
    BLIND: (nobody_comes,),
    # READY, and never reaches the broker, as far as it says.
    MUTE: (
        packages.replaced(
            "edge_agent/agent/assembly.py",
            "connected = self._publisher.health().state is LinkState.CONNECTED",
            "connected = not LinkState.CONNECTED",
        ),
    ),
}


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the package of this version; others come when they are asked for."""
    folder = tmp_path_factory.mktemp("packages")
    packages.build(folder, "deb")
    yield folder
    shutil.rmtree(folder)


def package(shelf: Path, number: str) -> str:
    """The file name of this version, a newer one or a broken one; built once."""
    name = f"edge-agent_{number}_amd64.deb"
    if not (shelf / name).exists():
        packages.build_variant(shelf, "deb", shelf, packages.version(number), *EDITS[number])
    return name


@pytest.fixture(params=["12", "13"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, shelf: Path) -> Iterator[DebianMachine]:
    with booted(request.param, tmp_path, shelf) as machine:
        yield machine


@dataclass(frozen=True, slots=True)
class House:
    """Cameras, broker and ward in the machine's network."""

    folder: Path
    broker_port: int
    process: subprocess.Popen[str]

    @property
    def wrong_logins(self) -> int:
        """At the porch."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("\n")
        stdin.flush()
        return int(stdout.readline())


@pytest.fixture
def neighbours(machine: DebianMachine, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "house"
    folder.mkdir()
    command = [*machine.entry("--net"), sys.executable, house.__file__, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    word, port = process.stdout.readline().split()
    assert word == "ready"
    yield House(folder, int(port), process)
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def apt(machine: DebianMachine, number: str, *, fails: str = "") -> str:
    """Install that version, newer or older, as a technician would."""
    ready_s = READY_S if fails else PATIENT_S
    deb = package(machine.shared, number)
    begun_s = time.monotonic()
    done = machine.run(
        *("env", f"INSTALL_READY_S={ready_s}", "apt-get", "install", "-y", "--allow-downgrades"),
        f"/shared/{deb}",
        check=False,
        timeout_s=900,
    )
    print(f"apt-get install {number}: {time.monotonic() - begun_s:.0f} s")
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == (not fails), said + machine.log()[-2000:]
    assert fails in said, said + machine.log()[-2000:]
    assert "*** " not in said, "dpkg asks about a conffile"
    return said


def fingerprint(root: Path) -> dict[str, str]:
    """Every file of the configuration, with its contents, owner and mode."""
    found = {}
    for path in sorted((root / "etc/edge-agent").rglob("*")):
        about = path.lstat()
        text = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = f"{about.st_uid}:{about.st_gid} {about.st_mode:o} {text}"
    return found


def ours(machine: DebianMachine) -> list[str]:
    """Every path of ours or of nobody, the user and the group, wherever they are."""
    paths = machine.shell(
        "find / -xdev '(' -iname '*edge-agent*' -o -nouser ')' -not -path '/proc/*' "
        "-not -path '/shared/*' -not -path '/var/log/journal/*'; "
        "getent passwd edge-agent; getent group edge-agent",
        check=False,
    )
    return paths.splitlines()


def outbox(machine: DebianMachine) -> Path:
    return machine.root / house.STATE_DIR.lstrip("/") / "outbox.db"


def persons(folder: Path) -> set[str]:
    """Cameras of which the ward was told a person."""
    found = set()
    for line in (folder / house.EVENTS).read_text().splitlines():
        if line.startswith("{") and "edge_agent.person." in line:
            found.add(str(json.loads(line)["subject"]))
    return found


def wait_for_persons(machine: DebianMachine, folder: Path, cameras: set[str]) -> None:
    deadline_s = time.monotonic() + 300
    while not cameras <= persons(folder):
        assert time.monotonic() < deadline_s, (folder / house.EVENTS).read_text()[
            -2000:
        ] + machine.log()[-2000:]
        time.sleep(0.5)


def test_from_the_first_install_to_the_purge(machine: DebianMachine, neighbours: House) -> None:
    before = ours(machine)
    first_event(machine, neighbours)
    kept = fingerprint(machine.root)
    at_work(machine)
    killed(machine)
    reloaded(machine)
    for broken in (HANGS, BLIND), (MUTE,):
        upgraded(machine)
        for number in broken:
            taken_back(machine, number)
        downgraded(machine)
        assert fingerprint(machine.root) == kept, "the configuration is the household's"
    stopped_by_a_person(machine)
    removed(machine, kept)
    letter = outbox(machine).with_name("letter")
    for again in (True, False):
        letter.write_text("the household's own\n")
        machine.run("apt-get", "purge", "-y", "edge-agent")
        assert ours(machine) == before
        assert [path.name for path in letter.parent.iterdir()] == [letter.name]
        if again:
            apt(machine, __version__)


def first_event(machine: DebianMachine, neighbours: House) -> None:
    """From a bare machine and a stick: what is typed, and how long it takes."""
    house.fill_stick(machine.root, neighbours.folder, neighbours.broker_port)
    begun_s = time.monotonic()
    without_a_configuration(machine)
    said = machine.run(
        "edge-agent", "setup", "--answers", "/media/usb/answers.toml", timeout_s=900
    ).stdout
    print(said)
    assert "The service runs, and will start with the box." in said
    assert machine.property("ActiveState") == "active"
    set_up_s = time.monotonic() - begun_s
    wait_for_persons(machine, neighbours.folder, {"gate", "yard"})
    first_s = time.monotonic() - begun_s
    print(f"2 commands; set up after {set_up_s:.0f} s, told after {first_s:.0f} s")
    assert first_s < 600
    shutil.rmtree(machine.root / "media/usb")  # the stick goes home with the installer


def without_a_configuration(machine: DebianMachine) -> None:
    """Nothing fails, nothing restarts."""
    said = apt(machine, __version__)
    assert "the self-test passed" in said
    assert machine.shell("systemctl is-enabled edge-agent") == "enabled"
    machine.run("systemctl", "start", "edge-agent")
    assert (machine.property("ActiveState"), machine.property("NRestarts")) == ("inactive", "0")


def at_work(machine: DebianMachine) -> None:
    """READY, no socket open for others, no secret told."""
    machine.run("edge-agent", "config", "check")
    assert machine.shell("systemctl is-enabled edge-agent") == "enabled"
    assert machine.property("StatusText").startswith("broker connected, ")
    pid = machine.property("MainPID")
    # Field 10 of /proc/net is a socket's inode; state 0A is LISTEN.
    listening = machine.shell(
        'awk \'$4 == "0A" { print "socket:[" $10 "]" }\' /proc/net/tcp /proc/net/tcp6 | '
        f'while read s; do ls -l /proc/{pid}/fd | grep -F "$s"; done',
        check=False,
    )
    assert listening == ""
    secrets = machine.shell(
        f"cat /proc/{pid}/environ /proc/{pid}/cmdline | grep -c {house.PASSWORD}; "
        f"journalctl --no-pager | grep -c {house.PASSWORD}",
        check=False,
    )
    assert secrets.split() == ["0", "0"]
    belongs = {
        "/etc/edge-agent/secrets": "edge-agent 700",
        "/etc/edge-agent/secrets/gate": "edge-agent 600",
        "/etc/edge-agent/secrets/box.key": "edge-agent 600",
        "/etc/edge-agent/tls/box.pem": "root 644",
        "/etc/edge-agent/tls/ca.pem": "root 644",
        house.STATE_DIR: "edge-agent 700",
    }
    stat = machine.shell(f"stat -c '%n %U %a' {' '.join(belongs)}")
    assert stat.splitlines() == [f"{path} {about}" for path, about in belongs.items()]
    assert machine.property("ReadWritePaths") == house.STATE_DIR


def killed(machine: DebianMachine) -> None:
    """Back by itself."""
    pid = machine.property("MainPID")
    machine.shell(f"kill -KILL {pid}")
    machine.wait_for(
        "back after a kill",
        f"p=$(systemctl show -p MainPID --value edge-agent); "
        f"systemctl is-active edge-agent && [ $p != 0 ] && [ $p != {pid} ]",
    )
    machine.wait_for("broker", "systemctl show -p StatusText edge-agent | grep 'broker connected'")


def reloaded(machine: DebianMachine) -> None:
    """The same process, with the new settings."""
    gate = machine.root / "etc/edge-agent/cameras.d/gate.toml"
    text = gate.read_text()
    gate.write_text("enabled = false\n" + text)
    pid = machine.property("MainPID")
    machine.run("systemctl", "reload", "edge-agent")
    machine.wait_for("reload", "systemctl show -p StatusText edge-agent | grep '1 cameras'")
    assert (machine.property("ActiveState"), machine.property("MainPID")) == ("active", pid)
    gate.write_text(text)
    machine.run("systemctl", "reload", "edge-agent")
    machine.wait_for("reload", "systemctl show -p StatusText edge-agent | grep '2 cameras'")


def upgraded(machine: DebianMachine) -> None:
    assert f"{NEXT} runs: READY" in apt(machine, NEXT)


HOW = {
    HANGS: f"it was not READY within {READY_S} s. {NEXT} runs again",
    BLIND: f"does not pass its self-test and is not used; {NEXT} stays",
    MUTE: f"not this one within {READY_S} s. {NEXT} runs again",
}


def taken_back(machine: DebianMachine, broken: str) -> None:
    """A version that does not prove itself."""
    apt(machine, broken, fails=HOW[broken])
    assert machine.property("ActiveState") == "active"
    assert machine.shell("edge-agent --version") == f"edge-agent {NEXT}"
    assert machine.shell("ls -d /opt/edge-agent/*-py3*") == machine.shell(
        "readlink -f /opt/edge-agent/current"
    )


def downgraded(machine: DebianMachine) -> None:
    assert f"{__version__} runs: READY" in apt(machine, __version__)
    assert machine.shell("dpkg-query -W -f '${db:Status-Abbrev}' edge-agent").strip() == "ii"


def stopped_by_a_person(machine: DebianMachine) -> None:
    """An upgrade leaves it so."""
    machine.run("systemctl", "disable", "--now", "edge-agent")
    apt(machine, NEXT)
    assert machine.property("ActiveState") == "inactive"
    assert machine.shell("systemctl is-enabled edge-agent", check=False) == "disabled"


def removed(machine: DebianMachine, kept: dict[str, str]) -> None:
    """Twice: with everything kept, and back."""
    for _ in range(2):
        machine.run("apt-get", "remove", "-y", "edge-agent")
        assert fingerprint(machine.root) == kept
        assert not (machine.root / "opt/edge-agent").exists()
        assert outbox(machine).exists()
        apt(machine, __version__)
        machine.run("systemctl", "start", "edge-agent")
        assert machine.property("ActiveState") == "active"


def test_two_wrong_logins_whoever_tries(machine: DebianMachine, neighbours: House) -> None:
    """A user without rights, root by sudo, the service: one camera, by name and by address."""
    apt(machine, __version__)
    machine.shell(f"useradd --create-home pi; echo {house.PORCH} porch.lan >> /etc/hosts")
    house.fill_stick(machine.root, neighbours.folder, neighbours.broker_port)
    machine.shell("install --owner=pi --mode=600 /media/usb/gate.txt /home/pi/password")
    login = ("--username", house.USER, "--password-file", "/home/pi/password")
    probe = ("edge-agent", "probe", f"rtsp://porch.lan/{house.TAPO}", *login, "--seconds=1")
    machine.run("runuser", "--user", "pi", "--", *probe, check=False)
    assert neighbours.wrong_logins == 1
    sudo = ("env", "SUDO_UID=" + machine.shell("id -u pi"), "edge-agent")
    answers = machine.root / "media/usb/answers.toml"
    answers.write_text(answers.read_text().replace(house.GATE, house.PORCH))
    setup = (*sudo, "setup", "--answers", "/media/usb/answers.toml", "--yes", "--no-fetch")
    machine.run(*setup, timeout_s=900)
    assert neighbours.wrong_logins == 2
    wait_for_persons(machine, neighbours.folder, {"yard"})
    assert "refused" in machine.run(*sudo, "status", check=False).stdout
    for words in ("doctor", "camera test gate", "probe --camera gate", "config check --online"):
        machine.run(*sudo, *words.split(), check=False)
        machine.run("edge-agent", *words.split(), check=False)
    machine.run(*probe, check=False)
    machine.run("systemctl", "restart", "edge-agent")
    machine.wait_for("the camera's word", "edge-agent status | grep refused")
    assert neighbours.wrong_logins == 2


def test_what_a_restart_does_not_cure_is_not_tried_again(machine: DebianMachine) -> None:
    apt(machine, __version__)
    etc = machine.root / "etc/edge-agent"
    (etc / "agent.toml").write_text('[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = 7\n')
    machine.run("systemctl", "start", "edge-agent", check=False)
    assert (machine.property("ExecMainStatus"), machine.property("NRestarts")) == ("78", "0")
    assert machine.property("ActiveState") == "failed"
    (etc / "agent.toml").write_text('[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "localhost"\n')
    machine.run("systemctl", "restart", "edge-agent")
    machine.run("systemctl", "stop", "edge-agent")
    database = machine.root / "var/lib/edge-agent/outbox.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    machine.run("systemctl", "start", "edge-agent", check=False)
    assert (machine.property("ExecMainStatus"), machine.property("NRestarts")) == ("78", "0")
    assert "newer edge-agent" in machine.log()


#: Runs in the installed agent at its start: on SIGUSR2 the analysis thread stands still.
DEADLOCK = """
import signal, threading
stuck = threading.Event()
def patch():
    from edge_agent.runtime import heartbeat
    beat = heartbeat.Heartbeat.beat
    def stand_still(self):
        if stuck.is_set() and threading.current_thread().name == "analysis":
            threading.Event().wait()
        beat(self)
    heartbeat.Heartbeat.beat = stand_still
    signal.signal(signal.SIGUSR2, lambda *_: stuck.set())
patch()
"""


def test_deadlocked_worker_is_ended_and_back_within_90_s(machine: DebianMachine) -> None:
    apt(machine, __version__)
    (site,) = (machine.root / "opt/edge-agent/current").glob("lib/python3*/site-packages")
    (site / "deadlock.py").write_text(DEADLOCK)
    (site / "deadlock.pth").write_text("import deadlock\n")
    (machine.root / "etc/edge-agent/agent.toml").write_text(
        '[box]\nward = "w"\nid = "b"\n[mqtt]\nhost = "localhost"\n'
    )
    machine.run("systemctl", "start", "edge-agent")
    pid = machine.property("MainPID")
    begun_s = time.monotonic()
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=USR2", "edge-agent")
    machine.wait_for(
        "back after a deadlock",
        "systemctl is-active edge-agent && "
        "systemctl show -p NRestarts edge-agent | grep -qx NRestarts=1",
        timeout_s=100,
    )
    assert time.monotonic() - begun_s < 90
    assert machine.property("MainPID") != pid
    log = machine.log()
    assert "Watchdog timeout" in log
    assert "status=6/ABRT" in log
    assert "stand_still" in log, "the journal shows where the thread stood"


TRIXIE = "deb http://deb.debian.org/debian trixie main\n"


def test_another_python_is_survived(tmp_path: Path, shelf: Path) -> None:
    """Debian 12 gets the Python of Debian 13, as a release upgrade brings it: 3.11 -> 3.13."""
    with changed_copy(debian_root("12"), tmp_path) as root:
        deb = package(shelf, __version__)
        shutil.copy(shelf / deb, root / deb)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")

        def inside(*command: str) -> subprocess.CompletedProcess[str]:
            # A process tree and a /proc of its own; the network is this machine's.
            enter = ["unshare", "--pid", "--fork", "--mount-proc", f"--root={root}"]
            return subprocess.run(
                [*enter, *command],
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
            )

        installed = inside("apt-get", "install", "-y", f"/{deb}")
        assert installed.returncode == 0, installed.stdout + installed.stderr
        current = root / "opt/edge-agent/current"
        assert str(current.readlink()) == f"{__version__}-py311"
        (root / "etc/edge-agent/agent.toml").write_text("# the household's\n")
        (root / "etc/apt/sources.list").write_text(TRIXIE)
        if (
            inside("apt-get", "update").returncode
            or inside("apt-cache", "show", "python3.13").returncode
        ):
            pytest.skip("Debian's packages cannot be reached")
        upgraded = inside(
            "apt-get", "install", "-y", "-o", "Dpkg::Options::=--force-confold", "python3"
        )
        assert upgraded.returncode == 0, upgraded.stdout[-3000:] + upgraded.stderr[-3000:]
        assert "Python has changed, the venv is made anew" in upgraded.stdout
        assert str(current.readlink()) == f"{__version__}-py313"
        assert not (root / f"opt/edge-agent/{__version__}-py311").exists()
        tested = inside("edge-agent", "selftest")
        assert tested.returncode == 0, tested.stderr
        assert (root / "etc/edge-agent/agent.toml").read_text() == "# the household's\n"
