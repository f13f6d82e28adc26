"""install.sh looks before it touches anything, says what it would do, and is whole or nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from install_script import SCRIPT, install

from edge_agent import __version__


@pytest.fixture
def debian(tmp_path: Path) -> dict[str, str]:
    """The operating system that is found, whatever runs these tests."""
    release = tmp_path.parent / f"{tmp_path.name}-os-release"
    release.write_text('ID=debian\nVERSION_ID="12"\n')
    return {"INSTALL_OS_RELEASE": str(release)}


def test_dry_run_says_the_plan_and_changes_nothing(tmp_path: Path, debian: dict[str, str]) -> None:
    done = install("--dry-run", folder=tmp_path, **debian)
    assert done.returncode == 0, done.stderr
    assert f"would install {__version__} from the registry" in done.stdout
    assert done.stdout.endswith("nothing was changed (--dry-run)\n")
    assert list(tmp_path.iterdir()) == []


def test_dry_run_tells_what_is_missing(tmp_path: Path, debian: dict[str, str]) -> None:
    done = install("--dry-run", folder=tmp_path, INSTALL_PYTHON="python-of-nobody", **debian)
    assert done.returncode == 0, done.stderr
    assert "would stop here: there is no python-of-nobody; apt-get install python3" in done.stdout


@pytest.mark.parametrize("action", [(), ("--purge",)])
def test_dry_run_of_the_way_out_changes_nothing(tmp_path: Path, action: tuple[str, ...]) -> None:
    done = install("--dry-run", "--uninstall", *action, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("the user edge-agent" in done.stdout) == bool(action)
    assert list(tmp_path.iterdir()) == []


def test_version_is_that_of_the_checkout(tmp_path: Path) -> None:
    assert install("--version", folder=tmp_path).stdout == f"edge-agent {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--wheel", "x"], ["--wheels"], ["--wheels", "/no/such/folder"], ["--purge"]]
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    done = install(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "try --help" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ID=fedora\nVERSION_ID=42\n", "Debian 12 or 13 is needed"),
        ('ID=debian\nVERSION_ID="11"\n', "Debian 12 or 13 is needed"),
        ("", "Debian 12 or 13 is needed"),
    ],
)
def test_other_systems_are_refused_before_anything(tmp_path: Path, text: str, said: str) -> None:
    release = tmp_path / "os-release"
    release.write_text(text)
    done = install(folder=tmp_path, INSTALL_OS_RELEASE=str(release))
    assert done.returncode == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == [release]


def test_raspberry_pi_os_is_debian(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=raspbian\nID_LIKE=debian\nVERSION_ID="13"\n')
    done = install("--dry-run", folder=tmp_path, INSTALL_OS_RELEASE=str(release))
    assert done.returncode == 0, done.stderr


def test_folder_without_wheels_is_refused(tmp_path: Path, debian: dict[str, str]) -> None:
    done = install("--wheels", tmp_path, folder=tmp_path, **debian)
    assert done.returncode == 1
    assert "no box.lock in it; fill the folder with `make wheels`" in done.stderr


def test_script_cut_anywhere_does_nothing(tmp_path: Path, debian: dict[str, str]) -> None:
    """As when a download breaks off: all is in functions, and the last line calls them."""
    text = SCRIPT.read_text()
    assert text.endswith('\nmain "$@"\n')
    lines = text.splitlines(keepends=True)
    cut = tmp_path / "cut.sh"
    for count in range(5, len(lines), 23):
        cut.write_text("".join(lines[:count]))
        install("--uninstall", "--purge", folder=tmp_path, script=cut, **debian)
        install("--wheels", tmp_path, folder=tmp_path, script=cut, **debian)
        assert list(tmp_path.iterdir()) == [cut], f"cut after line {count}"


def test_every_setting_is_told_by_help(tmp_path: Path) -> None:
    told = install("--help", folder=tmp_path).stdout
    text = SCRIPT.read_text()
    names = set(re.findall(r"\{INSTALL_([A-Z_]+):-", text))
    steps = {"OS_CHECK", "FILES", "USER", "SELFTEST", "ENABLE", "START"}
    assert len(names) > 8
    assert all(f"wanted {step}" in text for step in steps)
    assert not [name for name in names | steps if f"INSTALL_{name}" not in told]


def test_unreachable_registry_is_noticed_before_anything_changes(
    tmp_path: Path, debian: dict[str, str]
) -> None:
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
    }
    done = install(folder=tmp_path, **debian, **nowhere)
    assert done.returncode == 1
    assert "could not be fetched; nothing was changed" in done.stderr
    assert list(tmp_path.iterdir()) == []


_MESSAGE = re.compile(r'(?:say|fail|missing|usage_error|put_drop_in [a-z.-]+) "((?:[^"\\]|\\.)*)"')


def test_every_message_has_a_vietnamese_rule() -> None:
    text = SCRIPT.read_text()
    messages = [re.sub(r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+", "/x", m) for m in _MESSAGE.findall(text)]
    messages = [m.replace("\\`", "`") for m in messages if re.search("[a-z]{4}", m)]
    messages = [m.replace("/x is /x; py", "python3 is py39; py") for m in messages]
    assert len(messages) > 45
    functions = text.rpartition("main ")[0]
    said = subprocess.run(
        ["sh", "-c", f"{functions}\nsettings; lang=vi; {SAY_EACH}"],
        input="\n".join(messages) + "\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    same = [
        message
        for message, line in zip(messages, said, strict=True)
        if line == message and re.search(r"[a-z]{3,} [a-z]{3,}", message)
    ]
    assert same == []


SAY_EACH = 'while IFS= read -r line; do in_words "$line"; done'


def test_the_plan_is_vietnamese_by_option_and_by_locale(
    tmp_path: Path, debian: dict[str, str]
) -> None:
    by_option = install("--lang", "vi", "--dry-run", folder=tmp_path, **debian)
    by_locale = install("--dry-run", folder=tmp_path, LANG="vi_VN.UTF-8", **debian)
    assert by_option.stdout == by_locale.stdout
    assert f"sẽ cài bản {__version__} tải từ mạng" in by_option.stdout
    assert "chưa thay đổi gì cả (--dry-run)" in by_option.stdout
    english = install("--lang", "en", "--dry-run", folder=tmp_path, LANG="vi_VN.UTF-8", **debian)
    assert "nothing was changed (--dry-run)" in english.stdout
    wrong = install("--lang", "fr", folder=tmp_path, LANG="vi_VN.UTF-8", **debian)
    assert wrong.returncode == 2
    assert wrong.stderr == "install.sh: --lang cần en hoặc vi; xem --help\n"
