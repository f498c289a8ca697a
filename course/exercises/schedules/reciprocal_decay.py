"""Exercise schedules.reciprocal_decay: fast at first, then ever more slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(reciprocal_decay: Callable[..., Any], t: list[float], lr: float, eps: float) -> dict[str, Any]:
    """The rate at several times."""
    return rates(lambda time: reciprocal_decay(time, lr, eps), t)


def cases(draw: Draw) -> list[Case]:
    """By hand, then ε below, at and above 1."""
    return [
        Case("ε = 2: 1/2, 1/3, 1/4 …", ([0, 1, 2, 8], 1.0, 2.0), "hand"),
        Case("ε = 1 starts at η₀", ([0, 1, 9], draw.uniform(0.1, 2), 1.0)),
        Case("a small ε", ([0, 0.5, 3], draw.uniform(0.1, 2), draw.uniform(0.1, 0.6))),
        Case("a large ε", ([0, 1, 10, 55], draw.uniform(0.1, 2), draw.uniform(3, 20))),
        Case("fractions of an epoch", ([0.25, 2.75, 6.5], draw.uniform(0.1, 2), draw.uniform(1.2, 3))),
        Case("a rate for fine-tuning", ([0, 4, 40], draw.uniform(2, 9) * 1e-5, draw.uniform(0.5, 2))),
    ]


def eps_times_time(t, lr, eps):
    """ε was multiplied by the time, 1 + εt; the lecture adds it to the time, ε + t."""
    return lr / (1 + eps * t)


def eps_for_one(t, lr, eps):
    """ε is ignored: this is η₀/(1 + t)."""
    return lr / (1 + t)


def starts_at_lr(t, lr, eps):
    """The rate was rescaled to start at η₀; the lecture's starts at η₀/ε."""
    return lr * eps / (eps + t)


def square_root(t, lr, eps):
    """The root of the time was taken; here the rate falls as 1/t."""
    return lr / (eps + t) ** 0.5


def squared(t, lr, eps):
    """The time is squared; here the rate falls as 1/t."""
    return lr / (eps + t**2)


def no_brackets(t, lr, eps):
    """Brackets are missing: η₀/ε + t is not η₀/(ε + t)."""
    return lr / eps + t


def upside_down(t, lr, eps):
    """The fraction is upside down, so that the rate grows."""
    return (eps + t) / lr


def whole_epochs_only(t, lr, eps):
    """The time was rounded down to whole numbers: the rate also falls within an epoch."""
    return lr / (eps + int(t))


def multiplied(t, lr, eps):
    """The rate grows: divide by ε + t."""
    return lr * (eps + t)


def rate_forgotten(t, lr, eps):
    """The rate is missing: η₀ is the numerator, here it is 1."""
    return 1 / (eps + t)


def by_power(t, lr, eps):  # noqa: D103
    return lr * (t + eps) ** -1


def inverse_of_inverse(t, lr, eps):  # noqa: D103
    return 1 / (eps / lr + t / lr)


EXERCISE = Exercise(
    name="schedules.reciprocal_decay",
    title="Reciprocal decay",
    signature="reciprocal_decay(t, lr, eps)",
    points=1,
    minutes=2,
    difficulty=1,
    idea="Time stands in the denominator, and ε is there so that it is not 0 at the start. Nothing else happens.",
    pseudocode="""
    η ← η_0 / (ε + t)
    """,
    reference=schedules.reciprocal_decay,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        eps_times_time,
        eps_for_one,
        starts_at_lr,
        square_root,
        squared,
        no_brackets,
        upside_down,
        whole_epochs_only,
        multiplied,
        rate_forgotten,
    ),
    alternatives=(by_power, inverse_of_inverse),
    note="Return one number, the rate at time t.",
    rtol=RTOL,
    atol=ATOL,
)
