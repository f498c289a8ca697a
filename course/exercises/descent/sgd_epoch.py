"""Exercise descent.sgd_epoch: one pass of the training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def linear_model(weight: Tensor, bias: Tensor) -> torch.nn.Linear:
    """A linear classifier with these parameters."""
    model = torch.nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        model.weight.copy_(weight)
        model.bias.copy_(bias)
    return model


def drive(
    sgd_epoch: Callable[..., Any], weight: Tensor, bias: Tensor, x: list[Tensor], y: list[Tensor], lr: float
) -> dict[str, Any]:
    """The returned loss, and the parameters of a linear model after the epoch."""
    model = linear_model(weight, bias)
    # Wrapped as in the notebook, so that nobody relies on model.weight.
    wrapped = torch.nn.Sequential(torch.nn.Flatten(), model)
    loss = sgd_epoch(wrapped, list(zip(x, y, strict=True)), lr)
    return {
        "mean loss": loss,
        "weight afterwards": model.weight.detach().clone(),
        "bias afterwards": model.bias.detach().clone(),
    }


def cases(draw: Draw) -> list[Case]:
    """One batch with one sample, then several batches, the last one smaller."""

    def data(label: str, sizes: list[int], d: int, k: int) -> Case:
        xs = [draw.normal(b, d) for b in sizes]
        ys = [draw.labels(b, k) for b in sizes]
        return Case(label, (draw.normal(k, d), draw.normal(k), xs, ys, draw.uniform(0.2, 0.8)))

    weight, bias, x = draw.normal(3, 4, scale=4.0), draw.normal(3), draw.normal(5, 4)
    sure = (weight, bias, [x], [(x @ weight.T + bias).argmax(1)])
    return [
        Case(
            "one sample, all parameters 0: the loss is log 2",
            (torch.zeros(2, 1), torch.zeros(2), [torch.ones(1, 1)], [torch.tensor([0])], 0.5),
            "hand",
        ),
        Case("a batch that is nearly right already", (*sure, draw.uniform(0.2, 0.8))),
        data("two batches", [3, 3], 2, 2),
        data("batches of different sizes", [6, 6, 2], 3, 4),
        data("many batches", [5] * 6 + [1], 4, 3),
    ]


def gradients_not_cleared(model, batches, lr):
    """Gradients pile up from batch to batch: clear them (zero_grad) before each backward()."""
    optimizer, total, count = torch.optim.SGD(model.parameters(), lr), 0.0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def one_batch_only(model, batches, lr):
    """Only the first batch is used: is the return inside the loop?"""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return 0.0


def mean_over_batches(model, batches, lr):
    """The mean runs over batches, so a small last batch counts too much; weight each loss by its number of samples."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr), []
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def no_step(model, batches, lr):
    """The parameters never change: after backward() each one must move by −lr times its gradient (a zero_grad() between
    backward() and step() leaves nothing to move by)."""
    total, count = 0.0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def one_step_per_epoch(model, batches, lr):
    """All gradients are gathered and the parameters move once, at the end; SGD moves after each batch."""
    optimizer, total, count = torch.optim.SGD(model.parameters(), lr), 0.0, 0
    optimizer.zero_grad()
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        total, count = total + loss.item() * len(y), count + len(y)
    optimizer.step()
    return total / count


def last_loss(model, batches, lr):
    """This is the last batch's loss; return the mean over all samples of the epoch."""
    optimizer, loss = torch.optim.SGD(model.parameters(), lr), torch.zeros(())
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def loss_summed(model, batches, lr):
    """This is the sum over samples; divide by their number."""
    optimizer, total = torch.optim.SGD(model.parameters(), lr), 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    return total


def ascent(model, batches, lr):
    """The parameters climb: move them against the gradient, with a minus."""
    total, count = 0.0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), grads, strict=True):
                p.add_(lr * g)
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def lr_forgotten(model, batches, lr):
    """The learning rate is missing (the step is 1 times the gradient): multiply by lr."""
    total, count = 0.0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), grads, strict=True):
                p.sub_(g)
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def summed_gradient(model, batches, lr):
    """Each step uses the sum of the samples' gradients; the loss of a batch is the mean over its samples."""
    optimizer, total, count = torch.optim.SGD(model.parameters(), lr), 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, reduction="sum")
        loss.backward()
        optimizer.step()
        total, count = total + loss.item(), count + len(y)
    return total / count


def bias_forgotten(model, batches, lr):
    """Only the weights move; every parameter of the model must, the bias too."""
    optimizer, total, count = torch.optim.SGD([next(model.parameters())], lr), 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def loss_after_the_step(model, batches, lr):
    """The loss is measured after the step; use the loss that was computed for the gradient, before it."""
    optimizer, total, count = torch.optim.SGD(model.parameters(), lr), 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        total, count = total + F.cross_entropy(model(x), y).item() * len(y), count + len(y)
    return total / count


def by_hand(model, batches, lr):  # noqa: D103
    losses = []
    for x, y in batches:
        for p in model.parameters():
            p.grad = None
        each = F.cross_entropy(model(x), y, reduction="none")
        each.mean().backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
        losses.append(each.detach())
    return torch.cat(losses).mean()


def through_data(model, batches, lr):  # noqa: D103
    total, n = torch.zeros(()), 0
    model.train()
    for x, y in batches:
        model.zero_grad()
        log_p = torch.log_softmax(model(x), 1)
        loss = -log_p[torch.arange(len(y)), y].mean()
        loss.backward()
        for p in model.parameters():
            p.data = p.data - lr * p.grad
        total += loss.detach() * len(y)
        n += len(y)
    return float(total) / n


def zeroed_at_the_end(model, batches, lr):  # noqa: D103
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    weighted = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        weighted.append((loss.item(), len(x)))
    return sum(a * b for a, b in weighted) / sum(b for _, b in weighted)


EXERCISE = Exercise(
    name="descent.sgd_epoch",
    title="One epoch of SGD",
    signature="sgd_epoch(model, batches, lr)",
    points=3,
    minutes=15,
    difficulty=2,
    idea=(
        "The circle of the picture, once for each batch: clear, forward, backward, step. For the mean over "
        "samples remember that a batch's loss is a mean already, so a batch of 50 must count ten times as much as "
        "one of 5."
    ),
    pseudocode="""
    S ← 0,  n ← 0
    for each batch (x, y) of size B:
        gradients ← 0
        ℓ ← mean cross-entropy of the model's scores
        gradients ← ∇ℓ
        every parameter ← parameter − η · its gradient
        S ← S + B · ℓ,  n ← n + B
    return S / n
    """,
    reference=descent.sgd_epoch,
    shown=by_hand,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        gradients_not_cleared,
        one_batch_only,
        mean_over_batches,
        no_step,
        one_step_per_epoch,
        last_loss,
        loss_summed,
        ascent,
        lr_forgotten,
        summed_gradient,
        bias_forgotten,
        loss_after_the_step,
    ),
    alternatives=(by_hand, through_data, zeroed_at_the_end),
    telling=("weight afterwards",),
    note="Change the model's parameters in place and return the mean loss as one number.",
    forbidden=("course.training", "course.descent.train"),
    alike=True,
)
