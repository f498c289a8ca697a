"""Exercise descent.momentum_step: Δ remembers, w follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistakes


def drive(
    momentum_step: Callable[..., Any], w: Tensor, grad: Tensor, delta: Tensor, lr: list[float], alpha: float
) -> dict[str, Any]:
    """Several steps in a row, each with its own gradient and learning rate; all w and all Δ."""
    ws, deltas = [], []
    for g, rate in zip(grad, lr, strict=True):
        answer = momentum_step(w, g, delta, rate, alpha)
        if not isinstance(answer, list | tuple) or len(answer) != 2:
            raise Unusable(f"momentum_step must return two tensors, `w, delta`; it returned {_what(answer)}.")
        w, delta = answer
        if not isinstance(w, Tensor) or not isinstance(delta, Tensor):
            return {"new w": w, "new delta": delta}
        ws.append(w.detach().clone())
        deltas.append(delta.detach().clone())
    return {"new w": torch.stack(ws), "new delta": torch.stack(deltas)}


def _what(answer: Any) -> str:
    if answer is None:
        return "None: is there a return"
    return f"{len(answer)} things" if type(answer) in (list, tuple) else f"one thing of type {type(answer).__name__}"


def cases(draw: Draw) -> list[Case]:
    """One step by hand, α = 0, then sequences with changing gradients and learning rates."""

    def run(label: str, *shape: int, steps: int, alpha: float, scale: float = 1.0) -> Case:
        lrs = [draw.uniform(0.01, 0.3) for _ in range(steps)]
        return Case(
            label, (draw.normal(*shape), draw.normal(steps, *shape, scale=scale), draw.normal(*shape), lrs, alpha)
        )

    by_hand = (torch.tensor([1.0]), torch.tensor([[2.0]]), torch.tensor([4.0]), [0.1], 0.5)
    return [
        Case("one step: Δ was 4, ∇L is 2, α = 0.5, η = 0.1", by_hand, "hand"),
        Case("Δ starts at zero", (draw.normal(3), draw.normal(2, 3), torch.zeros(3), [0.1, 0.2], 0.9)),
        run("α = 0 is plain gradient descent", 3, steps=3, alpha=0.0),
        run("steep slopes, long memory", 2, steps=3, alpha=0.99, scale=50.0),
        run("several steps", 2, steps=4, alpha=draw.uniform(0.5, 0.95)),
        run("a matrix", 2, 3, steps=draw.integer(5, 8), alpha=draw.uniform(0.5, 0.95)),
    ]


def damped(w, grad, delta, lr, alpha):
    """This is momentum with a (1 − α) factor on the gradient (an average); the lecture adds the gradient whole."""
    delta = alpha * delta + (1 - alpha) * grad
    return w - lr * delta, delta


def lr_inside(w, grad, delta, lr, alpha):
    """The learning rate went into Δ; here Δ gathers plain gradients and lr scales the step, w − lr·Δ (the paths
    agree only while lr stays constant)."""
    delta = alpha * delta + lr * grad
    return w - delta, delta


def old_delta(w, grad, delta, lr, alpha):
    """w moves along the old Δ; first update Δ with the new gradient, then move along the new one."""
    return w - lr * delta, alpha * delta + grad


def nesterov(w, grad, delta, lr, alpha):
    """This is Nesterov's variant, which looks ahead along Δ; the lecture's step is w − lr·Δ."""
    delta = alpha * delta + grad
    return w - lr * (grad + alpha * delta), delta


def delta_not_returned(w, grad, delta, lr, alpha):
    """The old Δ came back, so nothing is remembered; return the new one together with w."""
    return w - lr * (alpha * delta + grad), delta


def ascent(w, grad, delta, lr, alpha):
    """This climbs: w moves along +Δ; it must move against it, w − lr·Δ."""
    delta = alpha * delta + grad
    return w + lr * delta, delta


def alpha_on_gradient(w, grad, delta, lr, alpha):
    """α belongs to the old Δ, not to the gradient, so that the past fades."""
    delta = delta + alpha * grad
    return w - lr * delta, delta


def gradient_subtracted(w, grad, delta, lr, alpha):
    """Δ has the opposite sign (a velocity); here Δ gathers +∇L and the minus stands in w − lr·Δ."""
    velocity = alpha * delta - grad
    return w + lr * velocity, velocity


def no_memory(w, grad, delta, lr, alpha):
    """Δ is the last gradient alone: α times the old Δ is missing."""
    return w - lr * grad, grad


def swapped_result(w, grad, delta, lr, alpha):
    """The two results are swapped: return w first, then Δ."""
    delta = alpha * delta + grad
    return delta, w - lr * delta


def in_place(w, grad, delta, lr, alpha):  # noqa: D103
    delta.mul_(alpha).add_(grad)
    w.sub_(lr * delta)
    return w, delta


def fused(w, grad, delta, lr, alpha):  # noqa: D103
    new = torch.add(grad, delta, alpha=alpha)
    return [torch.add(w, new, alpha=-lr), new]


def in_double(w, grad, delta, lr, alpha):  # noqa: D103
    delta = delta.double() * alpha + grad.double()
    return w.double() - lr * delta, delta


EXERCISE = Exercise(
    name="descent.momentum_step",
    title="One step with momentum",
    signature="momentum_step(w, grad, delta, lr, alpha)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "The ball keeps a share α of its old velocity and adds the whole new gradient. Only then does it move, "
        "and it moves with the new velocity, not the old one."
    ),
    pseudocode="""
    Δ ← α · Δ + ∇L
    w ← w − η · Δ          (the new Δ)
    return w and Δ
    """,
    reference=descent.momentum_step,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        damped,
        lr_inside,
        old_delta,
        nesterov,
        delta_not_returned,
        ascent,
        alpha_on_gradient,
        gradient_subtracted,
        no_memory,
        swapped_result,
    ),
    alternatives=(in_place, fused, in_double),
    telling=("new delta",),
    may_edit=frozenset({"w", "delta"}),
    note="Return two tensors, `w, delta`: the new parameters, then the new accumulated gradient.",
    forbidden=("torch.optim", "course.descent.SGD", "course.descent.gradient_descent"),
)
