"""The learning rate as a function of time, and what the batch size has to do with it (lecture section 04).

A schedule is a plain function η(t): t counts epochs or steps, whichever the other numbers count too, and may be a
fraction. They fit `course.training.fit(…, schedule=…)` and `torch.optim.lr_scheduler.LambdaLR`, which *multiplies* the
optimizer's rate by what the function returns, so give it a schedule with `lr=1`:

    LambdaLR(optimizer, lambda t: cosine_decay(t, lr=1.0, total=90))
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course.descent import cross_entropy
from course.training import History, LossFunction, fit

Schedule = Callable[[float], float]
Batch = float | tuple[int, int]
"""Samples per step, or (devices, samples per device)."""

# ---------------------------------------------------------------------------------------------- annealing


def constant(t: float, lr: float) -> float:
    """η(t) = η₀: what every schedule is compared with.

    Args:
        t: time ≥ 0.
        lr: η₀ ≥ 0.
    """
    _check(t, lr)
    return lr


def step_decay(t: float, lr: float, every: float = 20, factor: float = 1 / 3) -> float:
    """Down by a factor at regular times: η(t) = η₀ · factor^⌊t / every⌋. The lecture: to a third every 20 epochs.

    Args:
        t: time ≥ 0; at t = every the rate has already dropped.
        lr: η₀ ≥ 0, the rate before the first drop.
        every: time between two drops, > 0.
        factor: what is left after a drop, in (0, 1].

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Learning rate annealing". `torch.optim.lr_scheduler.StepLR(step_size=every, gamma=factor)`.
    """
    _check(t, lr, every > 0 and 0 < factor <= 1, f"every > 0 and 0 < factor ≤ 1, got {every} and {factor}")
    return lr * factor ** (t // every)


def exponential_decay(t: float, lr: float, k: float) -> float:
    """Down by the same share per unit of time: η(t) = η₀ e^(−kt).

    Args:
        t: time ≥ 0.
        lr: η₀ ≥ 0.
        k: decay per unit of time, ≥ 0; after 1/k the rate is η₀/e, after (ln 2)/k half of η₀.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Learning rate annealing". `torch.optim.lr_scheduler.ExponentialLR(gamma=e^(−k))`.
    """
    _check(t, lr, k >= 0, f"k ≥ 0, got {k}")
    return lr * math.exp(-k * t)


def reciprocal_decay(t: float, lr: float, eps: float = 1.0) -> float:
    """Fast at first, then ever more slowly: η(t) = η₀ / (ε + t).

    It starts at η₀/ε, which is η₀ only for ε = 1; the rate has halved at t = ε.

    Args:
        t: time ≥ 0.
        lr: η₀ ≥ 0, a rate times a time.
        eps: ε > 0, in units of time.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Learning rate annealing"; Robbins & Monro (1951) for 1/t. PyTorch has no counterpart; with ε = 1/d
    and η₀ = lr/d it is Keras' `InverseTimeDecay(lr, 1, d)`.
    """
    _check(t, lr, eps > 0, f"ε > 0, got {eps}")
    return lr / (eps + t)


def cosine_decay(t: float, lr: float, total: float, lowest: float = 0.0) -> float:
    """Half a period of a cosine: η(t) = η_min + ½ (η_max − η_min)(1 + cos(π t / T)); η_min for good after T.

    Args:
        t: time ≥ 0.
        lr: η_max, the rate at t = 0, ≥ η_min.
        total: T > 0, when η_min is reached.
        lowest: η_min ≥ 0.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Learning rate annealing"; Loshchilov & Hutter, "SGDR" (2017), one period. As
    `torch.optim.lr_scheduler.CosineAnnealingLR(T_max=total, eta_min=lowest)` up to T; after it, torch's rises again.
    """
    _check(t, lr, total > 0 and 0 <= lowest <= lr, f"T > 0 and 0 ≤ η_min ≤ η_max, got {total}, {lowest}, {lr}")
    return lowest + (lr - lowest) * (1 + math.cos(math.pi * min(t / total, 1.0))) / 2


# ------------------------------------------------------------------------------------------------- warmup


def linear_warmup(t: float, lr: float, warmup: float) -> float:
    """Up in a straight line, then level: η(t) = η₀ · t / T₀ for t ≤ T₀, η₀ after that.

    At t = 0 the rate is 0, so that the very first step does not move; count steps from 1 if that is a pity.

    Args:
        t: time ≥ 0.
        lr: η₀ ≥ 0, the rate that is reached.
        warmup: T₀ ≥ 0, how long it takes; 0 for no warmup at all.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Learning rate warmup"; Goyal et al. (2017). Up to T₀ the same as torch's
    `LinearLR(start_factor=a, total_iters=T₀)` for a → 0; torch does not allow a = 0.
    """
    _check(t, lr, warmup >= 0, f"T₀ ≥ 0, got {warmup}")
    return lr * t / warmup if t < warmup else lr


def warmup_then(schedule: Schedule, warmup: float) -> Schedule:
    """Warm up to where a schedule starts, then follow it from its own beginning.

    η(t) = schedule(0) · t / T₀ for t < T₀, and schedule(t − T₀) from T₀ on: there is no jump at T₀, and the schedule
    loses nothing of its course. (It ends T₀ later; take T − T₀ for its length if the total time is fixed.)

    Args:
        schedule: a function η(t).
        warmup: T₀ ≥ 0.

    Returns:
        The composed schedule.

    Raises:
        ValueError: T₀ < 0.

    Source: lecture, "Learning rate warmup". torch's `SequentialLR([LinearLR, …], [T₀])` shifts time likewise; timm's
    schedulers shift it only with `warmup_prefix=True`.
    """
    if not warmup >= 0:
        raise ValueError(f"need T₀ ≥ 0, got {warmup}")
    return lambda t: linear_warmup(t, schedule(0.0), warmup) if t < warmup else schedule(t - warmup)


def chain(*parts: tuple[Schedule, float]) -> Schedule:
    """Several schedules one after the other, each from its own beginning and for its own time; the last one goes on.

    Args:
        parts: pairs (schedule, how long), the times > 0; the last may be infinite.

    Raises:
        ValueError: no parts, or a time that is not positive.

    Source: torch's `SequentialLR`, with durations in place of milestones.
    """
    if not parts or not all(length > 0 for _, length in parts):
        raise ValueError(f"need pairs (schedule, time > 0), got times {[length for _, length in parts]}")

    def chained(t: float) -> float:
        for schedule, length in parts[:-1]:
            if t < length:
                return schedule(t)
            t -= length
        return parts[-1][0](t)

    return chained


def _check(t: float, lr: float, fine: bool = True, need: str = "") -> None:
    if not (t >= 0 and lr >= 0):
        raise ValueError(f"need t ≥ 0 and lr ≥ 0, got {t} and {lr}")
    if not fine:
        raise ValueError(f"need {need}")


# ----------------------------------------------------------------------------------------- linear scaling


def scale_lr(lr: float, batch: Batch, new_batch: Batch) -> float:
    """Linear scaling rule: k times the batch, k times the rate, η' = η · B'/B.

    B counts **all** samples that one step sees: devices times samples per device. The lecture's example: 0.1 on eight
    GPUs becomes 0.1 · 1/8 = 0.0125 on one with as many samples each.

    Args:
        lr: η ≥ 0, found to work with `batch`.
        batch: B > 0, samples per step, as one number or as (devices, samples per device).
        new_batch: B' > 0, likewise.

    Raises:
        ValueError: a number outside its range.

    Source: lecture, "Linear scaling rule"; Goyal et al., "Accurate, large minibatch SGD" (2017).
    """
    old, new = (b[0] * b[1] if isinstance(b, tuple) else b for b in (batch, new_batch))
    if not (lr >= 0 and old > 0 and new > 0):
        raise ValueError(f"need lr ≥ 0 and batch sizes > 0, got {lr}, {batch}, {new_batch}")
    return lr * new / old


def steps_apart(k: int, gradient: Callable[[Tensor, int], Tensor], w: Tensor, lr: float) -> tuple[Tensor, Tensor]:
    """Where k small steps lead, and where one big step leads: the argument behind the linear scaling rule.

    Small: w_{i+1} = w_i − η ∇L(w_i | B_i) for i = 0 … k−1. Big: w − kη · 1/k Σ_i ∇L(w | B_i), all k batches in one
    mean, every gradient at the start, the rate k times as large. They agree as far as the gradient does not change on
    the way, which is the better true the smaller η is: the distance falls as η².

    Args:
        k: number of batches, ≥ 1.
        gradient: (w, i) → ∇L(w | B_i), the mean gradient of batch i at w, same shape as w.
        w: start, any shape.
        lr: η ≥ 0 of a small step.

    Returns:
        Both end points, of the shape of w, no graph attached.

    Raises:
        ValueError: k < 1.

    Source: lecture, "Linear scaling rule"; Goyal et al. (2017), equations 3 and 4.
    """
    if k < 1:
        raise ValueError(f"need k ≥ 1 batches, got {k}")
    start = w.detach().clone()
    small, big = start.clone(), start.clone()
    for i in range(k):
        small = small - lr * gradient(small, i).detach()
        big = big - lr * gradient(start, i).detach()
    return small, big


# ------------------------------------------------------------------------------------------- which rate?


@dataclass(frozen=True)
class RangeTest:
    """What a range test has seen.

    Attributes:
        rates: η of each step, rising; up to the step that ended the test.
        losses: of each step's batch, before the step.
        smooth: running mean of the losses, weighted towards the last ones.
        suggestion: a rate to train at: that of the lowest running mean, divided by the margin.
    """

    rates: list[float]
    losses: list[float]
    smooth: list[float]
    suggestion: float


def range_test(
    model: nn.Module,
    data: Any,
    optimizer: torch.optim.Optimizer,
    low: float = 1e-4,
    high: float = 10.0,
    steps: int = 100,
    *,
    batch_size: int = 32,
    loss: LossFunction = cross_entropy,
    smoothing: float = 0.9,
    margin: float = 5.0,
    generator: torch.Generator | None = None,
) -> RangeTest:
    """Raise the rate from tiny to huge, in equal factors, while training a copy: where does the loss fall, and break?

    η_t = low · (high/low)^(t/(steps − 1)). The running mean is m_t = β m_{t−1} + (1 − β) L_t, divided by 1 − β^(t+1) so
    that it does not start too low. The test ends early where the mean is twice its lowest value or not finite. The
    lowest mean comes a little after the last rate that works well, hence the margin.

    Args:
        model: what shall be trained; it stays as it is, a copy of it and of the optimizer is trained.
        data: (x, y) or an iterable of batches, as for `course.training.fit`.
        optimizer: of the model's parameters. Rates are those of its first group; the others keep their ratio to it.
        low, high: the range, 0 < low < high.
        steps: how many, ≥ 2; passes over the data begin anew as often as needed.
        batch_size: B, if the data are tensors.
        loss: (model(x), y) → mean loss of the batch, ≥ 0.
        smoothing: β in [0, 1).
        margin: ≥ 1; a smaller one suggests a larger rate.
        generator: of the shuffling. It moves on, as do other sources of random numbers: dropout, shuffling loaders.

    Raises:
        ValueError: a number outside its range, an optimizer whose first rate is 0 or that is not the model's, or a
            loss that is not finite even before the first step.

    Source: Smith, "Cyclical learning rates for training neural networks" (2017), section 3.3, with equal factors in
    place of equal steps.
    """
    _check_range(model, optimizer, low, high, steps, smoothing, margin)
    model, optimizer = copy.deepcopy((model, optimizer))  # together, so that the copies belong to each other
    now = optimizer.param_groups[0]["lr"]
    smooth: list[float] = []

    def watch(history: History) -> bool:
        mean = smooth[-1] * (1 - smoothing ** len(smooth)) if smooth else 0.0
        mean = smoothing * mean + (1 - smoothing) * history.loss[-1]
        smooth.append(mean / (1 - smoothing ** len(history.loss)))
        return smooth[-1] > 2 * min(smooth)

    history = fit(
        model, data, optimizer, steps=steps, batch_size=batch_size, loss=loss, generator=generator, after_step=[watch],
        schedule=lambda t: low * (high / low) ** (t / (steps - 1)) / now, progress=False, divergence="record",
    )  # fmt: skip
    smooth += [math.inf] * (len(history.loss) - len(smooth))  # the step at which the loss was no longer finite
    if not math.isfinite(smooth[0]):
        raise ValueError(f"the loss is {history.loss[0]} before the first step: look for a log(0) or a nan in the data")
    best = min(range(len(smooth)), key=smooth.__getitem__)
    return RangeTest(history.lr, history.loss, smooth, history.lr[best] / margin)


def _check_range(
    model: nn.Module, optimizer: torch.optim.Optimizer, low: float, high: float, steps: int, beta: float, margin: float
) -> None:
    if not (0 < low < high and math.isfinite(high)) or steps < 2:
        raise ValueError(f"need 0 < low < high and steps ≥ 2, got {low}, {high}, {steps}")
    if not (0 <= beta < 1 and margin >= 1):
        raise ValueError(f"need smoothing in [0, 1) and margin ≥ 1, got {beta} and {margin}")
    own = {id(p) for p in model.parameters()}
    if not all(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("the optimizer has parameters that are not the model's: build it from model.parameters()")
    if not optimizer.param_groups[0]["lr"] > 0:
        raise ValueError("the optimizer's first learning rate must be > 0; which one does not matter")
