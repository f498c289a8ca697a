"""A saddle: flat at the top of the pass, so descent that starts beside its line lingers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course.descent import SURFACES, gradient_descent
from course.effects.descent.common import contours
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, VERMILLION, Picture, canvas, label

SURFACE = SURFACES["saddle"]
LR, ALPHA, STARTS, STEPS, LEFT = 0.01, 0.9, 100, 1500, 0.5
SETTINGS = {
    "plain": (LR, 0.0),
    "momentum": (LR, ALPHA),
    "plain, longer steps": (LR / (1 - ALPHA), 0.0),
}


def _starts(seed: int) -> Tensor:
    """x from a normal distribution; y beside the line y = 0, by 10⁻⁶ … 10⁻² on either side."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(STARTS, generator=generator, dtype=torch.float64)
    y = 10 ** (-2 - 4 * torch.rand(STARTS, generator=generator, dtype=torch.float64))
    side = torch.randint(2, (STARTS,), generator=generator) * 2 - 1
    return torch.stack([x, y * side], -1)


def _steps(starts: Tensor, lr: float, alpha: float) -> Tensor:
    """Steps until |y| > ½, well on the way to a minimum at y = ±1; inf if that does not happen."""
    gone = gradient_descent(SURFACE.loss, starts, lr, STEPS, alpha)[..., 1].abs() > LEFT
    return torch.where(gone.any(0), gone.double().argmax(0).double(), math.inf)


def _experiment(seed: int) -> dict[str, Tensor]:
    return {name: _steps(_starts(seed), *setting) for name, setting in SETTINGS.items()}


def _numbers(seed: int, steps: dict[str, Tensor]) -> Numbers:
    on_the_line = _starts(seed) * torch.tensor([1.0, 0.0])
    ratio = steps["plain"] / steps["momentum"]
    return {f"steps, {name}": s.median().item() for name, s in steps.items()} | {
        "smallest ratio": ratio.min().item(),
        "largest ratio": ratio.max().item(),
        "left from y = 0, momentum": _steps(on_the_line, LR, ALPHA).isfinite().double().mean().item(),
    }


def run(seed: int) -> Numbers:
    """Steps until the saddle is left: plain, with momentum, and plain at the rate η/(1 − α)."""
    return _numbers(seed, _experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every start leaves, with momentum five to seven times sooner; the longer plain step is sooner still."""
    return all(
        r["smallest ratio"] > 5
        and r["largest ratio"] < 7
        and r["steps, plain, longer steps"] < r["steps, momentum"] < r["steps, plain"] < math.inf
        and r["left from y = 0, momentum"] == 0
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Paths along the saddle; steps against the distance from its line."""
    starts, steps = _starts(seed), _experiment(seed)
    numbers = _numbers(seed, steps)
    figure, (left, right) = canvas(widths=[1, 1.15])
    contours(left, SURFACE.loss, (-2.0, 1.0), (-0.6, 1.4), levels=[0.01, 0.05, 0.12, 0.2, 0.25, 0.4, 0.8, 1.6, 3])
    looks = {"plain": (VERMILLION, "s"), "momentum": (BLUE, "o"), "plain, longer steps": (GREEN, "^")}
    for name, spot in (("plain", (-1.2, -0.18)), ("momentum", (-0.05, 0.75))):
        color, marker = looks[name]
        path = gradient_descent(SURFACE.loss, torch.tensor([-1.8, 0.001]), SETTINGS[name][0], 250, SETTINGS[name][1])
        left.plot(*path.T, color=color, marker=marker, ms=3.5, lw=1.2, markevery=5)
        label(left, *spot, name, color)
    left.plot(0, 0, "x", color="black", ms=9, mew=2)
    left.plot(0, 1, "*", color="black", ms=12)
    left.set_title("250 steps from y = 0.001 (every 5th marked)")
    spots = {"plain": (1e-4, 1020), "momentum": (1.3e-6, 300), "plain, longer steps": (1.3e-6, 45)}
    for name, (color, marker) in looks.items():
        right.semilogx(starts[:, 1].abs(), steps[name], marker, color=color, ms=5, mfc="white", mew=1.3)
        lr, alpha = SETTINGS[name]
        label(right, *spots[name], f"{name.split(',')[0]}: η = {lr:g}" + (f", α = {alpha:g}" if alpha else ""), color)
    right.set(xlabel="distance |y| of the start from the saddle's line", ylabel="steps until |y| > ½")
    right.set(ylim=(0, None), title=f"{STARTS} random starts")
    caption = (
        f"Median steps until the saddle is left: plain {numbers['steps, plain']:.0f}, momentum "
        f"{numbers['steps, momentum']:.0f} ({numbers['smallest ratio']:.1f} to {numbers['largest ratio']:.1f} times "
        f"fewer), plain with η/(1 − α) = {LR / (1 - ALPHA):g}: {numbers['steps, plain, longer steps']:.0f}. Exactly on "
        "the line y = 0 nobody leaves, with or without momentum."
    )
    alt = (
        "Left: from a start just beside the line that leads to the saddle, plain descent is still at the saddle after "
        "250 steps, momentum has gone on to the minimum. Right: the steps needed grow with the logarithm of how close "
        "the start is to the line; momentum needs about a sixth of plain descent's, and plain descent with ten times "
        "the learning rate fewer still."
    )
    return Picture(figure, alt, caption)


SADDLE = Effect(
    "descent.saddle",
    "Beside a saddle both leave in the end, and momentum α = 0.9 leaves five to seven times sooner at the same "
    "η = 0.01. That is the work of its longer steps: plain descent with η/(1 − α) = 0.1 leaves sooner still. Exactly "
    "on the saddle's line the gradient never points away, and neither of them leaves.",
    run,
    holds,
    draw,
    seconds=1.0,
)
