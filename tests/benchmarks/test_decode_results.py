from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import _decode_results as results_module
from benchmarks._decode_results import Results, code_version
from benchmarks.scenes.encode import Clip


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which contenders were run; the first try at `cameras 4` is stopped by hand."""
    monkeypatch.setenv("EDGE_AGENT_SCENES", str(tmp_path))
    asked: list[str] = []

    def contender(who: str, clip: Path, options: list[str]) -> dict[str, object]:
        asked.append(f"{who} {options[1]}")
        if asked == ["cameras 1", "cameras 4"]:
            raise KeyboardInterrupt
        return {"said": options[1], "cpu_s": 1.0}

    monkeypatch.setattr(results_module, "_contender", contender)
    return asked


def test_run_that_was_stopped_goes_on_where_it_was(asked: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure(Results(again=False, rounds=1))
    assert measure(Results(again=False, rounds=1)) == ["1", "4", "16"]
    assert asked == ["cameras 1", "cameras 4", "cameras 4", "cameras 16"]


def test_other_code_and_again_mean_to_measure_anew(asked: list[str]) -> None:
    Results(again=False, rounds=1).cameras(Path("a.mp4"), 1, 5.0)
    Results(again=False, rounds=1, code="other").cameras(Path("a.mp4"), 1, 5.0)
    Results(again=True, rounds=1).cameras(Path("a.mp4"), 1, 5.0)
    assert asked == ["cameras 1"] * 3
    assert code_version() == code_version() != "other"


def test_other_models_count_only_where_one_is_asked(
    asked: list[str],
) -> None:
    clip = Clip("day/a", Path("day/a.mp4"), "day", "calm", (64, 48), 25.0, 9.0, 2.0, (), ())
    for models in ("those of today", "others"):
        results = Results(again=False, rounds=1, models=models)
        results.run("agent", clip)
        results.run("pipe", clip, model="auto")
    assert asked == ["agent 25", "pipe 25", "pipe 25"]


def measure(results: Results) -> list[str]:
    return [str(results.cameras(Path("a.mp4"), n, 5.0)["said"]) for n in (1, 4, 16)]
