"""A range test, and whether training at the rate that it suggests is nearly as good as at the best rate of a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course.descent import SGD
from course.effects.effect import Effect, Numbers
from course.effects.lanes import (
    Network,
    Weights,
    cnn,
    cnn_weights,
    flat_digits,
    lane_accuracies,
    lanes,
    mlp,
    mlp_weights,
    small_fruit,
    train,
)
from course.effects.picture import BLUE, GREEN, VERMILLION, Picture, canvas, label
from course.schedules import RangeTest, range_test

GRID = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
LOW, HIGH, STEPS, TRAINED, BATCH, STARTS = 1e-3, 30.0, 100, 200, 32, 3


class _Task(NamedTuple):
    network: Network
    weights: Callable[[torch.Generator], Weights]
    data: Callable[[str], tuple[Tensor, Tensor]]
    alpha: float


TASKS = {
    "fruit": _Task(cnn, lambda g: cnn_weights(STARTS, g), lambda split: small_fruit(split, 1000), 0.0),
    "fruit, momentum": _Task(cnn, lambda g: cnn_weights(STARTS, g), lambda split: small_fruit(split, 1000), 0.9),
    "digits": _Task(mlp, lambda g: mlp_weights(STARTS, (64, 64, 10), g), flat_digits, 0.0),
}


class _Lane(nn.Module):
    """One lane of a network as a module, for `range_test`."""

    def __init__(self, network: Network, weights: Weights, lane: int) -> None:
        super().__init__()
        self.network = network
        self.weights = nn.ParameterList([w[lane : lane + 1].clone() for w in weights])

    def forward(self, x: Tensor) -> Tensor:
        return self.network(list(self.weights), x)[0]


class _Found(NamedTuple):
    tests: list[RangeTest]  # one per start
    grid: Tensor  # accuracy on new pictures, mean over the starts, one per rate of the grid
    suggested: float  # the same, each start at the rate that its own test suggests


def _experiment(task: _Task, seed: int) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    weights, data = task.weights(generator), task.data("train")
    tests = []
    for lane in range(STARTS):
        model = _Lane(task.network, weights, lane)
        optimizer = SGD(model.parameters(), 1.0, task.alpha)
        tests.append(range_test(model, data, optimizer, LOW, HIGH, STEPS, batch_size=BATCH, generator=generator))
    grid = torch.tensor(GRID).repeat_interleave(STARTS)
    rates = torch.cat([grid, torch.tensor([test.suggestion for test in tests])]).expand(TRAINED, -1)
    start = lanes(weights, len(GRID) + 1)
    trained, _ = train(task.network, start, data, rates, BATCH, generator, task.alpha)
    test, labels = task.data("test")
    *shares, suggested = lane_accuracies(task.network(trained, test), labels).view(-1, STARTS).mean(1)
    return _Found(tests, torch.stack(shares), suggested.item())


def _numbers(found: dict[str, _Found]) -> Numbers:
    numbers: Numbers = {}
    for name, (tests, grid, suggested) in found.items():
        rate = torch.tensor([test.suggestion for test in tests]).log().mean().exp().item()
        numbers |= {f"{name}: best of the grid": grid.max().item(), f"{name}: suggested": suggested}
        numbers |= {f"{name}: best η": GRID[int(grid.argmax())], f"{name}: suggested η": rate}
        numbers |= {f"{name}: mean of the grid": grid.mean().item()}
    return numbers


def run(seed: int) -> Numbers:
    """Accuracy at the suggested rate and over the grid, on three tasks."""
    return _numbers({name: _experiment(task, seed) for name, task in TASKS.items()})


def holds(rows: Sequence[Numbers]) -> bool:
    """Within 10 points of the grid's best in every run and 5.5 in the mean; a rate at random loses 10 in the mean."""

    def lost(name: str, to: str) -> list[float]:
        return [r[f"{name}: best of the grid"] - r[f"{name}: {to}"] for r in rows]

    suggested, random = ([lost(name, to) for name in TASKS] for to in ("suggested", "mean of the grid"))
    return all(
        max(good) < 0.1 and sum(good) / len(good) < 0.055 and sum(poor) / len(poor) > 0.1
        for good, poor in zip(suggested, random, strict=True)
    )


def draw(seed: int) -> Picture:
    """The test on each task; and the accuracy over the grid with the suggestions."""
    every = {name: _experiment(task, seed) for name, task in TASKS.items()}
    found = _numbers(every)
    figure, (left, right) = canvas()
    looks = dict(zip(TASKS, ((BLUE, "-"), (VERMILLION, "--"), (GREEN, "-.")), strict=True))
    for name, (tests, grid, suggested) in every.items():
        color, style = looks[name]
        test = tests[0]
        left.semilogx(test.rates, test.smooth, style, color=color)
        left.axvline(test.suggestion, color=color, ls=":", lw=1.4)
        right.semilogx(GRID, 100 * grid, style, marker="o", color=color, ms=5)
        right.plot(found[f"{name}: suggested η"], 100 * suggested, "*", color=color, ms=18, mec="white")
    left.set(
        xlabel="learning rate η, rising from step to step",
        ylabel="loss, running mean",
        title="One range test each (dotted: suggestion)",
    )
    left.set(ylim=(0, 3.2), xlim=(LOW, HIGH))
    right.set(xlabel="learning rate η", ylabel=f"accuracy after {TRAINED} steps / %", ylim=(0, 100))
    right.set_title("Grid, and the suggestion (stars)")
    for axes in (left, right):
        axes.set_xticks((1e-3, 1e-2, 1e-1, 1, 10), labels=("0.001", "0.01", "0.1", "1", "10"))
        axes.minorticks_off()
    label(left, 1.2e-3, 2.75, "digits", GREEN)
    label(left, 1.2e-3, 1.25, "fruit", BLUE)
    label(left, 1.2e-3, 0.95, "fruit, momentum", VERMILLION)
    caption = (
        f"{STEPS} steps from η = {LOW:g} to {HIGH:g}; the suggestion is a fifth of the rate at which the running mean "
        f"of the loss is lowest. Accuracy after {TRAINED} steps, mean of {STARTS} starts: "
        + "; ".join(
            f"{name} {found[f'{name}: suggested']:.1%} at η ≈ {found[f'{name}: suggested η']:.2g}, best of the grid "
            f"{found[f'{name}: best of the grid']:.1%} at {found[f'{name}: best η']:g}"
            for name in TASKS
        )
        + "."
    )
    alt = (
        "Left: the loss of three networks while the learning rate rises. Each stays level at tiny rates, falls, and "
        "shoots up at a large rate; a dotted line marks the suggested rate before that. Right: the accuracy after "
        "training at each rate of a grid is a hill with a cliff on the right; the suggested rates lie on top of the "
        "three hills, some way from the cliff."
    )
    return Picture(figure, alt, caption)


RANGE_TEST = Effect(
    "schedules.range_test",
    "A range test of 100 steps finds a rate to train at. On fruit, without and with momentum, and on digits, accuracy "
    "at the suggested rate, a fifth of that at which the loss was lowest, is within 10 points of the best of a grid of "
    "seven rates in every run, and within 5.5 in the mean. A rate taken blindly from the grid loses more than 10.",
    run,
    holds,
    draw,
    seconds=3.7,
)
