"""Does momentum reduce the fluctuations of SGD? Around the minimum: it depends on what is kept equal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.data import digits
from course.descent import momentum_step
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, VERMILLION, Picture, canvas

LR, ALPHA, BATCH, DECAY = 0.02, 0.9, 32, 0.1
CHAINS, STEPS, SETTLE = 16, 1300, 800
SETTINGS = {
    "plain, η": (LR, 0.0),
    "momentum": (LR, ALPHA),
    "plain, η/(1 − α)": (LR / (1 - ALPHA), 0.0),
}


class _Chain(NamedTuple):
    path: Tensor  # weights minus the minimum, of the first chain: (steps, 650)
    spread: float  # mean ‖w − w*‖²
    step: float  # mean ‖w⁽ᵗ⁺¹⁾ − w⁽ᵗ⁾‖²
    excess: float  # mean loss above the minimum


@cache
def _data() -> tuple[Tensor, Tensor]:
    """Training digits with a constant column for the bias, (N, 65), and one-hot labels, (N, 10)."""
    x, y = digits("train")
    return torch.cat([x.flatten(1), torch.ones(len(x), 1)], 1), torch.nn.functional.one_hot(y).float()


def _gradient(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of the mean cross-entropy plus ½λ‖w‖², for weights (…, 65, 10) and samples (…, B, 65), (…, B, 10)."""
    return x.mT @ (torch.softmax(x @ w, -1) - y) / x.shape[-2] + DECAY * w


def _loss(w: Tensor) -> Tensor:
    """Over all training digits, for each of the weights (…, 65, 10)."""
    x, y = _data()
    z = x @ w
    return (z.logsumexp(-1) - (z * y).sum(-1)).mean(-1) + DECAY / 2 * w.square().sum((-2, -1))


@cache
def _minimum() -> Tensor:
    """Where the gradient over all samples is zero; 300 steps at η = 1 leave nothing of it in float32."""
    w = torch.zeros(65, 10)
    for _ in range(300):
        w = w - _gradient(w, *_data())
    return w


def _run_chains(lr: float, alpha: float, seed: int) -> _Chain:
    """SGD from the minimum, many chains at once, measured when the memory of the start has faded."""
    x, y = _data()
    generator = torch.Generator().manual_seed(seed)
    best = _minimum()
    w = best.expand(CHAINS, -1, -1)
    delta, path, spread, step, excess = torch.zeros_like(w), [], 0.0, 0.0, []
    for t in range(STEPS):
        rows = torch.randint(len(x), (CHAINS, BATCH), generator=generator)
        moved, delta = momentum_step(w, _gradient(w, x[rows], y[rows]), delta, lr, alpha)
        if t >= SETTLE:
            spread += (w - best).square().sum().item()
            step += (moved - w).square().sum().item()
            path.append((w[0] - best).flatten())
            if t % 25 == 0:
                excess.append((_loss(w) - _loss(best)).mean().item())
        w = moved
    count = CHAINS * (STEPS - SETTLE)
    return _Chain(torch.stack(path), spread / count, step / count, sum(excess) / len(excess))


def _experiment(seed: int) -> dict[str, _Chain]:
    return {name: _run_chains(*setting, seed) for name, setting in SETTINGS.items()}


def _numbers(found: dict[str, _Chain]) -> Numbers:
    short, momentum, long = found.values()
    return {
        "spread / plain at η": momentum.spread / short.spread,
        "spread / plain at η/(1 − α)": momentum.spread / long.spread,
        "excess loss / plain at η/(1 − α)": momentum.excess / long.excess,
        "step² / plain at η": momentum.step / short.step,
        "step² / plain at η/(1 − α)": momentum.step / long.step,
    }


def run(seed: int) -> Numbers:
    """Spread around the minimum and length of the steps, relative to plain SGD at both rates."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run within a fifth or so of the theory: 1/(1−α) = 10, 1, 1/(1−α²) = 5.3, (1−α)/(1+α) = 1/19."""
    return all(
        8 < r["spread / plain at η"] < 12.5
        and 0.8 < r["spread / plain at η/(1 − α)"] < 1.15
        and 4.5 < r["step² / plain at η"] < 6
        and 1 / 25 < r["step² / plain at η/(1 − α)"] < 1 / 17
        for r in rows
    )


def draw(seed: int) -> Picture:
    """The paths of one chain each around the minimum, in the two directions that move most."""
    found = _experiment(seed)
    numbers = _numbers(found)
    plane = torch.linalg.svd(found["plain, η/(1 − α)"].path, full_matrices=False).Vh[:2].T
    figure, axes = canvas(3, height=3.6)
    titles = ("Plain, η = 0.02", "Momentum, η = 0.02, α = 0.9", "Plain, η/(1 − α) = 0.2")
    for axis, chain, title, color in zip(axes, found.values(), titles, (GREEN, BLUE, VERMILLION), strict=True):
        axis.plot(*(chain.path[:300] @ plane).T, "-o", color=color, lw=0.7, ms=2.2)
        axis.plot(0, 0, "*", color="black", ms=12)
        axis.set(xlim=(-0.25, 0.25), ylim=(-0.25, 0.25), aspect="equal", title=title, xlabel="main direction of w − w*")
        text = f"distance {chain.spread**0.5:.2f}, step {chain.step**0.5:.3f}"
        axis.text(0.5, 0.04, text, transform=axis.transAxes, ha="center", color=color, fontweight="bold")
    axes[0].set_ylabel("second direction")
    caption = (
        f"300 steps of SGD (digits, B = {BATCH}) around the minimum w* (star); below, the root mean square distance "
        f"from w* and length of a step, over {CHAINS} runs. Momentum against plain SGD at the same η: mean squared "
        f"distance × {numbers['spread / plain at η']:.1f}, squared step × {numbers['step² / plain at η']:.1f}. Against "
        f"plain SGD at η/(1 − α): distance × {numbers['spread / plain at η/(1 − α)']:.2f}, squared step × "
        f"1/{1 / numbers['step² / plain at η/(1 − α)']:.0f}."
    )
    alt = (
        "Three paths of SGD around the minimum. Plain SGD at a small rate stays in a small knot. Momentum at the same "
        "rate wanders several times as far, along smooth curves. Plain SGD at ten times the rate wanders as far as "
        "momentum, but in long jagged jumps."
    )
    return Picture(figure, alt, caption)


FLUCTUATIONS = Effect(
    "descent.fluctuations",
    "Whether momentum (α = 0.9) reduces the fluctuations of SGD depends on what is kept equal. At the same η the "
    "weights stray further: about 1/(1 − α) = 10 times the mean squared distance around the minimum. Against plain SGD "
    "at the effective rate η/(1 − α) they stray about as far, but smoothly: the mean squared step is a twentieth.",
    run,
    holds,
    draw,
    seconds=1.2,
)
