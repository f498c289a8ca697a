"""The regularisation path: what becomes of a classifier's weights, and of its errors, as λ grows.

The classifier is linear, and its loss the squared distance to the one-hot labels: the one loss whose regularised
minimum is a formula, so that every λ is exact and at once. The objective is `course.regularization.l2_objective`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course.data import digits
from course.regularization import l2_objective
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, halo, number, pixels, polyline, power_of_ten, tag, text

WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
EXPONENTS = [round(-5 + 0.25 * i, 2) for i in range(29)]  # powers of ten of λ, −5 … 2
PATHS = Frame(44, 220, 304, 126, (-5, 2), (-1, 1))
CHART = Frame(44, 46, 304, 300, (-5, 2), (0, 100))
WRONG = ["none", "10 %", "20 %", "30 %", "50 %"]
CLASSES, SIDE, SEED = 10, 8, 6
TILE, PITCH = 54, (10, 12)  # of the pictures of weights: their size, and how many weights apart they begin
LOOKS: dict[str, dict[str, Any]] = {
    "training": {"stroke": "var(--cool)", "stroke_width": 2, "stroke_dasharray": "7 3.5"},
    "validation": {"stroke": "var(--accent)", "stroke_width": 2.2},
}


class Path(NamedTuple):
    """The minimum for each λ of `EXPONENTS`: weights (29, 64, 10), errors on the training set, by its own labels, and
    on the validation set (29,), the loss L and half the squared norm (29,)."""

    weights: Tensor
    training: Tensor
    validation: Tensor
    loss: Tensor
    half_norm: Tensor


@lru_cache(maxsize=64)
def _pictures(split: str) -> tuple[Tensor, Tensor]:
    x, y = digits(split)
    mean = digits("train")[0].flatten(1).double().mean(0)
    return x.flatten(1).double() - mean, y


@lru_cache(maxsize=64)
def path(n: int, wrong: str) -> Path:
    """Minimise R(W) = ½ mean ‖xW + b − onehot‖² + ½ λ ‖W‖² for every λ; b, which does not decay, is the labels' mean.

    Args:
        n: training digits, 10 … 1 097.
        wrong: a word of `WRONG`, the share of labels that are replaced by another class.
    """
    generator = torch.Generator().manual_seed(SEED)
    x, y = _pictures("train")
    chosen = torch.randperm(len(x), generator=generator)[:n]
    bad = torch.randperm(n, generator=generator)[: round(_share(wrong) * n)]
    shifts = torch.randint(1, CLASSES, (n,), generator=generator)
    x, y = x[chosen], y[chosen].clone()
    y[bad] = (y[bad] + shifts[bad]) % CLASSES
    centre, target = x.mean(0), torch.eye(CLASSES, dtype=torch.float64)[y]
    bias, lams = target.mean(0), 10 ** torch.tensor(EXPONENTS, dtype=torch.float64)
    inputs = x - centre
    # In the eigenvectors of the covariance, each direction of the weights shrinks by itself: s / (s + λ).
    sizes, directions = torch.linalg.eigh(inputs.T @ inputs / n)
    along = directions.T @ (inputs.T @ (target - bias) / n)
    weights = directions @ (along / (sizes.clamp(min=0)[:, None] + lams[:, None, None]))
    scores = inputs @ weights + bias
    test, labels = _pictures("validation")
    right = ((test - centre) @ weights + bias).argmax(-1) == labels
    return Path(
        weights,
        1 - (scores.argmax(-1) == y).double().mean(1),
        1 - right.double().mean(1),
        0.5 * (scores - target).square().sum(-1).mean(1),
        0.5 * weights.square().flatten(1).sum(1),
    )


def picture(log_lam: float = -3.0, n: int = 100, wrong: str = "30 %", digit: str = "3") -> Figure:
    """Ten classes' weights as pictures and those of one class over λ; beside them the errors over λ.

    Args:
        log_lam: the power of ten of λ, −5 … 2; the nearest of `EXPONENTS` is shown.
        n: training digits, 10 … 1 097.
        wrong: a word of `WRONG`.
        digit: the class whose 64 weights are drawn over λ, "0" … "9".

    Returns:
        Two panels and a caption with the same numbers.

    Raises:
        ValueError: a state outside these ranges.

    Source: lecture, "Regularization and weight decay"; Hoerl & Kennard (1970) for the formula.
    """
    if not (math.isfinite(log_lam) and EXPONENTS[0] <= log_lam <= EXPONENTS[-1]):
        raise ValueError(f"log_lam must lie in {EXPONENTS[0]:g} … {EXPONENTS[-1]:g}, got {log_lam}")
    if not 10 <= n <= 1097 or wrong not in WRONG or digit not in "0123456789" or len(digit) != 1:
        raise ValueError(f"need 10 ≤ n ≤ 1097, wrong among {WRONG}, a digit; got {n}, {wrong!r}, {digit!r}")
    found, at = path(n, wrong), int(np.abs(np.array(EXPONENTS) - log_lam).argmin())
    panels = (
        Panel(WIDTH, HEIGHT, _left_back(n, wrong, int(digit)), _templates(found, at, int(digit)) + _here(PATHS, at)),
        Panel(WIDTH, HEIGHT, _right_back(n, wrong), _here(CHART, at) + _marks(found, at)),
    )
    return Figure(panels, _caption(found, at, n, wrong))


def _share(wrong: str) -> float:
    return 0.0 if wrong == "none" else int(wrong.split()[0]) / 100


def _caption(found: Path, at: int, n: int, wrong: str) -> str:
    lam, best = 10 ** EXPONENTS[at], int(found.validation.argmin())
    total = l2_objective(found.loss[at], [found.weights[at]], lam)
    labels = "all labels right" if wrong == "none" else f"{wrong} of the labels wrong"
    return (
        f"{n} digits, {labels}, λ = {number(lam, 2)}: loss {number(found.loss[at].item(), 2)}, "
        f"½‖W‖² {number(found.half_norm[at].item(), 2)}, objective {number(total.item(), 2)}. "
        f"Error on the training set {100 * found.training[at].item():.0f} %, on the validation set "
        f"{100 * found.validation[at].item():.0f} %; the lowest there is {100 * found.validation[best].item():.0f} %, "
        f"at λ = {number(10 ** EXPONENTS[best], 2)}."
    )


def _templates(found: Path, at: int, digit: int) -> str:
    """The weights of each class as a picture: light for plus, dark for minus, scaled to the largest of the ten."""
    weights = found.weights[at]
    reach = weights.abs().max().clamp(min=1e-12)
    drawn = text(16, 16, f"Weights of the ten classes, |w| ≤ {number(reach.item(), 2)}", font_weight=600)
    dot, columns = TILE / SIDE, 5
    across, down = (columns - 1) * PITCH[0] + SIDE, PITCH[1] + SIDE
    sheet = np.zeros((2, down, across))  # one picture for all of them: what lies between is clear
    for k, tile in enumerate((0.5 + 0.5 * weights.T / reach).reshape(CLASSES, SIDE, SIDE).numpy()):
        top, left = k // columns * PITCH[1], k % columns * PITCH[0]
        sheet[0, top : top + SIDE, left : left + SIDE], sheet[1, top : top + SIDE, left : left + SIDE] = tile, 1
        x, y = 16 + left * dot, 28 + top * dot
        drawn += text(x + TILE / 2, y + TILE + 13, str(k), "middle", "var(--quiet)", font_size=11)
        if k == digit:
            box = {"x": x - 2, "y": y - 2, "width": TILE + 4, "height": TILE + 4}
            drawn += tag("rect", fill="none", stroke="var(--accent)", stroke_width=2.5, **box)
    return drawn + pixels(sheet, 16, 28, across * dot, down * dot)


@lru_cache(maxsize=16)
def _left_back(n: int, wrong: str, digit: int) -> str:
    """All 64 weights of one class over λ."""
    found = path(n, wrong)
    own = found.weights[:, :, digit]
    own = own * (own.abs() > 1e-12)  # else rounding would be drawn as large as weights
    reach = own.abs().max().clamp(min=1e-12).item()
    style = {"fill": "none", "stroke": "var(--cool)", "stroke_width": 0.9, "stroke_opacity": 0.55}
    points = np.stack([np.tile(EXPONENTS, own.shape[1]), (own.T / reach).flatten()], 1)
    lines = tag("g", *(tag("path", d=polyline(w)) for w in np.split(PATHS.at(points), own.shape[1])), **style)
    absent = reach < 1e-9  # rounding is all there is
    ticks = PATHS.y_ticks([(0, "0")] if absent else [(-1, number(-reach, 2)), (0, "0"), (1, number(reach, 2))])
    ticks += PATHS.x_ticks(_powers(), "weight decay λ")
    words = f"No training digit has label {digit}: weights 0" if absent else f"The 64 weights of class {digit} over λ"
    title = text(PATHS.left, PATHS.top - 12, words, font_weight=600)
    return title + ticks + PATHS.clip(lines) + PATHS.edge()


def _marks(found: Path, at: int) -> str:
    """Where both errors stand now."""
    drawn = ""
    for name, style in LOOKS.items():
        u, v = CHART.at([[EXPONENTS[at], 100 * getattr(found, name)[at].item()]])[0]
        ring = {"fill": "var(--paper)", "stroke": style["stroke"], "stroke_width": 2}
        drawn += tag("circle", cx=f"{u:.1f}", cy=f"{v:.1f}", r=5, **ring)
    return CHART.clip(drawn, margin=6)


def _errors(found: Path) -> str:
    """Both errors over λ, and where that on the validation set is lowest."""
    drawn = ""
    for name, style in LOOKS.items():
        drawn += CHART.line(np.stack([EXPONENTS, 100 * getattr(found, name)], 1), **style)
    best = int(found.validation.argmin())
    u, v = CHART.at([[EXPONENTS[best], 100 * found.validation[best].item()]])[0]
    mark = tag("path", d=f"M{u:.1f} {v - 9:.1f}l-5 -9h10z", fill="var(--accent)")  # above: the other curve is below
    mark += halo(u, v - 23, "lowest", "middle", font_size=11)
    return CHART.clip(drawn, margin=6) + mark


def _here(frame: Frame, at: int) -> str:
    u = frame.at([[EXPONENTS[at], frame.y[0]]])[0, 0]
    return tag("path", d=f"M{u:.1f} {frame.top:g}v{frame.height:g}", stroke="var(--ink)", stroke_width=1.2,
               stroke_dasharray="2 3")  # fmt: skip


def _powers() -> list[tuple[float, str]]:
    return [(float(e), power_of_ten(e)) for e in range(-5, 3)]


@lru_cache(maxsize=16)
def _right_back(n: int, wrong: str) -> str:
    title = text(CHART.left, 16, "Errors / %", font_weight=600)
    key = tag("path", d="M150 12h26", fill="none", stroke="var(--cool)", stroke_width=2, stroke_dasharray="7 3.5")
    key += text(181, 16, "training") + tag(
        "path", d="M246 12h26", fill="none", stroke="var(--accent)", stroke_width=2.2
    )
    key += text(277, 16, "validation")
    ticks = [(float(v), str(v)) for v in (0, 20, 40, 60, 80, 100)]
    axes = CHART.edge() + CHART.y_ticks(ticks, grid=True) + CHART.x_ticks(_powers(), "weight decay λ")
    return title + key + axes + _errors(path(n, wrong))


class RegularizationPath(Explorable):
    """The regularisation path: `RegularizationPath()`, `RegularizationPath(n=30, wrong="none")`.

    Knobs: `log_lam`, the power of ten of λ, which can be dragged on the chart of errors; `n` training digits; the share
    of `wrong` labels; and the `digit` whose weights are drawn over λ.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Regularization and weight decay".
    """

    title: ClassVar[str] = "The regularisation path"
    log_lam = Slider(EXPONENTS, -3.0, "weight decay λ", play=True, shown=lambda e: number(10**e, 2))
    n = Slider([20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000], 100, "training digits")
    wrong = Menu(WRONG, "30 %", "wrong labels")
    digit = Menu(list("0123456789"), "3", "weights of class")
    drag: ClassVar[dict[str, Any]] = pad(CHART, "log_lam", panel=1, hint="Drag to choose λ")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Learned by heart": {"log_lam": -5.0, "n": 100, "wrong": "30 %"},
        "Just right": {"log_lam": -1.25, "n": 100, "wrong": "30 %"},
        "Too much": {"log_lam": 2.0, "n": 100, "wrong": "30 %"},
        "Right labels": {"log_lam": -1.75, "n": 300, "wrong": "none"},
        "Much data": {"log_lam": -2.0, "n": 1000, "wrong": "none"},
    }

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
