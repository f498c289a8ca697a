"""Exercise schedules.warmup_then: a function made of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes
from course.exercises.schedules.common import ATOL, RTOL, rates


def drive(warmup_then: Callable[..., Any], start: float, decay: float, warmup: float, t: list[float]) -> dict[str, Any]:
    """Compose with the schedule start / (1 + decay · t), and ask for the rate at several times."""

    def schedule(time: float) -> float:
        # Before its beginning nobody needs it, but whoever asks first and chooses then is right: it goes on as a line.
        return start / (1 + decay * time) if time >= 0 else start * (1 - decay * time)

    composed = warmup_then(schedule, warmup)
    if not callable(composed):
        raise Unusable(
            "warmup_then must return a function of the time; it returned "
            f"{'None (is there a return?)' if composed is None else f'something of type {type(composed).__name__}'}."
        )
    return rates(composed, t)


def cases(draw: Draw) -> list[Case]:
    """By hand, none, then several; before, at and after the end of the warmup."""
    warmup = draw.integer(5, 9)
    long = [0, 1, warmup - 0.5, warmup, warmup + 1, 2 * warmup, 2 * warmup + 3]
    return [
        Case("up to 1 in 4 epochs, then 1/(1 + t)", (1.0, 1.0, 4, [0, 1, 2, 3, 4, 5, 7]), "hand"),
        Case("a schedule that stays level", (draw.uniform(0.2, 2), 0.0, 3, [0, 1, 3, 6])),
        Case("a schedule that rises", (draw.uniform(0.2, 2), -0.05, 2, [0, 1, 2, 4, 7])),
        Case("no warmup", (draw.uniform(0.2, 2), draw.uniform(0.1, 0.4), 0, [0, 1, 5])),
        Case("half an epoch", (draw.uniform(0.2, 2), draw.uniform(0.1, 0.4), 0.5, [0, 0.25, 0.5, 1.5])),
        Case("a length that is no whole number", (draw.uniform(0.2, 2), 0.7, 1.5, [0.5, 1.5, 1.75, 2.25, 3.1])),
        Case("several epochs", (draw.uniform(0.2, 2), draw.uniform(0.05, 0.2), warmup, long)),
    ]


def capped_at_the_start(schedule, warmup):
    """The rate never gets above schedule(0), as if all schedules fell; after the warmup follow the schedule, whatever
    it does."""
    return lambda t: min(schedule(0.0) * t / warmup if t < warmup else schedule(0.0), schedule(max(t - warmup, 0.0)))


def time_not_shifted(schedule, warmup):
    """After the warmup the schedule goes on at time t: the rate jumps at T₀ and its beginning is lost. Follow
    it from its own beginning, schedule(t − warmup)."""
    return lambda t: schedule(0.0) * t / warmup if t < warmup else schedule(t)


def up_to_the_shifted(schedule, warmup):
    """The warmup rises to schedule(T₀), but the schedule then starts at schedule(0): the rate jumps. Warm up to
    schedule(0)."""
    return lambda t: schedule(warmup) * t / warmup if t < warmup else schedule(t - warmup)


def joined_late(schedule, warmup):
    """The warmup rises to schedule(T₀) and goes on from there: nothing jumps, but the schedule's beginning is lost; it
    must begin at its own beginning, schedule(t − warmup)."""
    return lambda t: schedule(warmup) * t / warmup if t < warmup else schedule(t)


def damped(schedule, warmup):
    """The schedule runs during the warmup, only damped; it must wait: rise to schedule(0) in a straight line."""
    return lambda t: schedule(t) * t / warmup if t < warmup else schedule(t)


def from_the_rate(schedule, warmup):
    """There is no warmup: the rate stands at schedule(0) from the start; begin at 0."""
    return lambda t: schedule(0.0) if t < warmup else schedule(t - warmup)


def zero_while_warming(schedule, warmup):
    """The rate is 0 during the warmup; raise it evenly, schedule(0) · t / T₀."""
    return lambda t: 0.0 if t < warmup else schedule(t - warmup)


def shifted_twice(schedule, warmup):
    """The time was shifted the wrong way, t + warmup; the schedule must begin at its own beginning."""
    return lambda t: schedule(0.0) * t / warmup if t < warmup else schedule(t + warmup)


def up_to_one(schedule, warmup):
    """The warmup rises to 1; it must rise to where the schedule starts, schedule(0)."""
    return lambda t: t / warmup if t < warmup else schedule(t - warmup)


def one_early(schedule, warmup):
    """The warmup is one unit of time early, (t + 1)/T₀; it must start at 0."""
    return lambda t: schedule(0.0) * min(1.0, (t + 1) / warmup) if t < warmup else schedule(t - warmup)


def whole_epochs_only(schedule, warmup):
    """The time after the warmup was rounded to whole numbers: the rate also changes within an epoch."""
    return lambda t: schedule(0.0) * t / warmup if t < warmup else schedule(int(t - warmup))


def level_afterwards(schedule, warmup):
    """After the warmup the rate stays at schedule(0); follow the schedule from there, schedule(t − warmup)."""
    return lambda t: schedule(0.0) * t / warmup if t < warmup else schedule(0.0)


def none_starts_at_zero(schedule, warmup):
    """With warmup = 0 the rate is 0 at t = 0; there is no warmup then: it is schedule(t) from the start."""
    return lambda t: schedule(max(0.0, t - warmup)) * min(1.0, t / max(warmup, 1e-12))


def with_def(schedule, warmup):  # noqa: D103
    top = schedule(0)

    def composed(t):
        return top * (t / warmup) if t < warmup else schedule(t - warmup)

    return composed


def with_clamps(schedule, warmup):  # noqa: D103
    return lambda t: schedule(max(0.0, t - warmup)) * (min(1.0, t / warmup) if warmup else 1.0)


def asked_first(schedule, warmup):  # noqa: D103
    def composed(t):
        after = schedule(t - warmup)  # before the beginning, and not used then
        return after if t >= warmup else schedule(0.0) * t / warmup

    return composed


EXERCISE = Exercise(
    name="schedules.warmup_then",
    title="Warm up, then follow a schedule",
    signature="warmup_then(schedule, warmup)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "You build a function that does not know a time yet: it is asked for one later, and then decides which of "
        "the two parts it is in. The second part has a clock of its own, which starts when the warmup ends."
    ),
    pseudocode="""
    new function of t:
        if t < T_0:   (t / T_0) · schedule(0)
        otherwise:    schedule(t − T_0)
    return this function, not one of its values
    """,
    reference=schedules.warmup_then,
    shown=with_def,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(time_not_shifted, up_to_the_shifted, joined_late, from_the_rate, zero_while_warming, shifted_twice),
        *mistakes(up_to_one, whole_epochs_only, level_afterwards, capped_at_the_start),
        mistake(
            damped, lambda schedule, warmup: lambda t: schedule(t) * t / warmup if t < warmup else schedule(t - warmup)
        ),
        mistake(
            one_early,
            lambda schedule, warmup: lambda t: schedule(0) * (t + 1) / warmup if t < warmup else schedule(t - warmup),
        ),
        mistake(
            none_starts_at_zero,
            lambda schedule, warmup: lambda t: schedule(max(0.0, t - warmup)) * min(1.0, t / max(warmup, 1)),
        ),
    ),
    alternatives=(with_def, with_clamps, asked_first),
    note="Return a function: define one inside warmup_then and return its name, without brackets. "
    "In the examples, schedule(t) is start / (1 + decay · t).",
    rtol=RTOL,
    atol=ATOL,
    forbidden=("torch.optim.lr_scheduler", "course.schedules.chain"),
)
