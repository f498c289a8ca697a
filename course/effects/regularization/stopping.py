"""An over-fitting curve, and where early stopping stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from course.descent import SGD
from course.effects.effect import Effect, Numbers
from course.effects.lanes import flat_digits
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.effects.regularization.common import some_digits
from course.regularization import EarlyStopping
from course.training import History, accuracy, fit

N, WRONG, HIDDEN, EPOCHS, PATIENCE, RATE = 300, 0.3, 64, 50, 8, 0.03


class _Run(NamedTuple):
    training: list[float]  # accuracy on the training set after each epoch, by its own labels
    validation: list[float]
    stopped: int  # the epoch after which the callback said stop
    best: int  # the epoch whose state is kept
    test: float  # accuracy of the restored state on new digits
    at_the_end: float  # that of the last state


def _train(wrong: float, seed: int) -> _Run:
    """All epochs, so that there is a curve to look at; what the callback says is noted."""
    generator = torch.Generator().manual_seed(seed)
    x, y = some_digits(N, wrong, generator)
    model = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    stop, training, stopped = EarlyStopping(model, PATIENCE), list[float](), list[int]()

    def after_epoch(history: History) -> None:
        training.append(accuracy(model, x, y))
        if not stopped and stop(history):
            stopped.append(len(training))

    history = fit(
        model,
        (x, y),
        SGD(model.parameters(), RATE, momentum=0.9),
        epochs=EPOCHS,
        validation=flat_digits("validation"),
        after_epoch=[after_epoch],
        generator=generator,
        progress=False,
    )
    at_the_end = accuracy(model, *flat_digits("test"))
    stop.restore()
    restored = accuracy(model, *flat_digits("test"))
    return _Run(training, history.validation_accuracy, (stopped or [EPOCHS])[0], stop.epoch, restored, at_the_end)


def _experiment(seed: int) -> dict[str, _Run]:
    return {"wrong": _train(WRONG, seed), "right": _train(0.0, seed)}


def _numbers(found: dict[str, _Run]) -> Numbers:
    numbers: Numbers = {}
    for name, r in found.items():
        numbers |= {
            f"best epoch, {name} labels": r.best,
            f"stopped after epoch, {name} labels": r.stopped,
            f"training accuracy then, {name} labels": r.training[r.best - 1],
            f"training accuracy at the end, {name} labels": r.training[-1],
            f"test accuracy, restored, {name} labels": r.test,
            f"test accuracy at the end, {name} labels": r.at_the_end,
        }
    return numbers


def run(seed: int) -> Numbers:
    """Epochs, training and test accuracy of the restored state and of the last one, with wrong and right labels."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: wrong labels are learned by heart, stopping gains 5 points (in the mean 10); else nothing."""

    def gain(row: Numbers, name: str) -> float:
        return row[f"test accuracy, restored, {name} labels"] - row[f"test accuracy at the end, {name} labels"]

    return (
        sum(gain(r, "wrong") for r in rows) / len(rows) > 0.10
        and -0.05 < sum(gain(r, "right") for r in rows) / len(rows) < 0.01
        and all(
            gain(r, "wrong") > 0.05
            and -0.15 < gain(r, "right") < 0.04
            and r["training accuracy at the end, wrong labels"] > 0.9
            and r["training accuracy then, wrong labels"] < 0.85
            and r["stopped after epoch, wrong labels"] == r["best epoch, wrong labels"] + PATIENCE < EPOCHS
            for r in rows
        )
    )


def draw(seed: int) -> Picture:
    """Both accuracies over the epochs, with wrong labels and with right ones."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, panels = canvas()
    titles = {"wrong": "30 % of the labels wrong", "right": "All labels right"}
    for axes, (name, r) in zip(panels, found.items(), strict=True):
        epochs = range(1, EPOCHS + 1)
        axes.plot(epochs, [100 * a for a in r.training], "--", color=BLUE)
        axes.plot(epochs, [100 * a for a in r.validation], "-", color=VERMILLION)
        axes.plot(r.best, 100 * max(r.validation), "o", color=VERMILLION, ms=9)
        axes.axvline(r.stopped, color=GREY, ls=":")
        label(axes, r.stopped + 0.7, 8, f"stop, {PATIENCE} epochs later", GREY)
        axes.set(xlabel="epoch", ylabel="accuracy / %", title=titles[name], ylim=(0, 104))
    label(panels[0], 26, 86, "training", BLUE)
    label(panels[0], 26, 52, "validation", VERMILLION)
    caption = (
        f"{N} digits, 64 → {HIDDEN} → 10, patience {PATIENCE}. Wrong labels: best after epoch "
        f"{n['best epoch, wrong labels']:.0f}; right on new digits "
        f"{n['test accuracy, restored, wrong labels']:.1%} with that state restored, "
        f"{n['test accuracy at the end, wrong labels']:.1%} after {EPOCHS} epochs. Right labels: "
        f"{n['test accuracy, restored, right labels']:.1%} and {n['test accuracy at the end, right labels']:.1%}."
    )
    alt = (
        "Accuracy over epochs. Left, with 30 percent of the labels wrong: the training curve climbs to nearly 100 "
        "percent, while the validation curve has its maximum after a few epochs and then falls; the stop is marked "
        "eight epochs after the maximum. Right, with all labels right: both curves climb and stay."
    )
    return Picture(figure, alt, caption)


STOPPING = Effect(
    "regularization.stopping",
    "With 30 % wrong labels a network learns most of them by heart: its training accuracy gets above 90 %, its "
    "accuracy on new digits falls after the first epochs. Stopping early and going back to the best state gains at "
    "least five points, in the mean ten and more. With right labels it gains nothing: in the mean less than one "
    "point, and where the validation set has a lucky epoch early on, it loses some.",
    run,
    holds,
    draw,
    seconds=1.2,
)
