"""The optimizers of section 05 on a CUDA device: the same answers as torch's own, compiled or not."""

from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch
from torch import nn

from course import adaptive

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")
NAMES = ("Adagrad", "Adam", "AdamW")


def parameters(dtype: torch.dtype) -> list[nn.Parameter]:
    g = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(s, generator=g).to(CUDA, dtype)) for s in ((64, 33), (17,), (), (8, 4, 3, 3))]


def advance(pairs, steps: range) -> None:
    """Steps with gradients of very different sizes, half of them 0; now and then a parameter has none."""
    for step in steps:
        for params, optimizer in pairs:
            g = torch.Generator(CUDA).manual_seed(step)
            for i, p in enumerate(params):
                grad = torch.randn(p.shape, generator=g, device=CUDA) * 10 ** (2 * math.sin(step))
                grad = grad * (torch.rand(p.shape, generator=g, device=CUDA) < 0.5)
                p.grad = None if step % 9 == i or (i == 3 and step < 40) else grad.to(p.dtype)
            optimizer.step()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_they_agree_with_torch_over_120_varied_steps(name, compiled, dtype):
    ours, theirs = parameters(dtype), parameters(dtype)
    a = getattr(adaptive, name)(ours, lr=0.02, compiled=compiled)
    b = getattr(torch.optim, name)(theirs, lr=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        advance([(ours, a), (theirs, b)], range(60))
    a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.003
    advance([(ours, a), (theirs, b)], range(60, 120))
    assert a.compiled == compiled
    assert bool(a._programs) == compiled
    tolerance = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {}
    for p, q in zip(ours, theirs, strict=True):
        assert p.device.type == "cuda"
        torch.testing.assert_close(p, q, **tolerance)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{"foreach": True}, {"fused": True}])
def test_a_state_saved_by_torch_goes_on_here_and_back(name, options):
    theirs = parameters(torch.float32)
    b = getattr(torch.optim, name)(theirs, lr=0.02, **options)
    advance([(theirs, b)], range(50))
    ours = [nn.Parameter(p.detach().clone()) for p in theirs]
    a = getattr(adaptive, name)(ours, lr=123.0)
    a.load_state_dict(copy.deepcopy(b.state_dict()))
    advance([(ours, a), (theirs, b)], range(50, 100))
    again = [nn.Parameter(p.detach().clone()) for p in ours]
    c = getattr(torch.optim, name)(again, lr=123.0, **options)
    c.load_state_dict(copy.deepcopy(a.state_dict()))
    advance([(again, c), (theirs, b)], range(100, 150))
    for p, q in zip(again, theirs, strict=True):
        torch.testing.assert_close(p, q)


def test_the_answers_are_those_of_the_cpu():
    there = parameters(torch.float64)
    here = [nn.Parameter(p.detach().cpu()) for p in there]
    optimizers = adaptive.AdamW(there, lr=0.02), adaptive.AdamW(here, lr=0.02)
    g = torch.Generator().manual_seed(0)
    for _ in range(50):
        for p, q in zip(there, here, strict=True):
            q.grad = torch.randn(q.shape, generator=g, dtype=torch.float64)
            p.grad = q.grad.to(CUDA)
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(there, here, strict=True):
        torch.testing.assert_close(p.cpu(), q)
