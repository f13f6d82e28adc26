"""A support bundle holds facts from a list: canaries in every free text must not come through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from broker import free_port

CANARY = "kanarienvogel"


def test_no_secret_name_address_or_path_is_in_the_bundle(tmp_path: Path) -> None:
    folder = tmp_path / f"etc-{CANARY}"
    (folder / "cameras.d").mkdir(parents=True)
    (folder / "state").mkdir()
    secret = folder / "pw"
    secret.write_text(CANARY)
    secret.chmod(0o600)
    (folder / "agent.toml").write_text(
        f'[box]\nward = "ward-{CANARY}"\nid = "box-{CANARY}"\nstate_dir = "{folder}/state"\n'
        f'[mqtt]\nhost = "{CANARY}.invalid"\nusername = "{CANARY}"\npassword_file = "{secret}"\n'
    )
    (folder / "cameras.d" / "a.toml").write_text(
        f'id = "cam-{CANARY}"\nname = "{CANARY}"\n[source]\nkind = "rtsp"\n'
        f'url = "rtsp://127.0.0.1:{free_port()}/{CANARY}"\nusername = "{CANARY}"\n'
        f'password_file = "{secret}"\nopen_timeout_s = 1\n'
        f'[[zones]]\nname = "{CANARY}"\npolygon = [[0.0,0.0],[1.0,0.0],[1.0,1.0]]\n'
    )
    command = [sys.executable, "-m", "edge_agent", "support-bundle", "--config", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert "127.0.0.1" not in done.stdout
    facts = json.loads(done.stdout)
    assert {"EA-CAM-001", "EA-BRK-001"} <= {each["code"] for each in facts["findings"]}
    assert facts["settings"]["cameras"][0]["zones"] == 1
    assert "camera 1" in {each["subject"] for each in facts["findings"]}


def test_a_wrong_configuration_is_told_by_code_only(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(f'[box]\nward = "{CANARY}"\n{CANARY} = 3\n')
    out = tmp_path / "bundle.json"
    command = [sys.executable, "-m", "edge_agent", "support-bundle", "--config", str(tmp_path)]
    done = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert CANARY not in out.read_text()
    assert json.loads(out.read_text())["settings"] is None
