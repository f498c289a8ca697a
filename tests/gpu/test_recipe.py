"""Section 10 on a CUDA device: the same answers as on the CPU, and where the inputs live."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from course import recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3, 7)])
def test_batch_norm_agrees_with_the_cpu(training, shape):
    g = torch.Generator().manual_seed(0)
    x, gamma, beta, mean = (torch.randn(s, generator=g, dtype=torch.float64) for s in (shape, (5,), (5,), (5,)))
    inputs = (x, gamma, beta, mean, torch.rand(5, generator=g, dtype=torch.float64) + 0.5)
    here = recipe.batch_norm(*inputs, training, 0.1, 1e-5)
    there = recipe.batch_norm(*(t.to(CUDA) for t in inputs), training, 0.1, 1e-5)
    for a, b in zip(here, there, strict=True):
        assert b.device.type == "cuda"
        torch.testing.assert_close(a, b.cpu())


def test_the_surface_agrees_with_the_cpu_and_the_budget_counts():
    budget = recipe.Budget(16)
    here = recipe.Network(budget, torch.Generator().manual_seed(0), norm=recipe.BatchNorm).double()
    there = copy.deepcopy(here).to(CUDA)
    g = torch.Generator().manual_seed(1)
    x, y = torch.rand(8, 3, 16, 16, generator=g, dtype=torch.float64), torch.randint(3, (8,), generator=g)
    first, second = recipe.directions(here, g)
    surfaces = []
    for model, device in ((here, "cpu"), (there, "cuda")):
        pictures, labels = x.to(device), y.to(device)
        both = ([d.to(device) for d in raw] for raw in (first, second))

        def loss(m: torch.nn.Module, pictures=pictures, labels=labels) -> torch.Tensor:
            return F.cross_entropy(m(pictures), labels)

        surfaces.append(recipe.loss_surface(model, loss, *both, [-0.5, 0.0, 1.0], [0.0, 0.7]).cpu())
    torch.testing.assert_close(*surfaces)
    assert budget.used == 0
    there(x.to(CUDA))
    assert budget.used == 8
