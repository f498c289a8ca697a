"""Exercise schedules.exponential_decay: the same share per unit of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(exponential_decay: Callable[..., Any], t: list[float], lr: float, k: float) -> dict[str, Any]:
    """The rate at several times."""
    return rates(lambda time: exponential_decay(time, lr, k), t)


def cases(draw: Draw) -> list[Case]:
    """By hand, no decay, then several."""
    return [
        Case("k = 1: down to 1/e in each unit of time", ([0, 1, 2], 1.0, 1.0), "hand"),
        Case("k = 0: no decay", ([0, 3, 10], draw.uniform(0.1, 2), 0.0)),
        Case("fractions of an epoch", ([0.25, 1.5, 3.75], draw.uniform(0.1, 2), draw.uniform(0.2, 0.6))),
        Case("a slow decay", ([0, 1, 7, 30], draw.uniform(0.1, 2), draw.uniform(0.02, 0.1))),
        Case("a fast decay", ([0, 1, 2, 4], draw.uniform(0.1, 2), draw.uniform(1.1, 1.8))),
        Case("a rate for fine-tuning", ([0, 2.5, 5, 10], draw.uniform(2, 9) * 1e-5, draw.uniform(0.4, 0.6))),
    ]


def grows(t, lr, k):
    """The rate grows: the exponent must be negative, −kt."""
    return lr * math.exp(k * t)


def compound(t, lr, k):
    """This is (1 − k)ᵗ, a decay by the share k; the lecture's e^(−kt) is close to it only for small k."""
    return lr * (1 - k) ** t


def base_two(t, lr, k):
    """The base is 2, so that 1/k is the half-life; the lecture's base is e."""
    return lr * 2 ** (-k * t)


def base_ten(t, lr, k):
    """The base is 10; the lecture's base is e."""
    return lr * 10 ** (-k * t)


def k_as_time(t, lr, k):
    """The time was divided by k; multiply: the exponent is −kt."""
    return lr * math.exp(-t / k)


def linear(t, lr, k):
    """The rate falls in a straight line, 1 − kt; that is only the beginning of e^(−kt)."""
    return lr * max(0.0, 1 - k * t)


def whole_epochs_only(t, lr, k):
    """The time was rounded down to whole numbers: the rate also falls within an epoch."""
    return lr * math.exp(-k * int(t))


def added(t, lr, k):
    """The exponential is not multiplied by the rate: η(0) must be lr."""
    return math.exp(-k * t)


def squared_time(t, lr, k):
    """The time is squared, as in a bell curve; the exponent is −kt."""
    return lr * math.exp(-k * t**2)


def time_outside(t, lr, k):
    """The time multiplies the exponential, e^(−k) · t; it belongs into the exponent: put −k · t in brackets."""
    return lr * math.exp(-k) * t


def by_power(t, lr, k):  # noqa: D103
    return lr * torch.e ** (-k * t)


def as_tensor(t, lr, k):  # noqa: D103
    return lr * torch.exp(torch.tensor(-k * t))


EXERCISE = Exercise(
    name="schedules.exponential_decay",
    title="Exponential decay",
    signature="exponential_decay(t, lr, k)",
    points=1,
    minutes=3,
    difficulty=1,
    idea=(
        "Losing the same share in each unit of time is what the exponential function does. Mind its sign: time "
        "makes the rate smaller."
    ),
    pseudocode="""
    η ← η_0 · e^(−k·t)
    """,
    reference=schedules.exponential_decay,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(grows, base_two, base_ten, linear, whole_epochs_only, added, squared_time, time_outside),
        mistake(compound, lambda t, lr, k: lr * (1 - k) ** int(t), lambda t, lr, k: lr * abs(1 - k) ** t),
        mistake(k_as_time, lambda t, lr, k: lr * math.exp(-t / k) if k else lr),
    ),
    alternatives=(by_power, as_tensor),
    note="Return one number, the rate at time t.",
    rtol=RTOL,
    atol=ATOL,
    forbidden=("torch.optim.lr_scheduler",),
)
