"""Dropout, measured: with wrong labels, and with right ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import flat_digits, lane_accuracies, lanes, mlp, mlp_weights, train
from course.effects.picture import BLUE, VERMILLION, Picture, canvas, label
from course.effects.regularization.common import some_digits
from course.regularization import dropout

SHARES = (0.0, 0.2, 0.5, 0.8)
N, WRONG, HIDDEN, STEPS, BATCH, RATE, ALPHA = 300, 0.3, 128, 500, 30, 0.02, 0.9


class _Run(NamedTuple):
    training: Tensor  # accuracy on the training set by its own labels, for each p
    test: Tensor


def _train(wrong: float, seed: int) -> _Run:
    """One network for each p, all from the same start and on the same batches."""
    generator = torch.Generator().manual_seed(seed)
    data = some_digits(N, wrong, generator)
    start = lanes(mlp_weights(1, (64, HIDDEN, 10), generator), len(SHARES))

    def dropping(weights: list[Tensor], x: Tensor) -> Tensor:
        hidden = torch.baddbmm(weights[1][:, None], x.expand(len(SHARES), *x.shape), weights[0]).relu()
        hidden = torch.stack([dropout(h, p, True, generator) for h, p in zip(hidden, SHARES, strict=True)])
        return torch.baddbmm(weights[3][:, None], hidden, weights[2])

    rates = torch.full((STEPS, len(SHARES)), RATE)
    weights, _ = train(dropping, start, data, rates, BATCH, generator, ALPHA)
    test, labels = flat_digits("test")
    return _Run(lane_accuracies(mlp(weights, data[0]), data[1]), lane_accuracies(mlp(weights, test), labels))


def _experiment(seed: int) -> dict[str, _Run]:
    return {"wrong": _train(WRONG, seed), "right": _train(0.0, seed)}


def _numbers(found: dict[str, _Run]) -> Numbers:
    return {
        f"{kind}, {name} labels, p = {p:g}": values[i].item()
        for name, r in found.items()
        for kind, values in (("training", r.training), ("test", r.test))
        for i, p in enumerate(SHARES)
    }


def run(seed: int) -> Numbers:
    """Accuracy on the training set and on new digits for each p, with wrong labels and with right ones."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Wrong labels: p = 0.8 gains 3 points in every run, 6 in the mean, and learns fewer by heart; right: little."""

    def gain(row: Numbers, name: str, p: float) -> float:
        return row[f"test, {name} labels, p = {p:g}"] - row[f"test, {name} labels, p = 0"]

    def mean(name: str, p: float) -> float:
        return sum(gain(r, name, p) for r in rows) / len(rows)

    return (
        mean("wrong", 0.8) > 0.06
        and abs(mean("right", 0.5)) < 0.025
        and abs(mean("right", 0.8)) < 0.025
        and all(
            gain(r, "wrong", 0.8) > 0.03
            and abs(gain(r, "right", 0.5)) < 0.06
            and abs(gain(r, "right", 0.8)) < 0.06
            and r["training, wrong labels, p = 0.8"] < r["training, wrong labels, p = 0"] - 0.1
            and r["training, right labels, p = 0"] > 0.99
            for r in rows
        )
    )


def draw(seed: int) -> Picture:
    """Accuracy over p, training and test, with wrong labels and right ones."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, panels = canvas()
    titles = {"wrong": "30 % of the labels wrong", "right": "All labels right"}
    for axes, (name, r) in zip(panels, found.items(), strict=True):
        axes.plot(SHARES, 100 * r.training, "o--", color=BLUE, ms=6)
        axes.plot(SHARES, 100 * r.test, "s-", color=VERMILLION, ms=6)
        axes.set(xlabel="probability of dropping, p", ylabel="accuracy / %", title=titles[name], ylim=(50, 104))
        axes.set_xticks(SHARES)
    label(panels[0], 0.03, 90, "training set, its own labels", BLUE)
    label(panels[0], 0.03, 100 * found["wrong"].test[0].item() - 5, "new digits", VERMILLION)
    caption = (
        f"{N} digits, 64 → {HIDDEN} → 10, dropout on the hidden layer, {STEPS} steps. Right on new digits without "
        f"dropout and with p = 0.5 and 0.8: wrong labels {n['test, wrong labels, p = 0']:.1%}, "
        f"{n['test, wrong labels, p = 0.5']:.1%}, {n['test, wrong labels, p = 0.8']:.1%}; right labels "
        f"{n['test, right labels, p = 0']:.1%}, {n['test, right labels, p = 0.5']:.1%}, "
        f"{n['test, right labels, p = 0.8']:.1%}."
    )
    alt = (
        "Accuracy over the probability of dropping. Left, with 30 percent of the labels wrong: the more is dropped, "
        "the lower the accuracy on the training set and the higher that on new digits. Right, with all labels right: "
        "both curves are nearly level."
    )
    return Picture(figure, alt, caption)


DROPPING = Effect(
    "regularization.dropping",
    "With 300 digits, 30 % of them wrongly labelled, dropping 80 % of a hidden layer gains at least three points on "
    "new digits, six and more in the mean, as the network learns fewer wrong labels by heart. With right labels it "
    "matters little: p = 0.5 and p = 0.8 change the mean by less than 2.5 points.",
    run,
    holds,
    draw,
    seconds=1.5,
)
