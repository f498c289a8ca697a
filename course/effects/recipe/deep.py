"""A network of ten layers, without and with batch norm, from a small and from a careful start, at four rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import Weights, flat_digits, lane_accuracies, lanes, mlp, train
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label

LAYERS, WIDTH, STEPS, BATCH = 10, 32, 150, 50
RATES = (0.03, 0.1, 0.3, 1.0)
STARTS = ("PyTorch's start", "He's start")


def _weights(generator: torch.Generator) -> Weights:
    """The same random numbers twice: with the variance of PyTorch's linear layers, 1/(3n), and with He's, 2/n."""
    weights = []
    for inputs, outputs in pairwise([64, *[WIDTH] * (LAYERS - 1), 10]):
        noise = torch.randn(inputs, outputs, generator=generator)
        weights += [torch.stack([noise * math.sqrt(v / inputs) for v in (1 / 3, 2)]), torch.zeros(2, outputs)]
    return weights


def normed_mlp(weights: Weights, x: Tensor, reference: int | None = None) -> Tensor:
    """As `mlp`, with batch norm before each ReLU; mean and variance are those of the first `reference` vectors."""
    h = x.expand(len(weights[0]), *x.shape)
    for i in range(0, len(weights), 2):
        h = torch.bmm(h, weights[i])
        last = i == len(weights) - 2
        if not last:
            var, mean = torch.var_mean(h[:, :reference], 1, correction=0, keepdim=True)
            h = (h - mean) * (var + 1e-5).rsqrt()
        h = h + weights[i + 1][:, None]
        h = h if last else F.relu(h)
    return h


def _experiment(seed: int) -> Tensor:
    """Accuracy on unseen digits: (without, with batch norm; starts; rates)."""
    starts = lanes(_weights(torch.Generator().manual_seed(seed)), len(RATES))
    rates = torch.tensor(RATES).repeat_interleave(len(STARTS)).expand(STEPS, -1)
    (x, y), (test, labels) = flat_digits("train"), flat_digits("test")
    found = []
    for network in (mlp, normed_mlp):
        weights, _ = train(network, starts, (x, y), rates, BATCH, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            seen = torch.cat([x, test])
            scores = normed_mlp(weights, seen, len(x))[:, len(x) :] if network is normed_mlp else mlp(weights, test)
        found.append(lane_accuracies(scores, labels).view(len(RATES), len(STARTS)).T)
    return torch.stack(found)


def _numbers(found: Tensor) -> Numbers:
    numbers: Numbers = {}
    for i, start in enumerate(STARTS):
        numbers |= {
            f"{start}: best without": found[0, i].max().item(),
            f"{start}: worst without": found[0, i].min().item(),
        }
        numbers |= {f"{start}: best with": found[1, i].max().item(), f"{start}: worst with": found[1, i].min().item()}
    return numbers


def run(seed: int) -> Numbers:
    """Best and worst accuracy over the rates."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: as the claim says."""
    small, careful = STARTS
    return all(
        0.05 < r[f"{small}: best without"] < 0.25
        and 0.7 < r[f"{small}: worst with"] <= 1
        and 0.85 < r[f"{small}: best with"] <= 1
        and 0.5 < r[f"{careful}: best without"] <= 1
        and r[f"{careful}: worst without"] < 0.3
        and 0.5 < r[f"{careful}: worst with"] <= 1
        and 0.85 < r[f"{careful}: best with"] <= 1
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Accuracy against the rate, for both starts."""
    found = _experiment(seed)
    figure, both = canvas()
    for i, (axes, start) in enumerate(zip(both, STARTS, strict=True)):
        for j, (color, style) in enumerate(((VERMILLION, "s--"), (BLUE, "o-"))):
            axes.semilogx(RATES, 100 * found[j, i], style, color=color, ms=7)
        axes.axhline(10, color=GREY, ls=":", lw=1.2)
        axes.set_xticks(RATES, labels=[f"{rate:g}" for rate in RATES])
        axes.minorticks_off()
        axes.set(xlabel="learning rate η", ylabel="right on unseen digits / %", ylim=(-3, 103))
        axes.set_title(start)
    label(both[0], 0.033, 17, "without batch norm", VERMILLION)
    label(both[0], 0.05, 100 * found[1, 0, 1].item() - 10, "with batch norm", BLUE)
    label(both[1], 0.033, 5, "guessing", GREY)
    n = _numbers(found)
    caption = (
        f"Digits, {LAYERS} layers, {STEPS} steps of SGD, the same random numbers and batches everywhere; the starts "
        f"differ in the size of the weights alone. Best rate, without and with batch norm: "
        + "; ".join(f"{s} {n[f'{s}: best without']:.0%} and {n[f'{s}: best with']:.0%}" for s in STARTS)
        + ". Worst rate: "
        + "; ".join(f"{s} {n[f'{s}: worst without']:.0%} and {n[f'{s}: worst with']:.0%}" for s in STARTS)
        + ". Where scores are no longer numbers, nothing is right."
    )
    alt = (
        "Accuracy against the learning rate. Left, from PyTorch's start: without batch norm the network is at ten "
        "percent, guessing, at every rate; with it, it learns at every rate. Right, from He's start: both learn at "
        "moderate rates, but at a large one the network without batch norm breaks down."
    )
    return Picture(figure, alt, caption)


DEEP = Effect(
    "recipe.deep",
    "A plain network of ten layers with PyTorch's standard start does not learn within 150 steps, at any of four rates "
    "from 0.03 to 1: it stays near guessing. With batch norm it learns at all of them. From He's larger start "
    "it learns "
    "without batch norm as well, but not at all four rates; with it, at all.",
    run,
    holds,
    draw,
    seconds=2.5,
)
