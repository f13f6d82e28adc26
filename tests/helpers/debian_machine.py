"""Bare Debian machines that boot here, under systemd-nspawn, with no way to the network.

A root is made once by debootstrap, in $EDGE_AGENT_ROOTS or the user's cache; each machine is a
copy of it. What needs a camera or a broker runs from this checkout in the machine's network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

#: What Raspberry Pi OS Lite has, of what matters here.
_PACKAGES = "systemd,systemd-sysv,dbus,python3,ca-certificates"
SUITES = {"12": "bookworm", "13": "trixie"}
_BOOT_S = 180
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def debian_root(release: str) -> Path:
    """A bare root of Debian `release`; skips the test where none can be made."""
    if os.geteuid() != 0:
        pytest.skip("booting a machine needs root")
    for tool in ("systemd-nspawn", "debootstrap", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (systemd-container, debootstrap)")
    folder = os.environ.get("EDGE_AGENT_ROOTS")
    roots = Path(folder) if folder else Path.home() / ".cache/edge-agent/roots"
    root = roots / f"debian-{release}"
    if not (root / "etc/os-release").exists():
        _debootstrap(release, root)
    return root


def _debootstrap(release: str, root: Path) -> None:
    making = root.with_name(root.name + ".part")
    shutil.rmtree(making, ignore_errors=True)
    making.parent.mkdir(parents=True, exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}"]
    made = subprocess.run(
        [*command, SUITES[release], str(making)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        shutil.rmtree(making, ignore_errors=True)
        pytest.skip(f"debootstrap cannot make Debian {release}: {made.stdout[-200:]}")
    for old in (making / "var/cache/apt/archives").glob("*.deb"):
        old.unlink()
    making.rename(root)


class DebianMachine:
    """A booted machine. `root` is its file system as this machine sees it; `shared` is /shared."""

    def __init__(
        self, root: Path, shared: Path, process: subprocess.Popen[bytes], leader: int
    ) -> None:
        self.root = root
        self.shared = shared
        self.process = process
        self._leader = leader

    def run(
        self, *command: str, check: bool = True, timeout_s: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """A command as root in there. Raises AssertionError with its output when it fails."""
        done = subprocess.run(
            [*self.entry("--mount", "--uts", "--ipc", "--net", "--pid"), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env={
                "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND": "noninteractive",
            },
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def shell(self, script: str, **options: object) -> str:
        return self.run("sh", "-c", script, **options).stdout.strip()  # type: ignore[arg-type]

    def entry(self, *namespaces: str) -> list[str]:
        """The beginning of a command that shall run in these of the machine's namespaces."""
        return ["nsenter", f"--target={self._leader}", *namespaces, "--"]

    def in_its_network(self, *arguments: str) -> subprocess.Popen[bytes]:
        """This checkout's Python, in the machine's network."""
        command = [*self.entry("--net"), sys.executable, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def property(self, name: str) -> str:
        """Of edge-agent.service."""
        return self.shell(f"systemctl show -p {name} --value edge-agent")

    def log(self) -> str:
        return self.shell("journalctl -u edge-agent -o cat --no-pager", check=False)

    def wait_for(self, what: str, script: str, timeout_s: float = 60) -> None:
        """Until the script exits 0."""
        deadline_s = time.monotonic() + timeout_s
        while self.run("sh", "-c", script, check=False).returncode:
            assert time.monotonic() < deadline_s, f"{what}: not in {timeout_s} s\n{self.log()}"
            time.sleep(0.3)


@contextmanager
def booted(release: str, folder: Path, shared: Path) -> Iterator[DebianMachine]:
    """The root, booted, with changes of its own; `shared` appears in it as /shared."""
    with changed_copy(debian_root(release), folder) as root:
        # What dpkg writes need not survive a power cut of this test.
        (root / "etc/dpkg/dpkg.cfg.d").mkdir(exist_ok=True)
        (root / "etc/dpkg/dpkg.cfg.d/tests").write_text("force-unsafe-io\n")
        with boot(root, shared) as machine:
            yield machine


@contextmanager
def changed_copy(original: Path, folder: Path) -> Iterator[Path]:
    """A file system that begins as `original`, which stays as it is: an overlay, or a copy."""
    root, upper, work = (folder / name for name in ("root", "upper", "work"))
    for path in (root, upper, work):
        path.mkdir(parents=True)
    options = f"lowerdir={original},upperdir={upper},workdir={work}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        copy = ["cp", "-a", "--reflink=auto", f"{original}/.", str(root)]
        subprocess.run(copy, check=True)
        yield root
        return
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=False)
        # pytest keeps three runs of folders; these hold half a gigabyte.
        shutil.rmtree(upper, ignore_errors=True)


@contextmanager
def boot(root: Path, shared: Path) -> Iterator[DebianMachine]:
    """This root itself, booted; what happens to it stays."""
    command = ["systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--private-network"]
    command += ["--register=no", "--keep-unit", f"--bind-ro={shared}:/shared"]
    console = (root.parent / f"{root.name}.console").open("ab")
    # Without it systemd 256 and newer find the old cgroup hierarchy of some hosts, and stop.
    environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment
    )
    try:
        machine = DebianMachine(root, shared, process, _leader(process))
        try:
            machine.wait_for(
                "boot", "systemctl is-system-running | grep -E 'running|degraded'", _BOOT_S
            )
        except AssertionError:  # nothing of ours is in it yet
            console.flush()
            end = Path(console.name).read_text(errors="replace")[-300:]
            pytest.skip(f"systemd-nspawn does not boot here within {_BOOT_S} s: {end}")
        yield machine
        machine.run("systemctl", "poweroff", check=False)
        process.wait(60)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _end(process)
        console.close()


def _leader(process: subprocess.Popen[bytes]) -> int:
    """The machine's own process 1; skips the test where nothing boots."""
    deadline_s = time.monotonic() + _BOOT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            pytest.skip(f"systemd-nspawn cannot boot here (exit code {process.returncode})")
        for child in psutil.Process(process.pid).children():
            if child.name() == "systemd":
                return child.pid
        time.sleep(0.1)
    raise AssertionError("the machine has no process 1")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    children: Sequence[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        for child in children:
            child.kill()
        process.kill()
        process.wait()
