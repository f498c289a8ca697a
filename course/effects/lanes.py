"""Small networks, many copies of them trained side by side: what experiments of several sections share.

A comparison of schedules or rates needs the same training again and again. So each layer has a leading axis of
"lanes", L copies of the network with weights and a rate of their own, and all of them learn from the same batches:
what differs between two lanes with the same start is the rate alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import digits, fruit
from course.descent import momentum_step
from course.schedules import Schedule

Weights = list[Tensor]  # each (L, …)
Network = Callable[[Weights, Tensor], Tensor]  # weights, batch (B, …) → scores (L, B, classes)
LaneLoss = Callable[[Tensor, Tensor], Tensor]  # scores (L, B, classes), labels → loss of each lane (L,)


# ------------------------------------------------------------------------------------------------ networks


def cnn_weights(
    starts: int, generator: torch.Generator, channels: tuple[int, int] = (8, 16), size: int = 16
) -> Weights:
    """For `cnn`, He-initialised: two 3×3 convolutions of stride 2 and a linear layer, `starts` of them."""
    one, two = channels
    return [
        _normal((starts, one, 3, 3, 3), 2 / 27, generator),
        torch.zeros(starts, one),
        _normal((starts, two, one, 3, 3), 2 / (9 * one), generator),
        torch.zeros(starts, two),
        _normal((starts, two * (size // 4) ** 2, 3), 16 / (two * size**2), generator),
        torch.zeros(starts, 3),
    ]


def cnn(weights: Weights, x: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) → scores (L, B, 3); grouped convolutions keep the lanes apart."""
    first, bias, second, bias_2, last, bias_3 = weights
    lanes = len(first)
    h = F.conv2d(x - 0.5, first.flatten(0, 1), bias.flatten(), stride=2, padding=1).relu()
    h = F.conv2d(h, second.flatten(0, 1), bias_2.flatten(), stride=2, padding=1, groups=lanes).relu()
    h = h.view(len(x), lanes, -1).transpose(0, 1)
    return torch.baddbmm(bias_3[:, None], h, last)


def normed_cnn(weights: Weights, x: Tensor, reference: int | None = None) -> Tensor:
    """As `cnn`, with batch norm (no scale, no shift of its own; the biases follow it) after each convolution.

    Mean and variance are those of the first `reference` pictures: of the whole batch in training, of the training set
    when it is put before the pictures that are to be classified.
    """
    first, bias, second, bias_2, last, bias_3 = weights
    lanes = len(first)
    h = F.conv2d(x - 0.5, first.flatten(0, 1), stride=2, padding=1)
    h = (_normed(h, reference) + bias.view(1, -1, 1, 1)).relu()
    h = F.conv2d(h, second.flatten(0, 1), stride=2, padding=1, groups=lanes)
    h = (_normed(h, reference) + bias_2.view(1, -1, 1, 1)).relu()
    h = h.view(len(x), lanes, -1).transpose(0, 1)
    return torch.baddbmm(bias_3[:, None], h, last)


def _normed(h: Tensor, reference: int | None) -> Tensor:
    if reference is None:
        return F.batch_norm(h, None, None, training=True)
    seen = h[:reference]
    return F.batch_norm(h, seen.mean((0, 2, 3)), seen.var((0, 2, 3), unbiased=False))


def mlp_weights(starts: int, widths: Sequence[int], generator: torch.Generator) -> Weights:
    """For `mlp`, He-initialised: matrices (starts, in, out), each followed by its bias."""
    weights = []
    for inputs, outputs in pairwise(widths):
        weights += [_normal((starts, inputs, outputs), 2 / inputs, generator), torch.zeros(starts, outputs)]
    return weights


def mlp(weights: Weights, x: Tensor) -> Tensor:
    """Vectors (B, D) → scores (L, B, classes), ReLU between the layers."""
    h = x.expand(len(weights[0]), *x.shape)
    for i in range(0, len(weights), 2):
        h = torch.baddbmm(weights[i + 1][:, None], h.relu() if i else h, weights[i])
    return h


