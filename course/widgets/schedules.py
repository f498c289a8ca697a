"""The schedule designer: a learning rate as a function of time, and what it does to the loss of a small noisy problem.

The rates come from `course.schedules`, the same functions that the notebook's exercises are judged by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

from course.schedules import (
    Schedule,
    constant,
    cosine_decay,
    exponential_decay,
    reciprocal_decay,
    step_decay,
    warmup_then,
)
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, halo, number, power_of_ten, tag, text

WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
EPOCHS, PER_EPOCH = 100, 5  # length of the training, and steps in an epoch
FLOOR, CEILING = 1e-4, 1e2  # of the loss axis
RATE = Frame(44, 46, 304, 308, (0, EPOCHS), (0, 1))
CHART = Frame(44, 46, 304, 308, (0, EPOCHS), (FLOOR, CEILING), log=True)
ARRIVED = 0.01  # a mean loss below this counts as being there

# The problem: ½ (u² + v²/10) + ¼ c u⁴. Every step sees its gradient with noise of standard deviation σ√λ, as the noise
# of mini-batches is larger where the loss is more curved.
CURVATURES, SIGMA, START, RUNS = (1.0, 0.1), 0.4, 4.0, 256
PROBLEMS = {"bowl": 0.0, "steep walls": 0.5}
"""The name of each problem and its c: how much steeper it gets further out."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "constant": (),
    "step": ("every", "factor"),
    "exponential": ("k",),
    "reciprocal": ("eps",),
    "cosine": ("total", "lowest"),
}
"""The name of each schedule, and the knobs that only it uses."""

CHOSEN = {"stroke": "var(--accent)", "stroke_width": 2.2}
LARGE = {"stroke": "var(--ink)", "stroke_width": 1.4, "stroke_dasharray": "6 4"}
SMALL = {"stroke": "var(--cool)", "stroke_width": 1.8, "stroke_dasharray": "1.5 3.5", "stroke_linecap": "round"}


# ------------------------------------------------------------------------------------------ the numbers


def compose(
    schedule: str,
    lr: float,
    warmup: float,
    every: float,
    factor: float,
    k: float,
    eps: float,
    total: float,
    lowest: float,
) -> Schedule:
    """The schedule that the knobs describe; a lowest rate above η₀ counts as η₀."""
    formulas: dict[str, Schedule] = {
        "constant": lambda t: constant(t, lr),
        "step": lambda t: step_decay(t, lr, every, factor),
        "exponential": lambda t: exponential_decay(t, lr, k),
        "reciprocal": lambda t: reciprocal_decay(t, lr, eps),
        "cosine": lambda t: cosine_decay(t, lr, total, min(lowest, lr)),
    }
    return warmup_then(formulas[schedule], warmup)


@dataclass(frozen=True, eq=False)
class Trained:
    """A training: the rate of each step (n,), the mean loss before each and at the end (n + 1,), the problem's c."""

    rates: tuple[float, ...]
    mean: np.ndarray
    walls: float

    @cached_property
    def one(self) -> np.ndarray:
        """The loss of one run, (n + 1,); of most trainings nobody asks for it."""
        return simulate(self.rates, self.walls, 1)[:, 0]

    @property
    def fate(self) -> str:
        """When it arrives and where it ends, as the predicate of a sentence."""
        if not self.mean[-1] <= self.mean[0]:
            return "diverges"
        above = np.flatnonzero(~(self.mean < ARRIVED))
        end = f"ends at {number(self.mean[-1], 2)}"
        if above[-1] == len(self.mean) - 1:
            passed = "does not stay below" if (self.mean < ARRIVED).any() else "stays above"
            return f"{passed} {ARRIVED}, {end}"
        return f"is below {ARRIVED} from epoch {number((above[-1] + 1) / PER_EPOCH)} on, {end}"


@lru_cache(maxsize=128)
def train(problem: str, rates: tuple[float, ...]) -> Trained:
    """SGD on the problem with these rates: in the bowl the exact expectation, else the mean of `RUNS` runs."""
    walls = PROBLEMS[problem]
    if not walls:
        return Trained(rates, expected(rates), walls)
    with np.errstate(over="ignore"):
        return Trained(rates, simulate(rates, walls, RUNS).mean(1), walls)


