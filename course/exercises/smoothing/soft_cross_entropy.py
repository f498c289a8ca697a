"""Exercise smoothing.soft_cross_entropy: the loss for targets that are probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import smoothing
from course.exercises.exercise import Case, Draw, Exercise, backpropagated, mistake, mistakes


def drive(soft_cross_entropy: Callable[..., Any], logits: Tensor, p: Tensor) -> dict[str, Any]:
    """The loss and, by automatic differentiation, its gradient with respect to the logits."""
    leaf = logits.requires_grad_()
    loss = soft_cross_entropy(leaf, p)
    if not isinstance(loss, Tensor) or loss.ndim:
        return {"loss": loss}
    found = {"loss": loss} | backpropagated(loss, logits=leaf)
    logits.requires_grad_(False)
    return found


def cases(draw: Draw) -> list[Case]:
    """Two rows by hand; one-hot, smoothed, uniform, mixed and arbitrary targets; logits outside the range of exp."""
    k = draw.integer(3, 5)
    gap = draw.uniform(750, 900)  # past 709, so that float64 overflows as well

    def smooth(n: int, classes: int) -> Tensor:
        return smoothing.smooth_labels(draw.labels(n, classes), classes, draw.uniform(0.1, 0.4))

    def anything(n: int, classes: int) -> Tensor:
        return torch.softmax(draw.normal(n, classes, scale=1.5), 1)

    one, other, share = draw.labels(6, k + 1), draw.labels(6, k + 1), draw.uniform(0.2, 0.45)
    mixed = share * F.one_hot(one, k + 1) + (1 - share) * F.one_hot(other, k + 1)
    by_hand = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    high = torch.tensor([[gap, 0.0, -gap], [0.0, -gap, -gap]])
    return [
        Case("all scores equal: the loss is log K, whatever the target", (torch.zeros(1, 3), by_hand[:1]), "hand"),
        Case("two rows, ε = 0.2", (torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]), by_hand), "hand"),
        Case("one-hot targets", (draw.normal(4, k, scale=2.0), F.one_hot(draw.labels(4, k), k).float())),
        Case("smoothed targets", (draw.normal(5, k, scale=2.0), smooth(5, k))),
        Case("the same for all classes", (draw.normal(3, k), torch.full((3, k), 1 / k))),
        Case("two classes mixed, as mixup does", (draw.normal(6, k + 1, scale=3.0), mixed)),
        Case("one row", (draw.normal(1, k + 2), anything(1, k + 2))),
        Case("any targets", (draw.normal(8, 7, scale=2.0), anything(8, 7))),
        Case("huge logits", (high, torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]]))),
        Case("huge logits, one-hot targets", (high.flip(1), torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))),
    ]


def mean_over_classes(logits, p):
    """The mean runs over all N·K entries; sum over the classes, and take the mean over the N samples only."""
    return -(p * F.log_softmax(logits, 1)).mean()


def softmax_twice(logits, p):
    """The scores went through softmax twice; log_softmax and F.cross_entropy take raw logits."""
    return -(p * F.log_softmax(torch.softmax(logits, 1), 1)).sum(1).mean()


def hard_argmax(logits, p):
    """Only the target's largest class counts here, argmax(p); every class counts, with its probability as weight."""
    return F.cross_entropy(logits, p.argmax(1))


def weighted_argmax(logits, p):
    """Only the target's largest class counts here, with its probability; sum over all classes k: Σ P_k log p_k."""
    return -(p * F.log_softmax(logits, 1)).gather(1, p.argmax(1, keepdim=True)).mean()