@torch.no_grad()
def normed_scores(weights: Weights, x: Tensor, reference: Tensor) -> Tensor:
    """Scores of `normed_cnn` in evaluation, its means and variances measured on the pictures `reference`."""
    return normed_cnn(weights, torch.cat([reference, x]), len(reference))[:, len(reference) :]


def lanes(weights: Weights, copies: int) -> Weights:
    """Each start `copies` times: S starts become copies × S lanes, lane c·S + s being start s."""
    return [w.repeat(copies, *[1] * (w.ndim - 1)) for w in weights]


def _normal(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator) * math.sqrt(variance)


# ------------------------------------------------------------------------------------------------ training


def train(
    network: Network,
    weights: Weights,
    data: tuple[Tensor, Tensor],
    rates: Tensor,
    batch: int,
    generator: torch.Generator,
    alpha: float = 0.0,
    watch: Callable[[int, Weights], None] | None = None,
    loss: LaneLoss | None = None,
) -> tuple[Weights, Tensor]:
    """SGD with momentum, all lanes on the same batches; a lane that diverges disturbs no other.

    Args:
        network: weights, batch → scores (L, B, classes).
        weights: the starts, left as they are.
        data: (x, y), labels (N,).
        rates: η of each step and lane, (steps, L).
        batch: B; each pass over the data is shuffled anew.
        generator: of the shuffling.
        alpha: momentum.
        watch: called with the number of steps made and the weights, before each step and after the last.
        loss: scores (L, B, classes), labels → the loss of each lane, (L,); `lane_losses` unless given.

    Returns:
        The weights at the end, and the loss of each batch before its step, (steps, L).
    """
    measure = loss or lane_losses
    weights = [w.clone().requires_grad_() for w in weights]
    deltas = [torch.zeros_like(w) for w in weights]
    losses = []
    for step, (rate, (x, y)) in enumerate(zip(rates, _batches(*data, batch, generator), strict=False)):
        if watch is not None:
            watch(step, weights)
        each = measure(network(weights, x), y)
        gradients = torch.autograd.grad(each.sum(), weights)
        losses.append(each.detach())
        with torch.no_grad():
            for w, delta, g in zip(weights, deltas, gradients, strict=True):
                new, accumulated = momentum_step(w, g, delta, rate.view(-1, *[1] * (g.ndim - 1)), alpha)
                w.copy_(new)
                delta.copy_(accumulated)
    if watch is not None:
        watch(len(rates), weights)
    return [w.detach() for w in weights], torch.stack(losses)


def _batches(x: Tensor, y: Tensor, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Without end; the last batch of a pass is left out if it is not full, but never all of it."""
    size = min(size, len(x))
    while True:
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x) - size + 1, size):
            rows = order[start : start + size]
            yield x[rows], y[rows]


def lane_losses(scores: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of each lane, (L,)."""
    return (scores.logsumexp(-1) - scores[:, torch.arange(len(y)), y]).mean(1)


def lane_accuracies(scores: Tensor, y: Tensor) -> Tensor:
    """Share of right answers of each lane, (L,); 0 for a lane with scores that are not finite."""
    right = (scores.argmax(-1) == y).float().mean(1)
    return torch.where(scores.isfinite().all(-1).all(-1), right, 0.0)


def table(schedules: Sequence[Schedule], steps: int, starts: int) -> Tensor:
    """Rates of lanes that follow these schedules, (steps, schedules × starts), for `train`."""
    rates = torch.tensor([[schedule(t) for schedule in schedules] for t in range(steps)])
    return rates.repeat_interleave(starts, 1)


# ---------------------------------------------------------------------------------------------------- data


@cache
def small_fruit(split: str, n: int) -> tuple[Tensor, Tensor]:
    """Pictures of fruit, 16×16, drawn once."""
    return fruit(split, n, size=16)


@cache
def flat_digits(split: str) -> tuple[Tensor, Tensor]:
    """Digits as vectors of 64 pixels, shifted to mean 0 and scaled to variance 1 of the training set as a whole."""
    x, y = digits(split)
    train, _ = digits("train")
    return ((x - train.mean()) / train.std()).flatten(1), y
