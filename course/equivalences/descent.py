"""Equivalences of section 03."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from course import descent
from course.equivalences.equivalence import Equivalence


def _cross_entropy(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import cross_entropy

    z, y = 5 * torch.randn(30, 6, generator=g), torch.randint(6, (30,), generator=g)
    return descent.cross_entropy(z, y), cross_entropy(z, y)


def _sgd(g: torch.Generator) -> tuple[Any, Any]:
    start = torch.randn(12, generator=g)
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    optimizers = descent.SGD([ours], 0.1, 0.9), torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
    for _ in range(20):
        gradient = torch.randn(12, generator=g)
        for w, optimizer in zip((ours, theirs), optimizers, strict=True):
            w.grad = gradient.clone()
            optimizer.step()
    return ours, theirs


def _momentum_step(g: torch.Generator) -> tuple[Any, Any]:
    w = delta = torch.zeros(12)
    theirs = nn.Parameter(torch.zeros(12))
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
    for _ in range(20):
        gradient = torch.randn(12, generator=g)
        w, delta = descent.momentum_step(w, gradient, delta, 0.1, 0.9)
        theirs.grad = gradient
        optimizer.step()
    return w, theirs


EQUIVALENCES = (
    Equivalence(
        "descent.cross_entropy",
        "torch.nn.functional.cross_entropy",
        "Both take logits, not probabilities, and give the mean.",
        1e-5,
        _cross_entropy,
    ),
    Equivalence(
        "descent.momentum_step",
        "torch.optim.SGD",
        "`momentum=α, dampening=0`: η stands outside Δ, and the gradient has no factor 1 − α. After 20 steps.",
        1e-5,
        _momentum_step,
    ),
    Equivalence("descent.SGD", "torch.optim.SGD", "Δ is the `momentum_buffer` of both. After 20 steps.", 1e-5, _sgd),
)
