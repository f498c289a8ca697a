"""Exercise descent.cross_entropy: a loss that neither overflows nor loses its gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, backpropagated, mistake, mistakes


def drive(cross_entropy: Callable[..., Any], logits: Tensor, y: Tensor) -> dict[str, Any]:
    """The loss and, by automatic differentiation, its gradient with respect to the logits."""
    leaf = logits.requires_grad_()
    loss = cross_entropy(leaf, y)
    if not isinstance(loss, Tensor) or loss.ndim:
        return {"loss": loss}
    found = {"loss": loss} | backpropagated(loss, logits=leaf)
    logits.requires_grad_(False)
    return found


def cases(draw: Draw) -> list[Case]:
    """Two rows by hand, logits far outside the range of exp, and random batches."""
    k = draw.integer(2, 5)
    gap = draw.uniform(750, 900)  # past 709, so that float64 overflows as well
    high = torch.tensor([[gap, 0.0, -gap], [0.0, -gap, -gap]])  # maxima differ, so that one for all rows will not do
    random = [Case(f"{n} random rows", (draw.normal(n, k + 2, scale=3.0), draw.labels(n, k + 2))) for n in (1, 5, 16)]
    return [
        Case("all scores equal: the loss is log K", (torch.zeros(1, k), draw.labels(1, k)), "hand"),
        Case("two rows", (torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]), torch.tensor([0, 2])), "hand"),
        Case("huge logits, wrong class", (high, torch.tensor([1, 2]))),
        Case("huge logits, right class", (high.clone(), torch.tensor([0, 0]))),
        Case("two huge scores tie: the loss is log 2", (torch.tensor([[gap, gap, -gap]]), torch.tensor([1]))),
        *random,
    ]


def overflow(logits, y):
    """exp(z) overflows for large logits; subtract each row's maximum first, or use torch.logsumexp."""
    e = logits.exp()
    return -(e / e.sum(1, keepdim=True))[torch.arange(len(y)), y].log().mean()


def unprotected_sum(logits, y):
    """log Σ exp(z) overflows for large logits although the loss is finite: torch.logsumexp subtracts the maximum."""
    return (logits.exp().sum(1).log() - logits[torch.arange(len(y)), y]).mean()


def log_of_softmax(logits, y):
    """A softmax probability can round to 0, and log 0 is −∞: work with log-probabilities (log_softmax) throughout."""
    return -torch.softmax(logits, 1)[torch.arange(len(y)), y].log().mean()


def log_of_softmax_picked_late(logits, y):  # noqa: D103 - the same mistake; its gradient is NaN elsewhere
    return -torch.softmax(logits, 1).log()[torch.arange(len(y)), y].mean()


def epsilon_in_log(logits, y, eps=1e-8):
    """log(p + ε), or p clamped from below, hides log 0 but caps the loss: hopeless predictions cost too little; use
    log-probabilities."""
    return -(torch.softmax(logits, 1)[torch.arange(len(y)), y] + eps).log().mean()


def clamped_from_below(logits, y, eps=1e-8):  # noqa: D103 - the same mistake, with a bound
    return -torch.softmax(logits, 1)[torch.arange(len(y)), y].clamp(min=eps).log().mean()


def log_forgotten(logits, y):
    """This is minus the probability itself; the loss is minus its logarithm (F.nll_loss wants log-probabilities, from
    log_softmax)."""
    return F.nll_loss(torch.softmax(logits, 1), y)


def every_label_for_each_row(logits, y):
    """This picks all N labels in every row, N·N numbers, as log_p[:, y] does; row i has the label y[i]:
    log_p[torch.arange(N), y]."""
    return -F.log_softmax(logits, 1)[:, y].mean()


def sum_for_mean(logits, y):
    """This is the sum over the batch; the lecture's loss is the mean, so that it does not grow with the batch."""
    return F.cross_entropy(logits, y, reduction="sum")


