"""How much of momentum is just a longer step: η/(1 − α) against η with momentum α."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course.data import digits
from course.descent import SGD, cross_entropy, gradient_descent, ravine
from course.effects.descent.common import softmax_classifier, steps_below
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, GREY, VERMILLION, Picture, canvas, label
from course.training import History, fit

LR, ALPHA, EPOCHS, BATCH = 0.003, 0.9, 8, 32
KAPPA, TOLERANCE, STARTS = 1000.0, 1e-4, 16
ROOT = math.sqrt(KAPPA)
# the best of each on a quadratic with curvatures 1 … κ: Polyak (1964)
PLAIN_LR, MOMENTUM_LR, MOMENTUM_ALPHA = 2 / (1 + KAPPA), 4 / (1 + ROOT) ** 2, ((ROOT - 1) / (ROOT + 1)) ** 2


def _curve(lr: float, alpha: float, seed: int) -> Tensor:
    """Loss over all training digits, every fifth step; the batches are the same for each η and α."""
    x, y = digits("train")
    generator = torch.Generator().manual_seed(seed)
    model = softmax_classifier(generator)
    losses = []

    @torch.no_grad()
    def record(history: History) -> None:
        if len(history.loss) % 5 == 0:
            losses.append(cross_entropy(model(x), y).item())

    optimizer = SGD(model.parameters(), lr, alpha)
    fit(
        model, (x, y), optimizer, epochs=EPOCHS, batch_size=BATCH, generator=generator,
        after_step=[record], progress=False,
    )  # fmt: skip
    return torch.tensor(losses)


def _digits(seed: int) -> dict[str, Tensor]:
    settings = {"momentum": (LR, ALPHA), "plain, η/(1 − α)": (LR / (1 - ALPHA), 0.0), "plain, η": (LR, 0.0)}
    return {name: _curve(*setting, seed) for name, setting in settings.items()}


def _ravine(seed: int) -> dict[str, Tensor]:
    """Distances to the minimum at κ = 1000, shape (steps + 1, starts)."""
    w = torch.randn(STARTS, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    w, loss = w / w.norm(dim=1, keepdim=True), ravine(KAPPA).loss
    return {
        "momentum": gradient_descent(loss, w, MOMENTUM_LR, 400, MOMENTUM_ALPHA).norm(dim=-1),
        "plain, best η": gradient_descent(loss, w, PLAIN_LR, 5500).norm(dim=-1),
        "plain, η/(1 − α)": gradient_descent(loss, w, MOMENTUM_LR / (1 - MOMENTUM_ALPHA), 60).norm(dim=-1),
    }


def _numbers(curves: dict[str, Tensor], distances: dict[str, Tensor]) -> Numbers:
    momentum, longer, same = curves.values()
    steps = {name: steps_below(d, TOLERANCE).double().mean().item() for name, d in distances.items()}
    return {
        "digits: largest gap to plain at η/(1 − α)": (momentum - longer).abs().max().item(),
        "digits: largest gap to plain at η": (momentum - same).abs().max().item(),
        "κ = 1000: steps, momentum": steps["momentum"],
        "κ = 1000: steps, plain": steps["plain, best η"],
        "κ = 1000: plain at η/(1 − α) grows by": distances["plain, η/(1 − α)"][20].median().item(),
    }


def run(seed: int) -> Numbers:
    """Gaps between loss curves on the digits; steps to the tolerance in the steep ravine."""
    return _numbers(_digits(seed), _ravine(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: the curves coincide within 0.07 nats; in the ravine momentum is over ten times faster."""
    return all(
        r["digits: largest gap to plain at η/(1 − α)"] < 0.07
        and r["digits: largest gap to plain at η"] > 0.5
        and r["κ = 1000: steps, plain"] > 10 * r["κ = 1000: steps, momentum"]
        and r["κ = 1000: plain at η/(1 − α) grows by"] > 1e6
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Left the digits, where a longer step does the same; right the ravine, where it cannot be taken."""
    curves, distances = _digits(seed), _ravine(seed)
    found = _numbers(curves, distances)
    figure, (left, right) = canvas()
    looks = {"momentum": (BLUE, "-"), "plain, η/(1 − α)": (VERMILLION, "--")}
    looks |= {"plain, η": (GREEN, "-."), "plain, best η": (GREEN, "-.")}
    for name, curve in curves.items():
        left.plot(5 * torch.arange(1, len(curve) + 1), curve, looks[name][1], color=looks[name][0])
    label(left, 8, 1.2, f"momentum, η = {LR:g}, α = {ALPHA:g}", BLUE, ha="left")
    label(left, 8, 1.06, f"plain, η/(1 − α) = {LR / (1 - ALPHA):.2g}", VERMILLION, ha="left")
    label(left, 150, 2.31, f"plain, η = {LR:g}", GREEN)
    left.set(xlabel="step", ylabel="loss over all training samples", title="Digits: the longer step does the same")
    left.set(ylim=(0.9, 2.45))
    for name, d in distances.items():
        right.loglog(range(1, len(d)), d[1:].median(1).values, looks[name][1], color=looks[name][0])
    right.axhline(TOLERANCE, color=GREY, ls=":")
    right.set(xlabel="step", ylabel="distance to the minimum", ylim=(1e-6, 1e4), xlim=(1, 5500))
    label(right, 1.2, 1e-3, f"momentum\nη = {MOMENTUM_LR:.4f}\nα = {MOMENTUM_ALPHA:.2f}", BLUE)
    label(right, 6, 300, f"plain, η/(1 − α) = {MOMENTUM_LR / (1 - MOMENTUM_ALPHA):.3f}", VERMILLION)
    label(right, 110, 4, f"plain, best η = {PLAIN_LR:.4f}", GREEN)
    right.set_title("Ravine, κ = 1000: it cannot be taken")
    caption = (
        f"Digits: the curves of momentum and of plain SGD at η/(1 − α) are never further apart than "
        f"{found['digits: largest gap to plain at η/(1 − α)']:.3f}; plain SGD at the same η is up to "
        f"{found['digits: largest gap to plain at η']:.2f} behind. Ravine: {found['κ = 1000: steps, momentum']:.0f} "
        f"steps with momentum, {found['κ = 1000: steps, plain']:.0f} without; at η/(1 − α) plain descent diverges."
    )
    alt = (
        "Left: loss on the digits over 280 steps. Momentum at a small rate and plain SGD at ten times that rate give "
        "the same falling curve; plain SGD at the small rate lags far behind. Right: distance to the minimum of a very "
        "long ravine. Momentum arrives after some 230 steps, plain descent at its best rate after 4 600, and plain "
        "descent at the rate that momentum stands for shoots upwards within a few steps."
    )
    return Picture(figure, alt, caption)


EFFECTIVE_RATE = Effect(
    "descent.effective_rate",
    "While steps are short, momentum α does what plain descent does at the rate η/(1 − α): on the digits at η = 0.003 "
    "the two loss curves stay within 0.07 of each other, so there the gain is only a longer step. Momentum wins for "
    "good where that longer step cannot be taken: at κ = 1000 plain descent diverges at η/(1 − α), and at its own best "
    "rate needs over ten times as many steps.",
    run,
    holds,
    draw,
    seconds=1.0,
)
