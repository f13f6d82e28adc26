"""Each libavutil of the process gets its bound, and is counted once."""

from __future__ import annotations

from pathlib import Path

import av.frame
import pytest

from edge_agent.sources import allocations


def test_each_library_that_has_the_bound_gets_it_and_others_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path("/proc/self/maps").read_text()
    ours = sorted(line.split(maxsplit=5)[5] for line in text.splitlines() if "/libavutil" in line)
    assert ours, f"{av.frame.__name__} brought none"
    strange = tmp_path / "libavutil-none.so"
    maps = tmp_path / "maps"
    maps.write_text("".join(f"7f00-7f01 r-xp 0 0:0 0 {path}\n" for path in (*ours, strange, "/x")))
    monkeypatch.setattr(allocations, "_MAPS", maps)
    assert allocations.bound_allocations() == len(set(ours))


def test_a_system_without_proc_bounds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocations, "_MAPS", tmp_path / "none")
    assert allocations.bound_allocations() == 0
