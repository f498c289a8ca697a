"""The smoothing explorer: one target, its loss, and what ε does to the confidence of a classifier for digits.

Targets, loss and calibration are those of `course.smoothing`, which the notebook's exercises are judged by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from course.data import digits
from course.descent import momentum_step
from course.smoothing import (
    Reliability,
    expected_calibration_error,
    least_loss,
    log_odds_gap,
    reliability,
    smooth_labels,
    soft_cross_entropy,
    wrong_labels,
)
from course.widgets.shell import Explorable, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, halo, number, tag, text

K, TRUE, BINS = 10, 3, 10
WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
TARGET = Frame(44, 46, 304, 116, (-0.5, K - 0.5), (0, 1))
LOSS = Frame(44, 230, 304, 114, (-2, 12), (0, 6))
DIAGRAM = Frame(44, 46, 304, 150, (0, 1), (0, 1))
ERROR = Frame(44, 250, 304, 94, (0, 0.6), (0, 0.6))
EPS = [0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6]
LEADS = [round(0.25 * i, 2) for i in range(-8, 49)]
STEPS, RATE, ALPHA = 120, 0.3, 0.9


# ------------------------------------------------------------------------------------------ the numbers


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier for each ε: accuracy, mean confidence and calibration error (E,), and the bins' contents."""

    eps: tuple[float, ...]
    accuracy: Tensor
    confidence: Tensor
    error: Tensor
    bins: Reliability


@cache
def _pictures(split: str) -> tuple[Tensor, Tensor]:
    x, y = digits(split)
    return x.flatten(1) * 2 - 1, y


@lru_cache(maxsize=32)
def trained(eps: tuple[float, ...], wrong: int, pictures: int) -> Trained:
    """Linear classifiers for digits, one for each ε, trained side by side and measured on the test set.

    Args:
        eps: the ε.
        wrong: how many per cent of the training labels are wrong.
        pictures: how many pictures they are trained on.
    """
    generator = torch.Generator().manual_seed(8)
    x, y = _pictures("train")
    kept = torch.randperm(len(x), generator=generator)[:pictures]
    x, y = x[kept], wrong_labels(y[kept], K, wrong / 100, generator)
    # Classes come before pictures: a softmax over the last ten numbers of each row takes several times as long.
    targets = torch.stack([smooth_labels(y, K, e).T for e in eps])
    w = delta = torch.zeros(len(eps), K, x.shape[1])
    for _ in range(STEPS):
        # the gradient of soft_cross_entropy for a linear model, (softmax − P)X/N
        grad = (torch.softmax(w @ x.T, 1) - targets) @ x / len(x)
        w, delta = momentum_step(w, grad, delta, RATE, ALPHA)
    test, labels = _pictures("test")
    p = torch.softmax(w @ test.T, 1).mT
    right = (p.argmax(-1) == labels).double().mean(-1)
    error = expected_calibration_error(p, labels, BINS)
    return Trained(eps, right, p.amax(-1).double().mean(-1), error, reliability(p, labels, BINS))


def logits(lead: float | Tensor) -> Tensor:
    """Scores whose true class leads all others by `lead`, (…, K)."""
    lead = torch.as_tensor(lead, dtype=torch.float64)
    return lead[..., None] * (torch.arange(K) == TRUE)


def losses(leads: Tensor, eps: float) -> Tensor:
    """The loss of one picture for each lead, (n,)."""
    target = smooth_labels(torch.tensor([TRUE]), K, eps).double()
    return torch.stack([soft_cross_entropy(z[None], target) for z in logits(leads)])


# ------------------------------------------------------------------------------------------ the picture


def picture(eps: float = 0.1, lead: float = 4.0, wrong: int = 0, pictures: int = 100) -> Figure:
    """A smoothed target beside a prediction, the loss over the lead; a reliability diagram, its error over ε.

    Args:
        eps: ε in [0, 0.6].
        lead: how far the true class's logit lies above the others in the prediction.
        wrong: how many per cent of the training labels are wrong, 0 … 90.
        pictures: how many digits the classifier is trained on, 10 … 1000.

    Returns:
        Two panels, and a caption with the same numbers.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Label smoothing"; Guo et al. (2017).
    """
    if not (0 <= eps <= 0.6 and math.isfinite(lead) and 0 <= wrong <= 90 and 10 <= pictures <= 1000):
        raise ValueError(
            f"need ε in [0, 0.6], a finite lead, wrong in 0 … 90 and pictures in 10 … 1000; got {eps}, {lead}, "
            f"{wrong}, "
            f"{pictures}"
        )
    found = trained(tuple(sorted({*EPS, eps})), wrong, pictures)
    at = found.eps.index(eps)
    left = Panel(WIDTH, HEIGHT, back=_frames_left(), front=_bars(eps, lead) + _curve(eps, lead))
    right = Panel(WIDTH, HEIGHT, back=_frames_right(), front=_diagram(found, at) + _errors(found, at))
    return Figure((left, right), _caption(eps, lead, wrong, pictures, found, at))


