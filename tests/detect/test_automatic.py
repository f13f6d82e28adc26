"""`auto` takes the most accurate detector that the box affords, and says why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edge_agent.detect import ModelInput, ModelManifest
from edge_agent.detect.automatic import best


@dataclass(frozen=True)
class Model:
    manifest: ModelManifest
    verified: bool = True

    def is_verified(self) -> bool:
        return self.verified


def model(
    name: str, ap: float | None, cost: float | None, *, verified: bool = True, default: bool = False
) -> Model:
    return Model(
        ModelManifest(
            name=name,
            file=f"{name}.onnx",
            sha256="0" * 64,
            bytes=1,
            licence="MIT",
            decoder="point",
            strides=(8,),
            candidate_threshold=0.1,
            confirm_threshold=0.5,
            ap=ap,
            cost=cost,
            default=default,
            input=ModelInput(width=64, height=64),
        ),
        verified,
    )


SMALL = model("small", 0.4, 0.3, default=True)
LARGE = model("large", 0.6, 1.0)


@pytest.mark.parametrize(
    ("cameras", "cores", "name"),
    [(1, 1, "large"), (2, 1, "large"), (3, 1, "small"), (8, 4, "large"), (9, 4, "small")],
)
def test_a_fetched_model_that_is_better_is_taken_where_it_is_affordable(
    cameras: int, cores: int, name: str
) -> None:
    for models in ([SMALL, LARGE], [LARGE, SMALL]):
        assert best(models, cameras, cores)[0].manifest.name == name


def test_it_says_how_accurate_it_is_and_what_was_too_dear() -> None:
    assert best([SMALL, LARGE], 1, 4)[1] == (
        "the most accurate (AP 0.60) of 2 here that 4 cores and 1 camera afford"
    )
    assert best([SMALL, LARGE], 9, 4)[1].endswith("too dear for it: large")


def test_a_file_with_wrong_bytes_is_passed_over_and_named() -> None:
    chosen, why = best([SMALL, model("large", 0.6, 1.0, verified=False)], 1, 4)
    assert chosen is SMALL
    assert "passed over" in why
    assert "large" in why


def test_with_nothing_affordable_the_cheapest_is_taken_and_it_is_said() -> None:
    chosen, why = best([LARGE, model("larger", 0.7, 3.0)], 16, 1)
    assert chosen is LARGE
    assert "none is affordable" in why


def test_with_nothing_verified_the_best_is_opened_to_say_what_is_wrong() -> None:
    only = model("only", 0.5, 0.5, verified=False)
    assert best([only], 1, 1)[0] is only


def test_a_model_without_figures_comes_last_and_the_default_first_among_equals() -> None:
    home = model("home", None, None)
    assert best([home, SMALL], 1, 4)[0] is SMALL
    assert best([model("twin", 0.4, 0.3), SMALL], 1, 4)[0] is SMALL
    assert best([home], 1, 4) == (home, "the only one here")
