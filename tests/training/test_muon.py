"""Steps that are as long in every direction. Needs PyTorch, which only training has."""

import os
import socket

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is needed for training only")

from models.training.muon import Muon, is_matrix, orthogonal  # noqa: E402
from models.training.network import PersonNet  # noqa: E402


@pytest.mark.parametrize("shape", [(48, 112), (112, 48), (40, 40), (16, 27)])
def test_a_step_is_about_as_long_in_every_direction(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    step = torch.randn(*shape)
    made = orthogonal(step)
    values = torch.linalg.svdvals(made)
    assert made.shape == step.shape
    assert 0.5 < values.min() < values.max() < 1.3
    # Its directions stay: what the step would have lowered is lowered.
    u, _, v = torch.linalg.svd(step, full_matrices=False)
    assert torch.allclose(made, u @ torch.diag(torch.diag(u.T @ made @ v.T)) @ v, atol=1e-3)


def test_only_what_mixes_channels_is_a_matrix() -> None:
    net = PersonNet((8, 16, 24, 32, 48), (0, 1, 1, 1), 24)
    chosen = [m for m in net.modules() if is_matrix(m)]
    assert all(m.groups == 1 and m.bias is None for m in chosen)
    # The stem's two, two of each of six blocks, three laterals, six mixes of the neck, two of
    # each of three heads.
    assert len(chosen) == 2 + 2 * 6 + 3 + 6 + 2 * 3


def test_it_finds_the_map_that_made_the_data() -> None:
    torch.manual_seed(2)
    wanted = torch.randn(8, 12, 1, 1)
    kernel = torch.nn.Parameter(torch.zeros(8, 12, 1, 1))
    muon = Muon([kernel], lr=0.1, weight_decay=0.0)
    data = torch.randn(32, 12, 4, 4)
    conv = torch.nn.functional.conv2d
    losses = []
    for step in range(200):
        muon.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        muon.zero_grad()
        loss = (conv(data, kernel) - conv(data, wanted)).square().mean()
        loss.backward()
        muon.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.01 * losses[0]


@pytest.mark.system
def test_two_processes_take_the_step_of_one() -> None:
    torch.manual_seed(3)
    shapes = [(8, 12, 1, 1), (16, 3, 3, 3), (12, 8, 1, 1)]
    start = [torch.randn(shape) for shape in shapes]
    gradients = [torch.randn(shape) for shape in shapes]
    alone = _stepped(start, gradients)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = torch.multiprocessing.get_context("spawn").SimpleQueue()
    torch.multiprocessing.spawn(_process, (port, start, gradients, results), nprocs=2)
    for _ in range(2):
        for kernel, wanted in zip(results.get(), alone, strict=True):
            assert torch.allclose(torch.tensor(kernel), wanted, atol=1e-5)


def _process(rank: int, port: int, start: list, gradients: list, results: object) -> None:  # type: ignore[type-arg]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    kernels = _stepped(start, gradients)
    results.put([kernel.numpy().tolist() for kernel in kernels])  # type: ignore[attr-defined]
    torch.distributed.destroy_process_group()


def _stepped(start: list, gradients: list) -> list:  # type: ignore[type-arg]
    kernels = [torch.nn.Parameter(kernel.clone()) for kernel in start]
    for kernel, gradient in zip(kernels, gradients, strict=True):
        kernel.grad = gradient
    Muon(kernels, lr=0.01, weight_decay=0.1).step()
    return [kernel.detach() for kernel in kernels]