def _caption(eps: float, lead: float, wrong: int, pictures: int, found: Trained, at: int) -> str:
    target, p = smooth_labels(torch.tensor([TRUE]), K, eps)[0], torch.softmax(logits(lead), -1)
    best, loss = log_odds_gap(eps, K), losses(torch.tensor([lead]), eps).item()
    where = f"at a lead of {number(best)}" if math.isfinite(best) else "never reached"
    excess = (found.confidence[at] - found.accuracy[at]).item()
    verdict = "too sure" if excess > 0.02 else "not sure enough" if excess < -0.02 else "about right"
    sure = "over 0.999" if p[TRUE] > 0.9995 else number(p[TRUE].item())  # 1 would cost nothing
    labels = f"{wrong} % of the labels wrong" if wrong else "clean labels"
    return (
        f"ε = {number(eps)}: the target is {number(target[TRUE].item())} for the class and "
        f"{number(target[0].item(), 2)} for each of the other {K - 1}. With a lead of {number(lead)} the prediction is "
        f"{sure} and the loss {number(loss)}; the least is {number(least_loss(eps, K))}, {where}. "
        f"Digits, {pictures} pictures, {labels}: right {100 * found.accuracy[at]:.0f} %, mean confidence "
        f"{100 * found.confidence[at]:.0f} %, so {verdict}; calibration error {found.error[at]:.2f}, smallest at "
        f"ε = {number(found.eps[int(found.error.argmin())])}."
    )


@lru_cache(maxsize=1)
def _frames_left() -> str:
    title = text(TARGET.left, 16, f"A picture of a {TRUE}: target and prediction", font_weight=600)
    key = tag("rect", x=TARGET.left, y=26, width=12, height=8, fill="var(--cool)") + text(
        TARGET.left + 17, 34, "target"
    )
    key += tag("path", d=f"M{TARGET.left + 75} 30h14", stroke="var(--accent)", stroke_width=3)
    key += text(TARGET.left + 94, 34, "prediction")
    title += text(LOSS.left, LOSS.top - 12, "Loss, by the true class's lead", font_weight=600)
    parts = title + key + TARGET.edge() + LOSS.edge()
    parts += TARGET.x_ticks([(k, str(k)) for k in range(K)])
    parts += TARGET.y_ticks([(0, "0"), (0.5, "½"), (1, "1")], grid=True)
    parts += LOSS.x_ticks([(v, number(v)) for v in (-2, 0, 4, 8, 12)], "z of the class − z of the others")
    return parts + LOSS.y_ticks([(v, str(v)) for v in (0, 2, 4, 6)], grid=True)


@lru_cache(maxsize=1)
def _frames_right() -> str:
    title = text(DIAGRAM.left, 16, "Can its confidence be believed?", font_weight=600)
    title += text(DIAGRAM.left, 34, "accuracy in each bin of confidence", fill="var(--quiet)")
    title += text(ERROR.left, ERROR.top - 12, "Calibration error, by ε", font_weight=600)
    ticks = [(0, "0"), (0.5, "½"), (1, "1")]
    (x, y), (u, v) = DIAGRAM.at([[0, 0], [1, 1]])
    line = tag("path", d=f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}", stroke="var(--quiet)", stroke_dasharray="3 3")
    parts = title + DIAGRAM.edge() + ERROR.edge() + line
    parts += DIAGRAM.x_ticks(ticks) + DIAGRAM.y_ticks(ticks)
    parts += text(DIAGRAM.left + 0.75 * DIAGRAM.width, DIAGRAM.top + DIAGRAM.height + 17, "confidence", "middle")
    parts += ERROR.x_ticks([(e, number(e)) for e in (0, 0.2, 0.4, 0.6)], "ε")
    return parts + ERROR.y_ticks([(0, "0"), (0.3, "0.3"), (0.6, "0.6")], grid=True)


def _bars(eps: float, lead: float) -> str:
    """Target as bars, prediction as a stroke across each."""
    target, p = smooth_labels(torch.tensor([TRUE]), K, eps)[0], torch.softmax(logits(lead), -1)
    drawn = ""
    for k in range(K):
        (x, top), (_, foot), (_, at) = TARGET.at([[k, float(target[k])], [k, 0.0], [k, float(p[k])]])
        style = {"fill": "var(--cool)", "fill_opacity": 1 if k == TRUE else 0.6}
        drawn += tag("rect", x=f"{x - 10:.1f}", y=f"{top:.1f}", width=20, height=f"{foot - top:.1f}", **style)
        drawn += tag("path", d=f"M{x - 13:.1f} {at:.1f}h26", stroke="var(--accent)", stroke_width=3)
    return drawn


