"""Equivalences of section 05: where 20 steps lead."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from course import adaptive
from course.equivalences.equivalence import Both, Equivalence


def _optimizers(name: str, **options: Any) -> Both:
    def both(g: torch.Generator) -> tuple[Any, Any]:
        start = torch.randn(12, generator=g)
        weights = [nn.Parameter(start.clone()) for _ in range(2)]
        makers = getattr(adaptive, name), getattr(torch.optim, name)
        optimizers = [make([w], lr=0.1, **options) for make, w in zip(makers, weights, strict=True)]
        for _ in range(20):
            gradient = torch.randn(12, generator=g)
            for w, optimizer in zip(weights, optimizers, strict=True):
                w.grad = gradient.clone()
                optimizer.step()
        return weights[0], weights[1]

    return both


EQUIVALENCES = (
    Equivalence(
        "adaptive.Adagrad",
        "torch.optim.Adagrad",
        "ε stands outside the root. 20 steps.",
        1e-5,
        _optimizers("Adagrad"),
    ),
    Equivalence(
        "adaptive.Adam",
        "torch.optim.Adam",
        "ε stands outside the root of the corrected v. 20 steps.",
        1e-5,
        _optimizers("Adam"),
    ),
    Equivalence(
        "adaptive.AdamW",
        "torch.optim.AdamW",
        "The weights shrink by η · `weight_decay`, as in theirs; `weight_decay` of `Adam` is an L2 penalty. 20 steps.",
        1e-5,
        _optimizers("AdamW", weight_decay=0.1),
    ),
)
