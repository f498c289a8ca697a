"""Section 09 on a CUDA device: the answers of the CPU for the same gates, wherever these were drawn."""

from __future__ import annotations

import pytest
import torch

from course.depth import ResNet, draw_gates, skip, spread, stochastic_depth

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")


@pytest.mark.parametrize("source", ["cpu", "cuda"])
@pytest.mark.parametrize("mode", ["row", "batch"])
def test_gates_from_any_device_serve(source, mode):
    x = torch.randn(64, 8, 4, 4, device=CUDA)
    g = torch.Generator(source).manual_seed(0)
    b = draw_gates(64, 0.5, torch.Generator(source).manual_seed(0), mode)
    assert b.device.type == source
    got = stochastic_depth(x, torch.cos, 0.5, True, g, mode)
    torch.testing.assert_close(got, x + spread(b, x) * x.cos())
    torch.testing.assert_close(skip(x, torch.cos, b), got)


@pytest.mark.parametrize("skipping", [True, False])
def test_the_scores_are_those_of_the_cpu(skipping):
    here = ResNet(3, (2, 2), (4, 8), 0.5, skip=skipping, generator=torch.Generator().manual_seed(0)).eval().double()
    x = torch.rand(16, 3, 16, 16, dtype=torch.float64)
    b = here.draw(16, torch.Generator().manual_seed(1))
    expected, whole = here(x, b), here(x)
    there = here.to(CUDA)
    torch.testing.assert_close(there(x.to(CUDA), b).cpu(), expected)
    torch.testing.assert_close(there(x.to(CUDA)).cpu(), whole)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_it_trains(mode):
    model = ResNet(3, (1, 1), (8, 16), 0.5, mode=mode, generator=torch.Generator().manual_seed(0)).to(CUDA)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.rand(32, 3, 16, 16, device=CUDA), torch.arange(32, device=CUDA) % 3
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5])
