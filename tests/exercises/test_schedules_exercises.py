"""Section 04 against answers that people write: wrong ones pass at no seed and are called what they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.judge import Verdict

SEEDS = range(2)


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"schedules.{name}"), function, seed)


# ------------------------------------------------------------------------------------------------- wrong


def switched_for_good(schedule: Callable[[float], float], warmup: float) -> Callable[[float], float]:
    """Right as long as times are asked for in order."""
    over = [False]

    def composed(t: float) -> float:
        over[0] = over[0] or t >= warmup
        return schedule(max(0.0, t - warmup)) if over[0] else schedule(0) * t / warmup

    return composed


WRONG = [
    *(("step_decay", lambda t, lr, every, factor, low=low: max(low, lr * factor ** (t // every)))
      for low in (1e-3, 1e-5)),
    *(("exponential_decay", lambda t, lr, k, low=low: max(low, lr * math.exp(-k * t))) for low in (1e-3, 1e-5)),
    ("reciprocal_decay", lambda t, lr, eps: max(1e-5, lr / (eps + t))),
    ("linear_warmup", lambda t, lr, warmup: lr * min(1, t / warmup) if warmup >= 1 else lr),
    ("warmup_then", switched_for_good),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function"), WRONG)
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    passed = [seed for seed in range(4) if judged(name, function, seed).status == "passed"]
    assert not passed


# ------------------------------------------------------------------------------------------------- named


def start_reassigned(k: int, gradient: Any, w: Tensor, lr: float) -> tuple[Tensor, Tensor]:
    for i in range(k):
        w = w - lr * gradient(w, i)
    return w, w - lr * sum(gradient(w, i) for i in range(k))


NAMED = [
    ("step_decay", "factor_times_count", lambda t, lr, every, factor: lr * factor * (t // every)),
    ("step_decay", "one_late", lambda t, lr, every, factor: lr * factor ** ((t - 1) // every)),
    ("step_decay", "subtracted", lambda t, lr, every, factor: lr - factor * (t // every)),
    ("step_decay", "whole_epochs_only", lambda t, lr, every, factor: lr * factor ** (int(t) // int(every))),
    ("step_decay", "rounded", lambda t, lr, every, factor: lr * factor ** math.ceil(t / every)),
    ("step_decay", "numbers_of_the_lecture", lambda t, lr, every, factor: lr * factor ** (t // 20)),
    ("step_decay", "at_multiples_only", lambda t, lr, every, factor: lr * factor if t % every == 0 else lr),
    ("exponential_decay", "k_as_time", lambda t, lr, k: lr * math.exp(-t / k)),
    ("exponential_decay", "compound", lambda t, lr, k: lr * (1 - k) ** int(t)),
    ("exponential_decay", "time_outside", lambda t, lr, k: lr * math.e**-k * t),
    ("cosine_decay", "quarter_period", lambda t, lr, total, lowest: (
        lowest + (lr - lowest) * math.cos(math.pi * min(t, total) / total / 2))),
    ("cosine_decay", "degrees", lambda t, lr, total, lowest: (
        lowest + (lr - lowest) / 2 * (1 + math.cos(180 * min(t, total) / total)))),
    ("cosine_decay", "zero_after", lambda t, lr, total, lowest: (
        lowest + (lr - lowest) / 2 * (1 + math.cos(math.pi * t / total)) if t < total else 0)),
    ("cosine_decay", "one_step_short", lambda t, lr, total, lowest: (
        lowest + (lr - lowest) / 2 * (1 + math.cos(math.pi * min(1, t / (total - 1)))))),
    ("linear_warmup", "none_starts_at_zero", lambda t, lr, warmup: lr * min(1.0, t / (warmup + 1e-8))),
    ("linear_warmup", "one_early", lambda t, lr, warmup: lr * (t + 1) / warmup if t < warmup else lr),
    ("linear_warmup", "whole_epochs_only", lambda t, lr, warmup: lr * int(t) / warmup if t < warmup else lr),
    ("warmup_then", "damped", lambda schedule, w: lambda t: schedule(t) * t / w if t < w else schedule(t - w)),
    ("warmup_then", "none_starts_at_zero", lambda schedule, w: lambda t: (
        0.0 if t == 0 else schedule(0) * t / w if t < w else schedule(t - w))),
    ("scale_lr", "per_256", lambda lr, old, new: lr * math.prod(new) / 256),
    ("steps_apart", "start_overwritten", start_reassigned),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    for seed in SEEDS:
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is not None, f"not named: {outcome.sentence}"
        assert outcome.misconception.name == mistake


# ------------------------------------------------------------------------------------------------- right


def attached(k: int, gradient: Any, w: Tensor, lr: float) -> tuple[Tensor, Tensor]:
    small, total = torch.nn.Parameter(w.clone()), gradient(w, 0)
    for i in range(k):
        small = small - lr * gradient(small, i)
        total += gradient(w, i) if i else 0
    return small, w - lr * total


class Warm:
    def __init__(self, schedule: Callable[[float], float], warmup: float) -> None:
        self.schedule, self.warmup = schedule, warmup

    def __call__(self, t: float) -> float:
        late = t >= self.warmup
        return self.schedule(t - self.warmup) if late else self.schedule(0) * t / self.warmup


RIGHT = [
    ("step_decay", lambda t, lr, every, factor: lr * math.prod([factor] * int(t / every))),
    ("exponential_decay", lambda t, lr, k: math.exp(math.log(lr) - k * t)),
    ("cosine_decay", lambda t, lr, total, lowest: lr - (lr - lowest) * math.sin(math.pi / 2 * min(1, t / total)) ** 2),
    ("linear_warmup", lambda t, lr, warmup: min(lr, lr / warmup * t) if warmup else lr),
    ("warmup_then", Warm),
    ("scale_lr", lambda lr, old, new: lr * math.prod(b / a for a, b in zip(old, new, strict=True))),
    ("steps_apart", attached),
]


@pytest.mark.parametrize(("name", "function"), RIGHT)
def test_right_answers_pass(name: str, function: Any) -> None:
    assert all(judged(name, function, seed).status == "passed" for seed in SEEDS)
