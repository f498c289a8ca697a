"""The loss landscape: the loss around a small network along two random directions, raw or filter-normalised.

Directions are scaled by `course.recipe.filter_normalised`, which the notebook's exercise is about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import contourpy
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.data import digits
from course.recipe import directions, filter_normalised
from course.widgets.descent import disc, level_set
from course.widgets.shell import Explorable, Menu, Slider, Switch, pad
from course.widgets.svg import Figure, Frame, Panel, halo, number, polyline, tag, text

WIDTH, HEIGHT = 360, 392
MAP = Frame(44, 28, 304, 304, (-1, 1), (-1, 1))
CUT = Frame(44, 60, 304, 272, (-1, 1), (0.03, 3000), log=True)
NETWORKS = ("trained", "its scaled twin", "untrained")
SIDE, PICTURES, FACTOR = 21, 100, 5.0
LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
ALONG = {"α": {"stroke": "var(--cool)", "stroke_width": 2},
         "β": {"stroke": "var(--accent)", "stroke_width": 1.8, "stroke_dasharray": "7 3.5"}}  # fmt: skip
PLACES = [round(0.1 * k, 1) for k in range(-10, 11)]


# ------------------------------------------------------------------------------------------ the numbers


@lru_cache(maxsize=1)
def networks() -> dict[str, nn.Sequential]:
    """A network for digits, untrained and trained, and a twin of the trained one that gives the same answers."""
    generator = torch.Generator().manual_seed(0)
    start = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10))
    for layer in start:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    trained = copy.deepcopy(start)
    _train(trained, generator)
    twin = copy.deepcopy(trained)
    with torch.no_grad():  # ReLU lets a factor through, so the next layer can take it back
        weight, bias, next_weight, *_ = twin.parameters()
        weight.mul_(FACTOR)
        bias.mul_(FACTOR)
        next_weight.div_(FACTOR)
    return dict(zip(NETWORKS, (trained, twin, start), strict=True))


@torch.enable_grad()  # whoever asks for the networks may have switched gradients off
def _train(model: nn.Module, generator: torch.Generator, steps: int = 300) -> None:
    """SGD with momentum, by hand: the first of torch's optimizers that is made loads the compiler, for seconds."""
    x, y = digits("train")
    weights = list(model.parameters())
    deltas = [torch.zeros_like(w) for w in weights]
    for rows in torch.randint(len(x), (steps, 32), generator=generator):
        gradients = torch.autograd.grad(F.cross_entropy(model(x[rows]), y[rows]), weights)
        with torch.no_grad():
            for w, delta, g in zip(weights, deltas, gradients, strict=True):
                delta.mul_(0.9).sub_(g, alpha=0.05)
                w.add_(delta)


@lru_cache(maxsize=1)
def pictures() -> tuple[Tensor, Tensor]:
    """The training pictures on which the loss is measured."""
    x, y = digits("train")
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[:PICTURES]
    return x[rows], y[rows]


@dataclass(frozen=True, eq=False)
class Land:
    """Losses (β, α) on the map, and shares of right answers, likewise; places −reach … reach."""

    loss: np.ndarray
    right: np.ndarray


@lru_cache(maxsize=64)
@torch.no_grad()
def land(network: str, pair: int, normalised: bool, reach: float) -> Land:
    """Measure the loss at all places of the map at once."""
    model = networks()[network]
    weights = [p.detach() for p in model.parameters()]
    raw = directions(model, torch.Generator().manual_seed(pair))
    if normalised:
        both = [filter_normalised(d, weights) for d in raw]
    else:  # as drawn, only as long as the trained network as a whole
        size = _length(networks()["trained"].parameters())
        both = []
        for d in raw:
            both.append([t * size / _length(d) if t.ndim > 1 else torch.zeros_like(t) for t in d])
    steps = reach * torch.linspace(-1, 1, SIDE)
    beta, alpha = (g.flatten() for g in torch.meshgrid(steps, steps, indexing="ij"))
    x, y = pictures()
    h = x.flatten(1).expand(len(alpha), -1, -1)
    layers = list(zip(weights, *both, strict=True))  # at all places at once, with no loop
    for i in range(0, len(layers), 2):
        matrix, bias = (w + _outer(alpha, u) + _outer(beta, v) for w, u, v in layers[i : i + 2])
        h = torch.baddbmm(bias[:, None], h.relu() if i else h, matrix.mT)
    loss = (h.logsumexp(-1) - h[:, torch.arange(len(y)), y]).mean(1)
    right = (h.argmax(-1) == y).float().mean(1)
    return Land(loss.view(SIDE, SIDE).double().numpy(), right.view(SIDE, SIDE).double().numpy())


