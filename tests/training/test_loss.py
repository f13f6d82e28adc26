"""What the network is taught. Needs PyTorch, which only training has."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is needed for training only")

SIZE = (64, 64)
CELLS = 64 + 16 + 4


def scored(truth: list[list[float]], seen_score: float) -> float:
    """The score that the loss wants most of the cell in the middle: least loss over many."""
    from models.training.loss import PersonLoss
    from models.training.settings import LossSettings

    seen = torch.zeros(1, CELLS, 5)
    seen[..., :4] = torch.tensor([0.0, 0.0, 64.0, 64.0])
    seen[0, 36, 4] = seen_score
    rows = torch.tensor([[*row, 1.0] for row in truth] or [[0.0] * 6])[None]
    losses = {}
    for score in (0.02, 0.3, 0.6, 0.9):
        logits = torch.full((1, CELLS), -9.0)
        logits[0, 36] = torch.logit(torch.tensor(score))
        distances = torch.full((1, CELLS, 4), 4.0)
        losses[score] = float(PersonLoss(LossSettings())((distances, logits), rows, seen, SIZE)[0])
    return min(losses, key=losses.__getitem__)


def test_the_teacher_of_this_picture_is_believed() -> None:
    assert scored([], 0.6) == 0.6
    assert scored([], 0.0) == 0.02


def test_where_nobody_is_the_teacher_is_not_believed() -> None:
    from models.training.augment import NOBODY, RARE

    whole = [0.0, 0.0, 64.0, 64.0]
    assert scored([[*whole, NOBODY]], 0.6) == 0.02
    assert scored([[*whole, RARE]], 0.3) == 0.02
    elsewhere = [40.0, 40.0, 64.0, 64.0]
    assert scored([[*elsewhere, NOBODY]], 0.6) == 0.6


def test_a_label_tells_who_the_teacher_does_not_see_here() -> None:
    assert scored([[4.0, 4.0, 68.0, 68.0, 1.0]], 0.0) >= 0.6
