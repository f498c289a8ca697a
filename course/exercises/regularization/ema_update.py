"""Exercise regularization.ema_update: the moving average of all weights, every step or every few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import regularization
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(
    ema_update: Callable[..., Any], average: list[Tensor], weights: list[list[Tensor]], beta: float, every: int
) -> dict[str, Any]:
    """Several updates in a row, `every` steps apart; the average after each, and the live weights after all."""
    found: dict[str, Any] = {}
    for i, live in enumerate(weights):
        average = ema_update(average, live, beta, every)
        if not isinstance(average, list | tuple) or not all(isinstance(a, Tensor) for a in average):
            what = "None: is there a return?" if average is None else f"a value of type {type(average).__name__}."
            raise Unusable(
                f"ema_update must return the new average, a list of tensors as long as `weights`; it returned {what}"
            )
        found[f"update {i + 1}: new average"] = [a.detach().clone() for a in average]
    if len(average) == len(weights[-1]):
        for a in average:  # whoever changes the average afterwards must not change the network
            if a.is_floating_point() and not a.requires_grad:
                a.zero_()
    return found | {"live weights": [w.clone() for live in weights for w in live]}


def cases(draw: Draw) -> list[Case]:
    """One number by hand, the ends of β, then several tensors; every step, and every few."""

    def run(label: str, *shapes: tuple[int, ...], updates: int, every: int = 1, beta: float = -1.0) -> Case:
        beta = draw.uniform(0.6, 0.95) if beta < 0 else beta
        live = [[draw.normal(*s) for s in shapes] for _ in range(updates)]
        return Case(label, ([draw.normal(*s) for s in shapes], live, beta, every))

    by_hand = ([torch.tensor([1.0])], [[torch.tensor([5.0])]], 0.75, 1)
    by_hand_k = ([torch.tensor([1.0])], [[torch.tensor([5.0])]], 0.5, 3)
    return [
        Case("average 1, weight 5, β = 0.75", by_hand, "hand"),
        Case("average 1, weight 5, β = 0.5, three steps later", by_hand_k, "hand"),
        run("β = 0 forgets everything", (2,), updates=2, beta=0.0),
        run("β = 1 learns nothing", (2,), updates=2, beta=1.0),
        run("a layer, every step", (2, 3), (2,), updates=4),
        run("every second step", (3,), (2, 2), updates=3, every=2),
        run("a long memory, rarely updated", (3,), updates=2, every=draw.integer(12, 30), beta=0.97),
        run("a longer memory, every few steps", (2, 2), (2,), (3,), updates=3, every=draw.integer(3, 6), beta=0.9),
    ]


def beta_swapped(average, weights, beta, every):
    """β and 1 − β changed places: β, which is close to 1, belongs to the old average."""
    m = beta**every
    return [(1 - m) * a + m * w for a, w in zip(average, weights)]  # noqa: B905


def on_the_live_weights(average, weights, beta, every):
    """The network's own weights were changed (overwritten by the average, or by an operation in place on `weights`), and training would go on from there: leave them alone."""  # noqa: E501
    m = beta**every
    for a, w in zip(average, weights):  # noqa: B905
        w.mul_(1 - m).add_(m * a)
    return weights


def beta_not_to_the_power(average, weights, beta, every):
    """β is that of one step; after `every` steps the old average counts β to that power, or its memory gets longer."""
    return [beta * a + (1 - beta) * w for a, w in zip(average, weights)]  # noqa: B905


def beta_times_every(average, weights, beta, every):
    """β was multiplied by the number of steps; forgetting a share in each step makes a power, β^every."""
    m = beta * every
    return [m * a + (1 - m) * w for a, w in zip(average, weights)]  # noqa: B905


def root_of_beta(average, weights, beta, every):
    """This takes a root of β; more steps forget more, so it is a power: β^every."""
    m = beta ** (1 / every)
    return [m * a + (1 - m) * w for a, w in zip(average, weights)]  # noqa: B905


def new_share_to_the_power(average, weights, beta, every):
    """(1 − β) was raised to the power; the old average keeps β^every, and the new weights get what is left of 1."""
    m = (1 - beta) ** every
    return [(1 - m) * a + m * w for a, w in zip(average, weights)]  # noqa: B905


def new_share_times_every(average, weights, beta, every):
    """Here 1 − β was multiplied by the number of steps: nearly right for β close to 1, but it is 1 − β^every."""
    m = 1 - every * (1 - beta)
    return [m * a + (1 - m) * w for a, w in zip(average, weights)]  # noqa: B905