def expected(rates: tuple[float, ...]) -> np.ndarray:
    """E[½ Σᵢ λᵢ wᵢ²] after 0, 1, … n steps, exactly.

    A step w ← w − η (λw + σ√λ ξ) with ξ of mean 0 and variance 1 makes of s = E[w²] the value (1 − ηλ)² s + η²σ²λ.
    """
    losses = np.zeros(len(rates) + 1)
    for c in CURVATURES:
        s = START**2
        square = [s]
        for rate in rates:
            s = (1 - rate * c) ** 2 * s + (rate * SIGMA) ** 2 * c
            square.append(s)
        losses += c * np.array(square) / 2
    return losses


def simulate(rates: tuple[float, ...], walls: float, runs: int) -> np.ndarray:
    """The losses (n + 1, runs) of that many runs of SGD, always with the same noise."""
    curvature, quartic = np.array(CURVATURES)[:, None], np.array([[walls], [0.0]])
    spread = SIGMA * np.sqrt(curvature)
    w, path = np.full((2, runs), START), np.empty((len(rates) + 1, 2, runs))
    path[0] = w
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run is no reason to warn
        for i, (rate, xi) in enumerate(zip(rates, noise(len(rates)), strict=True), 1):
            path[i] = w = w - rate * ((curvature + quartic * w * w) * w + spread * xi[:, :runs])
        square = path * path
        losses = ((curvature / 2 + quartic / 4 * square) * square).sum(1)
    return np.nan_to_num(losses, nan=np.inf)


