"""Layers in one step learn what PyTorch's own layers learn."""

from __future__ import annotations

import copy
import shutil

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

if shutil.which("c++") is None or shutil.which("ninja") is None:
    pytest.skip("a C++ compiler and ninja build the fast layers", allow_module_level=True)

from models.training.fast import made_fast  # noqa: E402
from models.training.network import PersonNet  # noqa: E402

pytestmark = pytest.mark.system  # the first use compiles


def _networks() -> tuple[PersonNet, PersonNet]:
    torch.manual_seed(3)
    plain = PersonNet([16, 24, 40, 56, 64], [0, 1, 1, 1], 24)
    return plain, made_fast(copy.deepcopy(plain))


def _pictures() -> torch.Tensor:
    noise = torch.rand(4, 3, 96, 64) * 255
    return torch.nn.functional.avg_pool2d(noise, 5, 1, 2).round()


def test_the_same_answers_and_the_same_gradients() -> None:
    plain, fast = _networks()
    pictures = _pictures()
    wanted = [torch.randn_like(part) for part in plain(pictures)]
    for net in (plain, fast):
        net.zero_grad()
        sum((part * by).sum() for part, by in zip(net(pictures), wanted, strict=True)).backward()

    for mine, own in zip(fast(pictures), plain(pictures), strict=True):
        assert (mine - own).abs().mean() < 0.03 * own.abs().mean() + 0.02
    for (name, mine), own in zip(fast.named_parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert own.grad is not None
        if not name.endswith(".1.bias"):  # the next normalisation takes these away
            alike = torch.nn.functional.cosine_similarity(mine.grad.ravel(), own.grad.ravel(), 0)
            assert alike > 0.9, (name, alike)


def test_the_normalisation_learns_what_is_usual() -> None:
    plain, fast = _networks()
    pictures = _pictures()
    for net in (plain, fast):
        for _ in range(3):
            net(pictures)

    for (name, mine), own in zip(fast.named_buffers(), plain.buffers(), strict=True):
        if "running" in name:
            torch.testing.assert_close(mine, own, rtol=0.05, atol=0.01)


def test_its_weights_are_those_of_the_plain_network() -> None:
    plain, fast = _networks()

    assert plain.state_dict().keys() == fast.state_dict().keys()
