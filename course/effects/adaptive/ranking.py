"""Four optimizers on one small network, without and with batch norm, each at its best rate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import fruit
from course.descent import minibatches
from course.effects.adaptive.common import LOOKS, accuracies, stacked_cross_entropy, train
from course.effects.effect import Effect, Numbers
from course.effects.picture import Picture, canvas

SIZE, STEPS, BATCH, STARTS = 16, 80, 32, 2
CHANNELS, STRIDES = (8, 8, 16, 16, 16), (2, 1, 2, 1, 2)
GRIDS = {
    "SGD": (0.1, 0.3, 1.0),
    "momentum": (0.01, 0.03, 0.1),
    "Adagrad": (0.01, 0.03, 0.1),
    "Adam": (0.003, 0.01, 0.03),
}
KINDS = ("without batch norm", "with batch norm")


class _Tuned(NamedTuple):
    validation: Tensor  # accuracy at each rate of the grid
    test: float  # accuracy at the best of them


@cache
def _fruit(split: str, n: int) -> tuple[Tensor, Tensor]:
    return fruit(split, n=n, size=SIZE)


def _weights(generator: torch.Generator, copies: int) -> list[Tensor]:
    """Five convolutions, each with a scale and a shift, and a linear layer; He initialisation; stacked copies."""
    weights, inputs = [], 3
    for outputs in CHANNELS:
        weights.append(torch.randn(outputs, inputs, 3, 3, generator=generator) * (2 / (9 * inputs)) ** 0.5)
        weights.append(torch.stack([torch.ones(outputs), torch.zeros(outputs)]))
        inputs = outputs
    inputs *= (SIZE // 8) ** 2
    weights += [torch.randn(inputs, 3, generator=generator) * (1 / inputs) ** 0.5, torch.zeros(3)]
    return [w.repeat(copies, *[1] * w.ndim) for w in weights]


def _logits(weights: Sequence[Tensor], x: Tensor, norm: bool) -> Tensor:
    """All copies at once, each with a group of channels of its own; (R, N, 3)."""
    copies, h = len(weights[0]), x - 0.5
    for w, affine, stride in zip(weights[:-2:2], weights[1:-2:2], STRIDES, strict=True):
        groups = 1 if h.shape[1] == 3 else copies  # the first layer sees the same picture in each copy
        h = F.conv2d(h, w.flatten(0, 1), stride=stride, padding=1, groups=groups)
        scale, shift = affine[:, 0].flatten(), affine[:, 1].flatten()
        h = F.batch_norm(h, None, None, scale, shift, training=True) if norm else h + shift[:, None, None]
        h = F.relu(h)
    features = h.reshape(len(x), copies, -1)
    return torch.einsum("nrd,rdk->rnk", features, weights[-2]) + weights[-1][:, None]


def _batches(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Full batches only, so that batch norm always has as many samples."""
    generator, (x, y), order = torch.Generator().manual_seed(seed), _fruit("train", 1000), list[Tensor]()
    while len(order) < STEPS:
        order += minibatches(len(x), BATCH, generator)[: len(x) // BATCH]
    return [(x[i], y[i]) for i in order[:STEPS]]


def _tune(name: str, norm: bool, seed: int) -> _Tuned:
    """Train at every rate from the same start on the same batches; the validation set chooses a rate."""
    lrs = torch.tensor(GRIDS[name])
    start = _weights(torch.Generator().manual_seed(seed), len(lrs))
    weights = train(name, start, lambda w, x, y: stacked_cross_entropy(_logits(w, x, norm), y), _batches(seed), lrs)
    with torch.no_grad():
        validation, test = (
            accuracies(_logits(weights, x, norm), y) for x, y in (_fruit("validation", 500), _fruit("test", 1500))
        )
    return _Tuned(validation, test[validation.argmax()].item())


def _experiment(seed: int) -> dict[str, dict[str, _Tuned]]:
    """Each optimizer, on both networks: means over the starts."""
    seeds = range(STARTS * seed, STARTS * (seed + 1))
    return {
        kind: {name: _together([_tune(name, norm, s) for s in seeds]) for name in LOOKS}
        for kind, norm in zip(KINDS, (False, True), strict=True)
    }


def _together(runs: Sequence[_Tuned]) -> _Tuned:
    validation = torch.stack([r.validation for r in runs]).mean(0)
    return _Tuned(validation, sum(r.test for r in runs) / len(runs))


def _numbers(found: dict[str, dict[str, _Tuned]]) -> Numbers:
    numbers: Numbers = {}
    for kind, row in found.items():
        numbers |= {f"accuracy, {name}, {kind}": tuned.test for name, tuned in row.items()}
        numbers[f"Adam − SGD, {kind}"] = row["Adam"].test - row["SGD"].test
        numbers[f"best − worst optimizer, {kind}"] = max(t.test for t in row.values()) - min(
            t.test for t in row.values()
        )
    return numbers


def run(seed: int) -> Numbers:
    """Test accuracy of each optimizer at its best rate, and by how much Adam leads."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Without batch norm Adam leads SGD in every run; with it, by less in the mean, and all are close."""
    plain, normed = (f"Adam − SGD, {kind}" for kind in KINDS)
    return all(
        r[plain] > 0.01 and abs(r[normed]) < 0.08 and r[f"best − worst optimizer, {KINDS[1]}"] < 0.08 for r in rows
    ) and _mean(rows, plain) > max(0.03, 1.5 * _mean(rows, normed))


def _mean(rows: Sequence[Numbers], name: str) -> float:
    return sum(r[name] for r in rows) / len(rows)


def draw(seed: int) -> Picture:
    """Accuracy over the rates, without and with batch norm."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, both = canvas()
    for axes, kind in zip(both, KINDS, strict=True):
        for name, (color, marker, line) in LOOKS.items():
            tuned = found[kind][name]
            axes.semilogx(GRIDS[name], 100 * tuned.validation, line, marker=marker, color=color, ms=6, label=name)
        axes.set(xlabel="learning rate η", ylabel="validation accuracy / %", ylim=(30, 90))
        axes.set_title(kind.capitalize())
    both[0].legend(loc="upper right", labelcolor="linecolor", handlelength=3)
    tests = (
        f"{kind}: "
        + ", ".join(f"{name} {n[f'accuracy, {name}, {kind}']:.1%}" for name in LOOKS)
        + f" (Adam − SGD: {100 * n[f'Adam − SGD, {kind}']:+.1f} points)"
        for kind in KINDS
    )
    caption = (
        f"Fruit, {SIZE}×{SIZE}, five convolutions, {STEPS} steps, mean of {STARTS} starts; all optimizers from the "
        "same starts on the same batches. Test accuracy, each at the rate that was best on the validation set: "
        + "; ".join(tests)
        + "."
    )
    alt = (
        "Validation accuracy against the learning rate for SGD, momentum, Adagrad and Adam. Left, without batch norm: "
        "the tops of the curves differ, with SGD and momentum below Adagrad and Adam, and they fall off steeply "
        "to either side. Right, with batch norm: all tops are nearly level, and the curves are flatter."
    )
    return Picture(figure, alt, caption)


RANKING = Effect(
    "adaptive.ranking",
    "A small network without batch norm, 80 steps, each optimizer at the best of its rates, from the same start on "
    "the same batches: Adam is ahead of SGD in every run, by more than three points in the mean. With batch norm its "
    "lead is smaller by a third at least, and all four lie within eight points.",
    run,
    holds,
    draw,
    seconds=5.0,
)
