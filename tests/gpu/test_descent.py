"""The references of section 03 on a CUDA device: the same answers as torch's own, and as on the CPU.

Needs torch, numpy and pytest only, so that it runs on a bare GPU machine: `pytest tests/gpu`.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course import descent

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator(CUDA).manual_seed(seed)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sgd_agrees_with_torch_over_100_varied_steps(dtype, momentum):
    g = seeded()
    start = [torch.randn(s, generator=g, device=CUDA, dtype=dtype) for s in ((64, 33), (17,), ())]
    ours, theirs = ([nn.Parameter(s.clone()) for s in start] for _ in range(2))
    optimizers = (descent.SGD(ours, 0.05, momentum), torch.optim.SGD(theirs, lr=0.05, momentum=momentum))
    for step in range(100):
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            grad = torch.randn(p.shape, generator=g, device=CUDA, dtype=dtype) * 10 ** (2 * math.sin(step))
            p.grad, q.grad = (None, None) if step % 4 == i else (grad, grad.clone())
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 0.05 if step < 50 else 0.002
            optimizer.step()
    for p, q in zip(ours, theirs, strict=True):
        assert p.device.type == "cuda"
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_cross_entropy_and_its_gradient_agree_with_torch(scale):
    z = (torch.randn(100, 10, generator=seeded(), device=CUDA) * scale).requires_grad_()
    y = torch.randint(10, (100,), generator=seeded(), device=CUDA)
    ours, theirs = descent.cross_entropy(z, y), F.cross_entropy(z, y)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (ours, theirs)))


def test_minibatches_live_where_the_generator_lives():
    batches = descent.minibatches(100, 32, seeded())
    assert {b.device.type for b in batches} == {"cuda"}
    assert torch.cat(batches).sort().values.tolist() == list(range(100))


@pytest.mark.parametrize("generator_device", ["cpu", "cuda"])
def test_batches_follow_the_data_whatever_the_generator(generator_device):
    x, y = torch.arange(10.0, device=CUDA)[:, None], torch.arange(10, device=CUDA)
    generator = torch.Generator(generator_device).manual_seed(0)
    for a, b in descent.iterate_batches(x, y, 3, generator):
        assert a.device.type == b.device.type == "cuda"
        assert torch.equal(a[:, 0].long(), b)


@pytest.mark.parametrize("name", descent.SURFACES)
def test_gradient_descent_agrees_with_the_cpu(name):
    loss = descent.SURFACES[name].loss
    starts = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    there = descent.gradient_descent(loss, starts.to(CUDA), 0.01, 50, momentum=0.9)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), descent.gradient_descent(loss, starts, 0.01, 50, momentum=0.9))


def test_sgd_epoch_and_gradient_noise_agree_with_the_cpu():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 8, generator=g, dtype=torch.float64), torch.randint(3, (64,), generator=g)
    cpu = nn.Linear(8, 3, dtype=torch.float64)
    cuda = nn.Linear(8, 3, dtype=torch.float64, device=CUDA)
    cuda.load_state_dict(cpu.state_dict())
    batches = list(zip(x.split(10), y.split(10), strict=True))
    there = [(a.to(CUDA), b.to(CUDA)) for a, b in batches]
    assert descent.sgd_epoch(cuda, there, 0.1) == pytest.approx(descent.sgd_epoch(cpu, batches, 0.1))
    gradients = descent.per_sample_gradients(cuda, x.to(CUDA), y.to(CUDA))
    torch.testing.assert_close(gradients.cpu(), descent.per_sample_gradients(cpu, x, y))
    noise = descent.gradient_noise(gradients, [1, 8, 64], 4000, seeded())
    variance = (gradients - gradients.mean(0)).square().sum(1).mean()
    expected = torch.stack([variance / b * (64 - b) / 63 for b in (1, 8, 64)])
    torch.testing.assert_close(noise, expected, rtol=0.1, atol=1e-12)
