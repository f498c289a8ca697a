"""The descent playground: gradient descent on surfaces one can see, with momentum and without.

The steps are those of `course.descent.momentum_step`, the function that the notebook's exercise is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, cast

import contourpy
import numpy as np
import torch

from course.descent import SURFACES, Loss, Surface, momentum_step
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import (
    Figure,
    Frame,
    Panel,
    counted,
    dots,
    halo,
    number,
    polyline,
    power_of_ten,
    tag,
    text,
    thinned,
)

WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
REACH = 2.0
MAP = Frame(44, 46, 308, 308, (-REACH, REACH), (-REACH, REACH))
FLOOR, CEILING = 1e-6, 1e2  # of the loss axis
CHART = Frame(44, 46, 304, 308, (0, 1), (FLOOR, CEILING), log=True)
ARRIVED = 1e-3  # a loss this close to the minimum counts as being there
LOST = 30.0  # a point this far from the origin never comes back

# Where the gradient vanishes, for the reader's orientation; the first one is where the loss is lowest.
LANDMARKS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "bowl": (("minimum", 0, 0),),
    "ravine": (("minimum", 0, 0),),
    "local minimum": (("minimum", -1.0356, 0), ("local minimum", 0.9601, 0)),
    "saddle": (("minimum", 0, 1), ("minimum", 0, -1), ("saddle", 0, 0)),
}

PLAIN = {"stroke": "var(--ink)", "stroke_width": 1.4, "stroke_dasharray": "5 3.5"}
HEAVY = {"stroke": "var(--accent)", "stroke_width": 2}


# ------------------------------------------------------------------------------------------ the numbers


@dataclass(frozen=True, eq=False)
class Descended:
    """One descent: the path (n + 1, 2), its loss above the minimum (n + 1,), and what became of it, in words."""

    path: np.ndarray
    loss: np.ndarray
    fate: str


Ways = list[tuple[Descended, dict[str, Any]]]  # each descent with the style of its line


def slope(loss: Loss, w: torch.Tensor) -> torch.Tensor:
    """∇L at points w of shape (…, 2), by a complex step: ∂L/∂wᵢ = Im L(w + ih eᵢ) / h.

    Nothing is subtracted, so h can be tiny, and for surfaces made of sums and products the result is exact to rounding.
    It takes a third of the time of automatic differentiation, which would be most of the time of a picture.

    Source: Squire & Trapp (1998), Using complex variables to estimate derivatives of real functions.
    """
    h = 1e-30
    return loss(w[..., None, :] + torch.eye(2, dtype=torch.complex128) * (1j * h)).imag / h


@lru_cache(maxsize=64)
def descend(surface: str, x: float, y: float, lr: float, momenta: tuple[float, ...], steps: int) -> list[Descended]:
    """Gradient descent from (x, y) with each of the momenta, by the course's step, as arrays and words."""
    ground = SURFACES[surface]
    alphas = torch.tensor(momenta, dtype=torch.float64)[:, None]
    w = torch.tensor([x, y], dtype=torch.float64).expand(len(momenta), 2)  # all at once: a step costs the same
    delta, path = torch.zeros_like(w), [w]
    for _ in range(steps):
        w, delta = momentum_step(w, slope(ground.loss, w), delta, lr, alphas)
        path.append(w)
    paths = torch.stack(path)
    lowest = torch.tensor(LANDMARKS[surface][0][1:], dtype=torch.float64)
    losses = (ground.loss(paths) - ground.loss(lowest)).numpy()
    return [_told(surface, *pair) for pair in zip(paths.numpy().swapaxes(0, 1), losses.T, strict=True)]


def _told(surface: str, path: np.ndarray, loss: np.ndarray) -> Descended:
    """A path until it is lost, with its fate."""
    lost = np.flatnonzero(~(np.abs(path).max(1) <= LOST))
    end = int(lost[0]) + 1 if len(lost) else len(path)
    return Descended(path[:end], loss[:end], fate(surface, path[:end], loss[:end]))