def _length(tensors: Iterable[Tensor]) -> Tensor:
    """Length of all weights together, those of biases left out."""
    return torch.cat([t.flatten() for t in tensors if t.ndim > 1]).norm()


def _outer(steps: Tensor, direction: Tensor) -> Tensor:
    """steps[i] · direction, for all i."""
    return steps.view(-1, *[1] * direction.ndim) * direction


# ------------------------------------------------------------------------------------------ the picture


def picture(
    network: str = "trained",
    pair: int = 0,
    normalised: bool = True,
    reach: float = 1.0,
    x: float = 0.0,
    y: float = 0.0,
) -> Figure:
    """The loss around a network from above, and cut along both directions through a chosen place.

    Args:
        network: a name in `NETWORKS`.
        pair: seed of the two random directions, ≥ 0.
        normalised: whether each filter's part of a direction is as long as the filter.
        reach: largest α and β, > 0.
        x: chosen α, as a share of the reach, −1 … 1.
        y: chosen β, likewise.

    Returns:
        Two panels and a caption with the numbers.

    Raises:
        ValueError: an unknown network, or numbers out of range.

    Source: lecture, "Summary"; Li et al. (2018).
    """
    if network not in NETWORKS:
        raise ValueError(f"no network {network!r}; there are {', '.join(map(repr, NETWORKS))}")
    if not (0 < reach < 100 and abs(x) <= 1 and abs(y) <= 1 and pair >= 0):
        raise ValueError(f"need reach > 0, x and y in −1 … 1, pair ≥ 0; got {reach=}, {x=}, {y=}, {pair=}")
    found = land(network, int(pair), normalised, float(reach))
    column, row = (round((v + 1) / 2 * (SIDE - 1)) for v in (x, y))
    middle = SIDE // 2
    here, centre = found.loss[row, column], found.loss[middle, middle]
    panels = (
        Panel(WIDTH, HEIGHT, back=seen_from_above(network, int(pair), normalised, float(reach)), front=mark(x, y)),
        Panel(WIDTH, HEIGHT, back=frame_of_cuts(float(reach)), front=cuts(found, row, column)),
    )
    double = 2 * centre
    low = 100 * (found.loss <= double).mean()
    share = "less than 1" if 0 < low < 0.5 else f"{low:.0f}"
    kind = "filter-normalised" if normalised else "raw"
    caption = (
        f"Network: {network}; {kind} directions, pair {pair}, reach {number(reach)}. Loss in the centre "
        f"{number(centre)}, at α = {number(x * reach)}, β = {number(y * reach)}: {number(here)}, with "
        f"{100 * found.right[row, column]:.0f} % right. On {share} % of the map the loss is less than "
        f"twice that of the centre, {number(double, 2)}."
    )
    return Figure(panels, caption)


