"""Exercise adaptive.adagrad_step: remember how steep it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import adaptive
from course.exercises.adaptive.common import sequence
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def drive(
    adagrad_step: Callable[..., Any], w: Tensor, grad: Tensor, v: Tensor, lr: list[float], eps: float
) -> dict[str, Any]:
    """Several steps in a row, each with its own gradient and learning rate; all w and all v."""
    return sequence(
        "adagrad_step", lambda i, w, v: adagrad_step(w, grad[i], v, lr[i], eps), {"w": w, "v": v}, len(grad)
    )


def cases(draw: Draw) -> list[Case]:
    """One step by hand, then sequences; ε from tiny to large, gradients that are 0."""

    def run(label: str, *shape: int, steps: int, eps: float, scale: float = 1.0) -> Case:
        lrs = [draw.uniform(0.05, 0.5) for _ in range(steps)]
        v = draw.normal(*shape).square()
        return Case(label, (draw.normal(*shape), draw.normal(steps, *shape, scale=scale), v, lrs, eps))

    by_hand = (torch.tensor([1.0, 1.0]), torch.tensor([[3.0, 0.0]]), torch.tensor([16.0, 4.0]), [0.5], 1.0)
    first = (draw.normal(3), draw.normal(3, 3), torch.zeros(3), [0.1, 0.2, 0.1], 1e-10)
    idle = (draw.normal(2), torch.tensor([[0.0, 1.0], [0.0, -2.0]]), torch.zeros(2), [0.1, 0.3], 1e-8)
    return [
        Case("one step: v was 16, the gradient is 3, η = 0.5, ε = 1", by_hand, "hand"),
        Case("v starts at zero", first),
        Case("a weight whose gradient is 0", idle),
        run("an ε that can be seen", 3, steps=3, eps=draw.uniform(0.1, 0.6)),
        run("tiny gradients", 2, steps=4, eps=0.01, scale=0.02),
        run("a matrix", 2, 3, steps=draw.integer(4, 7), eps=draw.uniform(0.05, 0.3), scale=3.0),
    ]


def eps_inside(w, grad, v, lr, eps):
    """ε stands inside the root; the lecture adds it to the root, √v + ε."""
    v = v + grad**2
    return w - lr * grad / (v + eps).sqrt(), v


def v_replaced(w, grad, v, lr, eps):
    """v holds the last squared gradient only; it must sum up all of them, v + g²."""
    v = grad**2
    return w - lr * grad / (v.sqrt() + eps), v


def uphill(w, grad, v, lr, eps):
    """This climbs: the step must be subtracted."""
    v = v + grad**2
    return w + lr * grad / (v.sqrt() + eps), v


def old_v(w, grad, v, lr, eps):
    """The step uses the old v; first add the new squared gradient, then divide."""
    return w - lr * grad / (v.sqrt() + eps), v + grad**2


def no_root(w, grad, v, lr, eps):
    """The root is missing: divide by √v + ε, so that the rate has the gradient's own scale."""
    v = v + grad**2
    return w - lr * grad / (v + eps), v


def sizes_summed(w, grad, v, lr, eps):
    """v sums up |g|; it must sum up g²."""
    v = v + grad.abs()
    return w - lr * grad / (v.sqrt() + eps), v


def v_not_returned(w, grad, v, lr, eps):
    """The old v came back, so nothing is remembered; return the new one."""
    return w - lr * grad / ((v + grad**2).sqrt() + eps), v


def running_mean(w, grad, v, lr, eps):
    """v forgets (a running mean, as in RMSprop); Adagrad sums up everything."""
    v = 0.9 * v + 0.1 * grad**2
    return w - lr * grad / (v.sqrt() + eps), v


def shared_v(w, grad, v, lr, eps):
    """One v for all weights; each weight needs its own, so add the squares element by element."""
    v = v + (grad**2).sum()
    return w - lr * grad / (v.sqrt() + eps), v


def swapped(w, grad, v, lr, eps):
    """The two results are swapped: return w first, then v."""
    v = v + grad**2
    return v, w - lr * grad / (v.sqrt() + eps)


def sign_only(w, grad, v, lr, eps):
    """Only the gradient's sign is used; it is g itself that is divided by √v + ε."""
    v = v + grad**2
    return w - lr * grad.sign() / (v.sqrt() + eps), v


def no_brackets(w, grad, v, lr, eps):
    """Brackets are missing: ε was added to the new w, not to the root; divide by (√v + ε)."""
    v = v + grad**2
    return w - lr * grad / v.sqrt() + eps, v


def in_place(w, grad, v, lr, eps):  # noqa: D103
    v.addcmul_(grad, grad)
    w.addcdiv_(grad, v.sqrt().add_(eps), value=-lr)
    return w, v


def effective_rate(w, grad, v, lr, eps):  # noqa: D103
    v = torch.addcmul(v, grad, grad)
    rate = lr / (eps + v**0.5)
    return [w - rate * grad, v]


def in_double(w, grad, v, lr, eps):  # noqa: D103
    v = v.double() + grad.double().pow(2)
    return w.double() - lr * grad.double() / (torch.sqrt(v) + eps), v


EXERCISE = Exercise(
    name="adaptive.adagrad_step",
    title="One step of Adagrad",
    signature="adagrad_step(w, grad, v, lr, eps)",
    points=2,
    minutes=6,
    difficulty=1,
    idea=(
        "Each weight keeps its own account of squared gradients. Enter the new gradient first, then divide the "
        "step by the root of the account, entry by entry; the tiny ε comes after the root."
    ),
    pseudocode="""
    v ← v + g²                          entry by entry
    w ← w − η · g / (√v + ε)            with the new v
    return w and v
    """,
    reference=adaptive.adagrad_step,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        eps_inside,
        v_replaced,
        uphill,
        old_v,
        no_root,
        sizes_summed,
        v_not_returned,
        running_mean,
        shared_v,
        swapped,
        sign_only,
        no_brackets,
    ),
    alternatives=(in_place, effective_rate, in_double),
    telling=("new v",),
    may_edit=frozenset({"w", "v"}),
    note="Return two tensors, `w, v`: the new parameters, then the new sum of squares.",
    forbidden=("torch.optim", "torch._fused_adagrad_", "course.adaptive"),
)
