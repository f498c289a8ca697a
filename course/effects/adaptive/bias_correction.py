"""Adam's first steps, with the bias correction and without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course.adaptive import adam_step
from course.data import digits
from course.descent import cross_entropy, minibatches
from course.effects.adaptive.common import accuracies, stacked_cross_entropy
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
STEPS, BATCH, HIDDEN, SMALL, LARGE = 60, 32, 32, RATES.index(0.001), RATES.index(0.1)
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
Rule = Callable[..., tuple[Tensor, Tensor, Tensor]]


class _Run(NamedTuple):
    sizes: Tensor  # (STEPS, rates): |Δw| / η, median over the weights that moved
    losses: Tensor  # (STEPS, rates): loss of the batch before the step
    accuracy: Tensor  # (rates,): on the validation set, at the end


def uncorrected_step(
    w: Tensor, grad: Tensor, m: Tensor, v: Tensor, t: int, lr: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Adam's step with m and v as they are, without hats."""
    m, v = BETA1 * m + (1 - BETA1) * grad, BETA2 * v + (1 - BETA2) * grad.square()
    return w - lr * m / (v.sqrt() + EPS), m, v


def _logits(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    a, b, c, d = weights
    hidden = F.relu(torch.einsum("nd,rdk->rnk", x, a) + b[:, None])
    return torch.bmm(hidden, c) + d[:, None]


def _weights(generator: torch.Generator) -> list[Tensor]:
    """A network 64 → 32 → 10, He initialisation, one copy for each rate."""
    layers = []
    for inputs, outputs in ((64, HIDDEN), (HIDDEN, 10)):
        layers += [torch.randn(inputs, outputs, generator=generator) * (2 / inputs) ** 0.5, torch.zeros(outputs)]
    return [w.repeat(len(RATES), *[1] * w.ndim) for w in layers]


def _train(rule: Rule, seed: int) -> _Run:
    generator = torch.Generator().manual_seed(seed)
    (x, y), (xv, yv) = ((a.flatten(1), b) for a, b in map(digits, ("train", "validation")))
    weights = _weights(generator)
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    batches = minibatches(len(x), BATCH, generator) + minibatches(len(x), BATCH, generator)
    lrs, sizes, losses = torch.tensor(RATES), [], []
    for t, i in enumerate(batches[:STEPS], 1):
        point = [w.requires_grad_() for w in weights]
        logits = _logits(point, x[i])
        grads = torch.autograd.grad(stacked_cross_entropy(logits, y[i]), point)
        losses.append(torch.stack([cross_entropy(z, y[i]) for z in logits.detach()]))
        moved, weights = [], []
        for k, (w, grad) in enumerate(zip(point, grads, strict=True)):
            rates = lrs.reshape(-1, *[1] * (w.ndim - 1))
            new, m, v = rule(w.detach(), grad, *moments[k], t, rates)
            moments[k] = m, v
            moved.append((new - w.detach()).abs().flatten(1))
            weights.append(new)
        size = torch.cat(moved, 1) / lrs[:, None]
        sizes.append(torch.where(size > 0, size, torch.nan).nanmedian(1).values)
    return _Run(torch.stack(sizes), torch.stack(losses), accuracies(_logits(weights, xv), yv))


def _experiment(seed: int) -> dict[str, _Run]:
    return {"with": _train(adam_step, seed), "without": _train(uncorrected_step, seed)}


def _numbers(found: dict[str, _Run]) -> Numbers:
    numbers: Numbers = {}
    for name, r in found.items():
        numbers |= {
            f"first step / η, {name}": r.sizes[0].mean().item(),
            f"longest step / η, {name}": r.sizes[:, SMALL].max().item(),
            f"largest loss / first, η = 0.1, {name}": (r.losses[:, LARGE].max() / r.losses[0, LARGE]).item(),
            f"best accuracy, {name}": r.accuracy.max().item(),
            f"accuracy, η = 0.1, {name}": r.accuracy[LARGE].item(),
            f"best η, {name}": RATES[int(r.accuracy.argmax())],
        }
    return numbers


def run(seed: int) -> Numbers:
    """Length of the first steps, how far the loss rises, and the accuracy after 60 steps, with and without."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: η with and √10 η without, at once; without, η = 0.1 breaks training, yet the best are level."""
    return all(
        abs(r["first step / η, with"] - 1) < 0.02
        and abs(r["first step / η, without"] - 10**0.5) < 0.05
        and r["longest step / η, with"] < 1.05
        and r["longest step / η, without"] > 3
        and r["largest loss / first, η = 0.1, without"] > max(2.0, 1.5 * r["largest loss / first, η = 0.1, with"])
        and r["accuracy, η = 0.1, with"] > r["accuracy, η = 0.1, without"] + 0.2
        and abs(r["best accuracy, with"] - r["best accuracy, without"]) < 0.06
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Step lengths at a small rate; accuracy over the rates."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (left, right) = canvas()
    looks = {"with": (BLUE, "o-"), "without": (VERMILLION, "s--")}
    for name, (color, style) in looks.items():
        left.plot(range(1, STEPS + 1), found[name].sizes[:, SMALL], style, color=color, ms=4)
        right.semilogx(RATES, 100 * found[name].accuracy, style, color=color, ms=6)
    t = torch.arange(1, STEPS + 1)
    left.plot(t, (1 - BETA1**t) / (1 - BETA2**t).sqrt(), ":", color=GREY)
    label(left, 17, 6.9, "without, were the gradient constant", GREY)
    label(left, 22, 2.6, "without correction", VERMILLION)
    label(left, 8, 0.95, "with correction", BLUE)
    left.set(
        xlabel="step t", ylabel="|Δw| / η, median over weights", title="Length of the steps, η = 0.001", ylim=(0, 7.5)
    )
    label(right, 0.0011, 100 * found["without"].accuracy[0].item() + 6, "without", VERMILLION)
    label(right, 0.0016, 100 * found["with"].accuracy[0].item() - 4, "with", BLUE)
    right.set(xlabel="learning rate η", ylabel="validation accuracy / %", title=f"After {STEPS} steps", ylim=(0, 102))
    right.set_xticks(RATES, labels=[f"{lr:g}" for lr in RATES])
    right.minorticks_off()
    caption = (
        f"Digits, 64 → {HIDDEN} → 10. The first step has length {n['first step / η, with']:.2f} η with the correction "
        f"and {n['first step / η, without']:.2f} η without it, at every rate, and without it they get up to "
        f"{n['longest step / η, without']:.1f} η long. At η = 0.1 the loss then rises to "
        f"{n['largest loss / first, η = 0.1, without']:.1f} times its first value "
        f"(with: {n['largest loss / first, η = 0.1, with']:.1f}). Best accuracy: {n['best accuracy, with']:.1%} at "
        f"η = {n['best η, with']:g} with, {n['best accuracy, without']:.1%} at η = {n['best η, without']:g} without."
    )
    alt = (
        "Left: the length of Adam's steps relative to the learning rate. With bias correction it is one at the first "
        "step and falls; without, it starts above three and stays above two for some twenty steps. Right: "
        "accuracy after 60 steps over the learning rate: without correction the curve is shifted to smaller rates, "
        "where it is better, and collapses at a rate of 0.1, where training with correction still works."
    )
    return Picture(figure, alt, caption)


BIAS_CORRECTION = Effect(
    "adaptive.bias_correction",
    "With the correction, Adam's first step moves each weight by η, whatever its gradient. Without it, by "
    "(1 − β₁)/√(1 − β₂) η = 3.16 η: v lacks more than m does. So the uncorrected steps are longest when least is "
    "known; at η = 0.1 they break the training, with correction not. At smaller rates they do no harm: each with its "
    "best η, the two reach the same accuracy within six points.",
    run,
    holds,
    draw,
    seconds=0.6,
)
