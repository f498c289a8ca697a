"""Equivalences of section 10."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from course import recipe
from course.equivalences.equivalence import Equivalence


def _batch_norm(g: torch.Generator) -> tuple[Any, Any]:
    from torch.nn.functional import batch_norm

    x, (gamma, beta, mean) = 3 * torch.randn(6, 3, 4, 5, generator=g), torch.randn(3, 3, generator=g)
    var = torch.rand(3, generator=g) + 0.1
    theirs = mean.clone(), var.clone()
    expected = batch_norm(x, *theirs, gamma, beta, True, 0.1, 1e-5)
    return recipe.batch_norm(x, gamma, beta, mean, var, True, 0.1), (expected, *theirs)


def _layer(g: torch.Generator) -> tuple[Any, Any]:
    ours, theirs = recipe.BatchNorm(3), nn.BatchNorm2d(3)
    for _ in range(3):
        x = 2 * torch.randn(6, 3, 4, 5, generator=g) + 1
        ours(x)
        theirs(x)
    return ours.eval()(x), theirs.eval()(x)


EQUIVALENCES = (
    Equivalence(
        "recipe.batch_norm",
        "torch.nn.functional.batch_norm",
        "`momentum` weighs the new batch; only the running variance is unbiased. Ours returns the new numbers.",
        1e-5,
        _batch_norm,
    ),
    Equivalence("recipe.BatchNorm", "torch.nn.BatchNorm2d", "They load each other's `state_dict`.", 1e-5, _layer),
)
