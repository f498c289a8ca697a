"""A ravine is as round as a bowl to an optimizer that gives each direction its own rate, unless it lies askew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import torch
from torch import Tensor

from course.descent import gradient_of, ravine
from course.effects.adaptive.common import ADAGRAD_EPS, LOOKS, State, step
from course.effects.descent.common import contours, steps_below
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.picture import VERMILLION, Picture, canvas, label

KAPPA, STARTS, STEPS, TOLERANCE, LOOK = 100.0, 32, 400, 1e-2, 10
DRAWN = torch.tensor([[-1.0, 0.3]], dtype=torch.float64)
RATES = {"SGD": (-2.1, -1.7), "momentum": (-3.0, -1.5), "Adagrad": (-1.0, 0.5), "Adam": (-2.0, 0.5)}
"""Powers of ten between which the best rate is sought."""


class _Best(NamedTuple):
    steps: float  # mean over the starts
    lr: float


class _Found(NamedTuple):
    ravine: dict[str, _Best]
    round: dict[str, _Best]  # the bowl κ = 1
    turned: dict[str, _Best]  # the ravine, turned by 45°
    ratio: dict[str, float]  # effective rate along / across, median over many starts, after LOOK steps


def _starts(seed: int, count: int = STARTS) -> Tensor:
    """Points on the unit circle, all directions alike, shape (count, 2)."""
    w = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return w / w.norm(dim=1, keepdim=True)


def _descend(
    name: str, starts: Tensor, lrs: Tensor, steps: int, kappa: float = KAPPA, turn: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Paths (steps + 1, rates, starts, 2) and effective rates per direction (steps, …, 2), in turned coordinates."""
    surface, (c, s) = ravine(kappa), (math.cos(turn), math.sin(turn))
    back = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    w, state = (starts @ back.T).expand(len(lrs), -1, -1), cast(State, ())
    path, rates = [w], []
    for t in range(1, steps + 1):
        w, state = step(name, w, gradient_of(lambda w: surface.loss(w @ back), w), state, t, lrs[:, None, None])
        path.append(w)
        rates.append(lrs[:, None, None] / _root(name, state, t).expand_as(w))
    return torch.stack(path), torch.stack(rates)


def _root(name: str, state: State, t: int) -> Tensor:
    """What the rate is divided by: the root of v, or 1."""
    first, second = state or (torch.zeros(1, dtype=torch.float64),) * 2
    if name == "Adagrad":
        return first.sqrt() + ADAGRAD_EPS
    return (second / (1 - 0.999**t)).sqrt() + 1e-8 if name == "Adam" else torch.ones_like(first)


def _best(name: str, starts: Tensor, kappa: float = KAPPA, turn: float = 0.0) -> _Best:
    """The rate of a grid with the fewest steps to the tolerance."""
    lrs = torch.logspace(*RATES[name], 21, dtype=torch.float64)
    path, _ = _descend(name, starts, lrs, STEPS, kappa, turn)
    mean = steps_below(path.norm(dim=-1), TOLERANCE).double().mean(1)
    return _Best(mean.min().item(), lrs[int(mean.argmin())].item())


@lru_cache(maxsize=2)
def _experiment(seed: int) -> _Found:
    starts, adaptive = _starts(seed), ("Adagrad", "Adam")
    best = {name: _best(name, starts) for name in LOOKS}
    ratio = {}
    for name in adaptive:
        _, rates = _descend(name, _starts(seed, 1024), torch.tensor([best[name].lr], dtype=torch.float64), LOOK)
        ratio[name] = (rates[-1, 0, :, 0] / rates[-1, 0, :, 1]).median().item()
    return _Found(
        best,
        {name: _best(name, starts, kappa=1.0) for name in adaptive},
        {name: _best(name, starts, turn=math.pi / 4) for name in adaptive},
        ratio,
    )


def _numbers(found: _Found) -> Numbers:
    return (
        {f"steps, {name}": best.steps for name, best in found.ravine.items()}
        | {f"steps, {name}, in a round bowl": best.steps for name, best in found.round.items()}
        | {f"steps, {name}, turned": best.steps for name, best in found.turned.items()}
        | {f"rate along / across, {name}": ratio for name, ratio in found.ratio.items()}
    )


def run(seed: int) -> Numbers:
    """Steps to the tolerance at the best rate in the ravine, in a round bowl and in the ravine turned by 45°."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: the ravine costs Adagrad and Adam nothing, lying straight; askew it costs Adagrad most of its lead."""
    return all(
        r["steps, Adagrad"] == r["steps, Adagrad, in a round bowl"]
        and abs(r["steps, Adam"] - r["steps, Adam, in a round bowl"]) <= 1
        and 10 * r["steps, Adagrad"] < r["steps, SGD"] < r["steps, Adagrad, turned"]
        and 0.6 * r["steps, momentum"] < r["steps, Adam"] < 1.5 * r["steps, momentum"]
        and all(KAPPA / 1.5 < r[f"rate along / across, {name}"] < 1.5 * KAPPA for name in ("Adagrad", "Adam"))
        for r in rows
    )


