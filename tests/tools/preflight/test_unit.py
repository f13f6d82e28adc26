"""The installed unit, read as systemd would: folders, drop-ins, what is writable."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.assets import asset_dir
from edge_agent.tools.preflight.unit import InstalledUnit, find_unit


def install(root: Path, text: str, **drop_ins: str) -> None:
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edge-agent.service").write_text(text)
    for name, drop_in in drop_ins.items():
        (folder / "edge-agent.service.d").mkdir(exist_ok=True)
        (folder / "edge-agent.service.d" / f"{name}.conf").write_text(drop_in)


def unit_of(root: Path, text: str, **drop_ins: str) -> InstalledUnit:
    install(root, text, **drop_ins)
    unit = find_unit(root)
    assert unit is not None
    return unit


def test_no_unit_is_none(tmp_path: Path) -> None:
    assert find_unit(tmp_path) is None


def test_the_shipped_unit_writes_its_state_directory_alone(tmp_path: Path) -> None:
    unit = unit_of(tmp_path, (asset_dir("systemd") / "edge-agent.service").read_text())
    assert unit.user == "edge-agent"
    assert unit.config_path == Path("/etc/edge-agent")
    assert unit.read_only(Path("/var/lib/edge-agent")) == ""
    assert unit.read_only(Path("/var/lib/edge-agent/deep")) == ""
    assert unit.read_only(Path("/data/edge")) == "ProtectSystem=strict"
    assert unit.hidden(Path("/home/pi/clips")) == "ProtectHome=yes"
    assert unit.hidden(Path("/tmp/state")) == "PrivateTmp=yes"
    assert unit.makes(Path("/var/lib/edge-agent"))
    assert not unit.makes(Path("/data/edge"))


def test_a_drop_in_opens_a_path_and_an_empty_value_forgets(tmp_path: Path) -> None:
    strict = "[Service]\nProtectSystem=strict\nUser=edge-agent\nReadWritePaths=/srv/a\n"
    opened = unit_of(tmp_path, strict, a="[Service]\nReadWritePaths=-/data/edge\n")
    assert opened.read_only(Path("/data/edge/x")) == ""
    assert opened.read_only(Path("/srv/a")) == ""
    closed = unit_of(tmp_path, strict, b="[Service]\nReadWritePaths=\nUser=cam\n")
    assert closed.read_only(Path("/data/edge")) == "ProtectSystem=strict"
    assert closed.user == "cam"


def test_the_strongest_folder_wins_and_other_sections_do_not_count(tmp_path: Path) -> None:
    install(tmp_path, "[Unit]\nUser=nobody\n[Service]\n# User=x\nUser=mine\n")
    weaker = tmp_path / "usr/lib/systemd/system"
    (weaker / "edge-agent.service.d").mkdir(parents=True)
    (weaker / "edge-agent.service").write_text("[Service]\nUser=theirs\n")
    drop_in = "[Service]\nLoadCredential=mqtt:\\\n/etc/x\nSetCredential=a:b\n"
    (weaker / "edge-agent.service.d" / "z.conf").write_text(drop_in)
    unit = find_unit(tmp_path)
    assert unit is not None
    assert unit.user == "mine"
    assert set(unit.credentials) == {"mqtt", "a"}


@pytest.mark.parametrize(
    ("settings", "path", "by"),
    [
        ("ProtectSystem=full", "/etc/edge-agent/state", "ProtectSystem=full"),
        ("ProtectSystem=full", "/data", ""),
        ("ProtectSystem=yes", "/usr/x", "ProtectSystem=yes"),
        ("ProtectSystem=yes", "/etc/x", ""),
        ("ProtectSystem=no", "/usr/x", ""),
        ("ReadOnlyPaths=/data", "/data/x", "ReadOnlyPaths"),
        ("ReadOnlyPaths=/data\nReadWritePaths=/data/x", "/data/x/y", ""),
        ("ProtectSystem=strict\nBindPaths=/mnt/disk:/data", "/data/x", ""),
        ("ProtectHome=read-only", "/home/pi/x", "ProtectHome=read-only"),
        ("", "/anything", ""),
    ],
)
def test_what_is_read_only(settings: str, path: str, by: str, tmp_path: Path) -> None:
    assert unit_of(tmp_path, f"[Service]\n{settings}\n").read_only(Path(path)) == by
