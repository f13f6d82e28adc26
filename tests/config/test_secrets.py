"""Secrets come from private files and systemd credentials, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.secrets import read_secret
from edge_agent.errors import ConfigError


def secret_file(folder: Path, data: bytes, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" spaces stay \n", " spaces stay "),
        ("mật khẩu@/:%".encode(), "mật khẩu@/:%"),
    ],
)
def test_secret_is_the_files_only_line(tmp_path: Path, data: bytes, secret: str) -> None:
    assert read_secret(secret_file(tmp_path, data)) == secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_file_open_to_others_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    reference = secret_file(tmp_path, b"hunter2", mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {reference}") as caught:
        read_secret(reference)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "several lines"),
        (b"\xff\xfe", "is not text"),
        (b"x" * 5000, "more than 4096 bytes"),
    ],
)
def test_file_that_holds_no_secret_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_secret(secret_file(tmp_path, data))


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_secret(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="is not a file"):
        read_secret(str(tmp_path))


def test_credential_is_read_from_systemds_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "front").write_text("s3cret\n")
    (tmp_path / "front").chmod(0o440)  # systemd's own protection is the folder
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret("credential:front") == "s3cret"


@pytest.mark.parametrize("name", ["", "..", "../etc/passwd", "a/b"])
def test_credential_cannot_name_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="is not the name of a credential"):
        read_secret(f"credential:{name}")


def test_credential_without_systemd_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="LoadCredential=front"):
        read_secret("credential:front")