def mean_over_entries(logits, y):
    """The mean runs over all N·K entries; only the N samples count (each row has one true class)."""
    return -(F.one_hot(y, logits.shape[1]) * F.log_softmax(logits, 1)).mean()


def wrong_class(logits, y):
    """This looks at the class the model prefers; the loss is minus the log-probability of the true class y."""
    return -F.log_softmax(logits, 1).max(1).values.mean()


def minus_forgotten(logits, y):
    """The sign is missing: log-probabilities are negative, the loss is minus their mean."""
    return F.log_softmax(logits, 1)[torch.arange(len(y)), y].mean()


def softmax_over_batch(logits, y):
    """The softmax runs over the batch (dim 0); each row holds one sample's scores, so it must run over dim 1."""
    return -F.log_softmax(logits, 0)[torch.arange(len(y)), y].mean()


def not_normalised(logits, y):
    """The normaliser log Σ exp(z) is missing: this rewards a large score and can fall without end."""
    return -logits[torch.arange(len(y)), y].mean()


def logarithm_base_2(logits, y):
    """The logarithm has base 2; the loss uses the natural logarithm (nats)."""
    return F.cross_entropy(logits, y) / torch.log(torch.tensor(2.0))


def softmax_twice(logits, y):
    """The scores went through softmax twice; log_softmax and F.cross_entropy take raw logits."""
    return F.cross_entropy(torch.softmax(logits, 1), y)


def with_torch(logits, y):  # noqa: D103
    return F.cross_entropy(logits, y)


def with_logsumexp(logits, y):  # noqa: D103
    return (torch.logsumexp(logits, dim=1) - logits.gather(1, y[:, None]).squeeze(1)).mean()


def with_log_softmax(logits, y):  # noqa: D103
    return -F.log_softmax(logits, dim=1)[range(len(y)), y].sum() / len(y)


def with_one_hot(logits, y):  # noqa: D103
    shifted = logits - logits.max(1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    return -(torch.eye(logits.shape[1])[y] * log_p).sum(1).mean()


def row_by_row(logits, y):  # noqa: D103
    losses = []
    for z, label in zip(logits.double(), y, strict=True):
        top = z.max()
        losses.append(top + (z - top).exp().sum().log() - z[label])
    return torch.stack(losses).mean()


EXERCISE = Exercise(
    name="descent.cross_entropy",
    title="Cross-entropy without overflow",
    signature="cross_entropy(logits, y)",
    points=3,
    minutes=12,
    difficulty=2,
    idea=(
        "You never need the probabilities, only the logarithm of the one that belongs to the true class. Taking "
        "the logarithm before anything is divided turns the fraction into a difference, and the trick with the "
        "largest score keeps it finite."
    ),
    pseudocode="""
    m_i ← largest score of row i
    log p_ik ← (z_ik − m_i) − log Σ_j exp(z_ij − m_i)
    ℓ_i ← −log p_(i, y_i)
    L ← (ℓ_1 + … + ℓ_N) / N
    """,
    reference=descent.cross_entropy,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            overflow,
            unprotected_sum,
            log_forgotten,
            every_label_for_each_row,
            sum_for_mean,
            mean_over_entries,
            wrong_class,
            minus_forgotten,
            softmax_over_batch,
            not_normalised,
            logarithm_base_2,
            softmax_twice,
        ),
        mistake(log_of_softmax, log_of_softmax_picked_late),
        mistake(
            epsilon_in_log,
            *(partial(epsilon_in_log, eps=e) for e in (1e-5, 1e-6, 1e-7, 1e-9, 1e-10, 1e-12, 1e-15)),
            *(partial(clamped_from_below, eps=e) for e in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)),
        ),
    ),
    atol=1e-4,  # logsumexp(z) − z_y rounds at the size of the logits
    alternatives=(with_torch, with_logsumexp, with_log_softmax, with_one_hot, row_by_row),
    note="The loss is one tensor without dimensions, computed with torch operations so that it has a gradient.",
    forbidden=("torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss"),
)
