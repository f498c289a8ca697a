"""Exercise schedules.steps_apart: k small steps against one big one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(
    steps_apart: Callable[..., Any], k: int, steepness: Tensor, centre: Tensor, w: Tensor, lr: float
) -> dict[str, Any]:
    """Batch i has the loss ½ steepness[i] · (w − centre[i])², number by number, so its gradient is linear in w."""

    def gradient(w: Tensor, i: int) -> Tensor:
        if not 0 <= i < k:
            raise Unusable(f"steps_apart asked for batch {i}; there are batches 0 … {k - 1}.")
        return steepness[i] * (w - centre[i])

    answer = steps_apart(k, gradient, w, lr)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unusable(f"steps_apart must return two tensors: {_ENDS[0]} and {_ENDS[1]}.")
    return dict(zip(_ENDS, answer, strict=True))


_ENDS = ("after k small steps", "after one big step")


def cases(draw: Draw) -> list[Case]:
    """Two batches by hand, then one, several; small and large rates."""

    def run(label: str, k: int, *shape: int, lr: float) -> Case:
        steepness = draw.normal(k, *shape).abs() + 0.3
        return Case(label, (k, steepness, draw.normal(k, *shape), draw.normal(*shape) + 2, lr))

    by_hand = (2, torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [0.0]]), torch.tensor([1.0]), 0.1)
    return [
        Case("two batches with the gradients w and 2w, from w = 1", by_hand, "hand"),
        run("one batch: no difference", 1, 2, lr=draw.uniform(0.05, 0.2)),
        run("three batches", 3, 2, lr=draw.uniform(0.05, 0.2)),
        run("many batches, a tiny rate", draw.integer(6, 9), 3, lr=0.01),
        run("a matrix of weights", 4, 2, 3, lr=draw.uniform(0.1, 0.3)),
    ]


def re_evaluated(k, gradient, w, lr):
    """The big step also looks at the gradient anew after each batch; it must take all gradients at the start w."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return small, small.clone()


def mean_for_sum(k, gradient, w, lr):
    """The big step has the small rate; with the mean gradient of all k batches its rate is k · lr."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return small, w - lr * sum(gradient(w, i) for i in range(k)) / k


def sum_and_k(k, gradient, w, lr):
    """The big step is k times too long: k · lr goes with the mean of the gradients, lr with their sum."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return small, w - k * lr * sum(gradient(w, i) for i in range(k))


def never_moves_on(k, gradient, w, lr):
    """The small steps all take their gradient at the start; each must take it where the one before ended."""
    small = w
    for i in range(k):
        small = small - lr * gradient(w, i)
    return small, w - lr * sum(gradient(w, i) for i in range(k))


def one_batch_only(k, gradient, w, lr):
    """Every small step uses batch 0; step i has its own batch, gradient(w, i)."""
    small = w
    for _ in range(k):
        small = small - lr * gradient(small, 0)
    return small, w - lr * sum(gradient(w, i) for i in range(k))


def big_on_one_batch(k, gradient, w, lr):
    """The big step uses one batch, k times; it must use all k of them."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return small, w - k * lr * gradient(w, 0)


def rate_to_the_power(k, gradient, w, lr):
    """The big step has the rate lrᵏ; k steps add up, so it is k · lr."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return small, w - lr**k * sum(gradient(w, i) for i in range(k)) / k


def _power_of_the_sum(k, gradient, w, lr):
    small, big = rate_to_the_power(k, gradient, w, lr)
    return small, w + k * (big - w)


def swapped(k, gradient, w, lr):
    """The two results are swapped: first the end of the small steps, then that of the big one."""
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    return w - lr * sum(gradient(w, i) for i in range(k)), small


def uphill(k, gradient, w, lr):
    """Both climb: steps go against the gradient, w − lr · gradient."""
    small = w
    for i in range(k):
        small = small + lr * gradient(small, i)
    return small, w + lr * sum(gradient(w, i) for i in range(k))


def small_rate_divided(k, gradient, w, lr):
    """The small steps have the rate lr/k; lr is the rate of a small step, k · lr that of the big one."""
    small = w
    for i in range(k):
        small = small - lr / k * gradient(small, i)
    return small, w - lr * sum(gradient(w, i) for i in range(k)) / k


def start_overwritten(k, gradient, w, lr):
    """The big step begins where the small ones end: the start w was overwritten, by `w = …` or by `small -= …` on the same tensor. Keep w, and write `small = small - …`."""  # noqa: E501
    small = w
    for i in range(k):
        small -= lr * gradient(small, i)
    return small, w - lr * sum(gradient(w, i) for i in range(k))


def stacked(k, gradient, w, lr):  # noqa: D103
    small = w.clone()
    for i in range(k):
        small -= lr * gradient(small, i)
    grads = torch.stack([gradient(w, i) for i in range(k)])
    return small, w - (k * lr) * grads.mean(0)


def side_by_side(k, gradient, w, lr):  # noqa: D103
    small, big = w, w
    for i in range(k):
        small, big = small - lr * gradient(small, i), big - lr * gradient(w, i)
    return [small, big]


EXERCISE = Exercise(
    name="schedules.steps_apart",
    title="Many small steps, one big step",
    signature="steps_apart(k, gradient, w, lr)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "Both walkers start at the same place. The one who takes small steps asks for the gradient where they now "
        "stand, the other asks for all k gradients at the start and then moves once."
    ),
    pseudocode="""
    u ← w
    for i = 0 … k−1:     u ← u − η · ∇L(u | B_i)
    G ← Σ_i ∇L(w | B_i),  all at the start w
    v ← w − k·η · (G / k)
    return u and v
    """,
    reference=schedules.steps_apart,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            re_evaluated,
            mean_for_sum,
            sum_and_k,
            never_moves_on,
            one_batch_only,
            big_on_one_batch,
            swapped,
            uphill,
            small_rate_divided,
            start_overwritten,
        ),
        mistake(rate_to_the_power, _power_of_the_sum),
    ),
    alternatives=(stacked, side_by_side),
    telling=("after k small steps", "after one big step"),
    note="Return two tensors: where the k small steps end, and where the one big step ends. "
    "In the examples, gradient(w, i) is steepness[i] · (w − centre[i]).",
    alike=True,
)