@lru_cache(maxsize=64)
def seen_from_above(network: str, pair: int, normalised: bool, reach: float) -> str:
    """The map: level sets, deeper where the loss is larger, with their values."""
    found = land(network, pair, normalised, reach)
    grid = np.linspace(-1, 1, SIDE)
    contours = contourpy.contour_generator(
        grid, grid, np.log10(np.maximum(found.loss, 1e-6)) + 8, fill_type="OuterOffset"
    )
    style: dict[str, Any] = {"fill": "var(--ink)", "fill_opacity": 0.045, "fill_rule": "evenodd"}
    style |= {"stroke": "var(--ink)", "stroke_opacity": 0.3, "stroke_width": 0.8}
    rings = words = ""
    ends = [-np.inf, -np.inf]  # of the last number above the line, and below it
    for i, level in enumerate(LEVELS):
        if not found.loss.min() < level < found.loss.max():
            continue
        rings += tag(
            "path",
            d="".join(polyline(MAP.at(ring)) + "Z" for ring in level_set(contours, float(np.log10(level)) + 8)),
            **style,
        )
        above = np.flatnonzero(found.loss[SIDE // 2, SIDE // 2 :] >= level)
        if len(above) and 0 < above[0] < SIDE // 2:
            u, v = MAP.at([[grid[SIDE // 2 + above[0]], 0]])[0]
            half = 3.3 * len(number(level))
            if u - half > ends[i % 2] + 4:
                words += halo(u, v + 4 + 12 * (i % 2 * 2 - 1), number(level), "middle", font_size=10.5)
                ends[i % 2] = u + half
    ticks = _places(reach)
    title = text(MAP.left, 16, "Training loss from above", font_weight=600)
    return title + MAP.clip(rings, words) + MAP.edge() + MAP.x_ticks(ticks, "α") + MAP.y_ticks(ticks, "β")


def _places(reach: float) -> list[tuple[float, str]]:
    """Numbers along α and β; the halves only where there is room for them."""
    return [(s, number(s * reach)) for s in ((-1, -0.5, 0, 0.5, 1) if reach >= 0.5 else (-1, 0, 1))]


def mark(x: float, y: float) -> str:
    """The chosen place, with lines along which the cuts go."""
    place = MAP.at([[x, y]])[0]
    u, v = place
    lines = tag("path", d=f"M{MAP.left} {v:.1f}h{MAP.width}", **ALONG["α"], stroke_opacity=0.6)
    lines += tag("path", d=f"M{u:.1f} {MAP.top}v{MAP.height}", **ALONG["β"], stroke_opacity=0.6)
    return lines + disc(place, 7, fill="var(--ink)", stroke="var(--paper)")


@lru_cache(maxsize=8)
def frame_of_cuts(reach: float) -> str:
    """Axes and key of the cuts."""
    title = text(CUT.left, 16, "Cut through the chosen place", font_weight=600)
    for i, (name, style) in enumerate(ALONG.items()):
        left = CUT.left + 110 * i
        title += tag("path", d=f"M{left} 36h24", fill="none", **style) + text(left + 30, 40, f"along {name}")
    ticks = _places(reach)
    losses = [(v, number(v)) for v in (0.1, 1, 10, 100, 1000)]
    return title + CUT.edge() + CUT.x_ticks(ticks, "α or β") + CUT.y_ticks(losses, grid=True)


def cuts(found: Land, row: int, column: int) -> str:
    """The loss along α and along β."""
    grid = np.linspace(-1, 1, SIDE)
    lines = ""
    for values, at, style in ((found.loss[row], column, ALONG["α"]), (found.loss[:, column], row, ALONG["β"])):
        lines += CUT.line(np.stack([grid, np.clip(values, *CUT.y)], axis=1), **style)
        lines += disc(
            CUT.at([[grid[at], float(np.clip(values[at], *CUT.y))]])[0],
            4,
            fill="var(--paper)",
            stroke=style["stroke"],
        )
    return CUT.clip(lines, margin=4)


# ------------------------------------------------------------------------------------------- the widget

HOME = {"network": "trained", "pair": 0, "normalised": True, "reach": 1.0, "x": 0.0, "y": 0.0}


class LossLandscape(Explorable):
    """The loss landscape: `LossLandscape()`, `LossLandscape(network="untrained", pair=3)`.

    Knobs: `network` (a name in `NETWORKS`), `pair` of random directions, `normalised`, `reach`, and the chosen place
    `x`, `y` (shares of the reach), which can be dragged on the map.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Summary"; Li et al. (2018).
    """

    title: ClassVar[str] = "The loss around a network"
    network = Menu(list(NETWORKS), "trained", "network")
    pair = Slider(list(range(10)), 0, "pair of directions")
    normalised = Switch(True, "filter-normalised")
    reach = Slider([0.25, 0.5, 1.0, 2.0, 4.0], 1.0, "reach")
    x = Slider(PLACES, 0.0, "α, share of the reach")
    y = Slider(PLACES, 0.0, "β, share of the reach")
    drag: ClassVar[dict[str, Any]] = pad(MAP, "x", "y", hint="Drag to choose where to cut")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "A bowl": {**HOME},
        "Close up": {**HOME, "reach": 0.25},
        "From afar": {**HOME, "reach": 4.0, "x": 0.6, "y": 0.5},
        "Untrained": {**HOME, "network": "untrained"},
        "Raw": {**HOME, "normalised": False, "reach": 0.5},
        "Raw, twin": {**HOME, "network": "its scaled twin", "normalised": False, "reach": 0.5},
        "Twin": {**HOME, "network": "its scaled twin"},
    }

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
