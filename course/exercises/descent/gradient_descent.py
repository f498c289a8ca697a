"""Exercise descent.gradient_descent: the whole path, with gradients from autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def drive(
    gradient_descent: Callable[..., Any], curvature: Tensor, centre: Tensor, w0: Tensor, lr: float, steps: int
) -> Any:
    """The path on L(w) = ½ Σ c (w − m)² + ¹⁄₂₀ Σ (w − m)⁴; a list of points is taken as well as one tensor."""

    def loss(w: Tensor) -> Tensor:
        return (0.5 * curvature * (w - centre) ** 2 + 0.05 * (w - centre) ** 4).sum()

    path = gradient_descent(loss, w0, lr, steps)
    if isinstance(path, list | tuple) and path and all(isinstance(p, Tensor) for p in path):
        return torch.stack([p.detach() for p in path])
    return path


def reference(loss: descent.Loss, w0: Tensor, lr: float, steps: int) -> Tensor:
    """The library's path, without momentum."""
    return descent.gradient_descent(loss, w0, lr, steps)


def cases(draw: Draw) -> list[Case]:
    """A parabola by hand, no steps at all, then vectors and matrices on a steeper-than-quadratic bowl."""

    def bowl(*shape: int, steps: int) -> Case:
        curvature = draw.normal(*shape).abs() + 0.5
        start = draw.normal(*shape)
        return Case(
            f"shape {shape}, {steps} steps",
            (curvature, draw.normal(*shape), start, draw.uniform(0.05, 0.2), steps),
        )

    one = torch.ones(1)
    return [
        Case("one step", (2 * one, 0 * one, one, 0.25, 1), "hand"),
        Case("no steps: only the start", (one, 0 * one, 3 * one, 0.1, 0)),
        Case("a start at the minimum: stay", (one, 2 * one, 2 * one, 0.1, 3)),
        Case("a step so long that it climbs the other side", (2 * one, 0 * one, one, 1.1, 2)),
        bowl(2, steps=3),
        bowl(4, steps=draw.integer(6, 12)),
        bowl(3, steps=20),
        bowl(2, 3, steps=draw.integer(4, 8)),
    ]


def ascent(loss, w0, lr, steps):
    """The path climbs: each step must go against the gradient."""
    w, path = w0.clone(), [w0.clone()]
    for _ in range(steps):
        w = w + lr * torch.func.grad(loss)(w)
        path.append(w)
    return torch.stack(path)


def gradient_accumulates(loss, w0, lr, steps):
    """Gradients add up from step to step: backward() adds to .grad, so clear it (or use torch.autograd.grad)."""
    w = w0.clone().requires_grad_()
    path = [w0.clone()]
    for _ in range(steps):
        loss(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        path.append(w.detach().clone())
    return torch.stack(path)


def same_tensor_stored(loss, w0, lr, steps):
    """Every entry of the path is the same tensor, which was changed in place; store w.clone() instead."""
    w = w0.clone()
    path = [w]
    for _ in range(steps):
        w -= lr * torch.func.grad(loss)(w)
        path.append(w)
    return torch.stack(path)


def gradient_of_the_start(loss, w0, lr, steps):
    """The gradient is computed once, at the start; it must be computed anew at each point."""
    grad = torch.func.grad(loss)(w0)
    path = [w0.clone()]
    for _ in range(steps):
        path.append(path[-1] - lr * grad)
    return torch.stack(path)


def start_left_out(loss, w0, lr, steps):
    """The start is missing: the path has steps + 1 points, and entry 0 is w0."""
    w, path = w0.clone(), []
    for _ in range(steps):
        w = w - lr * torch.func.grad(loss)(w)
        path.append(w)
    return torch.stack(path) if path else torch.empty(0, *w0.shape)


def one_step_too_few(loss, w0, lr, steps):
    """One step is missing: count steps, not points; the path has steps + 1 points."""
    w, path = w0.clone(), [w0.clone()]
    for _ in range(steps - 1):
        w = w - lr * torch.func.grad(loss)(w)
        path.append(w)
    return torch.stack(path)


def only_the_end(loss, w0, lr, steps):
    """Only the last point came back; return the whole path, start included."""
    w = w0.clone()
    for _ in range(steps):
        w = w - lr * torch.func.grad(loss)(w)
    return w


def lr_forgotten(loss, w0, lr, steps):
    """The learning rate is missing: each step is lr times the gradient."""
    w, path = w0.clone(), [w0.clone()]
    for _ in range(steps):
        w = w - torch.func.grad(loss)(w)
        path.append(w)
    return torch.stack(path)


def losses_stored(loss, w0, lr, steps):
    """These are the losses along the path; return the points w themselves."""
    w, path = w0.clone(), [loss(w0)]
    for _ in range(steps):
        w = w - lr * torch.func.grad(loss)(w)
        path.append(loss(w))
    return torch.stack(path)


def with_backward(loss, w0, lr, steps):  # noqa: D103
    w = w0.clone().requires_grad_(True)
    path = torch.empty(steps + 1, *w0.shape)
    path[0] = w0
    for t in range(steps):
        w.grad = None
        loss(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
            path[t + 1] = w
    return path


def with_optimizer_style_list(loss, w0, lr, steps):  # noqa: D103
    path = [w0]
    while len(path) <= steps:
        w = path[-1].detach().requires_grad_()
        (grad,) = torch.autograd.grad(loss(w), w)
        path.append(w - lr * grad)
    return path


def in_double(loss, w0, lr, steps):  # noqa: D103
    path = [w0.double()]
    for _ in range(steps):
        path.append(path[-1] - lr * torch.func.grad(loss)(path[-1]))
    return torch.stack(path)


EXERCISE = Exercise(
    name="descent.gradient_descent",
    title="The path of gradient descent",
    signature="gradient_descent(loss, w0, lr, steps)",
    points=3,
    minutes=15,
    difficulty=2,
    idea=(
        "Each point needs the gradient at the point before it, and nothing else. Give autograd a fresh copy in "
        "every step, so that neither old gradients nor the history of the path hang on to it, and keep each point "
        "as a tensor of its own."
    ),
    pseudocode="""
    path ← [w_0]
    repeat `steps` times:
        w ← fresh copy of the last point, with gradients on
        g ← ∇L(w)
        append w − η · g, cut off from its history
    return the path as one tensor
    """,
    reference=reference,
    shown=with_backward,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        ascent,
        gradient_accumulates,
        same_tensor_stored,
        gradient_of_the_start,
        start_left_out,
        one_step_too_few,
        only_the_end,
        lr_forgotten,
        losses_stored,
    ),
    alternatives=(with_backward, with_optimizer_style_list, in_double),
    note="Return one tensor of shape (steps + 1, *w0.shape): the start, then the point after each step.",
    forbidden=("torch.optim", "course.descent.SGD"),
)