def shares_do_not_add_up(average, weights, beta, every):
    """The shares do not add up to 1: the old average gets β^every, so the new weights get 1 − β^every."""
    return [beta**every * a + (1 - beta) * w for a, w in zip(average, weights)]  # noqa: B905


def _both_to_the_power(average, weights, beta, every):
    return [beta**every * a + (1 - beta) ** every * w for a, w in zip(average, weights)]  # noqa: B905


def not_weighted(average, weights, beta, every):
    """The new weights are added whole; give them the share 1 − β^every, or the average grows without end."""
    return [beta**every * a + w for a, w in zip(average, weights)]  # noqa: B905


def plain_mean(average, weights, beta, every):
    """This is the mean of the two, whatever β is; the old average counts β^every."""
    return [(a + w) / 2 for a, w in zip(average, weights)]  # noqa: B905


def copies_the_weights(average, weights, beta, every):
    """This is a copy of the present weights, no average: it remembers nothing."""
    return [w.clone() for w in weights]


def first_tensor_only(average, weights, beta, every):
    """Only the first tensor was averaged; the others stayed as they were."""
    m = beta**every
    return [m * average[0] + (1 - m) * weights[0], *average[1:]]


def counts_one_more(average, weights, beta, every):
    """The power is one too high: after `every` steps it is β^every, which for every = 1 is β itself."""
    m = beta ** (every + 1)
    return [m * a + (1 - m) * w for a, w in zip(average, weights)]  # noqa: B905


def the_same_tensor(average, weights, beta, every):
    """For β = 0 the network's own tensors came back: the average must be made of tensors of its own."""
    if beta == 0:
        return weights
    m = beta**every
    return [m * a + (1 - m) * w for a, w in zip(average, weights)]  # noqa: B905


def nothing_changes(average, weights, beta, every):
    """The average came back as it was. In a loop over tensors, `a = …` only names a new tensor: put it into a list."""
    return average


def no_brackets(average, weights, beta, every):
    """Brackets are missing: the new weights' share is (1 − β^every), all of which multiplies them."""
    return [beta**every * a + 1 - beta**every * w for a, w in zip(average, weights)]  # noqa: B905


def _weights_scaled(average, weights, beta, every):
    for w in weights:
        w *= 1 - beta**every
    return [beta**every * a + w for a, w in zip(average, weights)]  # noqa: B905


def in_place(average, weights, beta, every):  # noqa: D103
    for a, w in zip(average, weights):  # noqa: B905
        a.mul_(beta**every).add_(w, alpha=1 - beta**every)
    return average


def by_foreach(average, weights, beta, every):  # noqa: D103
    torch._foreach_lerp_(average, weights, 1 - beta**every)
    return average


def in_a_loop(average, weights, beta, every):  # noqa: D103
    for _ in range(every):
        average = [beta * a + (1 - beta) * w for a, w in zip(average, weights)]  # noqa: B905
    return average


def as_a_tuple(average, weights, beta, every):  # noqa: D103
    return tuple(torch.lerp(w, a, beta**every) for a, w in zip(average, weights))  # noqa: B905


EXERCISE = Exercise(
    name="regularization.ema_update",
    title="Moving average of the weights",
    signature="ema_update(average, weights, beta, every)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "The new average is mostly the old one, plus a small share of the present weights, and the two shares add "
        "up to 1. If some steps were skipped, it has to forget for all of them at once."
    ),
    pseudocode="""
    b ← β^k
    for each pair of tensors:   Θ̄ ← b · Θ̄ + (1 − b) · Θ
    return the list of new averages; Θ stays as it is
    """,
    reference=regularization.ema_update,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            beta_swapped,
            beta_not_to_the_power,
            beta_times_every,
            root_of_beta,
            new_share_to_the_power,
            new_share_times_every,
            not_weighted,
            nothing_changes,
            no_brackets,
            plain_mean,
            copies_the_weights,
            first_tensor_only,
            counts_one_more,
            the_same_tensor,
        ),
        mistake(on_the_live_weights, _weights_scaled),
        mistake(shares_do_not_add_up, _both_to_the_power),
    ),
    alternatives=(in_place, by_foreach, in_a_loop, as_a_tuple),
    may_edit=frozenset({"average"}),
    note="Return a list of tensors, one for each entry of `weights`.",
    forbidden=("torch.optim.swa_utils", "course.regularization"),
)