def _curve(eps: float, lead: float) -> str:
    """The loss over the lead, its least value, and where the prediction is."""
    leads = torch.linspace(*LOSS.x, 57, dtype=torch.float64)
    drawn = LOSS.clip(LOSS.line(np.stack([leads, losses(leads, eps)], 1), stroke="var(--cool)", stroke_width=2))
    best = log_odds_gap(eps, K)
    if best <= LOSS.x[1]:
        x, y = LOSS.at([[best, least_loss(eps, K)]])[0]
        drawn += tag("path", d=f"M{x:.1f} {y:.1f}V{LOSS.top}", stroke="var(--quiet)", stroke_dasharray="3 3")
        drawn += halo(x + 5, LOSS.top + 14, f"least at {number(best)}")
    else:
        drawn += halo(LOSS.left + LOSS.width - 6, LOSS.top + 14, "falls without end", "end")
    x, y = LOSS.at([[lead, losses(torch.tensor([lead]), eps).item()]])[0]
    return drawn + tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=5, fill="var(--accent)", stroke="var(--paper)")


def _diagram(found: Trained, at: int) -> str:
    """Accuracy against confidence, dots as large as bins are full."""
    count, sure, right = (part[at] for part in found.bins)
    full = count > 0
    points = torch.stack([sure[full], right[full]], 1)
    drawn = DIAGRAM.line(points, stroke="var(--leaf)", stroke_width=1.5)
    for (x, y), n in zip(DIAGRAM.at(points), count[full].tolist(), strict=True):
        r = 2 + 12 * math.sqrt(n / int(count.sum()))
        drawn += tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{r:.1f}", fill="var(--leaf)", fill_opacity=0.8)
    share = f"right {100 * found.accuracy[at]:.0f} %, sure {100 * found.confidence[at]:.0f} %"
    return drawn + halo(DIAGRAM.left + DIAGRAM.width - 8, DIAGRAM.top + DIAGRAM.height - 10, share, "end")


def _errors(found: Trained, at: int) -> str:
    """Calibration error over ε."""
    points = np.stack([found.eps, found.error], 1)
    x, y = ERROR.at(points[at : at + 1])[0]
    dot = tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=5, fill="var(--accent)", stroke="var(--paper)")
    # Beside the line, which may rise or fall: above it where there is room, and not over the axis.
    rises, room = found.error[min(at + 2, len(found.eps) - 1)] >= found.error[at], x - ERROR.left > 36
    dx, dy, anchor = (-9, -7, "end") if rises and room else (9, 16 if rises else -7, "start")
    words = halo(x + dx, y + dy, f"{found.error[at]:.2f}", anchor)
    return ERROR.line(points, stroke="var(--leaf)", stroke_width=2) + dot + words


# ------------------------------------------------------------------------------------------- the widget


class SmoothingExplorer(Explorable):
    """The smoothing explorer: `SmoothingExplorer()`, `SmoothingExplorer(eps=0.4, wrong=30)`.

    Knobs: `eps`, which can be dragged along the chart of the calibration error too, `lead` (of the true class's logit
    in the prediction on the left), `wrong` (per cent of wrong labels) and `pictures` (to train on).

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Label smoothing".
    """

    title: ClassVar[str] = "Label smoothing: target, loss, confidence"
    eps = Slider(EPS, 0.1, "smoothing ε", play=True)
    lead = Slider(LEADS, 4.0, "lead of the class")
    wrong = Slider([0, 10, 20, 30, 40, 50, 60], 0, "wrong labels", " %")
    pictures = Slider([50, 100, 200], 100, "pictures")
    drag: ClassVar[dict[str, Any]] = pad(ERROR, "eps", panel=1, hint="Drag to change ε")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "One-hot": {"eps": 0.0, "lead": 6.0, "wrong": 0, "pictures": 100},
        "A little": {"eps": 0.05, "lead": 5.25, "wrong": 0, "pictures": 100},
        "Too much": {"eps": 0.4, "lead": 2.5, "wrong": 0, "pictures": 100},
        "Wrong labels": {"eps": 0.0, "lead": 6.0, "wrong": 30, "pictures": 100},
        "Wrong labels, smoothed": {"eps": 0.2, "lead": 3.5, "wrong": 30, "pictures": 100},
    }

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