def fate(surface: str, path: np.ndarray, loss: np.ndarray) -> str:
    """What became of a descent, as the predicate of a sentence."""
    if not np.abs(path[-1]).max() <= LOST or loss[-1] > 2 * loss[0] + ARRIVED:
        return f"diverges: after {counted(len(path) - 1, 'step')} its loss is {number(loss[-1], 2)}"
    late = np.flatnonzero(loss >= ARRIVED)
    if len(late) < len(loss) and (not len(late) or late[-1] < len(loss) - 1):
        return f"is at the minimum after {counted(late[-1] + 1 if len(late) else 0, 'step')}" + swings(loss)
    recent = np.abs(path[-8:] - path[-1]).max() if len(path) > 8 else np.inf
    for name, *place in LANDMARKS[surface]:
        if name != "minimum" and recent < 0.08 and np.abs(path[-1] - place).max() < 0.1:
            return f"is stuck {'at' if name == 'saddle' else 'in'} the {name}"
    return f"ends {number(loss[-1], 2)} above the minimum" + swings(loss)


def swings(loss: np.ndarray) -> str:
    """How often the loss rose and fell again before it was as good as 0."""
    peaks = int(((loss[1:-1] > loss[:-2]) & (loss[1:-1] >= loss[2:]) & (loss[1:-1] > ARRIVED)).sum())
    return f", with {peaks} ups and downs on the way" if peaks > 1 else ""


# ------------------------------------------------------------------------------------------ the picture


def picture(
    surface: str = "ravine",
    x: float = -1.6,
    y: float = 0.6,
    lr: float = 0.02,
    momentum: float = 0.9,
    steps: int = 60,
) -> Figure:
    """The surface from above with the paths of plain gradient descent and of momentum, and their losses.

    Args:
        surface: a name in `course.descent.SURFACES`.
        x: start, horizontal; the map shows −2 … 2.
        y: start, vertical.
        lr: learning rate η ≥ 0.
        momentum: α in [0, 1); with 0 there is one path, the plain one.
        steps: number of steps, ≥ 1.

    Returns:
        Two panels, the map and the loss curves (logarithmic, above the surface's minimum), and a caption.

    Raises:
        ValueError: an unknown surface, or numbers that are no start, rate, momentum or count.

    Source: lecture, "Gradient descent algorithm" and "The momentum SGD"; in the spirit of Goh (2017), Why momentum
    really works.
    """
    if surface not in SURFACES:
        raise ValueError(f"no surface {surface!r}; there are {', '.join(map(repr, SURFACES))}")
    if not (np.isfinite([x, y, lr]).all() and lr >= 0 and 0 <= momentum < 1 and steps >= 1):
        raise ValueError(f"need finite x, y, η ≥ 0, 0 ≤ α < 1, steps ≥ 1; got {x=}, {y=}, {lr=}, {momentum=}, {steps=}")
    plain, *rest = descend(surface, x, y, lr, (0.0, momentum) if momentum else (0.0,), steps)
    heavy = rest[0] if rest else None
    ways: Ways = [(plain, PLAIN)] + ([(heavy, HEAVY)] if heavy else [])
    caption = (
        f"{surface.capitalize()}, {counted(steps, 'step')} with η = {number(lr)} from ({number(x)}, {number(y)}). "
    )
    caption += f"Plain gradient descent {plain.fate}"
    caption += f"; with momentum α = {number(momentum)} it {heavy.fate}." if heavy else "."
    return Figure(
        (
            Panel(WIDTH, HEIGHT, back=ground(surface), front=trails(surface, ways)),
            Panel(WIDTH, HEIGHT, back=loss_axes(), front=key(momentum) + curves(ways, steps)),
        ),
        caption,
    )


