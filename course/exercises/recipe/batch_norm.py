"""Exercise recipe.batch_norm: the batch in training, memory afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import recipe
from course.exercises.exercise import Case, Draw, Exercise, Unusable, gradients, mistake, mistakes


def drive(
    batch_norm: Callable[..., Any],
    x: list[Tensor],
    gamma: Tensor,
    beta: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: list[bool],
    momentum: float,
    eps: float,
) -> dict[str, Any]:
    """Several batches in a row, some in training, some not: outputs, running statistics, and the first's gradients."""
    leaves = {"x": x[0].clone(), "gamma": gamma.clone(), "beta": beta.clone()}
    memory = running_mean.clone(), running_var.clone()
    ys, means, variances = [], [], []
    for batch, mode in zip(x, training, strict=True):
        answer = batch_norm(batch, gamma, beta, running_mean, running_var, mode, momentum, eps)
        if not isinstance(answer, list | tuple) or len(answer) != 3:
            raise Unusable("batch_norm must return three tensors: `y, running_mean, running_var`.")
        y, running_mean, running_var = answer
        if not all(isinstance(t, Tensor) for t in answer):
            return {"y": y, "running mean": running_mean, "running variance": running_var}
        ys.append(y.detach().clone())
        means.append(running_mean.detach().clone())
        variances.append(running_var.detach().clone())
    if len({v.shape for v in means}) > 1 or len({v.shape for v in variances}) > 1:
        raise Unusable("The running statistics must keep their shape, (C,): one number per channel.")
    found: dict[str, Any] = {"y": ys, "running mean": torch.stack(means), "running variance": torch.stack(variances)}
    return found | gradients(
        lambda x, gamma, beta: batch_norm(x, gamma, beta, *memory, training[0], momentum, eps)[0], **leaves
    )


def cases(draw: Draw) -> list[Case]:
    """One channel by hand, in training and not; then vectors and pictures, modes that change, a large ε."""

    def run(
        label: str,
        *shape: int,
        modes: list[bool],
        eps: float = 1e-5,
        scale: float = 1.0,
        sizes: list[int] | None = None,
    ) -> Case:
        c = shape[1]
        batches = [
            draw.normal(n, *shape[1:], scale=scale) * (1 + draw.normal(c).abs()).view(c, *[1] * (len(shape) - 2))
            + 3 * draw.normal(c).view(c, *[1] * (len(shape) - 2))
            for n in sizes or [shape[0]] * len(modes)
        ]
        gamma, beta = 0.5 + draw.normal(c).abs(), draw.normal(c)
        old = (draw.normal(c), 0.5 + draw.normal(c).abs())
        return Case(label, (batches, gamma, beta, *old, modes, draw.uniform(0.05, 0.45), eps))

    def by_hand(training: bool) -> tuple[Any, ...]:
        x = [torch.tensor([[1.0], [3.0]])]
        vectors = [torch.tensor([v]) for v in (2.0, 1.0, 0.0, 6.0)]
        return (x, *vectors, [training], 0.5, 3.0)

    many = [True, False, True, True, False]
    return [
        Case(
            "the batch is 1 and 3, γ = 2, β = 1, ε = 3; running values 0 and 6",
            by_hand(True),
            "hand",
        ),
        Case("evaluation: the same batch and memory", by_hand(False), "hand"),
        _far_from_zero(run("vectors, in training; the second batch far from 0", 8, 3, modes=[True, True])),
        run("pictures, in training", 3, 2, 4, 3, modes=[True]),
        run("pictures, in evaluation", 2, 3, 2, 5, modes=[False]),
        run("one picture, in training", 1, 2, 3, 4, modes=[True]),
        run("an ε that can be seen", 4, 2, modes=[True, False], eps=draw.uniform(0.2, 0.9)),
        run("batches of several sizes, both modes", 4, 3, 2, 2, modes=many, sizes=[4, 2, 3, 6, 1], scale=2.0),
        run("many vectors, both modes", draw.integer(6, 9), draw.integer(4, 6), modes=many),
    ]


