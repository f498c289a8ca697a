"""Schedules against their formulas by hand, against torch, and what composition promises."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, SequentialLR, StepLR

from course.schedules import (
    chain,
    constant,
    cosine_decay,
    exponential_decay,
    linear_warmup,
    reciprocal_decay,
    scale_lr,
    step_decay,
    steps_apart,
    warmup_then,
)

RATE = st.floats(1e-4, 10)
TIME = st.floats(0, 1000)


def optimizer(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(scheduler, n: int) -> list[float]:
    found = []
    for _ in range(n):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (lambda t: step_decay(t, 0.3, 7, 0.4), lambda o: StepLR(o, 7, 0.4)),
        (lambda t: exponential_decay(t, 0.3, 0.05), lambda o: ExponentialLR(o, math.exp(-0.05))),
        (lambda t: cosine_decay(t, 0.3, 50, 0.01), lambda o: CosineAnnealingLR(o, 50, 0.01)),
    ],
)
def test_as_torch(schedule, theirs):
    assert [schedule(t) for t in range(50)] == pytest.approx(rates(theirs(optimizer(0.3)), 50), rel=1e-9)


def test_warmup_then_cosine_as_torchs_sequential():
    o = optimizer(0.3)
    parts = [LinearLR(o, start_factor=1e-9, total_iters=10), CosineAnnealingLR(o, 40)]
    ours = warmup_then(lambda t: cosine_decay(t, 0.3, 40), 10)
    assert [ours(t) for t in range(50)] == pytest.approx(rates(SequentialLR(o, parts, [10]), 50), abs=1e-8)


@pytest.mark.parametrize(("ours", "name", "options"), [
    (lambda t: cosine_decay(t, 0.3, 40, 0.01), "CosineLRScheduler", {"t_initial": 40, "lr_min": 0.01}),
    (lambda t: step_decay(t, 0.3, 7, 0.4), "StepLRScheduler", {"decay_t": 7, "decay_rate": 0.4}),
    (
        warmup_then(lambda t: cosine_decay(t, 0.3, 40), 10),
        "CosineLRScheduler",
        {"t_initial": 40, "lr_min": 0, "warmup_t": 10, "warmup_lr_init": 0, "warmup_prefix": True},
    ),
])  # fmt: skip
def test_as_timm(ours, name, options):
    timm = pytest.importorskip("timm.scheduler")
    theirs = getattr(timm, name)(optimizer(0.3), **options)
    found = []
    for t in range(40):
        theirs.step(t)
        found.append(theirs.optimizer.param_groups[0]["lr"])
    assert [ours(t) for t in range(40)] == pytest.approx(found, rel=1e-9)


def test_in_lambdalr_with_rate_one():
    scheduler = LambdaLR(optimizer(0.3), lambda t: cosine_decay(t, lr=1.0, total=20))
    assert rates(scheduler, 20) == pytest.approx([cosine_decay(t, 0.3, 20) for t in range(20)])


def test_the_lectures_numbers():
    assert [step_decay(t, 0.9) for t in (0, 19, 19.9, 20, 39, 40)] == pytest.approx([0.9, 0.9, 0.9, 0.3, 0.3, 0.1])
    assert scale_lr(0.1, (8, 32), (1, 32)) == scale_lr(0.1, 8 * 32, 32) == pytest.approx(0.0125)
    assert exponential_decay(math.log(2) / 0.1, 0.8, 0.1) == pytest.approx(0.4)
    assert [reciprocal_decay(t, 0.6, 2) for t in (0, 1, 2, 4)] == pytest.approx([0.3, 0.2, 0.15, 0.1])
    assert [cosine_decay(t, 1.0, 8, 0.2) for t in (0, 4, 8, 9, 100)] == pytest.approx([1, 0.6, 0.2, 0.2, 0.2])
    assert [linear_warmup(t, 0.4, 4) for t in (0, 1, 3, 4, 5)] == pytest.approx([0, 0.1, 0.3, 0.4, 0.4])
    assert constant(99, 0.4) == 0.4


@given(RATE, TIME, TIME)
def test_decays_never_rise(lr, a, b):
    a, b = sorted((a, b))
    for decay in (
        lambda t: step_decay(t, lr),
        lambda t: exponential_decay(t, lr, 0.01),
        lambda t: reciprocal_decay(t, lr),
        lambda t: cosine_decay(t, lr, 500, lr / 10),
    ):
        assert decay(a) >= decay(b) * (1 - 1e-12)
        assert 0 <= decay(a) <= lr * (1 + 1e-12)


@given(RATE, st.integers(1, 100), st.integers(1, 100))
def test_warmup_reaches_the_schedule_without_a_jump_and_costs_it_nothing(lr, warmup, t):
    composed = warmup_then(lambda t: exponential_decay(t, lr, 0.03), warmup)
    assert composed(0) == 0
    assert composed(warmup - 1e-9) == pytest.approx(composed(warmup), rel=1e-6)
    assert composed(warmup + t) == exponential_decay(t, lr, 0.03)


def test_a_chain_starts_each_part_anew_and_the_last_goes_on():
    ours = chain((lambda t: linear_warmup(t, 1.0, 5), 5), (lambda t: constant(t, 1.0), 3), (lambda t: 0.5 - t, 2))
    assert [ours(t) for t in (0, 4, 5, 7.5, 8, 8.25, 11)] == pytest.approx([0, 0.8, 1, 1, 0.5, 0.25, -2.5])
    assert warmup_then(lambda t: 1.0, 0)(0) == 1.0


@given(st.integers(1, 6), st.floats(1e-4, 1e-2))
def test_steps_apart_agree_to_first_order(k, lr):
    generator = torch.Generator().manual_seed(k)
    a, c = torch.rand(k, 3, generator=generator).double(), torch.randn(k, 3, generator=generator).double()
    w = torch.randn(3, generator=generator).double()
    apart = [
        (small - big).norm().item()
        for rate in (lr, lr / 2)
        for small, big in [steps_apart(k, lambda w, i: a[i] * (w - c[i]), w, rate)]
    ]
    assert apart[0] <= 50 * lr**2
    if k > 1 and apart[0] > 1e-9:
        assert apart[0] / apart[1] == pytest.approx(4, rel=0.2)
    else:
        assert apart[0] == pytest.approx(0, abs=1e-9)


def test_steps_apart_by_hand():
    small, big = steps_apart(2, lambda w, i: w * (i + 1), torch.tensor([1.0]), 0.1)
    assert small.item() == pytest.approx(0.9 * 0.8)
    assert big.item() == pytest.approx(1 - 0.1 - 0.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: constant(-1, 0.1),
        lambda: constant(0, -0.1),
        lambda: step_decay(0, 0.1, every=0),
        lambda: step_decay(0, 0.1, factor=0),
        lambda: exponential_decay(0, 0.1, -1),
        lambda: reciprocal_decay(0, 0.1, 0),
        lambda: cosine_decay(0, 0.1, 0),
        lambda: cosine_decay(0, 0.1, 10, lowest=0.2),
        lambda: linear_warmup(0, 0.1, -1),
        lambda: warmup_then(lambda t: t, -1),
        lambda: chain(),
        lambda: chain((lambda t: t, 0)),
        lambda: scale_lr(0.1, 0, 1),
        lambda: steps_apart(0, lambda w, i: w, torch.zeros(1), 0.1),
        lambda: cosine_decay(float("nan"), 0.1, 10),
    ],
)
def test_bad_numbers_are_told(call):
    with pytest.raises(ValueError, match="need "):
        call()
