"""Exercise adaptive.adamw_step: decay outside the normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import adaptive
from course.exercises.adaptive.common import sequence
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def drive(
    adamw_step: Callable[..., Any],
    w: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: list[float],
    weight_decay: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> dict[str, Any]:
    """Several steps in a row, numbered from t on, each with its own gradient and learning rate; all w, m and v."""

    def step(i: int, w: Tensor, m: Tensor, v: Tensor) -> Any:
        return adamw_step(w, grad[i], m, v, t + i, lr[i], weight_decay, beta1, beta2, eps)

    return sequence("adamw_step", step, {"w": w, "m": m, "v": v}, len(grad))


def cases(draw: Draw) -> list[Case]:
    """One step by hand, the usual start, then sequences from the start and from the middle of a training."""

    def run(
        label: str,
        *shape: int,
        steps: int,
        t: int = 1,
        eps: float = 1e-8,
        scale: float = 1.0,
        wd: float = -1.0,
        first: float = 0.0,
    ) -> Case:
        wd = draw.uniform(0.2, 0.9) if wd < 0 else wd
        started = 0.0 if t == 1 else 1.0
        m, v = draw.normal(*shape, scale=0.3 * started), draw.normal(*shape).square() * started
        lrs = [first or draw.uniform(0.01, 0.3), *(draw.uniform(0.01, 0.3) for _ in range(1, steps))]
        # in the usual numbers v needs its correction for thousands of steps
        betas = (0.9, 0.999) if t >= 100 else (draw.uniform(0.4, 0.8), draw.uniform(0.85, 0.97))
        grads = draw.normal(steps, *shape, scale=scale)
        return Case(label, (draw.normal(*shape), grads, m, v, t, lrs, wd, *betas, eps))

    by_hand = (
        torch.tensor([1.0]),
        torch.tensor([[4.0]]),
        torch.zeros(1),
        torch.zeros(1),
        1,
        [0.5],
        0.5,
        0.5,
        0.75,
        4.0,
    )
    usual = (draw.normal(3), draw.normal(5, 3), torch.zeros(3), torch.zeros(3), 1, [0.1] * 5, 0.01, 0.9, 0.999, 1e-8)
    idle = torch.tensor([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])
    zeros = (draw.normal(2), idle, torch.zeros(2), torch.zeros(2), 1, [0.1, 0.3, 0.2], 0.7, 0.6, 0.9, 1e-8)
    return [
        Case("first step: gradient 4, η = 0.5, β₁ = 0.5, β₂ = 0.75, ε = 4, λ = 0.5", by_hand, "hand"),
        Case("the usual β₁ = 0.9, β₂ = 0.999, λ = 0.01", usual),
        Case("a weight whose gradient is 0", zeros),
        run("λ = 0 is Adam", 2, steps=2, wd=0.0),
        run("gradients of changing size", 3, steps=4, scale=5.0),
        run("an ε that can be seen", 2, steps=3, eps=draw.uniform(0.1, 0.5)),
        run("an ε larger than the root", 2, steps=3, eps=draw.uniform(0.2, 0.5), scale=0.05),
        run("in the middle of a training", 3, steps=4, t=draw.integer(3, 9)),
        run("hundreds of steps later, with the usual β₁ and β₂", 2, steps=2, t=draw.integer(100, 400)),
        run("decay so strong that 1 − ηλ is negative", 2, steps=3, t=2, wd=draw.uniform(2.5, 4), first=0.5),
        run("a matrix", 2, 3, steps=draw.integer(5, 8), eps=1e-3),
    ]


def decay_in_gradient(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """This is Adam with L2: λw went into the gradient, and is divided by √v̂; shrink the weight itself."""
    grad = grad + weight_decay * w
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def decay_without_rate(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The weight shrinks by λ in every step; it must be ηλ, so that a smaller rate also decays less."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def decay_after(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The decay acts on the new w, after the step; it must act on the old one, (1 − ηλ)w − step."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w = w - lr * m_hat / (v_hat.sqrt() + eps)
    return (1 - lr * weight_decay) * w, m, v


def growth(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The weights grow: decay is (1 − ηλ), with a minus."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 + lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def no_decay(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """There is no decay at all: multiply the old w by (1 − ηλ)."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def decay_normalised(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The decay was added to m̂ and so divided by √v̂ + ε; it belongs outside that fraction."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * (m_hat + weight_decay * w) / (v_hat.sqrt() + eps), m, v


