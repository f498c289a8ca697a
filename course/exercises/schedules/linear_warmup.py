"""Exercise schedules.linear_warmup: up in a straight line, then level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(linear_warmup: Callable[..., Any], t: list[float], lr: float, warmup: float) -> dict[str, Any]:
    """The rate at several times."""
    return rates(lambda time: linear_warmup(time, lr, warmup), t)


def cases(draw: Draw) -> list[Case]:
    """By hand, none at all, then several lengths; before, at and after the end."""
    warmup = draw.integer(5, 12)
    return [
        Case("up to 0.8 in 4 epochs", ([0, 1, 2, 3, 4, 5, 50], 0.8, 4), "hand"),
        Case("no warmup", ([0, 1, 5], draw.uniform(0.1, 2), 0)),
        Case("half an epoch", ([0, 0.25, 0.5, 1], draw.uniform(0.1, 2), 0.5)),
        Case("one epoch", ([0, 0.25, 1, 1.5], draw.uniform(0.1, 2), 1)),
        Case("fractions of an epoch", ([0.5, warmup - 0.5, warmup + 0.5], draw.uniform(0.1, 2), warmup)),
        Case("a length that is no whole number", ([0, 1, 2.25, 2.5, 2.75], draw.uniform(0.1, 2), 2.5)),
        Case("several times", ([0, 1, warmup - 1, warmup, 3 * warmup], draw.uniform(0.1, 2), warmup)),
    ]


def one_early(t, lr, warmup):
    """The line starts at lr/T₀ and is one unit early; the lecture's is t/T₀, 0 at t = 0."""
    return lr * min(1.0, (t + 1) / warmup) if warmup else lr


def goes_on(t, lr, warmup):
    """The rate goes on rising after T₀; it must stay at lr."""
    return lr * t / warmup if warmup else lr


def zero_after(t, lr, warmup):
    """After T₀ the rate is 0; it must stay at lr."""
    return lr * t / warmup if t <= warmup and warmup else (0.0 if warmup else lr)


def downhill(t, lr, warmup):
    """The rate falls from lr to 0; a warmup rises from 0 to lr."""
    return lr * (1 - t / warmup) if t < warmup else lr


def rate_forgotten(t, lr, warmup):
    """The line ends at 1; multiply by lr."""
    return t / warmup if t < warmup else lr


def off_until_warm(t, lr, warmup):
    """There is no line: the rate is 0 until T₀, then lr; raise it evenly, lr · t / T₀."""
    return lr if t >= warmup else 0.0


def whole_epochs_only(t, lr, warmup):
    """The time was rounded down to whole numbers: the rate also rises within an epoch."""
    return lr * min(1, int(t) / warmup) if warmup else lr


def half_way(t, lr, warmup):
    """The line starts at lr/2; it must start at 0."""
    return lr * (0.5 + 0.5 * t / warmup) if t < warmup else lr


def squared(t, lr, warmup):
    """The rate rises with the square of the time; the lecture's warmup is a straight line."""
    return lr * (t / warmup) ** 2 if t < warmup else lr


def none_starts_at_zero(t, lr, warmup):
    """With warmup = 0 the rate is 0 at t = 0; there is no warmup then: the rate is lr from the start."""
    return lr * min(1.0, t / max(warmup, 1e-12))


def with_min(t, lr, warmup):  # noqa: D103
    return lr * min(1.0, t / warmup) if warmup > 0 else lr


def by_comparison(t, lr, warmup):  # noqa: D103
    if t >= warmup:
        return lr
    return t * (lr / warmup)


EXERCISE = Exercise(
    name="schedules.linear_warmup",
    title="Linear warmup",
    signature="linear_warmup(t, lr, warmup)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "Two cases: on the way up the rate is the share of the warmup that has passed, afterwards it is whole. If "
        "you ask first whether t is still inside the warmup, no warmup at all is no special case."
    ),
    pseudocode="""
    if t < T_0:   η ← (t / T_0) · η_0
    otherwise:    η ← η_0
    """,
    reference=schedules.linear_warmup,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(goes_on, zero_after, off_until_warm, half_way, squared),
        mistake(one_early, lambda t, lr, warmup: lr * (t + 1) / warmup if t < warmup else lr),
        mistake(downhill, lambda t, lr, warmup: lr * (1 - min(1.0, t / warmup)) if warmup else lr),
        mistake(
            rate_forgotten,
            lambda t, lr, warmup: min(1.0, t / warmup) if warmup else 1.0,
            lambda t, lr, warmup: min(1.0, t / warmup) if warmup else lr,
        ),
        mistake(whole_epochs_only, lambda t, lr, warmup: lr * int(t) / warmup if t < warmup else lr),
        mistake(
            none_starts_at_zero,
            lambda t, lr, warmup: lr * min(1.0, t / warmup) if warmup else 0.0,
            lambda t, lr, warmup: lr * min(1.0, t / max(warmup, 1)),
        ),
    ),
    alternatives=(with_min, by_comparison),
    note="Return one number, the rate at time t.",
    rtol=RTOL,
    atol=ATOL,
    forbidden=("torch.optim.lr_scheduler",),
)
