"""Exercise schedules.step_decay: stairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(step_decay: Callable[..., Any], t: list[float], lr: float, every: float, factor: float) -> dict[str, Any]:
    """The rate at several times."""
    return rates(lambda time: step_decay(time, lr, every, factor), t)


def cases(draw: Draw) -> list[Case]:
    """The lecture's stairs, then others; times just before, at and after each drop, whole and not."""

    def stairs(label: str, every: float, times: list[float]) -> Case:
        return Case(label, (times, draw.uniform(0.05, 2), every, draw.uniform(0.1, 0.8)))

    every = draw.integer(4, 9)
    return [
        Case("down to a third every 20 epochs", ([0, 1, 19, 20, 39, 40, 61], 0.9, 20, 1 / 3), "hand"),
        stairs("no drop yet", 30, [0, 12, 29]),
        stairs("a drop at every step", 1, [0, 1, 2, 5]),
        stairs("fractions of an epoch", every, [0.5, every - 0.25, every, every + 0.75, 3 * every - 0.5, 3 * every]),
        stairs("drops at fractions of an epoch", 2.5, [2, 2.25, 2.5, 4.75, 5, 12, 12.5]),
        Case("a rate for fine-tuning", ([0, 10, 20, 30], draw.uniform(2, 9) * 1e-5, 10, 0.1)),
    ]


def smooth(t, lr, every, factor):
    """The rate falls smoothly; it must stay level between two drops: count whole periods only, t // every."""
    return lr * factor ** (t / every)


def drops_once(t, lr, every, factor):
    """The rate drops a single time; it must drop again each time that `every` has passed."""
    return lr * factor if t >= every else lr


def one_late(t, lr, every, factor):
    """The drop comes too late: at t = every the rate has already dropped."""
    return lr * factor ** max(0, -(-t // every) - 1)


def one_early(t, lr, every, factor):
    """The drop comes too early, one unit of time before t = every."""
    return lr * factor ** ((t + 1) // every)


def divided(t, lr, every, factor):
    """The rate grows: it is divided by the factor; multiply by it."""
    return lr / factor ** (t // every)


def factor_times_count(t, lr, every, factor):
    """The factor is multiplied by the number of drops; it must be raised to that power, factor ** n."""
    return lr * factor * (t // every)


def subtracted(t, lr, every, factor):
    """Each drop takes off the same amount; it must take off the same share, so multiply."""
    return lr - (t // every) * lr * (1 - factor)


def whole_epochs_only(t, lr, every, factor):
    """Times were rounded down to whole numbers first, which loses the fractions of t and of every: t // every is enough."""  # noqa: E501
    return lr * factor ** (int(t) // every)


def rounded(t, lr, every, factor):
    """The number of periods was rounded to the nearest, or up; only those that are over count: t // every."""
    return lr * factor ** round(t / every)


def remainder(t, lr, every, factor):
    """The operator % gives the remainder, the time since the last drop; how many drops there were is t // every."""
    return lr * factor ** (t % every)


def share_lost(t, lr, every, factor):
    """The factor was taken for the share that is lost; it is what is left of the rate after a drop."""
    return lr * (1 - factor) ** (t // every)


def numbers_of_the_lecture(t, lr, every, factor):
    """The lecture's numbers, 20 epochs or a third, are written into the function; use the arguments instead."""
    return lr * (1 / 3) ** (t // 20)


def rate_forgotten(t, lr, every, factor):
    """The rate is missing: at the start it must be lr, so multiply by lr."""
    return factor ** (t // every)


def at_multiples_only(t, lr, every, factor):
    """The rate drops at multiples of `every` and jumps back right after; it must stay down."""
    return lr * factor ** (t // every) if t % every == 0 else lr


def with_floor(t, lr, every, factor):  # noqa: D103
    return lr * factor ** int(t / every)


def with_a_loop(t, lr, every, factor):  # noqa: D103
    while t >= every:
        lr, t = lr * factor, t - every
    return lr


EXERCISE = Exercise(
    name="schedules.step_decay",
    title="Step decay",
    signature="step_decay(t, lr, every, factor)",
    points=1,
    minutes=5,
    difficulty=1,
    idea=(
        "How many whole periods have passed? That number, rounded down, is the exponent; so the rate stays on its "
        "stair until the next period is complete."
    ),
    pseudocode="""
    n ← ⌊t / every⌋
    η ← η_0 · factor^n
    """,
    reference=schedules.step_decay,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(smooth, drops_once, one_early, divided, remainder, share_lost, rate_forgotten),
        mistake(
            one_late,
            lambda t, lr, every, factor: lr * factor ** ((t - 1) // every),
            lambda t, lr, every, factor: lr * factor ** max(0, (t - 1) // every),
        ),
        mistake(factor_times_count, lambda t, lr, every, factor: lr * factor * (t // every) if t >= every else lr),
        mistake(
            subtracted,
            lambda t, lr, every, factor: lr - factor * (t // every),
            lambda t, lr, every, factor: lr - lr * factor * (t // every),
        ),
        mistake(
            whole_epochs_only,
            lambda t, lr, every, factor: lr * factor ** (int(t) // int(every)),
            lambda t, lr, every, factor: lr * factor ** sum(e % every == 0 for e in range(1, int(t) + 1)),
        ),
        mistake(rounded, lambda t, lr, every, factor: lr * factor ** math.ceil(t / every)),
        mistake(
            numbers_of_the_lecture,
            lambda t, lr, every, factor: lr * factor ** (t // 20),
            lambda t, lr, every, factor: lr * (1 / 3) ** (t // every),
        ),
        mistake(
            at_multiples_only,
            lambda t, lr, every, factor: lr * factor if t % every == 0 else lr,
            lambda t, lr, every, factor: lr * factor if t and t % every == 0 else lr,
        ),
    ),
    alternatives=(with_floor, with_a_loop),
    note="Return one number, the rate at time t.",
    rtol=RTOL,
    atol=ATOL,
    forbidden=("torch.optim.lr_scheduler",),
)
