"""Equivalences of section 09."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course import depth
from course.equivalences.equivalence import Both, Equivalence

P = 0.7


def _branch(x: Tensor) -> Tensor:
    return 2 * x + 1


def _torchvision(training: bool) -> Both:
    def both(g: torch.Generator) -> tuple[Any, Any]:
        from torchvision.ops import stochastic_depth

        x, state = torch.randn(50, 3, 2, 2, generator=g), torch.get_rng_state()
        ours = depth.stochastic_depth(x, _branch, P, training)
        torch.set_rng_state(state)
        return ours, x + stochastic_depth(P * _branch(x), 1 - P, "row", training)

    return both


def _timm(g: torch.Generator) -> tuple[Any, Any]:
    from timm.layers import drop_path

    x, state = torch.randn(50, 3, 2, 2, generator=g), torch.get_rng_state()
    ours = depth.stochastic_depth(x, _branch, P)
    torch.set_rng_state(state)
    return ours, x + drop_path(P * _branch(x), 1 - P, True)


_FORM = "Theirs drops with 1 − p and divides by p in training; the lecture multiplies by p at test time."

EQUIVALENCES = (
    Equivalence(
        "depth.stochastic_depth",
        "torchvision.ops.stochastic_depth",
        f"In training, equal seeds: `x + stochastic_depth(p * f(x), 1 - p, 'row')`. {_FORM}",
        1e-5,
        _torchvision(True),
    ),
    Equivalence(
        "depth.stochastic_depth",
        "torchvision.ops.stochastic_depth",
        "At test time: `x + stochastic_depth(p * f(x), 1 - p, 'row', False)`, which is x + p f(x).",
        1e-5,
        _torchvision(False),
    ),
    Equivalence(
        "depth.stochastic_depth",
        "timm.layers.drop_path",
        f"`x + drop_path(p * f(x), 1 - p, True)`. {_FORM}",
        1e-5,
        _timm,
    ),
)