def _far_from_zero(case: Case) -> Case:
    """The last batch moves to 1000, in steps of ⅛ whose sum is exact. So a mean taken first loses nothing in float32,
    and the difference of two means of squares nearly everything. β keeps y away from 0, where rounding would count."""
    (first, last), gamma, beta, *rest = case.inputs
    last = 1024.0 + (8 * last).round() / 8
    return replace(case, inputs=([first, last], gamma, beta + 8 * beta.sign(), *rest))


def biased_memory(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The running variance remembers the biased variance, with divisor n; what is remembered has divisor n − 1."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def unbiased_output(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The batch is divided by the unbiased deviation (divisor n − 1, which is what x.var() gives unless told
    otherwise); to normalise, use divisor n, and n − 1 only for what is remembered."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def divisors_swapped(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The two divisors are exchanged: normalise with n, remember the variance with n − 1."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims, unbiased=False)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def per_sample(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """Mean and variance are those of each sample (as in layer norm); here they are those of each channel, over all
    samples and places."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    dims = list(range(1, x.ndim))
    across = [0, *range(2, x.ndim)]
    mean, var = running_mean.view(shape), running_var.view(shape)
    if training:
        mean, var = x.mean(dims, keepdim=True), x.var(dims, unbiased=False, keepdim=True)
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(across)
        running_var = (1 - momentum) * running_var + momentum * x.var(across)
    y = gamma.view(shape) * (x - mean) / (var + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def per_place(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """Mean and variance are taken over the samples alone, at each place of the picture; take them over the places
    as well, so that each channel has one of each."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    across = [0, *range(2, x.ndim)]
    mean, var = running_mean.view(shape), running_var.view(shape)
    if training:
        mean, var = x.mean(0, keepdim=True), x.var(0, unbiased=False, keepdim=True)
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(across)
        running_var = (1 - momentum) * running_var + momentum * x.var(across)
    y = gamma.view(shape) * (x - mean) / (var + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def one_for_all(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """One mean and one variance for all channels together; each channel needs its own."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean = x.mean() + torch.zeros_like(running_mean)
        var = x.var(unbiased=False) + torch.zeros_like(running_var)
        n = x.numel()
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def moved_in_eval(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The running statistics move in evaluation, too; they may only move in training, or test pictures leak into the
    network."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    n = x.numel() / x.shape[1]
    batch_mean, batch_var = x.mean(dims), x.var(dims, unbiased=False)
    if training:
        mean, var = batch_mean, batch_var
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    running_mean = (1 - momentum) * running_mean + momentum * batch_mean
    running_var = (1 - momentum) * running_var + momentum * batch_var * n / max(n - 1, 1)
    return y, running_mean, running_var


def batch_in_eval(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """In evaluation the batch's own statistics are used; use the running ones, so that an answer does not depend on
    what else is in the batch."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = x.mean(dims), x.var(dims, unbiased=False)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def memory_in_training(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """In training the running statistics are used to normalise; use the batch's own, and only remember them."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * x.mean(dims)
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    y = (x - running_mean.view(shape)) / (running_var.view(shape) + eps).sqrt()
    return gamma.view(shape) * y + beta.view(shape), running_mean, running_var


def momentum_reversed(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """Momentum is on the wrong part: here it is the share of the new value, (1 − m)·old + m·new (in an optimizer it is
    that of the old)."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * x.var(dims)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def nothing_remembered(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The running statistics come back as they were; in training they must move towards the batch's."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = (x.mean(dims), x.var(dims, unbiased=False)) if training else (running_mean, running_var)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def last_batch_only(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The running statistics are simply the last batch's; they must move only a part of the way, momentum."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean, running_var = mean, x.var(dims)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def eps_outside(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """ε stands outside the root; here it is added to the variance, √(σ² + ε)."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape).sqrt() + eps) + beta.view(shape)
    return y, running_mean, running_var


def statistics_detached(
    x, gamma, beta, running_mean, running_var, training, momentum, eps, mean_too=True, var_too=True
):
    """The values are right and the gradients are not: mean and variance of the batch are taken for constants. They
    depend on x, so let autograd go through them (keep only the memory out of it)."""
    dims, shape = [0, *range(2, x.ndim)], (1, -1) + (1,) * (x.ndim - 2)
    y, after_mean, after_var = _right(x, gamma, beta, running_mean, running_var, training, momentum, eps)
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        mean, var = mean.detach() if mean_too else mean, var.detach() if var_too else var
        y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, after_mean, after_var


def no_root(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """This divides by the variance; divide by its root."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps) + beta.view(shape)
    return y, running_mean, running_var


def counted_samples_only(x, gamma, beta, running_mean, running_var, training, momentum, eps, least=0):
    """n was taken for the number of samples; it is that of the values in a channel, N·H·W for pictures."""
    dims = [0, *range(2, x.ndim)]
    y, running_mean, _ = _right(x, gamma, beta, running_mean, running_var, training, momentum, eps)
    if training:
        n = len(x)
        var = x.var(dims, unbiased=False) * n / max(n - 1, least)
        running_var = (1 - momentum) * running_var + momentum * var
    return y, running_mean, running_var


def difference_of_squares(x, gamma, beta, running_mean, running_var, training, momentum, eps, least=float("-inf")):
    """The variance is E[x²] − E[x]², in float32 a small difference of two large numbers: of a mean far from 0 only
    rounding errors are left of it. Take the mean of (x − μ)²."""
    dims, shape = [0, *range(2, x.ndim)], (1, -1) + (1,) * (x.ndim - 2)
    mean, var, n = running_mean, running_var, x.numel() / x.shape[1]
    if training:
        mean = x.mean(dims)
        var = ((x**2).mean(dims) - mean**2).clamp(min=least)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)
    y = gamma.view(shape) * (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() + beta.view(shape)
    return y, running_mean, running_var


def training_reversed(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """Training and evaluation are exchanged: the batch's own statistics belong to training."""
    return _right(x, gamma, beta, running_mean, running_var, not training, momentum, eps)


def fixed_numbers(x, gamma, beta, running_mean, running_var, training, momentum, eps, m=0.1, e=None):
    """A fixed momentum or ε stands in the code; use the arguments momentum and eps."""
    m, e = (momentum if m is None else m), (eps if e is None else e)
    return _right(x, gamma, beta, running_mean, running_var, training, m, e)


def deviation_remembered(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The running variance remembers standard deviations; it remembers variances."""
    dims = [0, *range(2, x.ndim)]
    y, mean, var = _right(x, gamma, beta, running_mean, running_var, training, momentum, eps)
    return y, mean, (1 - momentum) * running_var + momentum * x.std(dims) if training else var


def _right(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    dims, shape = [0, *range(2, x.ndim)], (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    normalised = (x - mean.view(shape)) / (var.view(shape) + eps).sqrt()
    return gamma.view(shape) * normalised + beta.view(shape), running_mean, running_var


def scale_forgotten(x, gamma, beta, running_mean, running_var, training, momentum, eps):  # noqa: D103
    return _right(x, torch.ones_like(gamma), beta, running_mean, running_var, training, momentum, eps)


def shift_forgotten(x, gamma, beta, running_mean, running_var, training, momentum, eps):  # noqa: D103
    return _right(x, gamma, torch.zeros_like(beta), running_mean, running_var, training, momentum, eps)


def scale_and_shift_forgotten(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """γ or β is missing: the network must be able to undo the normalisation, γ·(…) + β."""
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dims), x.var(dims, unbiased=False)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    return (x - mean.view(shape)) / (var.view(shape) + eps).sqrt(), running_mean, running_var


def library(x, gamma, beta, running_mean, running_var, training, momentum, eps):  # noqa: D103
    mean, var = running_mean.clone(), running_var.clone()
    return F.batch_norm(x, mean, var, gamma, beta, training, momentum, eps), mean, var


def in_place(x, gamma, beta, running_mean, running_var, training, momentum, eps):  # noqa: D103
    dims = [d for d in range(x.ndim) if d != 1]
    if training:
        mean, var = x.mean(dims), x.var(dims, correction=0)
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(x.var(dims), momentum)
    else:
        mean, var = running_mean, running_var
    last = x.movedim(1, -1)
    y = gamma * (last - mean) / torch.sqrt(var + eps) + beta
    return y.movedim(-1, 1), running_mean, running_var


def flattened(x, gamma, beta, running_mean, running_var, training, momentum, eps):  # noqa: D103
    rows = x.transpose(0, 1).reshape(x.shape[1], -1).double()
    n = rows.shape[1]
    mean, var = running_mean.double(), running_var.double()
    if training:
        mean = rows.mean(1)
        var = ((rows - mean[:, None]) ** 2).mean(1)
        running_mean = running_mean + momentum * (mean.float() - running_mean)
        running_var = running_var + momentum * ((var * n / (n - 1)).float() - running_var)
    rows = gamma[:, None] * (rows - mean[:, None]) / (var[:, None] + eps) ** 0.5 + beta[:, None]
    return rows.reshape(x.transpose(0, 1).shape).transpose(0, 1), running_mean, running_var


EXERCISE = Exercise(
    name="recipe.batch_norm",
    title="Batch normalisation",
    signature="batch_norm(x, gamma, beta, running_mean, running_var, training, momentum, eps)",
    points=4,
    minutes=20,
    difficulty=3,
    idea=(
        "There are two questions: whose mean and variance are used, and what is remembered. In training it is "
        "those of this batch, over samples and places but for each channel alone, and the memory moves a little "
        "towards them; in evaluation the memory is used and stays. Mind that the two variances have different "
        "divisors."
    ),
    pseudocode="""
    n ← number of values in each channel (N, or N·H·W)
    training:    μ, σ² ← mean and variance of each channel, divisor n
                 r_μ ← (1 − m)·r_μ + m·μ
                 r_σ² ← (1 − m)·r_σ² + m·σ²·n/(n − 1)
    evaluation:  μ, σ² ← r_μ, r_σ²
    y ← γ · (x − μ) / √(σ² + ε) + β          γ, β, μ, σ² spread along the axis of the channels
    return y, r_μ, r_σ²
    """,
    reference=recipe.batch_norm,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            training_reversed,
            deviation_remembered,
            biased_memory,
            unbiased_output,
            divisors_swapped,
            per_sample,
            per_place,
            one_for_all,
            moved_in_eval,
            batch_in_eval,
            memory_in_training,
            momentum_reversed,
            nothing_remembered,
            last_batch_only,
            eps_outside,
            no_root,
        ),
        mistake(
            statistics_detached,
            partial(statistics_detached, mean_too=False),
            partial(statistics_detached, var_too=False),
        ),
        mistake(difference_of_squares, partial(difference_of_squares, least=0)),
        mistake(counted_samples_only, partial(counted_samples_only, least=1)),
        mistake(fixed_numbers, partial(fixed_numbers, m=None, e=1e-5), partial(fixed_numbers, e=1e-5)),
        mistake(scale_and_shift_forgotten, scale_forgotten, shift_forgotten),
    ),
    alternatives=(library, in_place, flattened),
    telling=("y", "running mean", "running variance"),
    may_edit=frozenset({"running_mean", "running_var"}),
    note="Return three tensors: y shaped like x, then the running mean and the running variance, each of shape (C,).",
    forbidden=(
        *(f"torch.nn.{n}" for n in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")),
        *(f"torch.nn.{n}" for n in ("LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d")),
        *("torch.nn.functional.batch_norm", "torch.nn.functional.instance_norm", "torch.batch_norm"),
        *("torch.instance_norm", "torch.native_batch_norm", "torch.cudnn_batch_norm", "course.recipe"),
    ),
    alike=True,
)
