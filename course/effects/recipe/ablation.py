"""The ablation table: from plain SGD to the whole recipe, one strategy after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import (
    Weights,
    cnn,
    cnn_weights,
    lane_accuracies,
    lane_losses,
    normed_cnn,
    normed_scores,
    small_fruit,
    train,
)
from course.effects.picture import BLUE, GREY, Picture, canvas
from course.effects.recipe.strategies import LADDER, Average, Setting, flip_and_crop, smoothed_losses
from course.schedules import cosine_decay

PICTURES, TEST, STEPS, BATCH, STARTS, RATE, ALPHA = 300, 1000, 250, 30, 1, 0.1, 0.9


def _trained(setting: Setting, start: Weights, seed: int) -> tuple[Weights, Weights]:
    """Train with these strategies: the weights at the end, and their average."""
    generator, dice = (torch.Generator().manual_seed(seed + k) for k in range(2))
    base = normed_cnn if setting.norm else cnn

    def network(weights: Weights, pictures: Tensor) -> Tensor:
        return base(weights, flip_and_crop(pictures, dice) if setting.augment else pictures)

    top = RATE / 3 if setting.momentum else RATE  # with momentum the steps get longer
    rates = torch.tensor([cosine_decay(t, top, STEPS) if setting.schedule else top for t in range(STEPS)])
    average = Average()
    weights, _ = train(
        network,
        start,
        small_fruit("train", PICTURES),
        rates[:, None].expand(-1, STARTS),
        BATCH,
        generator,
        ALPHA if setting.momentum else 0.0,
        watch=average,
        loss=smoothed_losses if setting.smooth else lane_losses,
    )
    return weights, average.weights


def _accuracy(setting: Setting, weights: Weights) -> float:
    """Share of right answers on new pictures."""
    (x, _), (test, labels) = small_fruit("train", PICTURES), small_fruit("test", TEST)
    with torch.no_grad():
        scores = normed_scores(weights, test, x) if setting.norm else cnn(weights, test)
    return lane_accuracies(scores, labels).mean().item()


def run(seed: int) -> Numbers:
    """Accuracy after each strategy, of the whole against the baseline, and of some rows against the one before."""
    start = cnn_weights(STARTS, torch.Generator().manual_seed(seed), channels=(16, 32))
    runs: dict[Setting, tuple[Weights, Weights]] = {}
    found = {}
    for name, setting in LADDER:
        training = replace(setting, average=False)  # an average changes nothing about the training
        runs[training] = runs.get(training) or _trained(training, start, seed)
        found[name] = _accuracy(setting, runs[training][setting.average])
    names, unaveraged = list(found), replace(LADDER[-1][1], average=False)
    return {
        **found,
        "whole recipe − plain SGD": found[names[-1]] - found[names[0]],
        "flip & crop": found["+ flip & crop"] - found["+ batch norm"],
        "label smoothing": found["+ label smoothing"] - found["+ flip & crop"],
        "average of weights": found["+ average of weights"] - found["+ label smoothing"],
        "falling rate": found["+ falling rate"] - found["+ average of weights"],
        "falling rate, no average": _accuracy(unaveraged, runs[unaveraged][0]) - found["+ label smoothing"],
    }


def holds(rows: Sequence[Numbers]) -> bool:
    """The whole and the average are ahead in the mean; the other rows vary; the last one gains next to nothing."""

    def mean(name: str) -> float:
        return sum(r[name] for r in rows) / len(rows)

    return (
        all(
            -0.04 < r["whole recipe − plain SGD"] < 0.2
            and -0.09 < r["flip & crop"] < 0.13
            and abs(r["label smoothing"]) < 0.1
            and -0.02 < r["average of weights"] < 0.13
            and -0.05 < r["falling rate"] < 0.03
            and -0.08 < r["falling rate, no average"] < 0.12
            for r in rows
        )
        and mean("whole recipe − plain SGD") > 0.02
        and mean("average of weights") > 0
        and mean("falling rate") < 0.01
    )


def draw(seed: int) -> Picture:
    """One dot per row of the table."""
    n = run(seed)
    names = [name for name, _ in LADDER]
    shares = [100 * n[name] for name in names]
    figure, (axes,) = canvas(1)
    places = range(len(names))[::-1]
    axes.plot(shares, places, "-", color=GREY, lw=1)
    axes.scatter(shares, places, s=80, color=[GREY] + [BLUE] * (len(names) - 1), zorder=3)
    for place, share, before in zip(places, shares, [None, *shares], strict=False):
        change = "" if before is None else f"  ({share - before:+.1f})".replace("-", "−")
        axes.text(share + 0.8, place, f"{share:.1f}{change}", va="center", fontsize=10)
    axes.set_yticks(places, labels=names)
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="right on new pictures / %", xlim=(65, 95))
    axes.set_title(f"{PICTURES} pictures of fruit, {STEPS} steps: one strategy after the other")
    caption = (
        f"The same start in each row, the same order of batches. From {shares[0]:.1f} % to {shares[-1]:.1f} %. "
        "In brackets: the change against the row above, in points. It depends on the order in which strategies are "
        f"added: without the average, the falling rate would change {100 * n['falling rate, no average']:+.1f}."
    )
    alt = (
        "A dot for each row: plain SGD, then with momentum, batch norm, flip and crop, label smoothing, average of "
        "weights and falling rate added one after the other. The whole recipe is ahead of plain SGD; most of the way "
        "is due to a few of the rows, and the last one adds little or nothing."
    )
    return Picture(figure, alt, caption)


ABLATION = Effect(
    "recipe.ablation",
    "With 300 pictures of fruit the whole recipe (momentum, batch norm, flip & crop, label smoothing, average of "
    "weights, falling rate) is ahead of plain SGD by more than two points in the mean over runs. What a single row "
    "adds varies from run to run by more than it is large: flip & crop from −9 to +13 points, label smoothing from −10 "
    "to +10. The average of weights gains in the mean and costs no run more than two points. A falling rate on top of "
    "it does not help: it gains less than one point in the mean, and in no run more than three.",
    run,
    holds,
    draw,
    seconds=5.0,
)
