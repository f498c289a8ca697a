"""Exercise descent.gd_step: one step downhill."""

from __future__ import annotations

import torch

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """One number by hand, a zero gradient, then vectors and matrices."""
    return [
        Case("one parameter", (torch.tensor([1.0]), torch.tensor([2.0]), 0.25), "hand"),
        Case("two parameters", (torch.tensor([1.0, -1.0]), torch.tensor([3.0, -0.5]), 0.1), "hand"),
        Case("zero gradient: stay", (draw.normal(3), torch.zeros(3), draw.uniform(0.1, 1))),
        Case("a tiny gradient", (draw.normal(4), draw.normal(4, scale=2e-3), draw.uniform(0.5, 1))),
        Case("a steep slope", (draw.normal(3), draw.normal(3, scale=80.0), draw.uniform(0.5, 1))),
        Case("a vector", (draw.normal(5), draw.normal(5, scale=3.0), draw.uniform(0.01, 0.5))),
        Case("a matrix", (draw.normal(3, 4), draw.normal(3, 4), draw.uniform(0.01, 0.5))),
    ]


def ascent(w, grad, lr):
    """This climbs: the gradient points uphill, so the step goes against it, with a minus."""
    return w + lr * grad


def lr_forgotten(w, grad, lr):
    """The learning rate is missing: the step must be lr times the gradient."""
    return w - grad


def only_the_step(w, grad, lr):
    """This is the change of w alone; return the new w, that is w plus the change."""
    return -lr * grad


def sign_of_gradient(w, grad, lr):
    """Only the sign of the gradient is used; gradient descent steps further where the slope is steeper."""
    return w - lr * torch.sign(grad)


def unit_gradient(w, grad, lr):
    """The gradient is divided by its length; plain gradient descent takes it as it is."""
    return w - lr * grad / (grad.norm() + 1e-12)


def divided_by_lr(w, grad, lr):
    """The gradient is divided by the learning rate; multiply it by lr instead."""
    return w - grad / lr


def normalised(w, grad, lr):  # noqa: D103 - the same mistake, without protection against a zero gradient
    return w - lr * grad / grad.norm()


def shrinks_w(w, grad, lr):
    """The bracket is too wide: lr scales only the gradient, w − lr·grad."""
    return lr * (w - grad)


def in_place(w, grad, lr):  # noqa: D103
    w -= lr * grad
    return w


def by_torch_add(w, grad, lr):  # noqa: D103
    return torch.add(w, grad, alpha=-lr)


def in_double(w, grad, lr):  # noqa: D103
    return w.double() - lr * grad.double()


def entry_by_entry(w, grad, lr):  # noqa: D103
    flat = [a - lr * g for a, g in zip(w.flatten().tolist(), grad.flatten().tolist(), strict=True)]
    return torch.tensor(flat).reshape(w.shape)


EXERCISE = Exercise(
    name="descent.gd_step",
    title="One step of gradient descent",
    signature="gd_step(w, grad, lr)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "The gradient points uphill, and you want to go down. How far you go is the learning rate times the "
        "gradient as it is, so steep places make long steps."
    ),
    pseudocode="""
    Θ ← Θ − η · ∇L
    """,
    reference=descent.gd_step,
    cases=cases,
    misconceptions=(
        *mistakes(ascent, lr_forgotten, only_the_step, sign_of_gradient, divided_by_lr, shrinks_w),
        mistake(unit_gradient, normalised),
    ),
    alternatives=(in_place, by_torch_add, in_double, entry_by_entry),
    may_edit=frozenset({"w"}),
    forbidden=("torch.optim", "course.descent.SGD", "course.descent.gradient_descent", "course.descent.momentum_step"),
)
