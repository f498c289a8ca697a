"""The rates at which a network learns from scratch, and those at which a pretrained one is fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from course.data import FREE, fruit
from course.effects.effect import Effect, Numbers
from course.effects.lanes import cnn, cnn_weights, lane_accuracies, lanes, small_fruit, table, train
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.schedules import cosine_decay

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
LARGE, SMALL, PRETRAINING, STEPS, BATCH, ALPHA, STARTS = 3000, 150, 500, 150, 30, 0.9, 3
NEAR = 0.02  # a rate is good if its accuracy is this close to the best


@cache
def _turned(split: str, n: int) -> tuple[Tensor, Tensor]:
    """The small task: fruit in any direction."""
    return fruit(split, n, size=16, variety=FREE, seed=7)


def _experiment(seed: int) -> Tensor:
    """Accuracy on new pictures of the small task, mean over the starts: (scratch or fine-tuned, rates)."""
    generator = torch.Generator().manual_seed(seed)
    decay = table([lambda t: cosine_decay(t, 0.1, PRETRAINING)], PRETRAINING, 1)
    start = cnn_weights(1, generator)
    pretrained, _ = train(cnn, start, small_fruit("train", LARGE), decay, 32, generator, ALPHA)
    scratch, fresh = cnn_weights(STARTS, generator), cnn_weights(STARTS, generator)
    tuned = lanes(pretrained[:-2], STARTS) + fresh[-2:]  # the last layer starts anew
    both = [torch.cat(pair) for pair in zip(lanes(scratch, len(RATES)), lanes(tuned, len(RATES)), strict=True)]
    rates = torch.tensor(RATES).repeat_interleave(STARTS).repeat(2)
    weights, _ = train(cnn, both, _turned("train", SMALL), rates.expand(STEPS, -1), BATCH, generator, ALPHA)
    test, labels = _turned("test", 1000)
    return lane_accuracies(cnn(weights, test), labels).view(2, len(RATES), STARTS).mean(2)


def _good(shares: Tensor) -> list[float]:
    """Rates whose accuracy is near the best."""
    return [rate for rate, share in zip(RATES, shares, strict=True) if share >= shares.max() - NEAR]


def _numbers(found: Tensor) -> Numbers:
    numbers: Numbers = {}
    for name, shares in zip(("scratch", "fine-tuned"), found, strict=True):
        good = torch.tensor(_good(shares))
        numbers |= {f"{name}: accuracy at best": shares.max().item(), f"{name}: good from": good.min().item()}
        numbers |= {f"{name}: good to": good.max().item()}
    gain = (found[1] - found[0]).tolist()
    return numbers | {f"gain at η = {rate:g}": gain[RATES.index(rate)] for rate in (0.001, 0.003, 0.1, 0.3)}


def run(seed: int) -> Numbers:
    """Best accuracy, the range of good rates, and what pretraining gains at each rate."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: pretraining gains, most at a small rate; good rates begin no higher, in the mean at half the rate."""

    def total(name: str) -> float:
        return sum(r[name] for r in rows)

    return (
        total("scratch: good from") > 2 * total("fine-tuned: good from")
        and total("gain at η = 0.3") < 0.6 * total("gain at η = 0.001")
        and all(
            r["fine-tuned: good from"] <= r["scratch: good from"]
            and r["fine-tuned: accuracy at best"] > r["scratch: accuracy at best"]
            and r["gain at η = 0.001"] > max(0.05, r["gain at η = 0.3"])
            for r in rows
        )
    )


def draw(seed: int) -> Picture:
    """Accuracy against the rate, both ways, with the ranges of good rates and the lecture's rules of thumb."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure, (axes,) = canvas(1)
    thumbs = ((0.01, 0.1), (0.001, 0.01))
    for row, (shares, color, style) in enumerate(zip(100 * found, (VERMILLION, BLUE), ("s--", "o-"), strict=True)):
        axes.semilogx(RATES, shares, style, color=color, ms=7)
        good = _good(found[row])
        axes.plot(
            good, [100 * found[row, RATES.index(rate)] for rate in good], style[0], color=color, ms=13, alpha=0.35
        )
        axes.plot(thumbs[row], [30.5 - 2.5 * row] * 2, "|-", color=color, lw=1.5, ms=9)
    axes.axhline(100 / 3, color=GREY, ls=":", lw=1.2)
    label(axes, 0.0045, 35, "guessing", GREY)
    label(axes, 0.00095, 29.2, "rules of thumb", GREY, ha="right")
    label(axes, 0.0009, 100 * found[1, 1].item() + 3, "fine-tuned", BLUE, ha="right")
    label(axes, 0.0017, 100 * found[0, 1].item(), "from scratch", VERMILLION)
    axes.set_xticks(RATES, labels=[f"{rate:g}" for rate in RATES])
    axes.minorticks_off()
    axes.set(xlabel="learning rate η", ylabel="accuracy on new pictures / %", ylim=(25, 90))
    axes.set_title(f"{SMALL} pictures of fruit in any direction, {STEPS} steps")
    ranges = [
        f"{name} {numbers[f'{name}: accuracy at best']:.1%}, good from η = {numbers[f'{name}: good from']:g} to "
        f"{numbers[f'{name}: good to']:g}"
        for name in ("scratch", "fine-tuned")
    ]
    caption = (
        f"Pretrained on {LARGE} other pictures of upright fruit, with a new last layer; momentum {ALPHA}, mean of "
        f"{STARTS} starts. Best accuracy, and the rates that come within {100 * NEAR:.0f} points of it (large marks): "
        + "; ".join(ranges)
        + f". Pretraining gains {100 * numbers['gain at η = 0.001']:.0f} points at η = 0.001 and "
        f"{100 * numbers['gain at η = 0.3']:.0f} at η = 0.3."
    )
    alt = (
        "Accuracy on a small task against the learning rate on a log axis, from scratch and fine-tuned. The fine-tuned "
        "network is clearly better at small and moderate rates, most so at small ones, and its range of good rates "
        "begins lower. At the largest rate both are poor. Below, the lecture's ranges: 0.01 to 0.1 "
        "from scratch, 0.001 to 0.01 for fine-tuning."
    )
    return Picture(figure, alt, caption)


FINE_TUNING = Effect(
    "schedules.fine_tuning",
    "A network that was pretrained on upright fruit learns to name fruit in any direction from 150 pictures better "
    "than one from scratch, and rates that are too small for training from scratch are good for it: its range of "
    "good rates begins lower, in the mean at less than half the rate. At the largest rate both "
    "break down, and what is left of the advantage varies widely.",
    run,
    holds,
    draw,
    seconds=2.4,
)
