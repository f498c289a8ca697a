"""The same training with L2 in the objective and with weight decay: how far the weights are apart at the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course.adaptive import adam_step, adamw_step
from course.data import digits
from course.descent import minibatches, momentum_step
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.picture import BLUE, GREEN, PINK, VERMILLION, Picture, canvas, label
from course.effects.regularization.common import CLASSES
from course.regularization import decay_step

LAM, ALPHA, STEPS, BATCH = 0.1, 0.9, 200, 64
DECAYS = torch.logspace(-2, 1, 25, dtype=torch.float64)  # λ of the decay; the ninth and the seventeenth: 0.1 and 1
RATES = {"SGD": 0.1, "momentum": 0.02, "momentum, ∇L alone": 0.02, "Adam": 0.003}
LOOKS = {
    "SGD": (GREEN, "^:"),
    "momentum": (BLUE, "o-"),
    "momentum, ∇L alone": (PINK, "D-."),
    "Adam": (VERMILLION, "s--"),
}


def _trajectories(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Weights of a linear softmax at the end: with L2 (1, 64, 10), and with each of the decays (25, 64, 10)."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (a.flatten(1).double() if a.ndim > 1 else a for a in digits("train"))
    start = torch.randn(1, 64, CLASSES, generator=generator, dtype=torch.float64) * 0.1
    lams, lr, order = DECAYS[:, None, None], RATES[name], list[Tensor]()
    while len(order) < STEPS:
        order += minibatches(len(x), BATCH, generator)

    def gradient(w: Tensor, i: Tensor) -> Tensor:
        return x[i].T @ (torch.softmax(x[i] @ w, -1) - F.one_hot(y[i], CLASSES)) / len(i)

    l2, decayed = start, start.expand(len(DECAYS), -1, -1)
    before = decayed
    delta, m, v = torch.zeros_like(l2), torch.zeros_like(decayed), torch.zeros_like(decayed)
    square = torch.zeros_like(l2)
    for t, i in enumerate(order[:STEPS], 1):
        of_r, of_l = gradient(l2, i) + LAM * l2, gradient(decayed, i)
        if name == "Adam":
            l2, delta, square = adam_step(l2, of_r, delta, square, t, lr)
            decayed, m, v = adamw_step(decayed, of_l, m, v, t, lr, lams)
            continue
        l2, delta = momentum_step(l2, of_r, delta, lr, 0.0 if name == "SGD" else ALPHA)
        if name == "SGD":
            decayed = decay_step(decayed, of_l, lr, lams)
        elif name == "momentum":  # carries on the last move of the weights, in which the decay is included
            decayed, before = decay_step(decayed, of_l, lr, lams) + ALPHA * (decayed - before), decayed
        else:
            m = ALPHA * m + of_l
            decayed = decay_step(decayed, m, lr, lams)
    return l2, decayed


@lru_cache(maxsize=2)
def _experiment(seed: int) -> dict[str, Tensor]:
    """For each optimizer, how far the weights with each decay are from those with L2, relative to their length."""
    found = {}
    for name in RATES:
        l2, decayed = _trajectories(name, seed)
        found[name] = (decayed - l2).flatten(1).norm(dim=1) / l2.norm()
    return found


def _numbers(found: dict[str, Tensor]) -> Numbers:
    numbers: Numbers = {}
    for name, apart in found.items():
        numbers[f"apart at the same λ, {name}"] = apart[8].item()
        numbers[f"apart at the best λ, {name}"] = apart.min().item()
        numbers[f"best λ / λ, {name}"] = (DECAYS[apart.argmin()] / LAM).item()
    return numbers


def run(seed: int) -> Numbers:
    """Relative distance of the weights after 200 steps, for each optimizer: at the same λ, and at the best one."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: SGD and momentum agree to rounding, momentum of ∇L alone at λ/(1 − α) to 3 %, Adam at no λ."""
    return all(
        r["apart at the same λ, SGD"] < 1e-13
        and r["apart at the same λ, momentum"] < 1e-12
        and r["apart at the same λ, momentum, ∇L alone"] > 0.5
        and 1e-4 < r["apart at the best λ, momentum, ∇L alone"] < 0.03
        and abs(r["best λ / λ, momentum, ∇L alone"] * (1 - ALPHA) - 1) < 0.01
        and r["apart at the same λ, Adam"] > 0.5
        and 0.3 < r["apart at the best λ, Adam"] < 2
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Distance over the decay's λ, and the distances at the same λ."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (axes,) = canvas(1)
    for name, (color, style) in LOOKS.items():
        axes.loglog(DECAYS, found[name], style, color=color, ms=5)
    axes.axvline(LAM, color="#555555", lw=1, ls=":")
    label(axes, 0.108, 1e-16, "the same λ", "#555555")
    label(axes, 0.115, 1e-11, "SGD, and momentum of the weights' moves", BLUE)
    label(axes, 1.1, 2e-3, "momentum of ∇L alone", PINK)
    label(axes, 0.012, 40, "Adam + L2 against AdamW", VERMILLION)
    axes.set(xlabel="λ of the weight decay", ylabel="weights apart, relative", ylim=(1e-17, 1000))
    axes.set_title(f"After {STEPS} steps: L2 with λ = {LAM:g} against weight decay")
    caption = (
        f"Linear softmax on digits, {STEPS} steps in double precision, all from the same start on the same batches. "
        f"Weights apart at the same λ: SGD {n['apart at the same λ, SGD']:.0e}, momentum "
        f"{n['apart at the same λ, momentum']:.0e}. With a Δ that gathers ∇L alone "
        f"{n['apart at the same λ, momentum, ∇L alone']:.1f}, and {n['apart at the best λ, momentum, ∇L alone']:.3f} "
        f"with {n['best λ / λ, momentum, ∇L alone']:.0f} times the λ. Adam {n['apart at the same λ, Adam']:.1f}, "
        f"at the best λ of {len(DECAYS)} still {n['apart at the best λ, Adam']:.2f}."
    )
    alt = (
        "Relative distance between weights trained with L2 and with weight decay, over the decay's λ, log-log. For SGD "
        "and for momentum the distance falls to rounding, fifteen powers of ten down, where both λ are equal. For "
        "momentum that gathers the gradient of the loss alone it has a shallow minimum at ten times the λ. For Adam "
        "the curve stays high at every λ."
    )
    return Picture(figure, alt, caption)


def _answer(numbers: Numbers) -> int:
    same, best = (numbers[f"apart at the {which} λ, Adam"] for which in ("same", "best"))
    return 2 if same < 0.03 else 1 if best < 0.03 else 0


def _told(numbers: Numbers) -> str:
    sgd, best = numbers["apart at the same λ, SGD"], numbers["apart at the best λ, Adam"]
    return (
        f"With SGD the weights agree to rounding at the same λ ({sgd:.0e} of their length). With Adam they are "
        f"{best:.0%} of their length apart even at the best of {len(DECAYS)} λ: what is added to the gradient is "
        "divided by √v̂ afterwards."
    )


PREDICTION = Prediction(
    "Adam, once with λw in the gradient, once with weight decay. Is there a λ for the decay that leads to the same "
    "weights?",
    ("no, none of those that are tried", "yes, but another λ", "yes, the same λ, as with SGD"),
    _answer,
    _told,
)


L2_IS_DECAY = Effect(
    "regularization.l2_is_decay",
    "With SGD, λw in the gradient and the factor (1 − λη) give the same weights to rounding. With momentum they do, "
    "too, if the decay is part of what momentum carries on. If Δ gathers ∇L alone, L2 decays 1/(1 − α) = 10 times as "
    "much: with ten times the λ the weights agree within 3 %. For Adam, no λ of 25 makes decay the same as L2.",
    run,
    holds,
    draw,
    seconds=0.8,
    prediction=PREDICTION,
)
