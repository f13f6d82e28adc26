"""What `make deb` makes: the same bytes each time, clean for lintian, the command described."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import packages
import pytest

from edge_agent import __version__
from edge_agent.cli import build_parser

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

ARCHES = ("amd64", "arm64")


@pytest.fixture(scope="module", params=ARCHES)
def deb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    folder = tmp_path_factory.mktemp("deb")
    packages.build(folder, "deb", arch=request.param)
    yield folder / f"edge-agent_{__version__}_{request.param}.deb"
    shutil.rmtree(folder)


def unpacked(deb: Path, folder: Path) -> Path:
    subprocess.run(["dpkg-deb", "--extract", str(deb), str(folder)], check=True)
    return folder


def test_another_build_is_the_same_byte_for_byte(deb: Path, tmp_path: Path) -> None:
    arch = deb.stem.rsplit("_", 1)[1]
    # Another folder, other modes and times: nothing of this machine goes in.
    previous = os.umask(0o077)
    try:
        packages.build_variant(tmp_path / "out", "deb", tmp_path, arch=arch)
    finally:
        os.umask(previous)
    again = tmp_path / "out" / deb.name
    assert again.read_bytes() == deb.read_bytes()
    again.unlink()


def test_lintian_finds_nothing_but_what_is_listed(deb: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    command = ["lintian", "--no-cfg", "--allow-root", "--fail-on=error,warning", str(deb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_conffile_and_nothing_in_etc(deb: Path, tmp_path: Path) -> None:
    files = unpacked(deb, tmp_path)
    assert sorted(path.name for path in files.iterdir()) == ["usr"]
    control = subprocess.run(
        ["dpkg-deb", "--info", str(deb)], check=True, capture_output=True, text=True
    ).stdout
    assert "conffiles" not in control


def test_wheels_are_those_of_the_lock(deb: Path, tmp_path: Path) -> None:
    wheels = unpacked(deb, tmp_path) / "usr/lib/edge-agent/wheels"
    locked = (wheels / "box.lock").read_text()
    assert locked.startswith((packages.CHECKOUT / "packaging/requirements.lock").read_text())
    for wheel in wheels.glob("*.whl"):
        digest = subprocess.run(
            ["sha256sum", str(wheel)], check=True, capture_output=True, text=True
        ).stdout.split()[0]
        assert digest in locked, wheel.name


def test_every_command_is_in_manual_and_completion(deb: Path, tmp_path: Path) -> None:
    share = unpacked(deb, tmp_path) / "usr/share"
    actions = build_parser()._subparsers._group_actions  # type: ignore[union-attr]
    names = list(actions[0].choices)  # type: ignore[arg-type]
    assert "selftest" in names
    manual = subprocess.run(
        ["gzip", "-dc", str(share / "man/man1/edge-agent.1.gz")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    written = {name: name.replace("-", "\\-") for name in names}
    missing = [n for n in names if f"edge\\-agent {written[n]}" not in manual.lower()]
    assert missing == []
    bash = share / "bash-completion/completions/edge-agent"
    script = (
        f'. "{bash}"; COMP_WORDS=(edge-agent sel); COMP_CWORD=1; COMP_LINE="edge-agent sel"; '
        "COMP_POINT=${#COMP_LINE}; _shtab_edge_agent edge-agent sel edge-agent; "
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["selftest"], done.stderr
    assert (share / "zsh/vendor-completions/_edge-agent").stat().st_size > 1000
