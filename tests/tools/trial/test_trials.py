"""How good, how dear, and which one: with a real network that finds red squares."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from networks import installed

from edge_agent.detect import ModelInput, OnnxDetector, ResolvedModel
from edge_agent.detect.evaluation import LabelledFrame, evaluate
from edge_agent.errors import LabelError
from edge_agent.geometry import FrameSize
from edge_agent.tools.trial.advice import Load, advise, expected_ap
from edge_agent.tools.trial.cost import Cost, measure, rss_mib
from edge_agent.tools.trial.formats import open_labelled
from edge_agent.tools.trial.pictures import Choice
from edge_agent.tools.trial.quality import assess
from edge_agent.tools.trial.verify import verify

RED = (0, 0, 255)


def picture(folder: Path, name: str, red: list[tuple[int, int]], labels: str) -> None:
    """128x64 with red cells (column, row)."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    for column, row in red:
        pixels[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = RED
    cv2.imwrite(str(folder / f"{name}.png"), pixels)
    (folder / f"{name}.txt").write_text(labels)


def at(column: int, row: int) -> str:
    return f"{(column + 0.5) / 4} {(row + 0.5) / 2} 0.25 0.5\n"


def test_quality_of_a_detector_on_pictures(tmp_path: Path) -> None:
    detector = OnnxDetector.open(installed(tmp_path / "models"))
    data = tmp_path / "data"
    data.mkdir()
    picture(data, "found", [(0, 0), (3, 1)], at(0, 0) + at(3, 1))
    picture(data, "missed", [], at(1, 1))
    picture(data, "wrong", [(2, 0)], "")
    done: list[int] = []
    report = assess([detector], open_labelled(data, None, Choice()), done.append)
    assert (report.pictures, report.people, report.ignored) == (3, 3, 0)
    assert done == [1, 2, 3]
    (score,) = report.scores
    # Three equally sure answers, two of them right.
    assert score.quality.recall_at_1 == pytest.approx(2 / 3)
    assert 0 < score.quality.ap <= 2 / 3
    assert (score.model, score.width, score.height) == ("red", 128, 64)


def test_pictures_without_anybody_cannot_be_judged(tmp_path: Path) -> None:
    detector = OnnxDetector.open(installed(tmp_path / "models"))
    picture(tmp_path, "empty", [], "")
    with pytest.raises(LabelError, match="nobody is labelled in 1 pictures"):
        assess([detector], open_labelled(tmp_path, None, Choice()))


def frame(truth: list, ignored: list, *found: tuple[tuple[float, ...], float]) -> LabelledFrame:
    boxes, scores = [box for box, _ in found], [score for _, score in found]
    return LabelledFrame(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(ignored, np.float32).reshape(-1, 4),
    )


def test_what_lies_in_an_ignored_area_is_neither_right_nor_wrong() -> None:
    person, crowd = (0, 0, 10, 20), (20, 0, 60, 20)
    in_crowd, half_out, elsewhere = (22, 0, 32, 20), (14, 0, 22, 20), (80, 0, 90, 20)
    answers = [(in_crowd, 0.9), (person, 0.8)]
    assert evaluate([frame([person], [crowd], *answers)]).ap == 1
    assert evaluate([frame([person], [], *answers)]).ap == pytest.approx(0.5)
    # Mostly outside, or elsewhere: wrong as ever. On a counted person inside: right as ever.
    for wrong in (half_out, elsewhere):
        assert evaluate([frame([person], [crowd], (wrong, 0.9), (person, 0.8))]).ap == 0.5
    assert evaluate([frame([in_crowd], [crowd], (in_crowd, 0.9))]).ap == 1


# --- cost -----------------------------------------------------------------------------


def test_costs_of_every_size_at_which_a_model_runs(tmp_path: Path) -> None:
    free = installed(tmp_path, "free", input=ModelInput(width=256, height=160))
    fixed = installed(tmp_path, "fixed", fixed=True)
    costs = measure([free, fixed], rounds=2)
    sizes = [(cost.model.manifest.name, str(cost.size)) for cost in costs]
    assert sizes == [("free", "256x160"), ("free", "320x192"), ("fixed", "128x64")]
    assert all(0 < cost.cpu_ms <= cost.wall_ms * 1.5 for cost in costs)
    assert rss_mib(fixed) < 100


def cost(name: str, ms: float, *, ap: float | None = None, size: FrameSize | None = None) -> Cost:
    model = _model(name, ap).at(size)
    return Cost(model, FrameSize(416, 256), ms, ms, 30.0)


def _model(name: str, ap: float | None) -> ResolvedModel:
    from networks import CELL

    from edge_agent.detect import ModelManifest

    manifest = ModelManifest(
        name=name,
        file=f"{name}.onnx",
        sha256="0" * 64,
        bytes=1,
        licence="Apache-2.0",
        decoder="point",
        input=ModelInput(width=416, height=256),
        strides=(CELL,),
        candidate_threshold=0.1,
        confirm_threshold=0.5,
        ap=ap,
    )
    return ResolvedModel(manifest, Path(f"{name}.onnx"))


LOAD = Load(cameras=4, fps=5, core_share=0.5)  # 25 ms a look


def test_the_most_accurate_one_within_the_budget_is_recommended() -> None:
    costs = [cost("cheap", 5, ap=0.6), cost("good", 24, ap=0.7), cost("best", 26, ap=0.8)]
    advice = advise(costs, LOAD)
    assert advice.affordable
    assert advice.cost is costs[1]
    assert "AP 0.70, measured" in advice.reason
    assert advise(costs, Load(cameras=2)).cost is costs[2]


def test_a_smaller_input_of_a_better_model_beats_a_worse_model() -> None:
    small = cost("good", 20, ap=0.7, size=FrameSize(320, 192))
    costs = [cost("cheap", 5, ap=0.6), cost("good", 40, ap=0.7), small]
    advice = advise(costs, LOAD)
    assert advice.cost is small
    assert "estimated" in advice.reason
    ap = expected_ap(small)
    assert ap is not None
    assert 0.6 < ap < 0.7
    # But not so small that it is another model.
    tiny = cost("good", 20, ap=0.9, size=FrameSize(160, 96))
    assert advise([cost("cheap", 5, ap=0.6), tiny], LOAD).cost is not tiny


def test_people_far_away_need_a_large_input() -> None:
    small, large = cost("a", 5, ap=0.8, size=FrameSize(320, 192)), cost("b", 20, ap=0.7)
    assert advise([small, large], LOAD).cost is small
    assert advise([small, large], Load(person_frac=0.11)).cost is large
    assert advise([small, large], Load(person_frac=0.15)).cost is small
    slow = advise([small, large], Load(cameras=8, person_frac=0.11))
    assert (slow.cost, slow.affordable) == (large, False)
    none = advise([small, large], Load(person_frac=0.05))
    assert none.cost is None
    assert "people of 5% of the height are too small for all" in none.reason


def test_what_was_never_measured_comes_last_and_in_order_of_preference() -> None:
    costs = [cost("home-made", 5), cost("nanodet-m-320", 5), cost("yolox-nano-416", 5)]
    assert advise(costs, LOAD).cost is costs[2]
    measured = cost("measured", 5, ap=0.2)
    assert advise([*costs, measured], LOAD).cost is measured


def test_when_nothing_fits_it_says_for_what_the_cheapest_is_enough() -> None:
    advice = advise([cost("slow", 50, ap=0.7), cost("slower", 60, ap=0.8)], LOAD)
    assert not advice.affordable
    assert "enough for 2.0 cameras, or for 2.5 pictures a second" in advice.reason
    assert advise([], LOAD).cost is None


# --- verify ---------------------------------------------------------------------------


def codes(model: ResolvedModel) -> list[tuple[str, int]]:
    return [(step.name, step.exit_code) for step in verify(model)]


def test_each_way_of_being_wrong_has_its_exit_code(tmp_path: Path) -> None:
    model = installed(tmp_path)
    assert codes(model) == [("bytes", 0), ("network", 0), ("inference", 0)]
    # Logits taken for probabilities: every cell of a picture of noise is a person.
    wrong = msgspec.structs.replace(model.manifest, scores="logits", confirm_threshold=0.3)
    assert codes(ResolvedModel(wrong, model.path))[-1] == ("inference", 78)
    wrong = msgspec.structs.replace(model.manifest, strides=(16,))
    assert codes(ResolvedModel(wrong, model.path)) == [("bytes", 0), ("network", 78)]
    model.path.write_bytes(model.path.read_bytes()[:-1])
    (step,) = verify(model)
    assert (step.name, step.exit_code) == ("bytes", 1)
    assert f"expected {model.manifest.bytes} bytes" in step.trouble
    model.path.unlink()
    assert codes(model) == [("bytes", 1)]
