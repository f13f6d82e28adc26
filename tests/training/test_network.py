"""A network that grows must not forget. Needs PyTorch, which only training has."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is needed for training only")


def test_a_grown_network_answers_what_the_smaller_one_answers() -> None:
    from models.training.network import PersonNet, grown

    small = PersonNet((8, 8, 16, 24, 32), (0, 1, 1, 1), 16).eval()
    large = PersonNet((8, 16, 24, 32, 48), (1, 2, 3, 2), 24)
    large.load_state_dict(grown(small.state_dict(), large))
    picture = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        boxes, scores = small(picture)
        same_boxes, same_scores = large.eval()(picture)
    assert torch.allclose(boxes, same_boxes, atol=1e-4)
    assert torch.allclose(scores, same_scores, atol=1e-4)