def overflow(logits, p):
    """exp(z) overflows for large logits; log_softmax subtracts each row's maximum first."""
    return -(p * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean()


def overflow_in_the_normaliser(logits, p):  # noqa: D103 - the same mistake, summed in another order
    return (logits.exp().sum(1).log() - (p * logits).sum(1)).mean()


def overflow_in_double(logits, p):  # noqa: D103 - the same mistake, later
    return overflow_in_the_normaliser(logits.double(), p)


def maximum_of_the_batch(logits, p):
    """One maximum was subtracted for the whole batch, so a row far below it becomes log 0; each row needs its own."""
    return overflow_in_the_normaliser(logits - logits.max(), p)


def maximum_of_the_batch_entry_by_entry(logits, p):  # noqa: D103 - the same mistake, summed in another order
    return overflow(logits - logits.max(), p)


def sum_over_samples(logits, p):
    """The sum runs over the samples (dim 0) and the mean over the classes; it is the other way round: sum over the
    classes, dim 1, mean over the samples."""
    return -(p * F.log_softmax(logits, 1)).sum(0).mean()


def log_of_softmax(logits, p):
    """A softmax probability can round to 0, and log 0 is −∞: work with log-probabilities (log_softmax) throughout."""
    return -(p * torch.softmax(logits, 1).log()).sum(1).mean()


def epsilon_in_log(logits, p, tiny=1e-8):
    """log(q + tiny), or q clamped from below, hides log 0 but caps the loss, so that hopeless predictions cost too
    little; use log_softmax."""
    return -(p * (torch.softmax(logits, 1) + tiny).log()).sum(1).mean()


def sum_for_mean(logits, p):
    """This is the sum over the batch; the loss is the mean over the samples, or it grows with the batch."""
    return -(p * F.log_softmax(logits, 1)).sum()


def one_per_sample(logits, p):
    """This is one loss per sample; the answer is their mean, one number."""
    return -(p * F.log_softmax(logits, 1)).sum(1)


def divergence(logits, p, reduction="batchmean"):
    """This is the KL divergence, as from F.kl_div: the cross-entropy minus the target's own entropy, which the loss
    does not subtract."""
    return F.kl_div(F.log_softmax(logits, 1), p, reduction=reduction)


def minus_forgotten(logits, p):
    """The sign is missing: log-probabilities are negative, the loss is minus their mean."""
    return (p * F.log_softmax(logits, 1)).sum(1).mean()


def roles_swapped(logits, p):
    """Target and prediction are swapped: the target P weights, the prediction stands in the logarithm."""
    return -(torch.softmax(logits, 1) * (p + 1e-8).log()).sum(1).mean()


def softmax_of_target(logits, p):
    """The target went through a softmax; its rows are probabilities already."""
    return F.cross_entropy(logits, torch.softmax(p, 1))


def softmax_over_batch(logits, p):
    """The softmax runs over the batch (dim 0); each row holds one sample's scores, so it must run over dim 1."""
    return -(p * F.log_softmax(logits, 0)).sum(1).mean()


def not_normalised(logits, p):
    """The normaliser is missing: −Σ P z rewards large scores and can fall without end; use log_softmax(z)."""
    return -(p * logits).sum(1).mean()


def binary(logits, p):
    """This is the binary cross-entropy, which asks K separate yes-or-no questions and also counts (1 − P) log(1 − q);
    here the K classes share one softmax, and the loss is −Σ P log q."""
    return F.binary_cross_entropy_with_logits(logits, p, reduction="none").sum(1).mean()


def binary_mean(logits, p):  # noqa: D103 - the same mistake, averaged over the classes
    return F.binary_cross_entropy_with_logits(logits, p)


def binary_of_softmax(logits, p, reduction="mean"):  # noqa: D103 - the same mistake, after a softmax
    loss = F.binary_cross_entropy(torch.softmax(logits, 1), p, reduction=reduction)
    return loss if loss.ndim == 0 else loss.sum(1).mean()


def arguments_swapped(logits, p):  # noqa: D103 - target and prediction swapped in torch's loss
    return F.cross_entropy(p, logits)


def squared_error(logits, p):
    """This is the squared error between probabilities; the loss is −Σ P log p, with a logarithm."""
    return (torch.softmax(logits, 1) - p).square().sum(1).mean()


def logarithm_base_2(logits, p):
    """The logarithm has base 2; the loss uses the natural logarithm (nats)."""
    return F.cross_entropy(logits, p) / 0.6931471805599453


def with_torch(logits, p):  # noqa: D103
    return F.cross_entropy(logits, p)


def with_log_softmax(logits, p):  # noqa: D103
    return -(p * F.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def with_logsumexp(logits, p):  # noqa: D103
    return ((torch.logsumexp(logits, 1, keepdim=True) - logits) * p).sum() / len(p)


def by_einsum(logits, p):  # noqa: D103
    return -torch.einsum("nk,nk->", p.double(), logits.double().log_softmax(1)) / logits.shape[0]


def divergence_and_entropy(logits, p):  # noqa: D103
    entropy = -torch.xlogy(p, p).sum(1).mean()
    return F.kl_div(F.log_softmax(logits, 1), p, reduction="batchmean") + entropy


def row_by_row(logits, p):  # noqa: D103
    losses = [-(target * torch.log_softmax(z, 0)).sum() for z, target in zip(logits, p, strict=True)]
    return torch.stack(losses).mean()


EXERCISE = Exercise(
    name="smoothing.soft_cross_entropy",
    title="Cross-entropy against soft targets",
    signature="soft_cross_entropy(logits, p)",
    points=3,
    minutes=8,
    difficulty=2,
    idea=(
        "Instead of looking up one log-probability, weigh all of them with their targets. A sum over the classes, "
        "a mean over the samples: that is the whole difference to what you wrote in 03."
    ),
    pseudocode="""
    log q_ik ← z_ik − log Σ_j exp(z_ij)        computed stably, as in 03
    ℓ_i ← −Σ_k P_ik · log q_ik
    L ← (ℓ_1 + … + ℓ_N) / N
    """,
    reference=smoothing.soft_cross_entropy,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            mean_over_classes,
            softmax_twice,
            hard_argmax,
            weighted_argmax,
            sum_over_samples,
            log_of_softmax,
            sum_for_mean,
            one_per_sample,
            minus_forgotten,
            softmax_of_target,
            softmax_over_batch,
            not_normalised,
            squared_error,
            logarithm_base_2,
        ),
        mistake(overflow, overflow_in_the_normaliser, overflow_in_double),
        mistake(maximum_of_the_batch, maximum_of_the_batch_entry_by_entry),
        mistake(divergence, *(partial(divergence, reduction=r) for r in ("mean", "sum"))),
        mistake(roles_swapped, arguments_swapped),
        mistake(binary, binary_mean, binary_of_softmax, partial(binary_of_softmax, reduction="none")),
        mistake(epsilon_in_log, *(partial(epsilon_in_log, tiny=e) for e in (1e-5, 1e-6, 1e-7, 1e-9, 1e-10, 1e-12))),
    ),
    atol=3e-4,  # with logits of ±900, logsumexp(z) − z rounds at their size
    alternatives=(with_torch, with_log_softmax, with_logsumexp, by_einsum, divergence_and_entropy, row_by_row),
    note="The loss is one tensor without dimensions, computed with torch operations so that it has a gradient.",
    forbidden=("torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss", "timm.loss", "course.smoothing"),
)