def draw(seed: int) -> Picture:
    """The paths, and the effective rates of both directions."""
    found = _experiment(seed)
    figure, (left, right) = canvas(widths=[1.1, 1])
    contours(left, ravine(KAPPA).loss, (-1.15, 0.45), (-0.55, 0.55), levels=[0.01, 0.1, 0.5, 1.5, 4, 9, 16])
    spots = {"SGD": (-0.95, -0.38), "momentum": (-0.55, 0.22), "Adagrad": (-0.16, -0.46), "Adam": (0.18, 0.12)}
    for name, (color, marker, line) in LOOKS.items():
        path, rates = _descend(name, DRAWN, torch.tensor([found.ravine[name].lr], dtype=torch.float64), 60)
        left.plot(*path[:41, 0, 0].T, line, marker=marker, color=color, ms=3, lw=1.2)
        label(left, *spots[name], name, color)
        if name in found.ratio:
            right.loglog(range(1, 61), rates[:, 0, 0, 0], "-", color=color)
            right.loglog(range(1, 61), rates[:, 0, 0, 1], "--", color=color)
            along, across = rates[0, 0, 0].tolist()
            label(right, 1, 1.5 * along, f"{name}, along (x)", color)
            label(right, 1, 0.3 * across if name == "Adagrad" else 0.62 * across, f"{name}, across (y)", color)
    left.plot(0, 0, "*", color="black", ms=12)
    left.set_title("The first 40 steps (y axis stretched)")
    right.axhline(found.ravine["SGD"].lr, color=VERMILLION, ls=":")
    label(right, 9, found.ravine["SGD"].lr * 1.35, "SGD, both", VERMILLION)
    right.set(xlabel="step", ylabel=r"effective rate $η/(\sqrt{v}+ε)$", title="Rate of each direction", ylim=(4e-4, 2))
    n = _numbers(found)
    caption = (
        f"½(x² + {KAPPA:g}y²), steps until the distance is {TOLERANCE:g}, mean over {STARTS} starts, each at its best "
        f"rate: SGD {n['steps, SGD']:.0f}, momentum {n['steps, momentum']:.0f}, Adagrad {n['steps, Adagrad']:.0f}, "
        f"Adam {n['steps, Adam']:.0f}. In a round bowl Adagrad needs {n['steps, Adagrad, in a round bowl']:.0f}, Adam "
        f"{n['steps, Adam, in a round bowl']:.0f}: to them this ravine is one. Turned by 45°, so that no weight lies "
        f"along it: Adagrad {n['steps, Adagrad, turned']:.0f}, Adam {n['steps, Adam, turned']:.0f}."
    )
    alt = (
        "Left: level lines of a long valley. SGD jumps from wall to wall and is far from the minimum after 40 steps; "
        "momentum swings; Adagrad is there after a few long steps; Adam comes in a wide curve, passes it and returns."
        " Right: effective rates on log-log axes. Adagrad's and Adam's rate along the valley is many times the one "
        "across; SGD has one rate for both."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    straight, turned, plain = (numbers[f"steps, {name}"] for name in ("Adagrad", "Adagrad, turned", "SGD"))
    return 0 if turned > plain else 1 if turned > 1.5 * straight else 2


def _told(numbers: Numbers) -> str:
    straight, turned, plain = (numbers[f"steps, {name}"] for name in ("Adagrad", "Adagrad, turned", "SGD"))
    return (
        f"Adagrad takes {straight:.0f} steps in the straight ravine and {turned:.0f} in the turned one; SGD took "
        f"{plain:.0f} in the straight one. Each weight has its own rate, but along this ravine no weight lies alone."
    )


PREDICTION = Prediction(
    "In a straight ravine Adagrad needs less than a tenth of SGD's steps. Now the same ravine is turned by 45°. Each "
    "method at its best rate, Adagrad needs …",
    ("more steps than SGD", "fewer than SGD, but more than before", "as few steps as before"),
    _answer,
    _told,
)


EFFECTIVE_RATES = Effect(
    "adaptive.effective_rates",
    "In a ravine with κ = 100 Adagrad and Adam give the flat direction a rate about a hundred times larger than the "
    "steep one, and take no more steps than in a round bowl. Adagrad, at its best rate, needs less than a tenth of "
    "SGD's steps; Adam about as many as momentum. But the rates belong to weights, not to directions: in the same "
    "ravine, turned by 45°, Adagrad needs more steps than SGD.",
    run,
    holds,
    draw,
    seconds=1.0,
    prediction=PREDICTION,
)