@lru_cache(maxsize=1)
def noise(steps: int) -> np.ndarray:
    """The noise of all steps and runs, shape (steps, 2, RUNS)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(steps, len(CURVATURES), RUNS, dtype=torch.float64, generator=generator).numpy()


# ------------------------------------------------------------------------------------------ the picture


def picture(
    schedule: str = "cosine",
    problem: str = "bowl",
    lr: float = 0.5,
    warmup: float = 0,
    every: float = 20,
    factor: float = 1 / 3,
    k: float = 0.05,
    eps: float = 10,
    total: float = 100,
    lowest: float = 0.0,
) -> Figure:
    """The rate over the training, and the loss that it leads to, beside two constant rates.

    Args:
        schedule: a name in `PARAMETERS`.
        problem: a name in `PROBLEMS`.
        lr: η₀ > 0.
        warmup: T₀ in epochs, 0 … 100; the schedule begins after it.
        every: epochs between two drops of "step", > 0.
        factor: what a drop leaves, in (0, 1].
        k: decay of "exponential" per epoch, ≥ 0.
        eps: ε of "reciprocal" in epochs, > 0.
        total: T of "cosine" in epochs, > 0.
        lowest: where "cosine" ends, ≥ 0.

    Returns:
        Two panels, η(t) and the mean loss (logarithmic), each with the constant rate that the schedule starts from and
        with a tenth of it; and a caption that says when each gets below `ARRIVED`, and its final loss.

    Raises:
        ValueError: an unknown name, or a number outside its range.

    Source: lecture, "Learning rate annealing" and "Learning rate warmup".
    """
    for kind, name, names in (("schedule", schedule, PARAMETERS), ("problem", problem, PROBLEMS)):
        if name not in names:
            raise ValueError(f"no {kind} {name!r}; there are {', '.join(map(repr, names))}")
    if not (0 < lr < math.inf and 0 <= warmup <= EPOCHS):
        raise ValueError(f"need η₀ > 0 and a warmup of 0 … {EPOCHS} epochs, got {lr} and {warmup}")
    parameters = {"every": every, "factor": factor, "k": k, "eps": eps, "total": total, "lowest": lowest}
    eta = compose(schedule, lr, warmup, **parameters)
    steps = EPOCHS * PER_EPOCH
    chosen = train(problem, tuple(eta(i / PER_EPOCH) for i in range(steps)))
    top = eta(warmup)  # what the warmup rises to: where the schedule itself begins
    large, small = (train(problem, (rate,) * steps) for rate in (top, top / 10))
    ways = [(small, SMALL), *([(large, LARGE)] if large is not chosen else []), (chosen, CHOSEN)]
    shape = formula(schedule, lr, warmup, **parameters)
    panels = (
        Panel(WIDTH, HEIGHT, back=rate_axes(top), front=rates(ways, top, warmup, shape)),
        Panel(WIDTH, HEIGHT, back=loss_axes(problem), front=losses(ways, schedule)),
    )
    return Figure(panels, sentence(schedule, problem, warmup, ways, top))


Ways = list[tuple[Trained, dict[str, Any]]]  # each training with the style of its line, the chosen one last


def sentence(schedule: str, problem: str, warmup: float, ways: Ways, top: float) -> str:
    """What the picture shows: when each training arrives, and the loss that is left."""
    name = f"constant {number(top)}" if schedule == "constant" else f"{schedule} from {number(top)}"
    words = f"{problem.capitalize()}, {EPOCHS} epochs, mean loss: {name}"
    words += f" after {number(warmup)} epoch{'s' * (warmup != 1)} of warmup" if warmup else ""
    words += f" {ways[-1][0].fate}"
    for way, _ in ways[-2::-1]:
        words += f"; constant {number(way.rates[0])} {way.fate}"
    return words + "."


def formula(
    schedule: str,
    lr: float,
    warmup: float,
    every: float,
    factor: float,
    k: float,
    eps: float,
    total: float,
    lowest: float,
) -> str:
    """η(t) with its numbers, from the end of the warmup on."""
    t = f"(t − {number(warmup)})" if warmup else "t"
    low = min(lowest, lr)
    wave = f"(1 + cos π{t}/{number(total)})"
    return {
        "constant": number(lr),
        "step": f"{number(lr)} · {number(factor)}^⌊{t}/{number(every)}⌋",
        "exponential": f"{number(lr)} · e^(−{number(k)} {t})",
        "reciprocal": f"{number(lr)} / ({number(eps)} + {t})",
        "cosine": (f"{number(low)} + " if low else "") + f"½ · {number(lr - low)} {wave}",
    }[schedule]


@lru_cache(maxsize=32)
def rate_axes(top: float) -> str:
    """The frame of the rates: 0 at the foot, the largest rate a little below the top."""
    title = text(RATE.left, 16, "Learning rate", font_weight=600)
    ticks = [(share, number(share * top, 2)) for share in (0, 0.5, 1)]
    frame = replace(RATE, y=(0, 1.08))
    size = 12 if max(len(words) for _, words in ticks) < 6 else 9
    return title + frame.y_ticks(ticks, grid=True, font_size=size) + epochs(frame)


def epochs(frame: Frame) -> str:
    """The axis of time."""
    return frame.x_ticks([(t, str(t)) for t in range(0, EPOCHS + 1, 20)], "epoch")


def rates(ways: Ways, top: float, warmup: float, shape: str) -> str:
    """The rates against time, the handle at the end of the warmup, and the formula."""
    frame = replace(RATE, y=(0, 1.08 * top))
    time = np.arange(EPOCHS * PER_EPOCH) / PER_EPOCH
    lines = "".join(frame.line(np.stack([time, way.rates], axis=1), **style) for way, style in ways)
    x, y = frame.at([[warmup, top]])[0]
    handle = tag(
        "circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=7, fill="var(--accent)", stroke="var(--paper)", stroke_width=2
    )
    said = f"η(t) = {shape}" + (f", t ≥ {number(warmup)}" if warmup else "")
    words = text(RATE.left, 34, said, font_size=12 if len(said) < 45 else 10.5)
    return words + frame.clip(lines, margin=2) + handle


@lru_cache(maxsize=8)
def loss_axes(problem: str) -> str:
    """The frame of the loss curves, the line below which a training counts as being there, and the problem."""
    title = text(CHART.left, 16, "Mean loss", font_weight=600)
    walls = PROBLEMS[problem]
    law = f"½(u² + {CURVATURES[1]:g}v²)" + (f" + {walls / 4:g}u⁴" if walls else "")
    title += text(CHART.left + CHART.width, 16, law, "end")
    ticks = [(10.0**e, power_of_ten(e)) for e in range(-4, 3)]
    y = CHART.at([[0, ARRIVED]])[0, 1]
    goal = tag("path", d=f"M{CHART.left} {y:.1f}h{CHART.width}", stroke="var(--leaf)", stroke_opacity=0.7)
    one = text(CHART.left + CHART.width, CHART.top + 16, "faint: one run", "end", "var(--quiet)", font_size=11)
    return title + CHART.y_ticks(ticks, grid=True) + one + goal + epochs(CHART)


def losses(ways: Ways, schedule: str) -> str:
    """One run, faint, and the mean losses; which line is which."""
    time = np.arange(EPOCHS * PER_EPOCH + 1) / PER_EPOCH
    chosen = ways[-1][0]

    def line(values: np.ndarray, **style: Any) -> str:
        return CHART.line(np.stack([time, np.maximum(values, FLOOR)], axis=1), **style)

    faint = line(chosen.one, stroke="var(--accent)", stroke_width=0.8, stroke_opacity=0.35)
    lines = faint + "".join(line(way.mean, **style) for way, style in ways)
    y = CHART.at([[0, ARRIVED]])[0, 1]
    goal = halo(CHART.left + 4, y - 5, f"below {ARRIVED}: arrived", font_size=11)
    if chosen.fate == "diverges":
        goal += halo(CHART.left + 10, CHART.top + 16, f"{schedule}: diverges", font_size=11)
    return key(ways, schedule) + CHART.clip(lines, margin=2) + goal


def key(ways: Ways, schedule: str) -> str:
    """Which line is which; they differ in dashes and weight as well as in colour."""
    x, words = CHART.left, ""
    for way, style in reversed(ways):
        name = schedule if way is ways[-1][0] else f"always {number(way.rates[-1], 2)}"
        name = name if len(name) < 12 else name.replace("always", "η =")  # three must fit in a row
        words += tag("path", d=f"M{x:.0f} 30h18", fill="none", **style) + text(x + 22, 34, name)
        x += 22 + 6.6 * len(name) + 8
    return words


# ------------------------------------------------------------------------------------------- the widget

RATES = [round(m * 10.0**e, 3) for e in (-2, -1, 0) for m in (1, 1.5, 2, 3, 4, 5, 7)] + [10.0]
WARMUPS = [0, 1, 2, 3, 4, 5, 7, 10, 12, 15, 20, 25, 30, 35, 40]
PLAIN = {"warmup": 0, "every": 20, "factor": 1 / 3, "k": 0.05, "eps": 10, "total": 100, "lowest": 0.0}
BOWL = {"problem": "bowl", "lr": 0.5, **PLAIN}
WALLS = {"problem": "steep walls", "lr": 0.5, **PLAIN}


class ScheduleDesigner(Explorable):
    """The schedule designer: `ScheduleDesigner()`, `ScheduleDesigner(schedule="step", every=30, factor=0.1)`.

    Knobs: `schedule`, `problem`, `lr` η₀, `warmup` T₀ (can be dragged in the left picture), and those of the single
    schedules: `every` and `factor`, `k`, `eps` ε, `total` T and `lowest`; what the schedule does not use is hidden.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Learning rate annealing" and "Learning rate warmup".
    """

    title: ClassVar[str] = "A learning rate over time, and the loss it leads to"
    schedule = Menu(list(PARAMETERS), "constant", "schedule")
    problem = Menu(list(PROBLEMS), "bowl", "problem")
    lr = Slider(RATES, 0.5, "rate η₀")
    warmup = Slider(WARMUPS, 0, "warmup T₀", play=True)
    every = Slider([5, 10, 15, 20, 25, 30, 40, 50], 20, "drop every")
    factor = Slider([0.1, 0.2, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 1 / 3, "down to, ×")
    k = Slider([0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3], 0.05, "decay k")
    eps = Slider([1, 2, 3, 5, 7, 10, 15, 20, 30, 50], 10, "ε")
    total = Slider([10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100, 120, 150], 100, "length T")
    lowest = Slider([0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1], 0.0, "lowest rate")
    drag: ClassVar[dict[str, Any]] = pad(RATE, "warmup", hint="Drag to choose how long the warmup takes")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Never arrives": {**BOWL, "schedule": "constant"},
        "Arrives late": {**BOWL, "schedule": "constant", "lr": 0.05},
        "Stairs": {**BOWL, "schedule": "step"},
        "Exponential": {**BOWL, "schedule": "exponential"},
        "Reciprocal": {**BOWL, "schedule": "reciprocal", "lr": 5.0},
        "Cosine": {**BOWL, "schedule": "cosine"},
        "Too early": {**BOWL, "schedule": "exponential", "k": 0.2},
        "Thrown off": {**WALLS, "schedule": "cosine"},
        "Warmed up": {**WALLS, "schedule": "cosine", "warmup": 5, "total": 95},
    }

    def unused(self) -> list[str]:
        """The parameters of the other schedules."""
        return [name for other, names in PARAMETERS.items() if other != self.schedule for name in names]

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
