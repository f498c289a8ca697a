"""Weights that get no gradient: what decay does to them inside Adam's normalisation, and outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course.adaptive import adam_step, adamw_step
from course.data import digits
from course.descent import minibatches
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label

LAMBDAS = (0.001, 0.01, 0.1, 1.0)
LR, STEPS, BATCH = 1e-3, 500, 64
NAMES = ("Adam + L2", "AdamW")


class _Run(NamedTuple):
    first: Tensor  # (4,): length of the first step of the dead pixels' weights, median, for each λ
    start: float  # median of these weights' |w| before it
    dead: Tensor  # (STEPS + 1, 4): their mean |w|
    test: Tensor  # (4,): accuracy at the end


def _logits(w: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("nd,rdk->rnk", x, w)


def _train(name: str, seed: int) -> _Run:
    """A linear softmax classifier for each λ, all on the same batches, from the same weights."""
    generator = torch.Generator().manual_seed(seed)
    (x, y), (xt, yt) = ((a.flatten(1).double(), b) for a, b in map(digits, ("train", "test")))
    dead = (x == 0).all(0)
    start = torch.randn(64, 10, generator=generator, dtype=torch.float64) * 0.1
    w, decay = start.repeat(len(LAMBDAS), 1, 1), torch.tensor(LAMBDAS, dtype=torch.float64)[:, None, None]
    m, v, order, kept = torch.zeros_like(w), torch.zeros_like(w), list[Tensor](), [w[:, dead].abs().mean((1, 2))]
    while len(order) < STEPS:
        order += minibatches(len(x), BATCH, generator)
    first = torch.empty(0)
    for t, i in enumerate(order[:STEPS], 1):
        # the gradient of the mean cross-entropy of a linear model, Xᵀ(softmax − onehot)/B
        wrong = torch.softmax(_logits(w, x[i]), -1) - F.one_hot(y[i], 10)
        grad = torch.einsum("nd,rnk->rdk", x[i], wrong) / len(i)
        if name == "AdamW":
            w, m, v = adamw_step(w, grad, m, v, t, LR, decay)
        else:
            w, m, v = adam_step(w, grad + decay * w, m, v, t, LR)
        kept.append(w[:, dead].abs().mean((1, 2)))
        if t == 1:
            first = (w - start)[:, dead].abs().flatten(1).median(1).values
    return _Run(
        first, start[dead].abs().median().item(), torch.stack(kept), (_logits(w, xt).argmax(-1) == yt).double().mean(-1)
    )


def _experiment(seed: int) -> dict[str, _Run]:
    return {name: _train(name, seed) for name in NAMES}


def _numbers(found: dict[str, _Run]) -> Numbers:
    numbers: Numbers = {}
    for name, r in found.items():
        for i, decay in enumerate(LAMBDAS):
            unit = LR if name == "Adam + L2" else LR * decay * r.start
            numbers[f"first step, {name}, λ = {decay:g}"] = r.first[i].item() / unit
            numbers[f"left, {name}, λ = {decay:g}"] = (r.dead[-1, i] / r.dead[0, i]).item()
    return numbers | {f"accuracy, {name}, λ = 0.01": r.test[1].item() for name, r in found.items()}


def run(seed: int) -> Numbers:
    """First step of the dead pixels' weights, relative to η or ηλ|w|, and the share left after training, each λ."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run, every λ: Adam + L2 moves them by η and leaves 5 % at most; AdamW by ηλ|w|, leaving (1 − ηλ)ᵀ."""
    return all(
        all(abs(r[f"first step, {name}, λ = {decay:g}"] - 1) < 0.01 for name in NAMES)
        and r[f"left, Adam + L2, λ = {decay:g}"] < 0.05
        and abs(r[f"left, AdamW, λ = {decay:g}"] - (1 - LR * decay) ** STEPS) < 0.001
        for r in rows
        for decay in LAMBDAS
    )


def draw(seed: int) -> Picture:
    """What is left of the weights, step by step; the first step's length over λ."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (left, right) = canvas(widths=[1.15, 1])
    looks = {"Adam + L2": (VERMILLION, "s--"), "AdamW": (BLUE, "o-")}
    for name, (color, style) in looks.items():
        for i in range(len(LAMBDAS)):
            left.plot(found[name].dead[:, i] / found[name].dead[0, i], style, color=color, ms=5, lw=1.4, markevery=50)
        right.loglog(LAMBDAS, found[name].first / LR, style, color=color, ms=7)
    label(left, 220, 0.19, "Adam + L2, every λ", VERMILLION)
    label(left, 60, 0.73, "AdamW, λ = 1", BLUE)
    label(left, 280, 0.91, "λ = 0.1", BLUE)
    label(left, 280, 1.04, "λ = 0.01 and 0.001", BLUE)
    left.set(xlabel="step", ylabel="mean |w| / its start", title="Weights of dead pixels", ylim=(0, 1.1))
    right.axhline(1, color=GREY, ls=":")
    label(right, 0.012, 2.0, "Adam + L2: η, whatever λ", VERMILLION)
    label(right, 0.02, 0.0006, "AdamW: ηλ|w|", BLUE, ha="left")
    right.set(xlabel="weight decay λ", ylabel="first step |Δw| / η, median", title="The first step", ylim=(2e-5, 5))
    caption = (
        f"Digits, linear softmax, η = {LR:g}, {STEPS} steps; the weights of pixels that are black in all training "
        f"pictures. First step with λ = 0.01: Adam + L2 {found['Adam + L2'].first[1] / LR:.2f} η, AdamW "
        f"{found['AdamW'].first[1] / LR:.4f} η. Left in the end: {n['left, Adam + L2, λ = 0.01']:.1%} and "
        f"{n['left, AdamW, λ = 0.01']:.1%}; with λ = 1 "
        f"{n['left, Adam + L2, λ = 1']:.1%} and {n['left, AdamW, λ = 1']:.1%}. Test accuracy with λ = 0.01: "
        f"{n['accuracy, Adam + L2, λ = 0.01']:.1%} and {n['accuracy, AdamW, λ = 0.01']:.1%}."
    )
    alt = (
        "Left: the mean size of the weights of dead pixels over 500 steps. With Adam and L2 in the gradient all "
        "curves, for decays from 0.001 to 1, fall together to nothing; with AdamW slowly, faster with a larger "
        "decay. Right: length of the first step over the decay, log-log: a horizontal line at one learning "
        "rate for Adam with L2, a line of slope one far below it for AdamW."
    )
    return Picture(figure, alt, caption)


DECAY = Effect(
    "adaptive.decay",
    "A weight whose gradient is always 0 should only decay. With λw added to the gradient, Adam's first step moves it "
    "by η, and after 500 steps at most 5 % is left, whether λ is 0.001 or 1: λ cancels in m̂/√v̂. AdamW moves it by ηλw, "
    "and (1 − ηλ)ᵀ of it is left after T steps, as was asked for.",
    run,
    holds,
    draw,
    seconds=0.8,
)
