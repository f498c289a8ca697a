"""How far apart k small steps and one big step end, on real digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.lanes import flat_digits, mlp_weights
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas, label
from course.schedules import steps_apart

K, BATCH, STARTS, WIDTHS = 8, 32, 5, (64, 32, 10)
RATES = tuple(2.0**-i for i in range(14))  # 1 … 1/8192
SMALL = 6  # the slope is taken over the last so many


class _Apart(NamedTuple):
    distance: Tensor  # between the two ends, geometric mean over the starts, one per rate
    length: Tensor  # of the big step, likewise


def _loss(flat: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of a network 64 → 32 → 10 whose weights lie in one vector; tanh, as η² needs it smooth."""
    inputs, hidden, classes = WIDTHS
    first, bias, second, bias_2 = flat.split((inputs * hidden, hidden, hidden * classes, classes))
    h = torch.tanh(x @ first.view(inputs, hidden) + bias)
    return torch.nn.functional.cross_entropy(h @ second.view(hidden, classes) + bias_2, y)


def _experiment(seed: int) -> _Apart:
    generator = torch.Generator().manual_seed(seed)
    x, y = flat_digits("train")
    x = x.double()
    pairs = []
    for _ in range(STARTS):
        start = torch.cat([w.flatten() for w in mlp_weights(1, WIDTHS, generator)]).double()
        rows = torch.randperm(len(x), generator=generator)[: K * BATCH].view(K, BATCH)

        def gradient(w: Tensor, i: int, rows: Tensor = rows) -> Tensor:
            w = w.detach().requires_grad_()
            return torch.autograd.grad(_loss(w, x[rows[i]], y[rows[i]]), w)[0]

        ends = [steps_apart(K, gradient, start, lr) for lr in RATES]
        pairs.append(torch.tensor([[(a - b).norm().item(), (b - start).norm().item()] for a, b in ends]))
    distance, length = torch.stack(pairs).log().mean(0).exp().T
    return _Apart(distance, length)


def _slope(values: Tensor) -> float:
    """Of log values over log rates, for the smallest rates."""
    x, y = torch.tensor(RATES[-SMALL:]).log(), values[-SMALL:].log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def _numbers(found: _Apart) -> Numbers:
    relative = found.distance / found.length
    at = {f"1/{round(1 / lr)}": i for i, lr in enumerate(RATES)}
    return {
        "slope of the distance": _slope(found.distance),
        "slope of the relative distance": _slope(relative),
        **{f"relative distance, η = {name}": relative[at[name]].item() for name in ("1/1024", "1/64", "1/16", "1/4")},
    }


def run(seed: int) -> Numbers:
    """Slopes on log-log axes, and the distance as a share of the way."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: slopes 2 and 1 within 0.1; a small share of the way at η = 1/1024, a large one at η = 1/4."""
    return all(
        abs(r["slope of the distance"] - 2) < 0.1
        and abs(r["slope of the relative distance"] - 1) < 0.1
        and r["relative distance, η = 1/1024"] < 0.03
        and r["relative distance, η = 1/4"] > 0.5
        for r in rows
    )


def draw(seed: int) -> Picture:
    """The distance, and the distance relative to the length of the big step, against the rate."""
    found = _experiment(seed)
    numbers = _numbers(found)
    rates, relative = torch.tensor(RATES), found.distance / found.length
    figure, (left, right) = canvas()
    left.loglog(rates, found.length, "s--", color=VERMILLION, ms=5)
    left.loglog(rates, found.distance, "o-", color=BLUE, ms=5)
    left.loglog(rates, found.distance[-1] * (rates / rates[-1]).square(), ":", color=GREY)
    label(left, 1.5e-4, 100 * found.length[-1].item(), "length of the big step", VERMILLION)
    label(left, 5e-3, found.distance[8].item(), "distance of the ends", BLUE)
    label(left, 0.12, 4 * found.distance[-1].item() * (0.12 / RATES[-1]) ** 2, "∝ η²", GREY, ha="right")
    left.set(ylabel="length", title=f"{K} small steps against one big step")
    right.loglog(rates, 100 * relative, "o-", color=BLUE, ms=5)
    right.loglog(rates, 100 * relative[-1] * rates / rates[-1], ":", color=GREY)
    label(right, 0.02, 300 * relative[-1].item() * 0.02 / RATES[-1], "∝ η", GREY, ha="right")
    right.set(ylabel="distance / length of the big step, %", title="As a share of the way")
    for axes in (left, right):
        axes.set_xlabel("learning rate η of a small step")
        axes.set_xticks((1e-3, 1e-2, 1e-1, 1), labels=("0.001", "0.01", "0.1", "1"))
        axes.minorticks_off()
    right.set_yticks((0.1, 1, 10, 100), labels=("0.1", "1", "10", "100"))
    caption = (
        f"Digits, a network with 32 hidden units at its random start, k = {K} batches of {BATCH}, mean of {STARTS} "
        f"starts. For small rates the distance of the two ends has slope {numbers['slope of the distance']:.2f} on "
        f"log-log axes, relative to the length of the step {numbers['slope of the relative distance']:.2f}. It is "
        f"{numbers['relative distance, η = 1/1024']:.1%} of the way at η = 1/1024, "
        f"{numbers['relative distance, η = 1/64']:.0%} at 1/64, {numbers['relative distance, η = 1/16']:.0%} at 1/16 "
        f"and {numbers['relative distance, η = 1/4']:.0%} at 1/4."
    )
    alt = (
        "Two log-log plots against the learning rate. Left: the length of the big step grows in proportion to the "
        "rate, the distance between the ends of the small steps and the big one along a steeper dotted line, with the "
        "square. Right: the distance as a share of the way grows in proportion to the rate, from less than a percent "
        "to about the whole way at large rates."
    )
    return Picture(figure, alt, caption)


STEPS_APART = Effect(
    "schedules.steps_apart",
    "On the digits, the distance between the end of k = 8 small steps and the end of one big step shrinks with the "
    "square of the rate, relative to the way made in proportion to it (slopes 2 and 1 on log-log axes). At a small "
    "rate both are the same for all purposes; at a large one the big step ends somewhere else.",
    run,
    holds,
    draw,
    seconds=0.2,
)
