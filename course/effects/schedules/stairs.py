"""Why a loss curve looks like stairs: each drop of the rate lets the loss fall once more."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import cnn, cnn_weights, lanes, small_fruit, table, train
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.schedules import constant, step_decay

LR, ALPHA, EVERY, STEPS, STARTS, BATCH = 0.2, 0.9, 160, 480, 8, 32
DROPS = (EVERY, 2 * EVERY)
WINDOW, SETTLE = 50, 10  # steps before a drop, and as many after it, the first ten left out


def _experiment(seed: int) -> Tensor:
    """Loss of each step's batch, mean over the starts: (constant or step, steps)."""
    generator = torch.Generator().manual_seed(seed)
    starts = lanes(cnn_weights(STARTS, generator), 2)
    rates = table([lambda t: constant(t, LR), lambda t: step_decay(t, LR, EVERY)], STEPS, STARTS)
    _, losses = train(cnn, starts, small_fruit("train", 2000), rates, BATCH, generator, ALPHA)
    return losses.view(STEPS, 2, STARTS).mean(2).T


def _numbers(losses: Tensor) -> Numbers:
    found: Numbers = {}
    for name, drop in zip(("first", "second"), DROPS, strict=True):
        before = losses[:, drop - WINDOW : drop].mean(1)
        after = losses[:, drop + SETTLE : drop + SETTLE + WINDOW].mean(1)
        level, step = (after / before).tolist()
        found |= {f"loss after / before, {name} drop": step, f"the same, constant rate, {name} drop": level}
    level, step = losses[:, -WINDOW:].mean(1).tolist()
    return found | {"loss at the end, constant": level, "loss at the end, step": step}


def run(seed: int) -> Numbers:
    """The loss around the two drops, and what it does meanwhile at a constant rate; the loss at the end."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: it falls behind the constant rate at both drops, and ends a quarter lower; it falls in the mean."""
    drops = ("first drop", "second drop")
    falls = [sum(r[f"loss after / before, {drop}"] for r in rows) / len(rows) for drop in drops]
    return max(falls) < 0.98 and all(
        r[f"loss after / before, {drop}"] < most * r[f"the same, constant rate, {drop}"]
        and r["loss at the end, step"] < 0.75 * r["loss at the end, constant"]
        for r in rows
        for drop, most in zip(drops, (0.95, 0.98), strict=True)
    )


def draw(seed: int) -> Picture:
    """The rate, and the loss that goes with it."""
    losses = _experiment(seed)
    found = _numbers(losses)
    figure, (left, right) = canvas(widths=[1, 1.9])
    time = range(STEPS)
    left.plot(time, [constant(t, LR) for t in time], "--", color=VERMILLION)
    left.plot(time, [step_decay(t, LR, EVERY) for t in time], color=BLUE)
    left.set(xlabel="step", ylabel="learning rate η", title="The rate", ylim=(0, 1.15 * LR))
    window = 16
    mean = losses.unfold(1, window, 1).mean(2)
    for row, smooth, color, style in zip(losses, mean, (VERMILLION, BLUE), ("--", "-"), strict=True):
        right.plot(row, color=color, lw=0.6, alpha=0.3)
        right.plot(range(window // 2, window // 2 + len(smooth)), smooth, style, color=color)
    for drop in DROPS:
        right.axvline(drop, color=GREY, ls=":", lw=1.2)
    right.set(xlabel="step", ylabel="loss of the batch", title="The loss", ylim=(0, 1.2))
    label(right, 330, mean[0, 330:].max().item() + 0.14, "constant", VERMILLION)
    label(right, 330, mean[1, 330:].min().item() - 0.05, "to a third, twice", BLUE)
    caption = (
        f"Fruit, a small network, momentum {ALPHA}, the mean of {STARTS} starts; thick lines are running means of "
        f"{window} steps. From the {WINDOW} steps before a drop to {WINDOW} steps after it the loss changes by "
        f"{found['loss after / before, first drop'] - 1:+.0%} at the first drop (constant rate: "
        f"{found['the same, constant rate, first drop'] - 1:+.0%}) and by "
        f"{found['loss after / before, second drop'] - 1:+.0%} at the second (constant: "
        f"{found['the same, constant rate, second drop'] - 1:+.0%}). At the end it is "
        f"{found['loss at the end, step']:.2f} against {found['loss at the end, constant']:.2f}."
    )
    alt = (
        "Left: a constant learning rate, and one that drops to a third after 160 and again after 320 steps. Right: the "
        "training loss of both. They coincide up to the first drop; there the one with drops falls at once, like a "
        "stair, and stays clearly below the constant one. The second stair is smaller."
    )
    return Picture(figure, alt, caption)


STAIRS = Effect(
    "schedules.stairs",
    "A network learns fruit at a large rate. When the rate drops to a third, and when it drops again, the training "
    "loss falls within 60 steps, by some 10 % more than on the same batches at a constant rate. At the end it is at "
    "least a quarter lower than with the constant rate.",
    run,
    holds,
    draw,
    seconds=2.0,
)
