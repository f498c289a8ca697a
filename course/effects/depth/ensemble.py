"""One set of weights, 2^L networks: what single paths, their mean vote, and the test-time network get right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.depth.common import BLOCKS, P_LAST, PICTURES, STEPS, WRONG, mean, scores, trained
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.lanes import flat_digits, lane_accuracies, lane_losses
from course.effects.picture import BLUE, GREEN, GREY, VERMILLION, Picture, canvas, label

PATHS, LANE = 64, P_LAST.index(0.5)


class _Found(NamedTuple):
    depths: Tensor  # (PATHS,): active blocks
    single: Tensor  # (PATHS,): accuracies of the drawn networks
    votes: Tensor  # (PATHS,): accuracy of the mean of the first 1, 2, … networks' probabilities
    numbers: Numbers


@lru_cache(maxsize=2)
@torch.no_grad()
def _experiment(seed: int) -> _Found:
    found = trained(seed)
    x, y = flat_digits("test")
    one = [w[LANE : LANE + 1] for w in found.weights]
    many = [w.expand(PATHS, *w.shape[1:]) for w in one]
    p = found.survival[:, LANE, None]
    b = torch.bernoulli(p.expand(BLOCKS, PATHS), generator=torch.Generator().manual_seed(seed))
    drawn = scores(many, x, b)
    means = drawn.softmax(-1).cumsum(0) / torch.arange(1, PATHS + 1)[:, None, None]
    single, votes = lane_accuracies(drawn, y), lane_accuracies(means, y)
    whole, unscaled = scores(one, x, p), scores(one, x, torch.ones(BLOCKS, 1))
    numbers = {
        "accuracy, single networks": single.mean().item(),
        "accuracy, mean of all": votes[-1].item(),
        "accuracy, p·f": lane_accuracies(whole, y).item(),
        "accuracy, f whole": lane_accuracies(unscaled, y).item(),
        "loss, single networks": lane_losses(drawn, y).mean().item(),
        "loss, mean of all": lane_losses(means[-1:].log(), y).item(),
        "loss, p·f": lane_losses(whole, y).item(),
        "loss, f whole": lane_losses(unscaled, y).item(),
        "depth, single networks": b.sum(0).mean().item(),
    }
    return _Found(b.sum(0), single, votes, numbers)


def run(seed: int) -> Numbers:
    """Accuracy and loss of drawn networks, of their mean, and of all blocks at once with and without p."""
    return _experiment(seed).numbers


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: p·f is as good as the mean of all, whose loss is below that of single ones; f whole is worse."""
    return (
        all(
            abs(r["accuracy, p·f"] - r["accuracy, mean of all"]) < 0.03
            and abs(r["loss, p·f"] - r["loss, mean of all"]) < 0.15
            and r["loss, p·f"] < r["loss, single networks"] < r["loss, f whole"]
            and r["loss, mean of all"] < r["loss, single networks"] - 0.02
            and r["accuracy, f whole"] < r["accuracy, p·f"] < 1
            and 0.4 < r["accuracy, single networks"] < r["accuracy, mean of all"] + 0.005
            and abs(r["depth, single networks"] - 11.75) < 1.5
            for r in rows
        )
        and mean(rows, "accuracy, f whole") < mean(rows, "accuracy, p·f") - 0.02
        and mean(rows, "accuracy, single networks") < mean(rows, "accuracy, p·f") - 0.005
    )


def draw(seed: int) -> Picture:
    """Each drawn network by its depth; the vote of more and more of them."""
    found = _experiment(seed)
    n = found.numbers
    figure, (left, right) = canvas()
    shifts = torch.linspace(-0.25, 0.25, PATHS)  # so that points do not hide each other
    left.plot(found.depths + shifts, 100 * found.single, "o", color=GREY, ms=4, alpha=0.7)
    left.axhline(100 * n["accuracy, p·f"], color=BLUE)
    left.set(
        xlabel="active blocks", ylabel="accuracy on new digits / %", title=f"{PATHS} of the $2^{{{BLOCKS}}}$ networks"
    )
    counts = range(1, PATHS + 1)
    right.semilogx(counts, 100 * found.votes, "-", color=GREEN)
    for name, words, color, style in (
        ("accuracy, p·f", "all blocks,\np·f", BLUE, "-"),
        ("accuracy, single networks", "one alone,\non average", GREY, ":"),
        ("accuracy, f whole", "all blocks,\nf whole", VERMILLION, "--"),
    ):
        right.plot([1, PATHS], [100 * n[name]] * 2, style, color=color)
        label(right, 1.25 * PATHS, 100 * n[name], words, color)
    right.set_xlim(0.8, 8 * PATHS)  # names stand at the lines' ends
    right.set_xticks([1, 4, 16, 64], labels=["1", "4", "16", "64"])
    right.minorticks_off()
    low = 100 * min(n["accuracy, f whole"], found.votes.min().item(), found.single.min().item()) - 2
    for axes in (left, right):
        axes.set_ylim(low, 100 * found.single.max().item() + 2)
    right.set(xlabel="networks that vote", title="Their mean, and all blocks at once")
    highest = max(n["accuracy, p·f"], found.votes.max().item())  # there is no line above it
    label(right, 1.1, 100 * highest + 0.8, "mean vote", GREEN)
    caption = (
        f"{BLOCKS} blocks, p_L = 0.5, {PICTURES} digits with {WRONG:.0%} wrong labels, {STEPS} steps. New digits: "
        f"a drawn network {n['accuracy, single networks']:.1%} on average, the mean of {PATHS} of them "
        f"{n['accuracy, mean of all']:.1%}, all blocks with p·f {n['accuracy, p·f']:.1%}, all blocks with f whole "
        f"{n['accuracy, f whole']:.1%}. Their losses: {n['loss, single networks']:.2f}, {n['loss, mean of all']:.2f}, "
        f"{n['loss, p·f']:.2f}, {n['loss, f whole']:.2f}."
    )
    alt = (
        "Left: accuracy of networks drawn from one set of weights against their number of active blocks; the points "
        "scatter by some points around a level below that of the test-time network. Right: the more of these "
        "networks vote, the better, up to about the line of the test-time network with p·f; the line of the "
        "network with unscaled branches lies clearly lower."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    gained = numbers["accuracy, f whole"] - numbers["accuracy, p·f"]
    return 0 if gained < -0.01 else 1 if gained < 0.01 else 2


def _told(numbers: Numbers) -> str:
    whole, weighted = (numbers[f"accuracy, {name}"] for name in ("f whole", "p·f"))
    return f"Right on new digits: {whole:.1%} with whole branches, {weighted:.1%} with each weighted by its p."


PREDICTION = Prediction(
    "In training, each branch was left out now and then. At test time all of them take part, and each is added whole "
    "instead of p times. The network is then …",
    ("worse", "as good, within a point", "better: all of it is used"),
    _answer,
    _told,
)


ENSEMBLE = Effect(
    "depth.ensemble",
    "A network trained with p_L = 0.5 holds 2^16 networks. With all blocks, each weighted by its p, it does as well as "
    "the mean vote of 64 drawn ones (accuracies within three points), with a smaller loss than these have on average. "
    "With all blocks unweighted it is worse, by two points and more in the mean.",
    run,
    holds,
    draw,
    seconds=2.0,
    prediction=PREDICTION,
)