@lru_cache(maxsize=8)
def ground(surface: str) -> str:
    """The map without paths: level sets, each a shade deeper, axes, and the places where the gradient vanishes."""
    where: Surface = SURFACES[surface]
    grid = np.linspace(-REACH, REACH, 97) * 1.05  # a margin, so that no ring is drawn along the map's edge
    height = where.loss(torch.from_numpy(np.stack(np.meshgrid(grid, grid), axis=-1))).numpy()
    height = height - height.min()
    # Levels that grow with the square keep the rings evenly spaced where the loss is quadratic.
    levels = height.max() * np.linspace(0, 1, 15)[1:-1] ** 2
    contours = contourpy.contour_generator(grid, grid, height, fill_type="OuterOffset")
    shade = {"fill": "var(--cool)", "fill_opacity": 0.05, "fill_rule": "evenodd"}
    line = {"stroke": "var(--cool)", "stroke_opacity": 0.28, "stroke_width": 0.75}
    rings = tag("g", *(below(contours, level) for level in levels), **shade, **line)
    ticks = [(v, number(v)) for v in (-2, -1, 0, 1, 2)]
    title = text(MAP.left, 16, surface.capitalize(), font_weight=600)
    title += text(MAP.left + MAP.width, 16, f"L(x, y) = {where.formula}", "end")
    return title + MAP.clip(rings) + MAP.edge() + MAP.x_ticks(ticks, "x") + MAP.y_ticks(ticks, "y")


def level_set(contours: contourpy.ContourGenerator, level: float) -> list[np.ndarray]:
    """The rings (N, 2) around all that lies below a level."""
    polygons, offsets = cast(tuple[list[np.ndarray], list[np.ndarray]], contours.filled(-1.0, level))
    return [polygon[a:b] for polygon, ends in zip(polygons, offsets, strict=True) for a, b in pairwise(ends)]


def below(contours: contourpy.ContourGenerator, level: float) -> str:
    """All that lies below a level of a surface, as a shape on the map."""
    return tag("path", d="".join(polyline(thinned(MAP.at(ring))) + "Z" for ring in level_set(contours, level)))


def landmarks(surface: str) -> str:
    """A small cross and a name at every place where the gradient vanishes."""
    marks = ""
    for name, *place in LANDMARKS[surface]:
        x, y = MAP.at(place)[0]
        marks += tag("path", d=f"M{x - 4:.1f} {y:.1f}h8m-4 -4v8", stroke="var(--ink)", stroke_width=1.2)
        marks += halo(x, y + 19, name, "middle", font_size=11)
    return marks


def trails(surface: str, ways: Ways) -> str:
    """The paths on the map: a dot for each step, a ring around the last, and the handle of the start."""
    lines = ends = ""
    drawn = [MAP.at(way.path) for way, _ in ways]
    smooth = {"fill": "none", "stroke_linejoin": "round"}
    under = smooth | {"stroke": "var(--paper)", "stroke_width": 4.5, "stroke_opacity": 0.65}
    for (way, style), pixels in zip(ways, drawn, strict=True):
        lines += tag("path", d=polyline(pixels), **smooth, **style)
        inside = pixels[1:][(np.abs(way.path[1:]) <= REACH).all(1)]
        if len(inside):
            round_ = {"stroke": style["stroke"], "stroke_width": 3.8, "stroke_linecap": "round"}
            lines += tag("path", d=dots(inside), **round_)
        ends += disc(pixels[-1], 4.5, fill="var(--paper)", stroke=style["stroke"])
    lines = tag("path", d="".join(map(polyline, drawn)), **under) + lines
    start = disc(MAP.at(ways[0][0].path[:1])[0], 7.5, fill="var(--accent)", stroke="var(--paper)")
    return MAP.clip(lines, landmarks(surface), ends) + start


def disc(at: np.ndarray, radius: float, **style: object) -> str:
    """A disc with a rim."""
    return tag("circle", cx=f"{at[0]:.1f}", cy=f"{at[1]:.1f}", r=radius, stroke_width=2, **style)


