"""When a warmup helps: at large rates with batch norm; hardly at small ones, or without batch norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import (
    Network,
    cnn,
    cnn_weights,
    lane_accuracies,
    lanes,
    normed_cnn,
    normed_scores,
    small_fruit,
    table,
    train,
)
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.schedules import Schedule, constant, linear_warmup

WARMUP, STEPS, STARTS, BATCH = 50, 200, 3, 32
RATES: dict[Network, tuple[float, ...]] = {normed_cnn: (0.1, 0.3, 1.0, 3.0), cnn: (0.1, 0.3, 1.0)}


def _pair(lr: float) -> tuple[Schedule, Schedule]:
    """Without and with warmup; time counts from 1, so that the first step moves."""
    return lambda t: constant(t, lr), lambda t: linear_warmup(t + 1, lr, WARMUP)


def _accuracies(network: Network, seed: int) -> Tensor:
    """On new pictures: (rates, without or with warmup, starts)."""
    generator = torch.Generator().manual_seed(seed)
    schedules = [schedule for lr in RATES[network] for schedule in _pair(lr)]
    starts = lanes(cnn_weights(STARTS, generator), len(schedules))
    x, y = small_fruit("train", 1000)
    weights, _ = train(network, starts, (x, y), table(schedules, STEPS, STARTS), BATCH, generator)
    test, labels = small_fruit("test", 1000)
    scores = normed_scores(weights, test, x[:500]) if network is normed_cnn else network(weights, test)
    return lane_accuracies(scores, labels).view(-1, 2, STARTS)


def _experiment(seed: int) -> dict[Network, Tensor]:
    return {network: _accuracies(network, seed) for network in RATES}


def _numbers(found: dict[Network, Tensor]) -> Numbers:
    numbers: Numbers = {}
    for network, name in ((normed_cnn, "batch norm"), (cnn, "plain")):
        for lr, (without, with_) in zip(RATES[network], found[network].mean(2).tolist(), strict=True):
            numbers |= {f"{name}, η = {lr:g}": without, f"{name}, η = {lr:g}, warmup": with_}
    best = found[normed_cnn].mean(2).amax(0).tolist()
    numbers |= {"batch norm, best": best[0], "batch norm, best, warmup": best[1]}
    return numbers


def run(seed: int) -> Numbers:
    """Accuracy on new pictures after 200 steps, mean over the starts."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: η = 3 with batch norm gains 10 points; small rates, and the best of all rates, gain nothing."""
    return all(
        r["batch norm, η = 3, warmup"] - r["batch norm, η = 3"] > 0.1
        and abs(r["batch norm, η = 0.1, warmup"] - r["batch norm, η = 0.1"]) < 0.03
        and abs(r["plain, η = 0.1, warmup"] - r["plain, η = 0.1"]) < 0.03
        and abs(r["batch norm, best, warmup"] - r["batch norm, best"]) < 0.03
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Accuracy against the rate, with and without warmup, for both networks."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure, axes = canvas()
    for axis, (network, shares), title in zip(
        axes, found.items(), ("With batch norm", "Without batch norm"), strict=True
    ):
        for shift, row, color, style in ((0.97, 0, VERMILLION, "s--"), (1.03, 1, BLUE, "o-")):
            rates = shift * torch.tensor(RATES[network])
            axis.semilogx(rates, 100 * shares[:, row].mean(1), style, color=color, ms=7)
            axis.plot(rates.repeat_interleave(STARTS), 100 * shares[:, row].flatten(), style[0], color=color, ms=4,
                      alpha=0.4, mew=0)  # fmt: skip
        axis.axhline(100 / 3, color=GREY, ls=":", lw=1.2)
        axis.set_xticks(RATES[network], labels=[f"{lr:g}" for lr in RATES[network]])
        axis.minorticks_off()
        axis.set(xlabel="learning rate η", title=title, ylim=(25, 90))
    axes[0].set_ylabel(f"accuracy after {STEPS} steps / %")
    label(axes[0], 0.11, 36, "guessing", GREY)
    label(axes[0], 0.11, 70, f"with a warmup of {WARMUP} steps", BLUE, ha="left")
    label(axes[0], 0.62, 52, "without", VERMILLION, ha="left")
    caption = (
        f"Fruit, {STEPS} steps; small marks are {STARTS} starts, large ones their means. With batch norm a warmup of "
        f"{WARMUP} steps changes the accuracy from {numbers['batch norm, η = 0.1']:.0%} to "
        f"{numbers['batch norm, η = 0.1, warmup']:.0%} at η = 0.1, from {numbers['batch norm, η = 1']:.0%} to "
        f"{numbers['batch norm, η = 1, warmup']:.0%} at η = 1 and from {numbers['batch norm, η = 3']:.0%} to "
        f"{numbers['batch norm, η = 3, warmup']:.0%} at η = 3. Without batch norm it changes it from "
        f"{numbers['plain, η = 0.3']:.0%} to {numbers['plain, η = 0.3, warmup']:.0%} at η = 0.3 and from "
        f"{numbers['plain, η = 1']:.0%} to {numbers['plain, η = 1, warmup']:.0%} at η = 1."
    )
    alt = (
        "Accuracy against the learning rate, with and without warmup. Left, with batch norm: at small rates the two "
        "curves coincide, at the largest one the network without warmup falls nearly to guessing while the one with "
        "warmup stays high. Right, without batch norm: the curves stay close together, and at the largest rate both "
        "fall, as a rule less with warmup."
    )
    return Picture(figure, alt, caption)


WARMUP_EFFECT = Effect(
    "schedules.warmup",
    "A warmup of 50 steps rescues large rates: a small network with batch norm learns fruit at η = 3 with it, and "
    "little or nothing without it. At small rates it makes no difference, and at its best rate the network does as "
    "well without a warmup as with one: what it buys is a wider range of rates that work.",
    run,
    holds,
    draw,
    seconds=3.0,
)
