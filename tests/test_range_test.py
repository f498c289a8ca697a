"""The range test: rates rise evenly, the model stays as it was, and the suggestion goes with the curvature."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course.descent import SGD
from course.schedules import RangeTest, range_test


def square(output: Tensor, target: Tensor) -> Tensor:
    return 0.5 * (output - target).square().sum(1).mean()


def bowl(curvature: float = 1.0) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """½ · curvature · w² from w = 1, the same on every sample: descent diverges beyond η = 2/curvature."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    return model, (torch.full((8, 1), math.sqrt(curvature)), torch.zeros(8, 1))


def classifier(seed: int = 0) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(200, 5, generator=generator)
    model = nn.Linear(5, 3)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(generator=generator)
    return model, (x, x[:, :3].argmax(1))


def test_rates_rise_by_equal_factors_over_the_whole_range():
    model, data = bowl()
    found = range_test(model, data, SGD(model.parameters(), 0.3), 1e-4, 1.0, 41, loss=square)
    assert found.rates == pytest.approx([10 ** (-4 + t / 10) for t in range(41)], rel=1e-9)
    assert len(found.losses) == len(found.smooth) == 41
    assert found.losses[0] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [SGD, torch.optim.SGD, torch.optim.AdamW])
def test_model_and_optimizer_stay_as_they_are(kind):
    model, data = classifier()
    optimizer = kind(model.parameters(), lr=0.3)
    before = copy.deepcopy(model.state_dict())
    found = range_test(model, data, optimizer, 1e-3, 1.0, 20)
    assert found.losses[-1] < found.losses[0]  # something was trained, but not this
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert not optimizer.state
    assert all(p.grad is None for p in model.parameters())


def test_a_trained_optimizers_memory_is_used_and_kept():
    model, data = bowl()
    optimizer = SGD(model.parameters(), 0.01, 0.9)
    square(model(data[0]), data[1]).backward()
    optimizer.step()
    memory = optimizer.state[model.weight]["momentum_buffer"].clone()
    fresh = range_test(model, data, SGD(model.parameters(), 0.01, 0.9), 1e-3, 0.1, 20, loss=square)
    used = range_test(model, data, optimizer, 1e-3, 0.1, 20, loss=square)
    assert torch.equal(optimizer.state[model.weight]["momentum_buffer"], memory)
    assert used.losses[0] == fresh.losses[0]
    assert used.losses[1] < fresh.losses[1]


def test_the_running_mean_by_hand():
    model, data = classifier()
    found = range_test(model, data, SGD(model.parameters(), 1.0), 1e-3, 1.0, 30, smoothing=0.8)
    for t in range(len(found.losses)):
        weights = [0.8 ** (t - i) for i in range(t + 1)]
        mean = sum(w * v for w, v in zip(weights, found.losses, strict=False)) / sum(weights)
        assert found.smooth[t] == pytest.approx(mean, rel=1e-9)
    lowest = found.smooth.index(min(found.smooth))
    assert found.suggestion == pytest.approx(found.rates[lowest] / 5)


@settings(max_examples=20, deadline=None)
@given(power=st.integers(-8, 8), margin=st.floats(1, 20))
def test_a_loss_c_times_as_steep_gets_a_rate_c_times_smaller(power: int, margin: float):
    """Powers of two, so that every rounding is the same."""

    def test(c: float) -> RangeTest:
        model, data = classifier()
        return range_test(
            model, data, SGD(model.parameters(), 1.0), 1e-3 / c, 100 / c, 50, margin=margin,
            loss=lambda s, y: c * nn.functional.cross_entropy(s, y), generator=torch.Generator().manual_seed(1),
        )  # fmt: skip

    one, other = test(1.0), test(2.0**power)
    assert len(one.rates) == len(other.rates)
    assert other.suggestion == pytest.approx(one.suggestion / 2.0**power, rel=1e-6)


