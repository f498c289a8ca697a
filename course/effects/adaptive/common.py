"""What several experiments of this section share: many trainings at once, one for each learning rate.

The weights of all trainings are stacked along a first axis, and each optimizer is one of the section's step functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from course.adaptive import adagrad_step, adam_step
from course.descent import Rate, momentum_step
from course.effects.picture import BLUE, GREEN, PINK, VERMILLION

Loss = Callable[[list[Tensor], Tensor, Tensor], Tensor]
"""Stacked weights, a batch x, its labels y → the sum over the trainings of their mean losses."""

State = tuple[()] | tuple[Tensor, Tensor]
"""What an optimizer remembers: Δ and nothing, v and nothing, or m and v; empty before the first step."""

LOOKS = {
    "SGD": (VERMILLION, "s", "--"),
    "momentum": (PINK, "D", "-."),
    "Adagrad": (GREEN, "^", ":"),
    "Adam": (BLUE, "o", "-"),
}
"""Colour, marker and line of each optimizer."""

ALPHA, ADAGRAD_EPS = 0.9, 1e-10


def step(name: str, w: Tensor, grad: Tensor, state: State, t: int, lr: Rate) -> tuple[Tensor, State]:
    """One step of an optimizer for all trainings: the new w and the new state.

    Args:
        name: a key of LOOKS.
        w: weights.
        grad: their gradients.
        state: what it remembers; () before the first step.
        t: number of the step, from 1.
        lr: learning rate, or one for each training.
    """
    first, second = state or (torch.zeros_like(w),) * 2
    if name in ("SGD", "momentum"):
        w, first = momentum_step(w, grad, first, lr, ALPHA if name == "momentum" else 0.0)
    elif name == "Adagrad":
        w, first = adagrad_step(w, grad, first, lr, ADAGRAD_EPS)
    else:
        w, first, second = adam_step(w, grad, first, second, t, lr)
    return w, (first, second)


def train(
    name: str, weights: Sequence[Tensor], loss: Loss, batches: Iterable[tuple[Tensor, Tensor]], lrs: Tensor
) -> list[Tensor]:
    """Train all stacked networks on the same batches, each at its own learning rate; returns their weights."""
    weights = [w.detach() for w in weights]
    states: list[State] = [()] * len(weights)
    for t, (x, y) in enumerate(batches, 1):
        point = [w.requires_grad_() for w in weights]
        grads = torch.autograd.grad(loss(point, x, y), point)
        with torch.no_grad():
            for i, (w, grad) in enumerate(zip(point, grads, strict=True)):
                rates = lrs.reshape(-1, *[1] * (w.ndim - 1))
                weights[i], states[i] = step(name, w.detach(), grad, states[i], t, rates)
    return weights


def stacked_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Sum over the trainings of the mean cross-entropy: logits (R, N, K), labels (N,)."""
    picked = torch.log_softmax(logits, -1).gather(-1, y.expand(len(logits), -1)[..., None])
    return -picked.mean((1, 2)).sum()


def accuracies(logits: Tensor, y: Tensor) -> Tensor:
    """Share of right answers of each training: logits (R, N, K), labels (N,) → (R,)."""
    return (logits.argmax(-1) == y).double().mean(-1)
