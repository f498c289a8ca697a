"""Loss curves on real digits: all samples per step, or mini-batches; without and with momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from course.data import digits
from course.descent import SGD, cross_entropy
from course.effects.descent.common import softmax_classifier, steps_below
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION, Picture, canvas, label
from course.training import History, fit

LEVEL, BATCH, ALPHA = 0.3, 32, 0.9


class _Method(NamedTuple):
    batch: int | None  # None: all samples
    alpha: float
    epochs: int
    lrs: tuple[float, ...]  # to choose from
    color: str
    line: str


METHODS = {
    "all samples": _Method(None, 0.0, 40, (1.5, 2, 2.5, 3, 4), VERMILLION, "--"),
    "all samples, momentum": _Method(None, ALPHA, 15, (1, 1.5, 2, 3, 4), PINK, "-."),
    "mini-batches": _Method(BATCH, 0.0, 4, (0.5, 0.7, 1, 1.5, 2), BLUE, "-"),
    "mini-batches, momentum": _Method(BATCH, ALPHA, 3, (0.1, 0.2, 0.3, 0.5, 0.7), GREEN, ":"),
}


class _Curve(NamedTuple):
    lr: float
    seen: list[float]  # samples seen before each step, in epochs
    full: list[float]  # loss over all training samples before each step
    batch: list[float]  # loss over the batch of each step

    @property
    def needed(self) -> float:
        """Epochs until the full loss stays at or below the level; inf if it climbs on the way, or never does."""
        steps = int(steps_below(torch.tensor(self.full), LEVEL))
        climbed = not max(self.full) <= 1.1 * self.full[0]
        return math.inf if climbed or steps == len(self.seen) else self.seen[steps]

    @property
    def jitter(self) -> float:
        """How far the batch's loss strays from the full loss: root mean square over the second half."""
        half = len(self.full) // 2
        pairs = list(zip(self.full, self.batch, strict=True))[half:]
        return math.sqrt(sum((a - b) ** 2 for a, b in pairs) / len(pairs))


def _curve(method: _Method, lr: float, seed: int) -> _Curve:
    x, y = digits("train")
    generator = torch.Generator().manual_seed(seed)
    model = softmax_classifier(generator)
    full = [cross_entropy(model(x), y).item()]

    @torch.no_grad()
    def record(_: History) -> None:
        full.append(cross_entropy(model(x), y).item())

    history = fit(
        model,
        (x, y),
        SGD(model.parameters(), lr, method.alpha),
        epochs=method.epochs,
        batch_size=method.batch or len(x),
        generator=generator,
        after_step=[record],
        progress=False,
        divergence="record",
    )
    per_epoch = math.ceil(len(x) / (method.batch or len(x)))
    seen = [step / per_epoch for step in range(len(history.loss))]
    return _Curve(lr, seen, full[: len(seen)], history.loss)


def _experiment(seed: int) -> dict[str, _Curve]:
    """Each method at the rate that reaches the level first, of those at which the loss never climbs at first."""
    return {
        name: min((_curve(method, lr, seed) for lr in method.lrs), key=lambda c: c.needed)
        for name, method in METHODS.items()
    }


def _numbers(curves: dict[str, _Curve]) -> Numbers:
    found = {f"epochs to {LEVEL}, {name}": curve.needed for name, curve in curves.items()}
    found |= {f"η, {name}": curve.lr for name, curve in curves.items()}
    return found | {
        "jitter, mini-batches": curves["mini-batches"].jitter,
        "jitter, mini-batches, momentum": curves["mini-batches, momentum"].jitter,
    }


def run(seed: int) -> Numbers:
    """Passes over the data until the training loss reaches 0.3, each method at its best learning rate."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: momentum saves full batches half or more; mini-batches beat that; momentum helps those, too."""
    every = [[row[f"epochs to {LEVEL}, {name}"] for name in METHODS] for row in rows]
    return all(
        full > 2 * full_momentum and full_momentum > 1.3 * mini and mini > 1.4 * mini_momentum
        for full, full_momentum, mini, mini_momentum in every
    )


def draw(seed: int) -> Picture:
    """Training loss against samples seen; and what the loss of each batch looks like meanwhile."""
    curves = _experiment(seed)
    figure, (left, right) = canvas()
    spots = {"all samples": (10, 1.3), "all samples, momentum": (1.15, 2.25)}
    spots |= {"mini-batches": (0.13, 2.0), "mini-batches, momentum": (0.034, 0.15)}
    for name, curve in curves.items():
        method = METHODS[name]
        left.semilogx(curve.seen[1:], curve.full[1:], method.line, color=method.color)
        left.plot(curve.needed, LEVEL, "o", color=method.color, ms=8)
        label(left, *spots[name], name.replace("mini-batches, ", "mini-batches,\n"), method.color)
    left.axhline(LEVEL, color=GREY, lw=1)
    left.set(xlabel="samples seen / epochs", ylabel="loss over all training samples", ylim=(0, 2.5))
    left.set_xticks((0.03, 0.1, 0.3, 1, 3, 10, 30), labels=("0.03", "0.1", "0.3", "1", "3", "10", "30"))
    left.minorticks_off()
    left.set_title(f"The way to a loss of {LEVEL} (dots)")
    mini, full = curves["mini-batches"], curves["all samples, momentum"]
    right.plot(mini.batch, color=BLUE, lw=1)
    right.plot(mini.full, color="black", lw=2)
    right.plot(full.full, "-.", color=PINK)
    label(right, 30, 1.45, "mini-batches: the batch's loss", BLUE)
    label(right, 30, 1.25, "and the loss over all samples", "black")
    label(right, 16, 0.1, "all samples, momentum", PINK)
    right.set(xlabel="step", ylabel="loss", title="What each step sees", ylim=(0, 2.5), xlim=(0, 70))
    caption = (
        f"Digits, linear softmax, B = {BATCH}, α = {ALPHA}. Passes over the data until the training loss stays at or "
        f"below {LEVEL}, each method at the best of five rates: "
        + "; ".join(f"{name} {curve.needed:.2g} (η = {curve.lr:g})" for name, curve in curves.items())
        + f". The loss of a batch strays from that of all samples by {mini.jitter:.2f}."
    )
    alt = (
        "Left: training loss against samples seen, on a log axis. Four curves reach 0.3 one after the other: "
        "mini-batches with momentum before one pass over the data, mini-batches after one to two passes, all samples "
        "with momentum after about six, all samples without after about 25. Right: the loss of single batches "
        "is a ragged line around the loss over all samples; with all samples in each step the curve is smooth."
    )
    return Picture(figure, alt, caption)


DIGITS_CURVES = Effect(
    "descent.digits_curves",
    "On the digits, mini-batches reach a training loss of 0.3 after far fewer passes over the data than gradient "
    "descent on all samples, even with momentum, because they step 35 times a pass; their loss is ragged, since each "
    "batch is another sample. Momentum α = 0.9 more than halves the passes of full-batch descent and also speeds up "
    "mini-batches, each method at its best learning rate.",
    run,
    holds,
    draw,
    seconds=0.6,
)
