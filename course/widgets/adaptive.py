"""The optimizer race: SGD, momentum, Adagrad and Adam from the same start, each at its own rate and at all others.

The steps are those of `course.descent` and `course.adaptive`, which the notebooks' exercises are judged by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import contourpy
import numpy as np
import torch

from course.adaptive import adagrad_step, adam_step
from course.descent import SURFACES, Surface, momentum_step, ravine
from course.widgets.descent import ARRIVED, LANDMARKS, LOST, MAP, PLACES, REACH, below, disc, slope
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, counted, dots, halo, number, polyline, power_of_ten, tag, text

WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
FLOOR, CEILING = 1e-6, 1e2  # of the loss axis
CHART = Frame(44, 46, 304, 130, (0, 1), (FLOOR, CEILING), log=True)
SCAN = Frame(44, 242, 304, 112, (-3, 1), (0, 1))  # across: the power of ten of the rate
ALPHA, KAPPA = 0.9, 100.0

# The looks that the section's experiments have, too: colour, dashes.
LOOKS: dict[str, dict[str, Any]] = {
    "SGD": {"stroke": "var(--accent)", "stroke_width": 1.6, "stroke_dasharray": "7 3.5"},
    "momentum": {"stroke": "var(--rose)", "stroke_width": 1.6, "stroke_dasharray": "8 3 1.5 3"},
    "Adagrad": {"stroke": "var(--leaf)", "stroke_width": 2.2, "stroke_dasharray": "1.5 3", "stroke_linecap": "butt"},
    "Adam": {"stroke": "var(--cool)", "stroke_width": 2},
}
RATES = [round(m * 10.0**e, 4) for e in (-3, -2, -1, 0) for m in (1, 1.5, 2, 3, 5, 7)] + [10.0]


def _turned(w: torch.Tensor) -> torch.Tensor:
    x, y = w[..., 0], w[..., 1]
    return ((x - y) ** 2 + KAPPA * (x + y) ** 2) / 4


GROUNDS: dict[str, tuple[Surface, tuple[tuple[str, float, float], ...]]] = {
    name: (surface, LANDMARKS[name]) for name, surface in SURFACES.items()
} | {
    "badly scaled": (ravine(KAPPA), (("minimum", 0, 0),)),
    "turned ravine": (
        Surface("turned ravine", f"¼((x − y)² + {KAPPA:g}(x + y)²)", _turned, (0.0, 0.0), (-1.6, 0.6)),
        (("minimum", 0, 0),),
    ),
}
"""Surfaces by name, with the places where the gradient vanishes; the first is the lowest."""


# ------------------------------------------------------------------------------------------ the numbers


@dataclass(frozen=True, eq=False)
class Race:
    """All optimizers (4) at all rates (R): their paths (n + 1, 4, R, 2), losses above the minimum (n + 1, 4, R), the
    step from which on each is at the minimum (4, R; infinite for never), and Adagrad's and Adam's effective rates at
    the end, η/(√v + ε), shape (2, R, 2)."""

    rates: tuple[float, ...]
    path: np.ndarray
    loss: np.ndarray
    needed: np.ndarray
    effective: np.ndarray


class Runner(NamedTuple):
    """One optimizer at one rate: see `Race`."""

    name: str
    rate: float
    path: np.ndarray
    loss: np.ndarray
    needed: float
    fate: str


@lru_cache(maxsize=32)
def race(surface: str, x: float, y: float, steps: int, rates: tuple[float, ...]) -> Race:
    """Run every optimizer at every rate, all at once."""
    ground, marks = GROUNDS[surface]
    lr = torch.tensor(rates, dtype=torch.float64)[:, None]
    w = torch.tensor([x, y], dtype=torch.float64).expand(len(LOOKS), len(rates), 2)
    alpha = torch.tensor([0.0, ALPHA], dtype=torch.float64)[:, None, None]  # SGD is momentum with α = 0
    total = mean = square = torch.zeros(len(rates), 2, dtype=torch.float64)
    delta, path = torch.zeros_like(w[:2]), [w]
    for t in range(1, steps + 1):
        grad = slope(ground.loss, w)
        rolling, delta = momentum_step(w[:2], grad[:2], delta, lr, alpha)
        ada, total = adagrad_step(w[2], grad[2], total, lr)
        both, mean, square = adam_step(w[3], grad[3], mean, square, t, lr)
        w = torch.cat([rolling, ada[None], both[None]])
        path.append(w)
    paths = torch.stack(path)
    lowest = torch.tensor(marks[0][1:], dtype=torch.float64)
    loss = (ground.loss(paths) - ground.loss(lowest)).numpy()
    effective = torch.stack([lr / (total.sqrt() + 1e-10), lr / ((square / (1 - 0.999**steps)).sqrt() + 1e-8)])
    return Race(rates, paths.numpy(), loss, arrivals(loss), effective.numpy())


def arrivals(loss: np.ndarray) -> np.ndarray:
    """The first step from which on the losses (n + 1, …) stay within `ARRIVED` of the minimum; infinite for never."""
    outside = ~(loss < ARRIVED)
    first = len(loss) - np.argmax(outside[::-1], axis=0)
    first = np.where(outside.any(0), first, 0)
    return np.where(first < len(loss), first, np.inf)


def fate(surface: str, path: np.ndarray, loss: np.ndarray, needed: float) -> str:
    """What became of one optimizer, as the predicate of a sentence."""
    if not np.abs(path).max() <= LOST:
        return "diverges"
    if np.isfinite(needed):
        return f"arrives after {counted(int(needed), 'step')}" + beyond(path)
    recent = np.abs(path[-8:] - path[-1]).max() if len(path) > 8 else np.inf
    for name, *place in GROUNDS[surface][1]:
        if name != "minimum" and recent < 0.08 and np.abs(path[-1] - place).max() < 0.1:
            return f"is stuck {'at' if name == 'saddle' else 'in'} the {name}"
    return f"ends {number(loss[-1], 2)} above the minimum"


def beyond(path: np.ndarray) -> str:
    """How far an arrived path shot beyond its end, as a share of the whole way, if it is a tenth or more."""
    way = path[-1] - path[0]
    share = ((path - path[-1]) @ way).max() / max(way @ way, 1e-12)
    return f" (overshooting by {100 * share:.0f} %)" if share >= 0.1 else ""


def runners(surface: str, all_: Race, rates: tuple[float, ...]) -> list[Runner]:
    """The four optimizers, each at its rate."""
    found = []
    for i, (name, rate) in enumerate(zip(LOOKS, rates, strict=True)):
        at = all_.rates.index(rate)
        path, loss, needed = all_.path[:, i, at], all_.loss[:, i, at], float(all_.needed[i, at])
        found.append(Runner(name, rate, path, loss, needed, fate(surface, path, loss, needed)))
    return found


# ------------------------------------------------------------------------------------------ the picture


def picture(
    surface: str = "ravine",
    steps: int = 100,
    sgd: float = 0.05,
    momentum: float = 0.05,
    adagrad: float = 0.05,
    adam: float = 0.05,
    x: float = -1.6,
    y: float = 0.6,
) -> Figure:
    """The surface from above with four paths, their losses, and the steps that each would need at any other rate.

    Args:
        surface: a name in `GROUNDS`.
        steps: number of steps, ≥ 1.
        sgd: learning rate η ≥ 0 of plain gradient descent.
        momentum: of momentum with α = 0.9.
        adagrad: of Adagrad.
        adam: of Adam with β = (0.9, 0.999).
        x: start, horizontal; the map shows −2 … 2.
        y: start, vertical.

    Returns:
        Two panels, the map, and loss curves above steps needed against the rate; and a caption with the same numbers.

    Raises:
        ValueError: an unknown surface, or numbers that are no start, rate or count.

    Source: lecture, "Adagrad" and "Adam".
    """
    if surface not in GROUNDS:
        raise ValueError(f"no surface {surface!r}; there are {', '.join(map(repr, GROUNDS))}")
    rates = (sgd, momentum, adagrad, adam)
    if not (np.isfinite([x, y, *rates]).all() and min(rates) >= 0 and steps >= 1):
        raise ValueError(f"need finite x, y, rates ≥ 0 and steps ≥ 1; got {x=}, {y=}, {rates=}, {steps=}")
    # Slider stops are on the grid, so that the same race serves all of them.
    all_ = race(surface, x, y, steps, tuple(sorted({*RATES, *rates})))
    four = runners(surface, all_, rates)
    charts = key() + curves(four, steps) + scan(all_, four, steps)
    panels = (
        Panel(WIDTH, HEIGHT, back=ground(surface), front=trails(surface, four)),
        Panel(WIDTH, HEIGHT, back=axes(), front=charts),
    )
    start = f"{surface.capitalize()}, {counted(steps, 'step')} from ({number(x)}, {number(y)}): "
    return Figure(panels, start + ran(four) + best(all_) + final_rates(all_, four))


def ran(four: list[Runner]) -> str:
    """What became of each at its rate."""
    return ", ".join(f"{r.name} ({number(r.rate)}) {r.fate}" for r in four) + ". "


def best(all_: Race) -> str:
    """The steps that each needs at the best rate."""
    fewest = all_.needed.min(1)
    words = [f"{name} {f'{n:.0f}' if np.isfinite(n) else 'never'}" for name, n in zip(LOOKS, fewest, strict=True)]
    return f"Steps needed at the best rate: {', '.join(words)}. "


def final_rates(all_: Race, four: list[Runner]) -> str:
    """Adagrad's and Adam's effective rates at the end."""
    words = []
    for runner, rates in zip(four[2:], all_.effective, strict=True):
        x, y = rates[all_.rates.index(runner.rate)]
        words.append(f"{runner.name} {number(x, 2)} and {number(y, 2)}")
    return f"Effective rates at the end along x and y: {', '.join(words)}."


@lru_cache(maxsize=8)
def ground(surface: str) -> str:
    """The map without paths: level sets, each a shade deeper, and axes."""
    where = GROUNDS[surface][0]
    grid = np.linspace(-REACH, REACH, 97) * 1.05  # a margin, so that no ring is drawn along the map's edge
    height = where.loss(torch.from_numpy(np.stack(np.meshgrid(grid, grid), axis=-1))).numpy()
    height = height - height.min()
    levels = height.max() * np.linspace(0, 1, 15)[1:-1] ** 2
    contours = contourpy.contour_generator(grid, grid, height, fill_type="OuterOffset")
    style = {"fill": "var(--ink)", "fill_opacity": 0.026, "fill_rule": "evenodd"}
    style |= {"stroke": "var(--ink)", "stroke_opacity": 0.17, "stroke_width": 0.75}
    rings = tag("g", *(below(contours, level) for level in levels), **style)
    ticks = [(v, number(v)) for v in (-2, -1, 0, 1, 2)]
    title = text(MAP.left, 16, surface.capitalize(), font_weight=600)
    title += text(MAP.left + MAP.width, 16, f"L = {where.formula}", "end")
    return title + MAP.clip(rings) + MAP.edge() + MAP.x_ticks(ticks, "x") + MAP.y_ticks(ticks, "y")


def trails(surface: str, four: list[Runner]) -> str:
    """The paths on the map, a dot for each step, a ring around the last, and the handle of the start."""
    lines = ends = marks = ""
    for runner in four:
        style, path = LOOKS[runner.name], until_lost(runner.path)
        pixels = MAP.at(path)
        smooth = {"d": polyline(pixels), "fill": "none", "stroke_linejoin": "round"}
        lines += tag("path", **smooth, stroke="var(--paper)", stroke_width=4, stroke_opacity=0.5)
        lines += tag("path", **smooth, **style)
        inside = pixels[1:][(np.abs(path[1:]) <= REACH).all(1)]
        if len(inside):
            lines += tag("path", d=dots(inside), stroke=style["stroke"], stroke_width=3.6, stroke_linecap="round")
        ends += disc(pixels[-1], 4.5, fill="var(--paper)", stroke=style["stroke"])
    for name, *place in GROUNDS[surface][1]:
        u, v = MAP.at(place)[0]
        marks += tag("path", d=f"M{u - 4:.1f} {v:.1f}h8m-4 -4v8", stroke="var(--ink)", stroke_width=1.2)
        marks += halo(u, v + 19, name, "middle", font_size=11)
    start = disc(MAP.at(four[0].path[:1])[0], 7.5, fill="var(--ink)", stroke="var(--paper)")
    return MAP.clip(lines, marks, ends) + start


def until_lost(path: np.ndarray) -> np.ndarray:
    """The path (n, 2) up to where it is lost: dashes along lines far outside cost a browser half a second."""
    lost = np.flatnonzero(~(np.abs(path).max(1) <= LOST))
    return path[: int(lost[0]) + 1] if len(lost) else path


@lru_cache(maxsize=1)
def axes() -> str:
    """The frames of both charts, without what depends on the number of steps."""
    title = text(CHART.left, 16, "Loss above the minimum", font_weight=600)
    title += text(SCAN.left, SCAN.top - 12, "Steps needed, at any rate", font_weight=600)
    ticks = [(10.0**e, "≤" * (e == -6) + power_of_ten(e)) for e in (-6, -3, 0)]
    powers = [(float(e), power_of_ten(e)) for e in range(-3, 2)]
    return title + CHART.y_ticks(ticks, grid=True) + SCAN.x_ticks(powers, "learning rate η")


def key() -> str:
    """Which line is which; the lines differ in dashes as well as in colour."""
    x, words = 14.0, ""
    for name, style in LOOKS.items():
        words += tag("path", d=f"M{x:.0f} 30h24", fill="none", **style) + text(x + 28, 34, name)
        x += 28 + 8.8 * len(name) + 8
    return words


def curves(four: list[Runner], steps: int) -> str:
    """Loss against step; a loss below the axis runs along its foot, one above leaves through the top."""
    chart = replace(CHART, x=(0, steps))
    time = np.arange(steps + 1)
    lines = "".join(
        # What has become no number was infinite before, and is above the axis, not below.
        chart.line(np.stack([time, np.nan_to_num(runner.loss, nan=np.inf).clip(FLOOR)], axis=1), **LOOKS[runner.name])
        for runner in four
    )
    return chart.clip(lines, margin=2) + chart.x_ticks([(0, "0"), (steps, str(steps))], "step")


def scan(all_: Race, four: list[Runner], steps: int) -> str:
    """Steps needed against the rate; who never arrives runs along the top, each on a line of its own."""
    chart = replace(SCAN, y=(0, 1.45 * steps))
    across = np.log10(np.maximum(all_.rates, 1e-3))
    lines = dots = ""
    for i, (needed, runner) in enumerate(zip(all_.needed, four, strict=True)):
        style, never = LOOKS[runner.name], (1.4 - 0.07 * i) * steps
        lines += chart.line(np.stack([across, np.minimum(needed, never)], axis=1), **style)
        here = chart.at([[np.log10(max(runner.rate, 1e-3)), min(runner.needed, never)]])[0]
        dots += disc(here, 4, fill="var(--paper)", stroke=style["stroke"])
    ticks = [(0.0, "0"), (float(steps), str(steps))]
    return chart.y_ticks(ticks, grid=True) + chart.y_ticks([(1.295 * steps, "never")]) + lines + dots


# ------------------------------------------------------------------------------------------- the widget

BOWL = {"surface": "bowl", "x": -1.6, "y": 1.2, "steps": 100}
SCALED = {"surface": "badly scaled", "x": -1.6, "y": 0.6, "steps": 100}


def _one(rate: float) -> dict[str, float]:
    return dict.fromkeys(("sgd", "momentum", "adagrad", "adam"), rate)


class OptimizerRace(Explorable):
    """The optimizer race: `OptimizerRace()`, `OptimizerRace(surface="badly scaled", adam=0.1)`.

    Knobs: `surface` (a name in `GROUNDS`), `steps`, the learning rates `sgd`, `momentum`, `adagrad`, `adam`, and the
    start `x`, `y`, which can be dragged on the map. Without `x` or `y` it starts where the surface suggests.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Adagrad" and "Adam".
    """

    title: ClassVar[str] = "Four optimizers from the same start"
    surface = Menu(list(GROUNDS), "ravine", "surface")
    steps = Slider([*range(1, 31), *range(32, 61, 2), *range(65, 151, 5)], 100, "steps", play=True)
    sgd = Slider(RATES, 0.05, "η of SGD")
    momentum = Slider(RATES, 0.05, "η of momentum")
    adagrad = Slider(RATES, 0.05, "η of Adagrad")
    adam = Slider(RATES, 0.05, "η of Adam")
    x = Slider(PLACES, -1.6, "start x")
    y = Slider(PLACES, 0.6, "start y")
    drag: ClassVar[dict[str, Any]] = pad(MAP, "x", "y", hint="Drag to choose the start")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "One rate for all": {**SCALED, **_one(0.05)},
        "Each its own": {**SCALED, "sgd": 0.015, "momentum": 0.007, "adagrad": 1.0, "adam": 0.07},
        "SGD suffices": {**BOWL, "sgd": 0.3, "momentum": 0.002, "adagrad": 1.0, "adam": 0.15},
        "Adagrad fades": {**BOWL, **_one(0.1)},
        "Adam overshoots": {**BOWL, "sgd": 0.1, "momentum": 0.002, "adagrad": 0.5, "adam": 0.5},
        "Turned ravine": {
            **SCALED,
            "surface": "turned ravine",
            "sgd": 0.015,
            "momentum": 0.003,
            "adagrad": 1.0,
            "adam": 0.5,
        },
        "At the saddle": {
            "surface": "saddle",
            "x": -1.8,
            "y": 0.005,
            "steps": 100,
            **_one(0.02),
            "adagrad": 0.3,
            "adam": 0.07,
        },
        "Trapped": {
            "surface": "local minimum",
            "x": 1.8,
            "y": 1.2,
            "steps": 100,
            "sgd": 0.02,
            "momentum": 0.01,
            "adagrad": 0.5,
            "adam": 0.05,
        },
    }

    def __init__(self, surface: str = "ravine", **state: Any) -> None:
        if surface in GROUNDS:
            state = dict(zip("xy", GROUNDS[surface][0].start, strict=True)) | state
        super().__init__(surface=surface, **state)

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