def decay_twice(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Decay acts twice, on the weight and in the gradient; only the weight must shrink."""
    old, grad = w, grad + weight_decay * w
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * old - lr * m_hat / (v_hat.sqrt() + eps), m, v


def rate_twice(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The step has the factor η twice; the decay is (1 − ηλ)w, and the rest is Adam's own step."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * lr * m_hat / (v_hat.sqrt() + eps), m, v


def half_the_decay(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The decay has a factor ½; the ½ of ½λ‖w‖² is gone once the gradient is taken."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - 0.5 * lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def no_correction(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The bias correction is missing: divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ, as both started at 0."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return (1 - lr * weight_decay) * w - lr * m / (v.sqrt() + eps), m, v


def decay_to_sign(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The decay moves every weight by the same amount, λ·sign(w); it must take off a share, (1 − ηλ)w."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * weight_decay * w.sign() - lr * m_hat / (v_hat.sqrt() + eps), m, v


def counts_from_zero(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The correction counts one step too many: t is 1 at the first step already, so the exponent is t."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1 ** (t + 1)), v / (1 - beta2 ** (t + 1))
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def correction_without_t(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The correction is that of the first step in every step: 1 − β must be 1 − βᵗ."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1), v / (1 - beta2)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def betas_swapped(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """β₁ and β₂ changed places: β₁ belongs to m, β₂ to v."""
    m = beta2 * m + (1 - beta2) * grad
    v = beta1 * v + (1 - beta1) * grad**2
    m_hat, v_hat = m / (1 - beta2**t), v / (1 - beta1**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def eps_inside(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """ε stands inside the root; the lecture adds it to the root, √v̂ + ε."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat + eps).sqrt(), m, v


def hats_returned(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The corrected moments came back; return m and v without hats, or they are corrected again in the next step."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m_hat, v_hat


def no_root(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The root is missing: divide by √v̂ + ε."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat + eps), m, v


def uphill(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """This climbs: the step must be subtracted."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w + lr * m_hat / (v_hat.sqrt() + eps), m, v


def gradient_for_m(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The step uses the gradient itself (as RMSprop does); Adam steps along m̂."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    v_hat = v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * grad / (v_hat.sqrt() + eps), m, v


def weights_swapped(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The weights of the running means are swapped: β goes with the old mean, 1 − β with the new gradient."""
    m = (1 - beta1) * m + beta1 * grad
    v = (1 - beta2) * v + beta2 * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def no_averaging(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The moments are sums, not running means: the factor 1 − β before the gradient is missing."""
    m = beta1 * m + grad
    v = beta2 * v + grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def only_m_corrected(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Only m is corrected; v started at 0, too: divide it by 1 − β₂ᵗ."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return (1 - lr * weight_decay) * w - lr * m / (1 - beta1**t) / (v.sqrt() + eps), m, v


def only_v_corrected(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Only v is corrected; m started at 0, too: divide it by 1 − β₁ᵗ."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return (1 - lr * weight_decay) * w - lr * m / ((v / (1 - beta2**t)).sqrt() + eps), m, v


def eps_before_correction(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """ε was added to √v before the correction (as some libraries do), which makes it larger at first; add it to √v̂."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    rate = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
    return (1 - lr * weight_decay) * w - rate * m / (v.sqrt() + eps), m, v


def eps_ignored(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The argument eps is not used; add it to √v̂."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + 1e-8), m, v


def moments_swapped(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The moments came back in the wrong order: return w, then m, then v."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), v, m


def no_brackets(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Brackets are missing: without them ε is added to something else; the step is divided by (√v̂ + ε)."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / v_hat.sqrt() + eps, m, v


def decay_without_w(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The decay takes ηλ off every weight, whatever its size and sign; it is a share of the weight: ηλ · w."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * weight_decay - lr * m_hat / (v_hat.sqrt() + eps), m, v


def decay_without_brackets(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Brackets are missing in the decay: 1 − ηλ · w is not (1 − ηλ) · w."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return 1 - lr * weight_decay * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def counts_from_minus_one(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The exponent is t − 1, which makes the first correction a division by 0; t is 1 at the first step already."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1 ** (t - 1)), v / (1 - beta2 ** (t - 1))
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def bracket_to_the_power(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The bracket was raised to the power t; it is β alone: 1 − βᵗ, not (1 − β)ᵗ."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1) ** t, v / (1 - beta2) ** t
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def hats_without_brackets(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """Brackets are missing in the correction: m / 1 − β₁ᵗ divides by 1 only; write m / (1 − β₁ᵗ)."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / 1 - beta1**t, v / 1 - beta2**t
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def correction_multiplies(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The correction multiplies by 1 − βᵗ; m and v are too small at first, so divide."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m * (1 - beta1**t), v * (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def one_beta(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """One β serves both moments: β₁ belongs to m, β₂ to v."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta1 * v + (1 - beta1) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta1**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def correction_with_the_wrong_beta(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """A correction uses the other β: m is divided by 1 − β₁ᵗ, v by 1 − β₂ᵗ."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta1**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def moments_not_returned(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The old moments came back, so nothing is remembered; return the new m and v."""
    new_m = beta1 * m + (1 - beta1) * grad
    new_v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = new_m / (1 - beta1**t), new_v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def square_forgotten(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """v averages the gradients themselves; it must average their squares, g²."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def rate_forgotten(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """The learning rate is missing: the step is η times m̂ / (√v̂ + ε)."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - m_hat / (v_hat.sqrt() + eps), m, v


def eps_as_floor(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    """ε is a lower bound for the root (max, clamp) here; the lecture adds it to the root, √v̂ + ε."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / v_hat.sqrt().clamp(min=eps), m, v


def _beta2_for_both(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta2 * m + (1 - beta2) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta2**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _corrected_by_beta2(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta2**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _corrections_exchanged(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta2**t), v / (1 - beta1**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _no_eps(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / v_hat.sqrt(), m, v


def _bracket_before_eps(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr / v_hat.sqrt() + eps * m_hat, m, v


def in_place(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):  # noqa: D103
    w.mul_(1 - lr * weight_decay)
    m.lerp_(grad, 1 - beta1)
    v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    denominator = (v / (1 - beta2**t)).sqrt_().add_(eps)
    w.addcdiv_(m, denominator, value=-lr / (1 - beta1**t))
    return w, m, v


def one_bracket(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):  # noqa: D103
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * (m_hat / (v_hat.sqrt() + eps) + weight_decay * w), m, v


def in_double(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):  # noqa: D103
    w, grad, m, v = (x.double() for x in (w, grad, m, v))
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w * (1 - lr * weight_decay) - lr * m_hat / (torch.sqrt(v_hat) + eps), m, v


EXERCISE = Exercise(
    name="adaptive.adamw_step",
    title="One step of AdamW",
    signature="adamw_step(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "It is your Adam step, and beside it each weight loses a small share of what it was before the step. The "
        "gradient must not hear of that: the means are made from the gradient of the loss alone."
    ),
    pseudocode="""
    m, v, m̂, v̂ as in Adam, from g alone
    w ← (1 − η·λ)·w − η · m̂ / (√v̂ + ε)          the old w on the right
    return w, m, v
    """,
    reference=adaptive.adamw_step,
    shown=one_bracket,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            decay_in_gradient,
            decay_without_rate,
            decay_after,
            growth,
            no_decay,
            decay_normalised,
            decay_twice,
            rate_twice,
            half_the_decay,
            no_correction,
            decay_to_sign,
            counts_from_zero,
            correction_without_t,
            betas_swapped,
            eps_inside,
            hats_returned,
            no_root,
            uphill,
            gradient_for_m,
            weights_swapped,
            no_averaging,
            only_m_corrected,
            only_v_corrected,
            eps_before_correction,
            moments_swapped,
            decay_without_w,
            decay_without_brackets,
            counts_from_minus_one,
            bracket_to_the_power,
            hats_without_brackets,
            correction_multiplies,
            moments_not_returned,
            square_forgotten,
            rate_forgotten,
            eps_as_floor,
        ),
        mistake(one_beta, _beta2_for_both),
        mistake(correction_with_the_wrong_beta, _corrected_by_beta2, _corrections_exchanged),
        mistake(eps_ignored, _no_eps),
        mistake(no_brackets, _bracket_before_eps),
    ),
    alternatives=(in_place, one_bracket, in_double),
    telling=("new m", "new v"),
    may_edit=frozenset({"w", "m", "v"}),
    note="Return three tensors, `w, m, v`: the new parameters, then the new running means, without hats.",
    forbidden=("torch.optim", "torch._fused_adam_", "torch._fused_adamw_", "course.adaptive"),
    alike=True,
)