def loss_axes() -> str:
    """The frame of the loss curves: a faint line at every second power of ten."""
    ticks = [(10.0**e, "≤" * (e == -6) + power_of_ten(e)) for e in range(-6, 3, 2)]
    title = text(CHART.left, 16, "Loss above the minimum", font_weight=600)
    return title + CHART.y_ticks(ticks, grid=True)


def key(momentum: float) -> str:
    """Which line is which; the lines differ in dashes and weight as well as in colour."""
    y, x = 34, CHART.left
    plain = tag("path", d=f"M{x} {y - 4}h26", fill="none", **PLAIN) + text(x + 32, y, "plain")
    if not momentum:
        return plain
    heavy = tag("path", d=f"M{x + 84} {y - 4}h26", fill="none", **HEAVY)
    return plain + heavy + text(x + 116, y, f"with momentum {number(momentum)}")


def curves(ways: Ways, steps: int) -> str:
    """Loss against step; a loss below the axis runs along its foot, one above leaves through the top."""
    chart = replace(CHART, x=(0, steps))
    lines = "".join(
        chart.line(np.stack([np.arange(len(way.loss)), np.maximum(way.loss, FLOOR)], axis=1), **style)
        for way, style in ways
    )
    return chart.clip(lines, margin=2) + chart.x_ticks([(0, "0"), (steps, str(steps))], "step")


# ------------------------------------------------------------------------------------------- the widget

RATES = [0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09]
RATES += [0.1, 0.105, 0.11, 0.12, 0.13, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0]
MOMENTA = [round(0.05 * i, 2) for i in range(20)] + [0.97, 0.98, 0.99]
PLACES = [round(-REACH + 0.05 * i, 2) for i in range(81)]

RAVINE = {"surface": "ravine", "x": -1.6, "y": 0.6, "steps": 60}
WELLS = {"surface": "local minimum", "x": 1.8, "y": 1.2, "lr": 0.02, "steps": 80}
PASS = {"surface": "saddle", "x": -1.8, "y": 0.005, "lr": 0.03, "steps": 80}


class Descent(Explorable):
    """The descent playground: `Descent()`, `Descent(surface="saddle", lr=0.03, momentum=0.8, steps=80)`.

    Knobs: `surface` (a name in `course.descent.SURFACES`), `lr` η, `momentum` α, `steps`, and the start `x`, `y`, which
    can be dragged on the map. Without `x` or `y` it starts where the surface suggests.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Gradient descent algorithm" and "The momentum SGD".
    """

    title: ClassVar[str] = "Gradient descent, plain and with momentum"
    surface = Menu(list(SURFACES), "ravine", "surface")
    lr = Slider(RATES, 0.02, "learning rate η")
    momentum = Slider(MOMENTA, 0.8, "momentum α")
    steps = Slider([*range(1, 31), *range(32, 61, 2), *range(65, 151, 5)], 60, "steps", play=True)
    x = Slider(PLACES, -1.6, "start x")
    y = Slider(PLACES, 0.6, "start y")
    drag: ClassVar[dict[str, Any]] = pad(MAP, "x", "y", hint="Drag to choose the start")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Crawls": {**RAVINE, "lr": 0.02, "momentum": 0.0},
        "Rolls": {**RAVINE, "lr": 0.02, "momentum": 0.75},
        "Rings": {**RAVINE, "lr": 0.02, "momentum": 0.97},
        "Diverges": {**RAVINE, "lr": 0.11, "momentum": 0.0},
        "Tamed": {**RAVINE, "lr": 0.11, "momentum": 0.5},
        "Trapped": {**WELLS, "momentum": 0.0},
        "Escapes": {**WELLS, "momentum": 0.8},
        "At the saddle": {**PASS, "momentum": 0.0},
        "Leaves it": {**PASS, "momentum": 0.85},
    }

    def __init__(self, surface: str = "ravine", **state: Any) -> None:
        if surface in SURFACES:
            state = dict(zip("xy", SURFACES[surface].start, strict=True)) | state
        super().__init__(surface=surface, **state)

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
