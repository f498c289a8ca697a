"""Batch × k, rate × k, in training: as good up to some batch size, and then not at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers, Prediction
from course.effects.lanes import flat_digits, lane_accuracies, lanes, mlp, mlp_weights, train
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.schedules import scale_lr

SIZES = (10, 20, 50, 100, 200, 350, 500, 1000)
LR, EPOCHS, STARTS, WIDTHS = 0.02, 10, 4, (64, 32, 32, 10)
HOLDS, BROKEN = 200, 1000  # the rule keeps the accuracy up to the one, and fails at the other


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Tensor:
    """Accuracy on the test digits, mean over the starts: (rate fixed or scaled, batch size)."""
    x, y = flat_digits("train")
    generator = torch.Generator().manual_seed(seed)
    starts = lanes(mlp_weights(STARTS, WIDTHS, generator), 2)
    found = []
    for size in SIZES:
        rates = torch.tensor([LR, scale_lr(LR, SIZES[0], size)]).repeat_interleave(STARTS)
        weights, _ = train(mlp, starts, (x, y), rates.expand(EPOCHS * (len(x) // size), -1), size, generator)
        test, labels = flat_digits("test")
        found.append(lane_accuracies(mlp(weights, test), labels).view(2, STARTS).mean(1))
    return torch.stack(found, 1)


def _numbers(found: Tensor) -> Numbers:
    fixed, scaled = found.tolist()
    at = {size: i for i, size in enumerate(SIZES)}
    return {
        "B = 10": scaled[0],
        f"scaled, B = 20 to {HOLDS}, the worst": min(scaled[1 : at[HOLDS] + 1]),
        f"fixed, B = {HOLDS}": fixed[at[HOLDS]],
        "scaled, B = 350": scaled[at[350]],
        "scaled, B = 500": scaled[at[500]],
        f"scaled, B = {BROKEN}": scaled[at[BROKEN]],
        f"fixed, B = {BROKEN}": fixed[at[BROKEN]],
    }


def run(seed: int) -> Numbers:
    """Test accuracy after ten passes over the digits, with the rate fixed and scaled."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: scaled within 5 points up to B = 200, where fixed loses 20; broken at 1000, where fixed is poor."""
    return all(
        r["B = 10"] > 0.85
        and abs(r[f"scaled, B = 20 to {HOLDS}, the worst"] - r["B = 10"]) < 0.05
        and r[f"fixed, B = {HOLDS}"] < r["B = 10"] - 0.2
        and r["scaled, B = 500"] < r["B = 10"] - 0.1
        and r[f"scaled, B = {BROKEN}"] < 0.2
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Accuracy against the batch size, both ways."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure, (axes,) = canvas(1)
    for row, color, style in zip(100 * found, (VERMILLION, BLUE), ("s--", "o-"), strict=True):
        axes.semilogx(SIZES, row, style, color=color, ms=7)
    axes.axvspan(SIZES[0], HOLDS, color=GREY, alpha=0.07, lw=0)
    axes.axhline(10, color=GREY, ls=":", lw=1.2)
    label(axes, 11, 13.5, "guessing", GREY)
    label(axes, 30, 94, f"rate ∝ batch: η = {LR:g} · B/{SIZES[0]}", BLUE)
    label(axes, 30, 62, f"rate fixed: η = {LR:g}", VERMILLION)
    axes.set_xticks(SIZES, labels=[f"{size}\n{EPOCHS * (1097 // size)}" for size in SIZES])
    axes.minorticks_off()
    axes.set(xlabel="batch size B, and below it the number of steps", ylabel="test accuracy / %", ylim=(0, 100))
    axes.set_title(f"Digits, {EPOCHS} epochs each")
    caption = (
        f"Digits, a network with two hidden layers of 32, {EPOCHS} epochs at every batch size, {STARTS} starts. "
        f"Accuracy at B = {SIZES[0]}: {numbers['B = 10']:.1%}. With the rate scaled it is "
        f"{numbers[f'scaled, B = 20 to {HOLDS}, the worst']:.1%} or more up to B = {HOLDS}, where the fixed rate has "
        f"fallen to {numbers[f'fixed, B = {HOLDS}']:.1%}. Then the rule breaks down: {numbers['scaled, B = 350']:.1%} "
        f"at B = 350 (η = {scale_lr(LR, 10, 350):g}), {numbers['scaled, B = 500']:.1%} at 500 and "
        f"{numbers[f'scaled, B = {BROKEN}']:.1%} at {BROKEN} (η = {scale_lr(LR, 10, BROKEN):g})."
    )
    alt = (
        "Test accuracy against the batch size from 10 to 1000, on a log axis. With a fixed rate the accuracy falls "
        "steadily, since there are ever fewer steps. With the rate scaled in proportion it stays level up to a batch "
        "of 200 (shaded), falls a little at 350 and steeply after that, to guessing at 1000."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    small, large = numbers["B = 10"], numbers[f"scaled, B = {BROKEN}"]
    return 0 if large > small - 0.05 else 1 if large > 0.3 else 2


def _told(numbers: Numbers) -> str:
    small, worst, middle, large = (
        numbers[name]
        for name in ("B = 10", f"scaled, B = 20 to {HOLDS}, the worst", "scaled, B = 500", f"scaled, B = {BROKEN}")
    )
    return (
        f"{small:.0%} at B = 10, {worst:.0%} or more up to B = {HOLDS}, {middle:.0%} at 500, {large:.0%} at {BROKEN}: "
        "the rule is a good one, until the steps are too long."
    )


PREDICTION = Prediction(
    f"A network learns digits with B = 10 and a good rate. Now B = {BROKEN}, and by the rule a rate that is 100 times "
    "as large; the same number of epochs. How many new digits are right?",
    ("about as many as with B = 10", "some points fewer", "hardly more than by guessing"),
    _answer,
    _told,
)


LINEAR_SCALING = Effect(
    "schedules.linear_scaling",
    "With the same number of epochs, a larger batch means fewer steps. If the rate stays as it is, accuracy falls "
    "with the batch size; if it grows in proportion, a small network on the digits keeps its accuracy from B = 10 "
    "to B = 200 (within 5 points), a twentieth of the steps. Then the rule breaks: at B = 500 over 10 points are "
    "lost, and at B = 1000, where the rate would have to be 100 times as large, it hardly does better than "
    "guessing.",
    run,
    holds,
    draw,
    seconds=1.2,
    prediction=PREDICTION,
)
