"""In whose file wrong logins are counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.clock import SystemClock
from edge_agent.errors import CredentialRefused
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, Login, login_guard
from edge_agent.sources.credentials import FILE_NAME

LOGIN = Login("127.0.0.9", "viewer", "wrong")


def refused(guard: CredentialGuard) -> None:
    with (
        pytest.raises(CredentialRefused),
        guard.attempt(LOGIN, camera="gate", stop=StopToken()),
    ):
        raise CredentialRefused("wrong")


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_root_counts_where_purge_looks_before_there_is_a_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, home, disk = tmp_path / "package", tmp_path / "home", tmp_path / "disk/edge"
    package.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(package))
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    clock = SystemClock()
    refused(login_guard(disk, clock))
    assert (package / FILE_NAME).exists()
    assert not home.exists()
    assert not disk.parent.exists()
    disk.mkdir(parents=True)
    guard = login_guard(disk, clock)
    refused(guard)
    assert guard.pause_s(LOGIN, camera="gate") > 0, "the first one counts there, too"
    package.rename(tmp_path / "gone")
    assert login_guard(disk, clock).pause_s(LOGIN, camera="gate") > 0
