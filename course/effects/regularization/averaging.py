"""The average of the weights against the last weights: at a constant rate, and at one that falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import cnn, cnn_weights, lane_accuracies, lanes, small_fruit, table, train
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION, Picture, canvas, label
from course.regularization import ema_update
from course.schedules import constant, cosine_decay

N, STEPS, BATCH, RATE, ALPHA, BETA, EVERY, STARTS = 600, 300, 32, 0.1, 0.9, 0.98, 10, 4
SCHEDULES = ("constant", "cosine")
KINDS = {"every step": (1, BETA), "every 10, β¹⁰": (EVERY, BETA), "every 10, β": (EVERY, BETA ** (1 / EVERY))}
"""How the average is updated: after how many steps, and β per step. The third takes β where it should take β¹⁰."""


class _Found(NamedTuple):
    steps: list[int]
    curves: dict[str, Tensor]  # (points, 2 schedules): accuracy on new pictures, mean of the starts
    last: Tensor  # (2, STARTS): accuracy at the end
    averages: dict[str, Tensor]  # the same for each kind of average


def _accuracies(weights: list[Tensor]) -> Tensor:
    x, y = small_fruit("test", 1000)
    return lane_accuracies(cnn(weights, x), y).view(len(SCHEDULES), STARTS)


@torch.no_grad()
def _experiment(seed: int, curve: bool = False) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    start = lanes(cnn_weights(STARTS, generator), len(SCHEDULES))
    rates = table([lambda t: constant(t, RATE), lambda t: cosine_decay(t, RATE, STEPS)], STEPS, STARTS)
    averages = {kind: [w.clone() for w in start] for kind in KINDS}
    steps, curves = list[int](), dict[str, list[Tensor]](last=[], average=[])

    def watch(step: int, weights: list[Tensor]) -> None:
        live = [w.detach() for w in weights]
        for kind, (every, beta) in KINDS.items():
            if step and step % every == 0:
                averages[kind] = ema_update(averages[kind], live, beta, every)
        if curve and step % 10 == 0 and step >= 60:
            steps.append(step)
            curves["last"].append(_accuracies(live).mean(1))
            curves["average"].append(_accuracies(averages["every step"]).mean(1))

    with torch.enable_grad():
        last, _ = train(cnn, start, small_fruit("train", N), rates, BATCH, generator, ALPHA, watch)
    stacked = {name: torch.stack(values) for name, values in curves.items() if values}
    return _Found(steps, stacked, _accuracies(last), {kind: _accuracies(w) for kind, w in averages.items()})


def _numbers(found: _Found) -> Numbers:
    numbers: Numbers = {}
    for i, schedule in enumerate(SCHEDULES):
        numbers[f"{schedule}, last weights"] = found.last[i].mean().item()
        numbers |= {f"{schedule}, {kind}": found.averages[kind][i].mean().item() for kind in KINDS}
    return numbers


def run(seed: int) -> Numbers:
    """Accuracy on new pictures, mean of the starts: last weights and three kinds of averages, both schedules."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """At a constant rate the average gains a point in the mean and never loses one; with a cosine, nothing."""

    def mean(schedule: str, kind: str, other: str = "last weights") -> float:
        return sum(r[f"{schedule}, {kind}"] - r[f"{schedule}, {other}"] for r in rows) / len(rows)

    level = sum(r["constant, every step"] - r["cosine, last weights"] for r in rows) / len(rows)
    return (
        mean("constant", "every step") > 0.01
        and abs(mean("cosine", "every step")) < 0.005
        and abs(level) < 0.015
        and abs(mean("constant", "every 10, β¹⁰", "every step")) < 0.01
        and mean("constant", "every 10, β", "every step") < -0.01
        and all(
            r["constant, every step"] - r["constant, last weights"] > -0.01
            and abs(r["cosine, every step"] - r["cosine, last weights"]) < 0.015
            and abs(r["constant, every 10, β¹⁰"] - r["constant, every step"]) < 0.02
            and 0.5 < r["constant, last weights"] < 1
            for r in rows
        )
    )


def draw(seed: int) -> Picture:
    """Accuracy over the steps of both, and the end in numbers."""
    found = _experiment(seed, curve=True)
    n = _numbers(found)
    figure, (left, right) = canvas(widths=[1.25, 1])
    left.plot(
        found.steps,
        100 * found.curves["last"][:, 0],
        "--",
        color=VERMILLION,
        lw=1.4,
        label="constant rate, last weights",
    )
    left.plot(found.steps, 100 * found.curves["average"][:, 0], "-", color=BLUE, label="constant rate, average")
    left.plot(found.steps, 100 * found.curves["last"][:, 1], ":", color=GREEN, label="cosine, last weights")
    left.legend(loc="lower right", labelcolor="linecolor", handlelength=3)
    left.set(xlabel="step", ylabel="accuracy on new pictures / %", title="While training", ylim=(52, 86))
    kinds = {"last weights": VERMILLION, "every step": BLUE, "every 10, β¹⁰": BLUE, "every 10, β": PINK}
    for k, (kind, color) in enumerate(kinds.items()):
        values = [100 * n[f"{schedule}, {kind}"] for schedule in SCHEDULES]
        right.plot(k, values[0], "o", color=color, ms=9)
        right.plot(k, values[1], "s", color=GREY, ms=8, mfc="none", mew=1.6)
        label(right, k, min(values) - 1.3, f"{values[0]:.1f}", color, ha="center")
    right.set_xticks(range(4), labels=["last\nweights", "every\nstep", "every 10,\nβ¹⁰", "every 10,\nβ"])
    right.set(xlim=(-0.5, 3.5), ylim=(72, 86), xlabel="average", ylabel="accuracy on new pictures / %")
    right.set_title("At the end (squares: cosine)")
    caption = (
        f"Small CNN, {N} pictures of fruit, {STEPS} steps with momentum, mean of {STARTS} starts, β = {BETA}. At a "
        f"constant rate: last weights {n['constant, last weights']:.1%}, average {n['constant, every step']:.1%}; "
        f"updated every {EVERY} steps {n['constant, every 10, β¹⁰']:.1%} with β¹⁰, "
        f"{n['constant, every 10, β']:.1%} with β. Cosine: last weights "
        f"{n['cosine, last weights']:.1%}, average {n['cosine, every step']:.1%}."
    )
    alt = (
        "Left: accuracy over the steps. At a constant rate the last weights' curve jumps up and down, the average's is "
        "smooth and mostly above it; with a cosine the last weights' curve gets smooth by itself. Right: accuracy at "
        "the end: the average beats the last weights at the constant rate, equals them with a cosine; updated every "
        "ten steps it is as good with β to the tenth, and worse with β unchanged."
    )
    return Picture(figure, alt, caption)


AVERAGING = Effect(
    "regularization.averaging",
    "At a constant rate the average of the weights is a point and more better than the last weights in the mean, and "
    "within 1.5 points of a cosine schedule. On top of the cosine it brings nothing (less than half a point). Updated "
    "every 10 steps with β¹⁰ it is as good within a point; with β unchanged it loses more than one.",
    run,
    holds,
    draw,
    seconds=1.5,
)
