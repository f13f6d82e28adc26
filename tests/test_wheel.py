"""What `pip install` puts on a box finds its models, samples and units without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

FIND = """
import edge_agent
from edge_agent.assets import asset_dir
print(edge_agent.__file__)
for folder in ("models", "config", "systemd", "proof"):
    print(asset_dir(folder), *sorted(path.name for path in asset_dir(folder).rglob("*.*")))
from edge_agent.language import _, speak
speak("vi")
print(edge_agent.__file__, _("Name of the ward").encode())
"""


def test_installed_wheel_finds_its_files(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(CHECKOUT)]
    subprocess.run([*pip, *wheel], check=True, capture_output=True, timeout=100)
    (built,) = tmp_path.glob("*.whl")
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = str(home / "bin" / "python")
    install = ["--python", python, "install", "--no-deps", str(built)]
    subprocess.run([*pip, *install], check=True, capture_output=True, timeout=100)
    # The dependencies come from here; the checkout itself does not.
    env = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    found = subprocess.run(
        [python, "-c", FIND], check=True, capture_output=True, text=True, env=env, cwd=tmp_path
    ).stdout
    lines = found.splitlines()
    assert lines[0].startswith(str(home))
    assert all(line.startswith(str(home)) for line in lines[1:])
    assert "yolox-nano-416.toml" in lines[1]
    assert "registry.toml" in lines[1]
    assert "agent.toml" in lines[2]
    assert "hikvision.toml.sample" in lines[2]
    assert "edge-agent.service" in lines[3]
    assert "person.mp4" in lines[4]
    assert lines[5].endswith(str("Tên phường".encode()))
    command = [str(home / "bin" / "edge-agent"), "--version"]
    version = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    assert version.stdout.startswith("edge-agent 0.")