@pytest.mark.parametrize("curvature", [0.01, 1.0, 100.0])
def test_the_suggestion_is_stable_but_not_tiny(curvature: float):
    model, (x, _) = bowl(curvature)
    generator = torch.Generator().manual_seed(3)
    data = (x[:1].expand(400, 1), 0.3 * torch.randn(400, 1, generator=generator))  # noise keeps the loss from zero
    found = range_test(
        model, data, SGD(model.parameters(), 1.0), 1e-3 / curvature, 1e3 / curvature,
        loss=square, batch_size=8, generator=generator,
    )  # fmt: skip
    assert 0.02 < found.suggestion * curvature < 2
    assert found.smooth[-1] > 2 * min(found.smooth)  # it ended early, beyond the breakdown
    assert 2 < found.rates[-1] * curvature < 1e3


def test_it_ends_where_the_loss_is_no_longer_finite():
    model, data = bowl()
    found = range_test(model, data, SGD(model.parameters(), 1.0), 1e-3, 1e30, 8, loss=square, smoothing=0.0)
    assert len(found.rates) == len(found.losses) == len(found.smooth) < 8

    def fragile(output: Tensor, target: Tensor) -> Tensor:
        return 1 + square(output, target) if output.abs().max() < 1.05 else output.mean() * math.nan

    found = range_test(model, data, SGD(model.parameters(), 1.0), 1e-3, 1e3, 100, loss=fragile)
    assert len(found.rates) == len(found.losses) == len(found.smooth) < 100
    assert math.isnan(found.losses[-1])
    assert found.smooth[-1] == math.inf
    assert 0 < found.suggestion < found.rates[-1] / 5


def test_where_nothing_breaks_the_end_of_the_range_decides():
    model, data = bowl()
    found = range_test(model, data, SGD(model.parameters(), 1.0), 1e-4, 0.1, 30, loss=square, margin=2)
    assert found.suggestion == pytest.approx(0.05)


def test_other_groups_keep_their_ratio():
    def run(*rates: float) -> Tensor:
        seen = []
        model, data = classifier()
        groups = [{"params": [p], "lr": lr} for p, lr in zip(model.parameters(), rates, strict=True)]

        class Watched(SGD):
            def step(self, closure=None):
                seen.append([group["lr"] for group in self.param_groups])
                return super().step(closure)

        range_test(model, data, Watched(groups, 1.0), 1e-3, 1.0, 10)
        return torch.tensor(seen)

    one, other = run(0.2, 0.1), run(4.0, 2.0)
    assert torch.allclose(one, other)
    assert torch.allclose(one[:, 0], 2 * one[:, 1])
    assert one[0, 0].item() == pytest.approx(1e-3)
    assert one[-1, 0].item() == pytest.approx(1)


def test_batches_are_used_as_often_as_needed():
    model, data = bowl()
    batches = [(data[0][:3], data[1][:3]), (data[0][3:], data[1][3:])]
    found = range_test(model, batches, SGD(model.parameters(), 1.0), 1e-3, 0.1, 9, loss=square)
    assert len(found.rates) == 9


def test_equal_generators_give_equal_tests():
    model, data = classifier()

    def test(seed: int) -> RangeTest:
        generator = torch.Generator().manual_seed(seed)
        return range_test(model, data, SGD(model.parameters(), 1.0), generator=generator, batch_size=16)

    assert test(1) == test(1)
    assert test(1) != test(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": 0.0}, "0 < low < high"),
        ({"low": 2.0, "high": 1.0}, "0 < low < high"),
        ({"high": math.inf}, "0 < low < high"),
        ({"steps": 1}, "steps ≥ 2"),
        ({"smoothing": 1.0}, r"smoothing in \[0, 1\)"),
        ({"margin": 0.5}, "margin ≥ 1"),
    ],
)
def test_numbers_outside_their_range(change, message):
    model, data = bowl()
    with pytest.raises(ValueError, match=message):
        range_test(model, data, SGD(model.parameters(), 1.0), loss=square, **change)


def test_what_cannot_work_is_said():
    model, data = bowl()
    other, _ = bowl()
    with pytest.raises(ValueError, match=r"not the model's"):
        range_test(model, data, SGD(other.parameters(), 1.0), loss=square)
    with pytest.raises(ValueError, match="must be > 0"):
        range_test(model, data, SGD(model.parameters(), 0.0), loss=square)
    with pytest.raises(ValueError, match="before the first step"):
        range_test(model, (data[0] * math.nan, data[1]), SGD(model.parameters(), 1.0), loss=square)
