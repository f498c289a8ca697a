"""Two wells: does momentum carry descent out of the shallow one?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.descent import SURFACES, gradient_descent, gradient_of, momentum_step
from course.effects.descent.common import contours
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.picture import BLUE, VERMILLION, Picture, canvas, label

SURFACE = SURFACES["local minimum"]
RIDGE = 0.0755  # the x of the pass between the wells
LRS = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2)
ALPHAS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
STARTS, STEPS = 300, 1500
SMALL = 5  # the rates up to 0.05
AT = (ALPHAS.index(0.9), LRS.index(0.02))


class _Map(NamedTuple):
    high: Tensor  # (α, η): share that ends in the deep well, of the starts above the pass
    low: Tensor  # likewise, of the starts below the pass
    lost: Tensor  # share that has diverged, of the starts above the pass


def _starts(seed: int) -> Tensor:
    """Points on the shallow side: x in 0.3 … 2, y in −1 … 1."""
    return torch.tensor([0.3, -1.0]) + torch.tensor([1.7, 2.0]) * torch.rand(
        STARTS, 2, generator=torch.Generator().manual_seed(seed)
    )


@lru_cache(maxsize=2)
def _experiment(seed: int) -> _Map:
    starts = _starts(seed)
    alpha, lr = torch.meshgrid(torch.tensor(ALPHAS), torch.tensor(LRS), indexing="ij")
    w = starts.expand(*alpha.shape, *starts.shape)
    delta = torch.zeros_like(w)
    for _ in range(STEPS):
        w, delta = momentum_step(w, gradient_of(SURFACE.loss, w), delta, lr[..., None, None], alpha[..., None, None])
    lost = ~(w.abs().amax(-1) < 3)  # nan is lost, too
    deep = (w[..., 0] < RIDGE) & ~lost
    high = SURFACE.loss(starts) > SURFACE.loss(torch.tensor([RIDGE, 0.0]))
    return _Map(*(share.float().mean(-1) for share in (deep[..., high], deep[..., ~high], lost[..., high])))


def _numbers(found: _Map) -> Numbers:
    return {
        "plain, η ≤ 0.05": found.high[0, :SMALL].max().item(),
        "momentum, η = 0.02, α = 0.9, from above the pass": found.high[AT].item(),
        "any α, η ≤ 0.05, from below the pass": found.low[:, :SMALL].max().item(),
        "plain, η = 0.2": found.high[0, -1].item(),
    }


def run(seed: int) -> Numbers:
    """Shares of the starts on the shallow side that end in the deep well."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: plain with small steps never, momentum from above a third or more, from below nobody."""
    return all(
        r["plain, η ≤ 0.05"] == 0
        and r["momentum, η = 0.02, α = 0.9, from above the pass"] > 0.3
        and r["any α, η ≤ 0.05, from below the pass"] == 0
        and r["plain, η = 0.2"] > 0.1
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Two paths from one start, and the map of how often the deep well is reached."""
    found = _experiment(seed)
    figure, (left, right) = canvas(widths=[1, 1.1])
    contours(left, SURFACE.loss, (-1.9, 2.1), (-1.5, 1.5), levels=[-0.25, 0, 0.25, 0.5, 1.011, 2, 4, 7])
    for alpha, color, style, name, spot in (
        (0.0, VERMILLION, "s-", "plain", (1.15, -0.28)),
        (0.9, BLUE, "o-", "momentum", (-1.75, 0.75)),
    ):
        path = gradient_descent(SURFACE.loss, torch.tensor(SURFACE.start), 0.02, 300, alpha)
        left.plot(*path.T, style, color=color, ms=3, lw=1.2)
        label(left, *spot, name, color)
    left.plot(*SURFACE.start, "k.", ms=10)
    label(left, 1.35, 1.33, "start", "black")
    left.set_title("One start, η = 0.02, α = 0 or 0.9")
    image = right.imshow(100 * found.high.numpy(), vmin=0, vmax=60, origin="lower", aspect="auto", cmap="cividis")
    for (i, j), share in zip(
        torch.cartesian_prod(*map(torch.arange, found.high.shape)), found.high.flatten(), strict=True
    ):
        right.text(j, i, f"{share:.0%}"[:-1], ha="center", va="center", color="black" if share > 0.3 else "white")
    figure.colorbar(image, ax=right, label="ends in the deep well / %")
    right.grid(False)
    right.set(
        xticks=range(len(LRS)),
        xticklabels=[f"{lr:g}".lstrip("0") for lr in LRS],
        yticks=range(len(ALPHAS)),
        yticklabels=ALPHAS,
    )
    right.set(xlabel="learning rate η", ylabel="momentum α", title="Random starts above the pass")
    right.tick_params(axis="x", labelsize=9.5)
    numbers = _numbers(found)
    caption = (
        f"Share of {STARTS} random starts on the shallow side that end in the deep well. From above the pass: momentum "
        f"(η = 0.02, α = 0.9) {numbers['momentum, η = 0.02, α = 0.9, from above the pass']:.0%}, plain descent none up "
        f"to η = 0.05 and {numbers['plain, η = 0.2']:.0%} at η = 0.2, where its long steps jump over the ridge. From "
        f"below the pass: none up to η = 0.05, whatever α. (Top right, up to {found.lost.max():.0%} diverge.)"
    )
    alt = (
        "Left: level lines of two wells. From the same start high on the right, plain descent stops in the near, "
        "shallow well; momentum shoots over the pass into the deep one. Right: a map over learning rate and momentum "
        "of how often the deep well is reached: zero in the corner of small rates and little momentum, about 40 "
        "per cent in a band beyond it, in no simple order."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    return bisect_left((0.0, 0.2), numbers["any α, η ≤ 0.05, from below the pass"])


def _told(numbers: Numbers) -> str:
    below = numbers["any α, η ≤ 0.05, from below the pass"]
    above = numbers["momentum, η = 0.02, α = 0.9, from above the pass"]
    return (
        f"From below the pass {below:.0%}, whatever α up to {max(ALPHAS):g}; from above it {above:.0%} with η = 0.02 "
        "and α = 0.9. The ball rolls on, it does not climb out."
    )


PREDICTION = Prediction(
    "Starts on the shallow side that lie lower than the pass, small steps (η ≤ 0.05). With the best α, how many of "
    "them does momentum carry into the deep well?",
    ("none", "a few: up to 20 %", "many: more than 20 %"),
    _answer,
    _told,
)


LOCAL_MINIMUM = Effect(
    "descent.local_minimum",
    "Plain gradient descent with small steps (η ≤ 0.05) stays in the well where it starts. Momentum rolls on: with "
    "α = 0.9 and η = 0.02 more than 30 % of the starts that lie above the pass cross it. It does not climb out of a "
    "well: while η ≤ 0.05, no start from below the pass crosses, at any α. And long steps alone jump across, too: "
    "plain descent does so at η = 0.2.",
    run,
    holds,
    draw,
    seconds=0.3,
    prediction=PREDICTION,
)
