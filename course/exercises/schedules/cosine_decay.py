"""Exercise schedules.cosine_decay: half a period, then level."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(cosine_decay: Callable[..., Any], t: list[float], lr: float, total: float, lowest: float) -> dict[str, Any]:
    """The rate at several times."""
    return rates(lambda time: cosine_decay(time, lr, total, lowest), t)


def cases(draw: Draw) -> list[Case]:
    """By hand down to 0, then to other lowest rates; inside, at and past the end."""

    def curve(label: str, total: float, times: list[float]) -> Case:
        lowest = draw.uniform(0.01, 0.2)
        return Case(label, (times, lowest + draw.uniform(0.3, 2), total, lowest))

    total = draw.integer(7, 30)
    return [
        Case("from 1 to 0 in 4 epochs", ([0, 1, 2, 3, 4], 1.0, 4, 0.0), "hand"),
        curve("down to a lowest rate", total, [0, 1, total // 2, total - 1, total]),
        curve("past the end", total, [total - 0.5, total, total + 1, 1.5 * total, 2 * total, 5 * total]),
        curve("fractions of an epoch", 3, [0.25, 0.5, 1.75, 2.5]),
        curve("a single epoch", 1, [0, 0.5, 1, 2]),
    ]


def full_period(t, lr, total, lowest):
    """This runs through a whole period and ends where it began; take half a period, cos(πt/T)."""
    share = min(t / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(2 * math.pi * share))


def quarter_period(t, lr, total, lowest):
    """This is a quarter of a period, cos(πt/2T): it has no flat end; take ½(1 + cos(πt/T))."""
    share = min(t / total, 1.0)
    return lowest + (lr - lowest) * math.cos(math.pi / 2 * share)


def degrees(t, lr, total, lowest):
    """The angle is in degrees, but cos wants radians: πt/T, not 180·t/T."""
    share = min(t / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(180 * share))


def rises_again(t, lr, total, lowest):
    """Past T the rate rises again; it must stay at the lowest: stop the time at T with min(t, T)."""
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * t / total))


def zero_after(t, lr, total, lowest):
    """Past T the rate is 0; it must stay at the lowest rate."""
    if t > total:
        return 0.0
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * t / total))


def lowest_ignored(t, lr, total, lowest):
    """The lowest rate is ignored: the curve must end at it, not at 0."""
    share = min(t / total, 1.0)
    return 0.5 * lr * (1 + math.cos(math.pi * share))


def lowest_on_top(t, lr, total, lowest):
    """The lowest rate was added to the whole curve, which then starts too high; scale it by (η_max − η_min)."""
    share = min(t / total, 1.0)
    return lowest + 0.5 * lr * (1 + math.cos(math.pi * share))


def one_step_short(t, lr, total, lowest):
    """The end comes one unit of time early: divide by T, not by T − 1."""
    share = min(t / (total - 1), 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))


def no_half(t, lr, total, lowest):
    """The factor ½ is missing: 1 + cos goes from 2 to 0, so that the curve starts at twice the rate."""
    share = min(t / total, 1.0)
    return lowest + (lr - lowest) * (1 + math.cos(math.pi * share))


def straight(t, lr, total, lowest):
    """The rate falls in a straight line; there is no cosine in it."""
    return lowest + (lr - lowest) * (1 - min(t / total, 1.0))


def whole_share(t, lr, total, lowest):
    """t // T is whole-number division: it is 0 until the end, so that the rate stays up; use t / T."""
    share = min(t // total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))


def cut_off_at_the_lowest(t, lr, total, lowest):
    """The curve runs down to 0 and is cut off at the lowest rate; it must be squeezed between η_max and η_min."""
    share = min(t / total, 1.0)
    return max(lowest, 0.5 * lr * (1 + math.cos(math.pi * share)))


def upside_down(t, lr, total, lowest):
    """The curve rises: it must be 1 + cos, which is 2 at the start and 0 at the end."""
    share = min(t / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 - math.cos(math.pi * share))


def whole_epochs_only(t, lr, total, lowest):
    """The time was rounded down to whole numbers: the rate also falls within an epoch."""
    share = min(int(t) / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))


def lowest_only_after(t, lr, total, lowest):
    """The lowest rate counts only after T; before, the curve runs down to 0 and then jumps up."""
    if t >= total:
        return lowest
    return 0.5 * lr * (1 + math.cos(math.pi * t / total))


def _along(share, lr, lowest):
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))


def begins_anew(t, lr, total, lowest):
    """At T the curve begins anew (a warm restart); it must stay at the lowest rate for good."""
    return _along(t % total / total, lr, lowest)


def one_step_early(t, lr, total, lowest):
    """The curve is one unit of time early, (t + 1)/T: at t = 0 it must be at its highest."""
    return _along(min((t + 1) / total, 1.0), lr, lowest)


def shift_forgotten(t, lr, total, lowest):
    """The curve ends at 0: it has the right height, η_max − η_min, but must stand on η_min. Add the lowest rate."""
    return _along(min(t / total, 1.0), lr, lowest) - lowest


def pi_forgotten(t, lr, total, lowest):
    """π is missing: at t = T the angle must be π, where the cosine is −1."""
    return _along(min(t / total, 1.0) / math.pi, lr, lowest)


def with_a_sine(t, lr, total, lowest):  # noqa: D103
    rest = max(0.0, 1 - t / total)
    return lowest + (lr - lowest) * math.sin(math.pi / 2 * rest) ** 2


def as_tensor(t, lr, total, lowest):  # noqa: D103
    share = torch.tensor(t / total).clamp(max=1)
    return lowest + (lr - lowest) / 2 * (1 + torch.cos(torch.pi * share))


EXERCISE = Exercise(
    name="schedules.cosine_decay",
    title="Cosine decay",
    signature="cosine_decay(t, lr, total, lowest)",
    points=2,
    minutes=6,
    difficulty=2,
    idea=(
        "Half a period of the cosine goes from 1 to −1; shift and stretch it so that it goes from the largest "
        "rate to the smallest. After the end, time must stand still, or the cosine climbs again."
    ),
    pseudocode="""
    s ← t / T, but at most 1
    η ← η_min + ½ · (η_max − η_min) · (1 + cos(π·s))
    """,
    reference=schedules.cosine_decay,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            full_period,
            degrees,
            rises_again,
            begins_anew,
            lowest_ignored,
            lowest_on_top,
            shift_forgotten,
            one_step_early,
            pi_forgotten,
            no_half,
            straight,
            whole_share,
            cut_off_at_the_lowest,
            upside_down,
            whole_epochs_only,
            lowest_only_after,
        ),
        mistake(quarter_period, lambda t, lr, total, lowest: _along(min(t / total, 1) / 2, lr, lowest)),
        mistake(zero_after, lambda t, lr, total, lowest: 0.0 if t >= total else _along(t / total, lr, lowest)),
        mistake(one_step_short, lambda t, lr, total, lowest: _along(min(t / max(total - 1, 1), 1), lr, lowest)),
    ),
    alternatives=(with_a_sine, as_tensor),
    note="Return one number, the rate at time t.",
    rtol=RTOL,
    atol=ATOL,
    forbidden=("torch.optim.lr_scheduler",),
)
