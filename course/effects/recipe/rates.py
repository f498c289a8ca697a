"""The range of rates at which a small network learns, without and with batch norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import cnn, cnn_weights, lane_accuracies, lanes, normed_cnn, normed_scores, small_fruit, train
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STEPS, BATCH, ALPHA, STARTS, TRAIN, TEST = 120, 32, 0.9, 2, 1000, 1000


def _experiment(seed: int) -> Tensor:
    """Accuracy on new pictures, mean over the starts: (without, with batch norm; rates)."""
    starts = lanes(cnn_weights(STARTS, torch.Generator().manual_seed(seed)), len(RATES))
    rates = torch.tensor(RATES).repeat_interleave(STARTS).expand(STEPS, -1)
    (x, y), (test, labels) = small_fruit("train", TRAIN), small_fruit("test", TEST)
    found = []
    for network in (cnn, normed_cnn):
        weights, _ = train(network, starts, (x, y), rates, BATCH, torch.Generator().manual_seed(seed), ALPHA)
        with torch.no_grad():
            scores = cnn(weights, test) if network is cnn else normed_scores(weights, test, x)
        found.append(lane_accuracies(scores, labels).view(len(RATES), STARTS).mean(1))
    return torch.stack(found)


def _numbers(found: Tensor) -> Numbers:
    gain = dict(zip(RATES, (found[1] - found[0]).tolist(), strict=True))
    numbers = {"best without": found[0].max().item(), "best with": found[1].max().item()}
    numbers["gain at the best rates"] = numbers["best with"] - numbers["best without"]
    numbers |= {f"gain at η = {rate:g}": gain[rate] for rate in RATES}
    return numbers | {"with, at η = 1": found[1, -1].item()}


def run(seed: int) -> Numbers:
    """Best accuracies, and what batch norm gains at each rate."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: more than two points at a small and at a large rate, three in the mean; no help at η = 1."""
    small, large = "gain at η = 0.003", "gain at η = 0.3"
    return all(
        0.02 < r[small] < 0.3
        and 0.02 < r[large] < 0.6
        and 0.7 < r["best with"] <= 1
        and r["best without"] > 0.6
        and -0.08 < r["gain at the best rates"] < 0.15
        and 0.2 < r["with, at η = 1"] < 0.55
        for r in rows
    ) and min(sum(r[name] for r in rows) for name in (small, large)) > 0.03 * len(rows)


def draw(seed: int) -> Picture:
    """Accuracy against the rate."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (axes,) = canvas(1)
    for shares, color, style in zip(100 * found, (VERMILLION, BLUE), ("s--", "o-"), strict=True):
        axes.semilogx(RATES, shares, style, color=color, ms=7)
    axes.axhline(100 / 3, color=GREY, ls=":", lw=1.2)
    label(axes, 0.003, 36, "guessing", GREY)
    label(axes, 0.012, 100 * found[1].max().item() + 4, "with batch norm", BLUE)
    label(axes, 0.0034, 100 * found[0, 0].item() - 4, "without", VERMILLION)
    axes.set_xticks(RATES, labels=[f"{rate:g}" for rate in RATES])
    axes.minorticks_off()
    axes.set(xlabel="learning rate η", ylabel="accuracy on new pictures / %", ylim=(30, 95))
    axes.set_title(f"Fruit, two convolutions, {STEPS} steps with momentum")
    caption = (
        f"Mean of {STARTS} starts, the same for both, on the same batches. Best: {n['best without']:.1%} without, "
        f"{n['best with']:.1%} with batch norm. It gains {100 * n['gain at η = 0.003']:+.0f} points at η = 0.003, "
        f"{100 * n['gain at η = 0.3']:+.0f} at 0.3, {100 * n['gain at η = 1']:+.0f} at 1."
    )
    alt = (
        "Accuracy against the learning rate. With batch norm the curve is high and flat from 0.003 to 0.3; without, it "
        "is lower at small rates, nearly as high in the middle, and falls at 0.3. At 1 both are at guessing."
    )
    return Picture(figure, alt, caption)


RATES_EFFECT = Effect(
    "recipe.rates",
    "With batch norm a small network is better by more than two points at a small rate (0.003) and at a large one "
    "(0.3), in every run. With the best rate of each, it may be up to eight points worse or fifteen better. At η = 1 "
    "neither has learned: batch norm widens the range of good rates, it does not abolish it.",
    run,
    holds,
    draw,
    seconds=3.0,
)
