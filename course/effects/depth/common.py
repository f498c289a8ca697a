"""A residual network without batch norm, many copies side by side, each with probabilities of its own to survive.

h ← h + b·f(h), f = a linear layer between two ReLUs and one without; 16 blocks, 32 wide; digits, 8×8 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.depth import survival_probabilities
from course.effects.lanes import Weights, flat_digits, lanes, train

BLOCKS, WIDTH, PICTURES, BATCH, STEPS, RATE, ALPHA, WRONG = 16, 32, 400, 50, 400, 0.01, 0.9, 0.3
P_LAST = (1.0, 0.5, 0.2)


class Trained(NamedTuple):
    """Networks that differ in p_L only: the same start, the same batches."""

    weights: Weights  # a lane for each of P_LAST
    survival: Tensor  # (BLOCKS, lanes)
    x: Tensor
    labels: Tensor  # some of them wrong


def scores(weights: Weights, x: Tensor, b: Tensor) -> Tensor:
    """Scores (lanes, B, 10) of pictures (B, 64); gates b (BLOCKS, lanes), or (BLOCKS, lanes, B), one per sample."""
    b = (b if b.ndim == 3 else b[..., None])[..., None]
    first, bias, *middle, last, bias_2 = weights
    h = torch.baddbmm(bias[:, None], x.expand(len(first), *x.shape), first)
    for i in range(BLOCKS):
        one, two, three, four = middle[4 * i : 4 * i + 4]
        inner = torch.baddbmm(two[:, None], h.relu(), one).relu()
        h = h + b[i] * torch.baddbmm(four[:, None], inner, three)
    return torch.baddbmm(bias_2[:, None], h.relu(), last)


@lru_cache(maxsize=4)
@torch.enable_grad()
def trained(seed: int, wrong: float = WRONG) -> Trained:
    """The networks after training with a share of wrong labels."""
    generator, gates = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 10**6)
    x, y = flat_digits("train")
    rows = torch.randperm(len(x), generator=generator)[:PICTURES]
    x, y = x[rows], y[rows]
    bad = torch.rand(len(y), generator=generator) < wrong
    y = torch.where(bad, (y + torch.randint(1, 10, y.shape, generator=generator)) % 10, y)
    survival = torch.stack([survival_probabilities(BLOCKS, p) for p in P_LAST], 1)

    def network(weights: Weights, batch: Tensor) -> Tensor:
        # the lanes share what is drawn: a block that survives with p = 0.2 does so with p = 0.5, too
        drawn = torch.rand(BLOCKS, 1, len(batch), generator=gates)
        return scores(weights, batch, (drawn < survival[..., None]).float())

    rates = (RATE * (1 - torch.arange(STEPS) / STEPS))[:, None].expand(-1, len(P_LAST))
    weights, _ = train(network, lanes(_start(generator), len(P_LAST)), (x, y), rates, BATCH, generator, ALPHA)
    return Trained(weights, survival, x, y)


def _start(generator: torch.Generator) -> Weights:
    def matrix(inputs: int, outputs: int, variance: float) -> Weights:
        drawn = torch.randn(1, inputs, outputs, generator=generator) * math.sqrt(variance / inputs)
        return [drawn, torch.zeros(1, outputs)]

    weights = matrix(64, WIDTH, 1.0)
    for _ in range(BLOCKS):
        weights += matrix(WIDTH, WIDTH, 2.0) + matrix(WIDTH, WIDTH, 0.09)
    return weights + matrix(WIDTH, 10, 1.0)


def mean(rows: Sequence[dict[str, float]], name: str) -> float:
    """The mean of a number over the seeds."""
    return sum(r[name] for r in rows) / len(rows)
