"""Exercise regularization.decay_step: shrink the weights, then step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import regularization
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def drive(decay_step: Callable[..., Any], w: Tensor, grad: Tensor, lr: list[float], lam: float) -> dict[str, Any]:
    """Several steps in a row, each with its own gradient and learning rate; w after each of them."""
    found: dict[str, Any] = {}
    for i in range(len(grad)):
        w = decay_step(w, grad[i], lr[i], lam)
        found[f"step {i + 1}: new w"] = w.detach().clone() if isinstance(w, Tensor) else w
        if not isinstance(w, Tensor):
            break
    return found


def cases(draw: Draw) -> list[Case]:
    """One step by hand, no decay, no gradient, then sequences."""

    def run(label: str, *shape: int, steps: int, lam: float = -1.0, first: float = 0.0) -> Case:
        lam = draw.uniform(0.3, 2.5) if lam < 0 else lam
        lrs = [first or draw.uniform(0.05, 0.4), *(draw.uniform(0.05, 0.4) for _ in range(1, steps))]
        return Case(label, (draw.normal(*shape), draw.normal(steps, *shape), lrs, lam))

    by_hand = (torch.tensor([2.0]), torch.tensor([[1.0]]), [0.5], 0.2)
    idle = (draw.normal(3), torch.zeros(3, 3), [0.1, 0.3, 0.2], draw.uniform(0.5, 1.5))
    return [
        Case("w = 2, gradient 1, η = 0.5, λ = 0.2", by_hand, "hand"),
        Case("weights without a gradient", idle),
        run("λ = 0 is plain descent", 2, steps=2, lam=0.0),
        run("a rate of its own in each step", 3, steps=4),
        run("decay so strong that 1 − λη is negative", 2, steps=3, lam=draw.uniform(3, 6), first=0.5),
        run("a matrix", 2, 3, steps=draw.integer(3, 6)),
    ]


def decay_without_rate(w, grad, lr, lam):
    """The weights shrink by λ in every step; it must be λη, (1 − λη) w, so that a smaller rate also decays less."""
    return (1 - lam) * w - lr * grad


def gradient_decayed(w, grad, lr, lam):
    """The gradient is shrunk and the weights are not: the factor (1 − λη) belongs to w."""
    return w - (1 - lam * lr) * lr * grad


def decay_after(w, grad, lr, lam):
    """The decay acts on the new w, after the step, so the step shrinks too: (1 − λη) w − ηg, with the old w."""
    return (1 - lam * lr) * (w - lr * grad)


def growth(w, grad, lr, lam):
    """The weights grow: the factor is 1 − λη, with a minus."""
    return (1 + lam * lr) * w - lr * grad


def uphill(w, grad, lr, lam):
    """This climbs: the step ηg must be subtracted."""
    return (1 - lam * lr) * w + lr * grad


def no_decay(w, grad, lr, lam):
    """There is no decay: multiply the old w by 1 − λη."""
    return w - lr * grad


def double_decay(w, grad, lr, lam):
    """The decay is twice as strong: the gradient of ½λ‖w‖² is λw, so that the factor is 1 − λη."""
    return (1 - 2 * lam * lr) * w - lr * grad


def half_decay(w, grad, lr, lam):
    """The decay has a factor ½; the ½ of ½λ‖w‖² is gone once the gradient is taken."""
    return (1 - 0.5 * lam * lr) * w - lr * grad


def step_without_rate(w, grad, lr, lam):
    """The gradient is subtracted as it is; the step is ηg."""
    return (1 - lam * lr) * w - grad


def rate_twice(w, grad, lr, lam):
    """The decay has η twice: with λη inside the gradient, η comes from outside once more; use λw + g there."""
    return w - lr * (grad + lam * lr * w)


def lambda_on_the_step(w, grad, lr, lam):
    """λ also multiplies the step; it weights the decay alone: (1 − λη) w − ηg."""
    return w - lam * lr * (w + grad)


def only_decay(w, grad, lr, lam):
    """The weights shrink, but the step along the gradient is missing."""
    return (1 - lam * lr) * w


def decay_to_sign(w, grad, lr, lam):
    """All weights move by the same amount, ηλ·sign(w), as L1 asks for; L2 takes off a share of each, λη w."""
    return w - lr * lam * w.sign() - lr * grad


def exchanged(w, grad, lr, lam):
    """η and λ changed places before the gradient: the step is ηg."""
    return (1 - lam * lr) * w - lam * grad


def power(w, grad, lr, lam):
    """The decay is exponential, e^(−λη); the step of gradient descent has 1 − λη, nearly the same for small λη only."""
    return w * torch.exp(torch.tensor(-lam * lr)) - lr * grad


def no_brackets(w, grad, lr, lam):
    """Brackets are missing: 1 − λη · w is not (1 − λη) · w."""
    return 1 - lam * lr * w - lr * grad


def decay_without_w(w, grad, lr, lam):
    """The decay takes λη off every weight, whatever its size and sign; it is a share of the weight: λη · w."""
    return w - lr * lam - lr * grad


def only_the_step(w, grad, lr, lam):
    """The change of w came back instead of the new w; add it to w."""
    return -lam * lr * w - lr * grad


def in_place(w, grad, lr, lam):  # noqa: D103
    w.mul_(1 - lr * lam)
    w -= lr * grad
    return w


def as_l2(w, grad, lr, lam):  # noqa: D103
    return w - lr * (grad + lam * w)


def by_optimizer(w, grad, lr, lam):  # noqa: D103
    p = torch.nn.Parameter(w.clone())
    p.grad = grad.clone()
    torch.optim.SGD([p], lr=lr, weight_decay=lam).step()
    return p.detach()


EXERCISE = Exercise(
    name="regularization.decay_step",
    title="One step with weight decay",
    signature="decay_step(w, grad, lr, lam)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "A usual step downhill, and a weight that has become a little smaller before it. How much smaller depends "
        "on λ and on the learning rate together."
    ),
    pseudocode="""
    w ← (1 − λ·η)·w − η·∇L
    """,
    reference=regularization.decay_step,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            decay_without_rate,
            gradient_decayed,
            decay_after,
            growth,
            uphill,
            no_decay,
            double_decay,
            half_decay,
            step_without_rate,
            rate_twice,
            lambda_on_the_step,
            only_decay,
            no_brackets,
            decay_without_w,
            decay_to_sign,
            exchanged,
            power,
        ),
        mistake(only_the_step, lambda w, grad, lr, lam: lam * lr * w + lr * grad),
    ),
    alternatives=(in_place, as_l2, by_optimizer),
    may_edit=frozenset({"w"}),
    note="Return the new w, a tensor of the same shape.",
    forbidden=("torch.optim", "torch._fused_sgd_", "course.regularization", "course.descent.SGD", "course.adaptive"),
)
