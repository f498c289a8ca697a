"""The loss around a trained network: along random directions, each filter's scaled to the filter (Li et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Direction = Sequence[Tensor]
"""One tensor per parameter, in the order and the shapes of `model.parameters()`."""


def directions(model: nn.Module, generator: torch.Generator, count: int = 2) -> list[list[Tensor]]:
    """Standard normal numbers, one tensor per parameter: `count` raw directions for `loss_surface`."""
    return [
        [torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device) for p in model.parameters()]
        for _ in range(count)
    ]


def filter_normalised(direction: Direction, weights: Direction) -> list[Tensor]:
    """Scale a direction filter by filter: d ← d · ‖w‖ / ‖d‖, and 0 for biases and the like.

    A filter is w[i], all weights that lead to one output; parameters with fewer than two axes (biases, the scale and
    shift of a normalisation) do not move. So a step of length 1 changes each filter by as much as it is long, and
    networks whose weights differ in scale alone have the same surface.

    Args:
        direction: raw numbers, one tensor per parameter.
        weights: the parameters, of the same shapes.

    Raises:
        ValueError: another number of tensors, or other shapes.

    Source: Li, Xu, Taylor, Studer & Goldstein (2018), "Visualizing the loss landscape of neural nets", section 4.
    """
    if [d.shape for d in direction] != [w.shape for w in weights]:
        raise ValueError("a direction has one tensor per parameter, of the same shape and in the same order")
    scaled = []
    for d, w in zip(direction, weights, strict=True):
        if w.ndim < 2:
            scaled.append(torch.zeros_like(w))
            continue
        axes = tuple(range(1, w.ndim))
        length = torch.linalg.vector_norm(d, dim=axes, keepdim=True).clamp_min(1e-12)
        scaled.append(d * torch.linalg.vector_norm(w, dim=axes, keepdim=True) / length)
    return scaled


@torch.no_grad()
def loss_surface(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    first: Direction,
    second: Direction,
    alphas: Sequence[float],
    betas: Sequence[float],
) -> Tensor:
    """The loss on a grid around the model's weights w: L(w + α·d₁ + β·d₂), both directions filter-normalised.

    The model is measured in evaluation mode, so that no running statistics move; weights and mode are afterwards what
    they were, whatever happens.

    Args:
        model: with weights w.
        loss: model → a number, e.g. `lambda m: F.cross_entropy(m(x), y)`.
        first: raw direction d₁, one tensor per parameter.
        second: raw direction d₂.
        alphas: steps along the first.
        betas: steps along the second.

    Returns:
        Losses, (len(alphas), len(betas)).

    Raises:
        ValueError: a direction does not fit the model.

    Source: lecture, "Summary" (the surface is irregular and not convex); Li et al. (2018).
    """
    weights = list(model.parameters())
    u, v = (filter_normalised(d, weights) for d in (first, second))
    with _borrowed(model) as start:
        rows = []
        for a in alphas:
            row = []
            for b in betas:
                for w, s, du, dv in zip(weights, start, u, v, strict=True):
                    w.copy_(s + a * du + b * dv)
                row.append(torch.as_tensor(loss(model)))
            rows.append(torch.stack(row))
    return torch.stack(rows)


@torch.no_grad()
def loss_line(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], target: Direction, steps: Sequence[float]
) -> Tensor:
    """The loss on the straight line to other weights: L((1 − t)·w + t·w′) for each t.

    Args:
        model: with weights w, in evaluation mode while it is measured.
        loss: model → a number.
        target: w′, one tensor per parameter, e.g. those of another trained network.
        steps: values of t; 0 is here, 1 is there.

    Returns:
        Losses, (len(steps),).

    Raises:
        ValueError: the target does not fit the model.

    Source: Goodfellow, Vinyals & Saxe (2015), "Qualitatively characterizing neural network optimization problems".
    """
    weights = list(model.parameters())
    if [t.shape for t in target] != [w.shape for w in weights]:
        raise ValueError("the target has one tensor per parameter, of the same shape and in the same order")
    with _borrowed(model) as start:
        losses = []
        for t in steps:
            for w, s, other in zip(weights, start, target, strict=True):
                w.copy_(torch.lerp(s, other, float(t)))
            losses.append(torch.as_tensor(loss(model)))
    return torch.stack(losses)


@contextmanager
def _borrowed(model: nn.Module) -> Iterator[list[Tensor]]:
    """Copies of the weights, which are put back in the end, as is the mode of each module; evaluation in between."""
    start = [w.detach().clone() for w in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield start
    finally:
        for w, s in zip(model.parameters(), start, strict=True):
            w.copy_(s)
        for module, training in modes:
            module.training = training
