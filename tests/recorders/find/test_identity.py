"""What a file is, whatever its owner says of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_agent.recorders.find.identity import mtime_ns_of, open_regular


@pytest.mark.parametrize("year", [1601, 1970, 2300, 2400])
def test_an_odd_mtime_still_fits_into_the_ledger(tmp_path: Path, year: int) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    subprocess.run(["touch", "-d", f"{year}-01-02 00:00Z", path], check=True)
    kept = mtime_ns_of(path.stat())
    assert -(2**63) <= kept < 2**63
    file = open_regular(path)
    file.close()
    assert file.mtime_ns == kept
