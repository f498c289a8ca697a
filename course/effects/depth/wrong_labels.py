"""A deep residual network and wrong labels: stochastic depth keeps it from learning them by heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.depth import expected_depth
from course.effects.depth.common import BLOCKS, P_LAST, PICTURES, STEPS, WRONG, mean, scores, trained
from course.effects.effect import Effect, Numbers
from course.effects.lanes import flat_digits, lane_accuracies
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label


class _Found(NamedTuple):
    new: Tensor  # (lanes,): accuracy on new digits
    learned: Tensor  # (lanes,): share of training labels, wrong ones included, that the network gives
    depth: Tensor  # (lanes,): expected depth


@torch.no_grad()
def _judge(seed: int, wrong: float) -> _Found:
    found = trained(seed, wrong)
    x, y = flat_digits("test")
    new = lane_accuracies(scores(found.weights, x, found.survival), y)
    learned = lane_accuracies(scores(found.weights, found.x, found.survival), found.labels)
    return _Found(new, learned, torch.stack([expected_depth(p) for p in found.survival.T]))


def _numbers(noisy: _Found, clean: _Found) -> Numbers:
    numbers: Numbers = {}
    for i, p in enumerate(P_LAST):
        numbers[f"accuracy, wrong labels, p_L = {p:g}"] = noisy.new[i].item()
        numbers[f"accuracy, right labels, p_L = {p:g}"] = clean.new[i].item()
        numbers[f"training labels reproduced, wrong ones too, p_L = {p:g}"] = noisy.learned[i].item()
    for p in P_LAST[1:]:
        i = P_LAST.index(p)
        numbers[f"gain, wrong labels, p_L = {p:g}"] = (noisy.new[i] - noisy.new[0]).item()
        numbers[f"gain, right labels, p_L = {p:g}"] = (clean.new[i] - clean.new[0]).item()
    return numbers


def run(seed: int) -> Numbers:
    """Accuracy on new digits after training with wrong and with right labels, for three p_L."""
    return _numbers(_judge(seed, WRONG), _judge(seed, 0.0))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: a gain with wrong labels, and fewer of them learned; none to speak of with right ones."""
    learned = "training labels reproduced, wrong ones too, p_L = "
    return all(
        r["gain, wrong labels, p_L = 0.5"] > 0
        and 0.01 < r["gain, wrong labels, p_L = 0.2"] < 0.4
        and r[learned + "1"] > r[learned + "0.5"] + 0.02
        and r[learned + "0.5"] > r[learned + "0.2"]
        and all(abs(r[f"gain, right labels, p_L = {p:g}"]) < 0.05 for p in P_LAST[1:])
        and 0.4 < r["accuracy, wrong labels, p_L = 1"] < r["accuracy, right labels, p_L = 1"] < 1
        for r in rows
    ) and (
        mean(rows, "gain, wrong labels, p_L = 0.5") > 0.03
        and mean(rows, "gain, wrong labels, p_L = 0.2") > 0.05
        and all(abs(mean(rows, f"gain, right labels, p_L = {p:g}")) < 0.025 for p in P_LAST[1:])
    )


def draw(seed: int) -> Picture:
    """New digits that are right, and training labels that were learned, over the expected depth."""
    noisy, clean = _judge(seed, WRONG), _judge(seed, 0.0)
    n = _numbers(noisy, clean)
    figure, (left, right) = canvas()
    left.plot(clean.depth, 100 * clean.new, "s--", color=GREY, ms=6)
    left.plot(noisy.depth, 100 * noisy.new, "o-", color=BLUE, ms=6)
    right.plot(noisy.depth, 100 * noisy.learned, "^-", color=VERMILLION, ms=7)
    right.axhline(100 * (1 - WRONG), color=GREY, ls=":")
    for axes, found, aside in ((left, noisy.new, 0), (right, noisy.learned, 26)):  # beside what rises
        for depth, value, p in zip(noisy.depth, found, P_LAST, strict=True):
            axes.annotate(f"$p_L$ = {p:g}", (depth, 100 * value), (aside, -15), textcoords="offset points", ha="center")
        axes.set_xlim(7.8, 18)
    left.set(xlabel="expected depth, blocks", ylabel="accuracy on new digits / %", title="New digits", ylim=(50, 100))
    right.set(
        xlabel="expected depth, blocks",
        ylabel="training labels reproduced / %",
        title="Learned by heart",
        ylim=(55, 102),
    )
    label(left, 11, 100 * clean.new.mean().item() + 4, "all labels right", GREY)
    label(left, 11, 100 * noisy.new[1].item() + 5.5, f"{100 * WRONG:.0f} % wrong", BLUE)
    label(right, 12.4, 100 * (1 - WRONG) - 2.5, "labels that are right", GREY)
    wrong, right_ = ([n[f"accuracy, {k} labels, p_L = {p:g}"] for p in P_LAST] for k in ("wrong", "right"))
    caption = (
        f"{BLOCKS} residual blocks, {PICTURES} digits, {STEPS} steps from the same start on the same batches; "
        f"p_L = 1, 0.5, 0.2. New digits right with {WRONG:.0%} wrong labels: "
        + ", ".join(f"{v:.1%}" for v in wrong)
        + "; with right labels: "
        + ", ".join(f"{v:.1%}" for v in right_)
        + ". Training labels reproduced, wrong ones too: "
        + ", ".join(f"{v:.1%}" for v in noisy.learned.tolist())
        + "."
    )
    alt = (
        "Left: accuracy on new digits against expected depth. With wrong labels it is higher the fewer blocks are "
        "active on average in training; with right labels the line is flat. Right: the share of training labels that "
        "the network reproduces rises with depth, far beyond the share of labels that are right."
    )
    return Picture(figure, alt, caption)


WRONG_LABELS = Effect(
    "depth.wrong_labels",
    "A residual network of 16 blocks, 400 digits, 30 % of the labels wrong: with p_L = 0.5 more new digits are right "
    "than without stochastic depth, in the mean by more than three points; with p_L = 0.2, by more than five: it "
    "learns fewer labels by heart. With right labels there is nothing to gain: within five points either way.",
    run,
    holds,
    draw,
    seconds=4.0,
)
