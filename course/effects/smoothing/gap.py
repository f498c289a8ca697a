"""Where the logits stop: the true class's lead over the others, step by step, until it no longer moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import Weights, flat_digits, lanes, mlp, mlp_weights, train
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION, Picture, canvas, label
from course.effects.smoothing.common import ALPHA, smoothed_losses
from course.smoothing import log_odds_gap

EPS = (0.0, 0.05, 0.1, 0.2, 0.4)
CLASSES = (3, 10)
PICTURES, STEPS, EVERY, RATE = 60, 800, 20, 0.03
LOOKS = {0.0: (GREY, "-"), 0.05: (PINK, "-."), 0.1: (VERMILLION, "--"), 0.2: (GREEN, ":"), 0.4: (BLUE, "-")}


class _Gaps(NamedTuple):
    steps: list[int]
    mean: Tensor  # (times, ε): z_y − z_k over all pictures and all other classes k
    spread: Tensor  # (ε,): their standard deviation at the end


def _train(classes: int, seed: int) -> _Gaps:
    """One network for each ε, from one start, all pictures in each step, to the end."""
    generator = torch.Generator().manual_seed(seed)
    x, y = flat_digits("train")
    few = (y < classes).nonzero()[:, 0]
    few = few[torch.randperm(len(few), generator=generator)[:PICTURES]]
    x, y = x[few], y[few]
    steps, gaps = list[int](), list[Tensor]()

    def watch(step: int, weights: Weights) -> None:
        if step % EVERY == 0:
            with torch.no_grad():
                steps.append(step)
                gaps.append(_gaps(mlp(weights, x), y))

    start = lanes(mlp_weights(1, (64, 64, classes), generator), len(EPS))
    rates = torch.full((STEPS, len(EPS)), RATE)
    train(mlp, start, (x, y), rates, PICTURES, generator, ALPHA, watch, smoothed_losses(torch.tensor(EPS)))
    return _Gaps(steps, torch.stack([g.mean(1) for g in gaps]), gaps[-1].std(1))


def _gaps(scores: Tensor, y: Tensor) -> Tensor:
    """z_y − z_k for every picture and every other class, (ε, N·(K − 1))."""
    own = scores[:, torch.arange(len(y)), y]
    other = torch.arange(scores.shape[-1]) != y[:, None]
    return (own[..., None] - scores)[:, other]


def _numbers(found: dict[int, _Gaps]) -> Numbers:
    numbers: Numbers = {}
    for classes, gaps in found.items():
        for i, eps in enumerate(EPS):
            name = f"ε = {eps:g}, K = {classes}"
            numbers[f"gap, {name}"] = gaps.mean[-1, i].item()
            numbers[f"spread, {name}"] = gaps.spread[i].item()
        numbers[f"gap half way, ε = 0, K = {classes}"] = gaps.mean[len(gaps.mean) // 2, 0].item()
    return numbers


def run(seed: int) -> Numbers:
    """Mean lead of the true class at the end for each ε, its spread, and how far it was half way without smoothing."""
    return _numbers({classes: _train(classes, seed) for classes in CLASSES})


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: within 2 % of the formula spread below 15 %; without smoothing, larger and growing."""
    return all(
        all(
            abs(r[f"gap, ε = {eps:g}, K = {k}"] / log_odds_gap(eps, k) - 1) < 0.02
            and r[f"spread, ε = {eps:g}, K = {k}"] < 0.15 * log_odds_gap(eps, k)
            for eps in EPS[1:]
        )
        and r[f"gap, ε = 0, K = {k}"] > max(log_odds_gap(EPS[1], k), r[f"gap half way, ε = 0, K = {k}"] + 0.3)
        for r in rows
        for k in CLASSES
    )


def draw(seed: int) -> Picture:
    """The lead step by step for each ε, and the limits; for three classes and for ten."""
    found = {classes: _train(classes, seed) for classes in CLASSES}
    n = _numbers(found)
    figure, both = canvas()
    for axes, (classes, gaps) in zip(both, found.items(), strict=True):
        for i, eps in enumerate(EPS):
            color, line = LOOKS[eps]
            axes.plot(gaps.steps, gaps.mean[:, i], line, color=color)
            limit = log_odds_gap(eps, classes)
            end = gaps.mean[-1, i].item()
            if eps:
                axes.hlines(limit, 0, STEPS, color=color, lw=0.8, alpha=0.7)
            label(axes, 1.02 * STEPS, end, f"ε = {eps:g}", color, clip_on=False)
        axes.set(xlabel="step", ylabel="z of the class − z of another, mean", title=f"K = {classes} classes")
        axes.set(xlim=(0, 1.2 * STEPS), ylim=(0, 15.5), xticks=range(0, STEPS + 1, 200))
    told = "; ".join(
        f"K = {k}: "
        + ", ".join(f"{n[f'gap, ε = {eps:g}, K = {k}']:.2f} ({log_odds_gap(eps, k):.2f})" for eps in EPS[1:])
        + f", without smoothing {n[f'gap, ε = 0, K = {k}']:.2f}"
        for k in CLASSES
    )
    caption = (
        f"{PICTURES} training digits, one hidden layer, all pictures in each of {STEPS} steps, η = {RATE:g}, "
        f"α = {ALPHA:g}. Mean gap at the end for ε = {', '.join(f'{e:g}' for e in EPS[1:])} (in brackets the formula, "
        f"a thin line in the figure): {told}, and still growing."
    )
    alt = (
        "The mean distance between the logit of the true class and those of the others over 800 steps, left for three "
        "classes, right for ten. With smoothing each curve rises to a horizontal line, the lower the larger ε, and "
        "stays there. Without smoothing it goes on rising."
    )
    return Picture(figure, alt, caption)


GAP = Effect(
    "smoothing.gap",
    "Trained until nothing moves any more, the true class's logit leads each other one by log((K−1)(1−ε)/ε), to 2 %, "
    "for ε from 0.05 to 0.4 and for 3 and for 10 classes; its spread over pictures and classes is below 15 %. Without "
    "smoothing the lead is larger and still grows.",
    run,
    holds,
    draw,
    seconds=1.5,
)
