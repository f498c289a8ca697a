"""A valley 100 times steeper across than along: plain descent zigzags, momentum does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course.descent import gradient_descent, ravine
from course.effects.descent.common import contours, steps_below
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, GREY, VERMILLION, Picture, canvas, label

KAPPA, STARTS, TOLERANCE = 100.0, 32, 1e-4
SURFACE = ravine(KAPPA)


class _Best(NamedTuple):
    steps: float  # mean over starts
    lr: float
    alpha: float


def _starts(seed: int) -> Tensor:
    """Points on the unit circle, all directions alike, shape (STARTS, 2)."""
    w = torch.randn(STARTS, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return w / w.norm(dim=1, keepdim=True)


def _distances(starts: Tensor, lr: Any, alpha: Any, steps: int) -> Tensor:
    """Distance to the minimum after each step, shape (steps + 1, settings…, starts)."""
    settings = torch.broadcast_shapes(torch.as_tensor(lr).shape, torch.as_tensor(alpha).shape)[:-2]
    return gradient_descent(SURFACE.loss, starts.expand(*settings, *starts.shape), lr, steps, alpha).norm(dim=-1)


def _best(starts: Tensor, lrs: Tensor, alphas: Tensor, steps: int) -> _Best:
    """The (η, α) of a grid with the fewest steps to the tolerance, in the mean over the starts."""
    lr, alpha = (m.reshape(-1, 1, 1) for m in torch.meshgrid(lrs, alphas, indexing="ij"))
    mean = steps_below(_distances(starts, lr, alpha, steps), TOLERANCE).double().mean(1)
    i = int(mean.argmin())
    return _Best(mean[i].item(), lr[i].item(), alpha[i].item())


def _experiment(seed: int) -> tuple[_Best, _Best, _Best]:
    """Best plain descent, best momentum, best η at α = 0.9; each grid surrounds what theory calls best."""
    starts, root = _starts(seed), math.sqrt(KAPPA)
    plain_lr, lr = 2 / (1 + KAPPA), 4 / (1 + root) ** 2
    alpha = ((root - 1) / (root + 1)) ** 2
    grid = torch.linspace(0.4, 1.2, 17, dtype=torch.float64)
    nothing, usual = torch.zeros(1, dtype=torch.float64), torch.full((1,), 0.9, dtype=torch.float64)
    alphas = 1 - (1 - alpha) * torch.linspace(0.5, 1.4, 10, dtype=torch.float64)
    return (
        _best(starts, torch.linspace(0.9, 1.0, 11, dtype=torch.float64) * plain_lr, nothing, 700),
        _best(starts, grid * lr, alphas, 250),
        _best(starts, grid * lr, usual, 400),
    )


def _numbers(plain: _Best, momentum: _Best, usual: _Best) -> Numbers:
    return {
        "steps, plain": plain.steps,
        "steps, momentum": momentum.steps,
        "ratio": plain.steps / momentum.steps,
        "η, plain": plain.lr,
        "η, momentum": momentum.lr,
        "α": momentum.alpha,
        "steps, α = 0.9": usual.steps,
    }


def run(seed: int) -> Numbers:
    """Steps to the tolerance with the best settings, without and with momentum."""
    return _numbers(*_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: momentum at least five times faster, and at α = 0.9 at least twice."""
    return all(r["ratio"] > 5 and r["steps, plain"] > 2 * r["steps, α = 0.9"] for r in rows)


def draw(seed: int) -> Picture:
    """Both paths in the valley; distance to the minimum step by step."""
    plain, momentum, usual = _experiment(seed)
    figure, (left, right) = canvas(widths=[1.15, 1])
    contours(left, SURFACE.loss, (-1.1, 0.4), (-0.7, 0.7), levels=[0.01, 0.1, 0.5, 1.5, 4, 9, 16, 25])
    start = torch.tensor([-1.0, 0.3], dtype=torch.float64)
    curves = ((plain, VERMILLION, "s--", "plain"), (momentum, BLUE, "o-", "momentum"))
    for best, color, style, _ in curves:
        path = gradient_descent(SURFACE.loss, start, best.lr, 40, best.alpha)
        left.plot(*path.T, style, color=color, ms=3.5, lw=1.2)
    left.plot(0, 0, "*", color="black", ms=12)
    left.set_title("The first 40 steps (y axis stretched)")
    spots = ((290, 0.02), (30, 1.5), (262, 2.5e-6))
    for (best, color, style, name), spot in zip((*curves, (usual, GREEN, "^-", "α = 0.9")), spots, strict=True):
        d = _distances(_starts(seed), best.lr, best.alpha, 500)
        right.fill_between(range(501), d.quantile(0.1, 1), d.quantile(0.9, 1), color=color, alpha=0.15, lw=0)
        right.semilogy(d.median(1).values, style[1:], color=color, lw=1.2 if best is usual else 2)
        label(right, *spot, name + (", " if name == "momentum" else "\n") + f"{best.steps:.0f} steps", color)
    right.axhline(TOLERANCE, color=GREY, ls=":")
    label(right, 210, 2 * TOLERANCE, "tolerance", GREY)
    right.set(xlabel="step", ylabel="distance to the minimum", ylim=(1e-6, 3), xlim=(0, 500))
    right.set_title(f"{STARTS} random starts: median, 10–90 %")
    caption = (
        f"½(x² + {KAPPA:g}y²), steps until the distance has shrunk to 10⁻⁴, mean over {STARTS} starts, each with the "
        f"best setting of a grid: plain {plain.steps:.0f} (η = {plain.lr:.4f}), momentum {momentum.steps:.0f} "
        f"(η = {momentum.lr:.3f}, α = {momentum.alpha:.2f}), {plain.steps / momentum.steps:.1f} times fewer. "
        f"The usual α = 0.9 is too much for this valley: {usual.steps:.0f}."
    )
    alt = (
        "Left: level lines of a long valley. Plain descent jumps from wall to wall and has come about half-way"
        " after 40 steps; with momentum the path swings a few times and is at the minimum. Right: the distance to the "
        f"minimum on a log scale falls to the tolerance after {momentum.steps:.0f} steps with momentum, after "
        f"{plain.steps:.0f} without."
    )
    return Picture(figure, alt, caption)


RAVINE = Effect(
    "descent.ravine",
    "In a ravine with condition number κ = 100, momentum needs at least five times fewer steps to the minimum than "
    "plain gradient descent, both with the best settings that a search finds. With the usual α = 0.9 it still needs "
    "less than half, though a smaller α suits this ravine better.",
    run,
    holds,
    draw,
    seconds=0.2,
)
