"""An SSH server of this machine for one test, and a folder of it mounted with sshfs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SSHD = "/usr/sbin/sshd"


def missing() -> str:
    """What this machine lacks for it; empty: nothing."""
    for tool in (SSHD, "sshfs", "ssh-keygen", "fusermount"):
        if shutil.which(tool) is None:
            return f"no {tool}"
    if not os.access("/dev/fuse", os.W_OK):
        return "no /dev/fuse"
    return "" if os.geteuid() == 0 else "sshd needs root"


class SharedFolder:
    """`server` is the folder as the server has it, `mounted` as it is seen over the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server, self.mounted = folder / "server", folder / "mounted"
        self.server.mkdir()
        self.mounted.mkdir()
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        (folder / "config").write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
            f"PidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
        )
        self._sshd: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        command = [SSHD, "-D", "-f", str(self._folder / "config"), "-E", str(self._folder / "log")]
        self._sshd = subprocess.Popen(command, start_new_session=True)
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert self._sshd.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError("sshd does not answer")

    def mount(self) -> None:
        keys = f"IdentityFile={self._folder}/user,StrictHostKeyChecking=no"
        options = f"{keys},UserKnownHostsFile=/dev/null,ServerAliveInterval=1"
        command = ["sshfs", "-p", str(self._port), "-o", options]
        target = f"root@127.0.0.1:{self.server}"
        subprocess.run([*command, target, str(self.mounted)], check=True, timeout=30)

    def vanish(self) -> None:
        """The server and every connection to it are gone."""
        if self._sshd is not None:
            for pid in (*_children(self._sshd.pid), self._sshd.pid):
                os.kill(pid, signal.SIGKILL)
            self._sshd.wait(10)
            self._sshd = None

    def unmount(self) -> None:
        subprocess.run(["fusermount", "-u", "-z", str(self.mounted)], check=False)

    def close(self) -> None:
        self.unmount()
        self.vanish()


def _children(pid: int) -> list[int]:
    """Of a process and of those, the last ones first."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    found = [int(each) for each in text.split()]
    return [*(grandchild for each in found for grandchild in _children(each)), *found]
