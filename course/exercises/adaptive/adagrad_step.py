"""Exercise adaptive.adagrad_step: remember how steep it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import adaptive
from course.exercises.adaptive.common import sequence
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


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
    small = (draw.normal(2), draw.normal(3, 2, scale=0.03), torch.zeros(2), [0.4, 0.3, 0.5])
    idle = (draw.normal(2), torch.tensor([[0.0, 1.0], [0.0, -2.0]]), torch.zeros(2), [0.1, 0.3], 1e-8)
    return [
        Case("one step: v was 16, the gradient is 3, η = 0.5, ε = 1", by_hand, "hand"),
        Case("v starts at zero", first),
        Case("a weight whose gradient is 0", idle),
        run("an ε that can be seen", 3, steps=3, eps=draw.uniform(0.1, 0.6)),
        Case("an ε larger than the root", (*small, draw.uniform(0.2, 0.5))),
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
    """Brackets are missing: without them ε is added to something else; the step is divided by (√v + ε)."""
    v = v + grad**2
    return w - lr * grad / v.sqrt() + eps, v


def eps_ignored(w, grad, v, lr, eps):
    """The argument eps is not used; add it to √v."""
    v = v + grad**2
    return w - lr * grad / (v.sqrt() + 1e-8), v


def eps_as_floor(w, grad, v, lr, eps):
    """ε is a lower bound for the root (max, clamp) here; the lecture adds it to the root, √v + ε."""
    v = v + grad**2
    return w - lr * grad / v.sqrt().clamp(min=eps), v


def rate_forgotten(w, grad, v, lr, eps):
    """The learning rate is missing: the step is η times g / (√v + ε)."""
    v = v + grad**2
    return w - grad / (v.sqrt() + eps), v


def gradient_forgotten(w, grad, v, lr, eps):
    """What is subtracted is the rate η/(√v + ε) alone; multiply it by the gradient g."""
    v = v + grad**2
    return w - lr / (v.sqrt() + eps), v


def only_the_step(w, grad, v, lr, eps):
    """The step came back instead of the new w; subtract it from w."""
    v = v + grad**2
    return lr * grad / (v.sqrt() + eps), v


def root_kept(w, grad, v, lr, eps):
    """The root of v came back (was v overwritten by it?); the next step needs the sum of squares itself."""
    v = v + grad**2
    return w - lr * grad / (v.sqrt() + eps), v.sqrt()


def square_forgotten(w, grad, v, lr, eps):
    """v sums up the gradients themselves, so that plus and minus cancel; it must sum up their squares."""
    v = v + grad
    return w - lr * grad / (v.sqrt() + eps), v


def _bracket_before_eps(w, grad, v, lr, eps):
    v = v + grad**2
    return w - lr / v.sqrt() + eps * grad, v


def _rate_without_brackets(w, grad, v, lr, eps):
    v = v + grad**2
    return w - (lr / v.sqrt() + eps) * grad, v


def _no_eps(w, grad, v, lr, eps):
    v = v + grad**2
    return w - lr * grad / v.sqrt(), v


def _root_and_eps_kept(w, grad, v, lr, eps):
    v = (v + grad**2).sqrt() + eps
    return w - lr * grad / v, v


def _shared_mean(w, grad, v, lr, eps):
    v = v + (grad**2).mean()
    return w - lr * grad / (v.sqrt() + eps), v


def _forgets_slowly(w, grad, v, lr, eps):
    v = 0.99 * v + 0.01 * grad**2
    return w - lr * grad / (v.sqrt() + eps), v


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
    misconceptions=(
        *mistakes(
            eps_inside,
            v_replaced,
            uphill,
            old_v,
            no_root,
            sizes_summed,
            square_forgotten,
            v_not_returned,
            swapped,
            sign_only,
            rate_forgotten,
            gradient_forgotten,
            only_the_step,
            eps_as_floor,
        ),
        mistake(running_mean, _forgets_slowly),
        mistake(shared_v, _shared_mean),
        mistake(root_kept, _root_and_eps_kept),
        mistake(eps_ignored, _no_eps),
        mistake(no_brackets, _bracket_before_eps, _rate_without_brackets),
    ),
    alternatives=(in_place, effective_rate, in_double),
    telling=("new v",),
    may_edit=frozenset({"w", "v"}),
    note="Return two tensors, `w, v`: the new parameters, then the new sum of squares.",
    forbidden=("torch.optim", "torch._fused_adagrad_", "course.adaptive"),
)
