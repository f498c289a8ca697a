"""Section 05 against answers that people write: wrong ones pass at no seed and are called what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.judge import Verdict

Means = tuple[Tensor, Tensor]


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"adaptive.{name}"), function, seed)


def adam(
    means: Callable[..., Means] = lambda m, v, g, b1, b2: (b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2),
    hats: Callable[..., Means] = lambda m, v, t, b1, b2: (m / (1 - b1**t), v / (1 - b2**t)),
    step: Callable[..., Tensor] = lambda m, v, lr, eps: lr * m / (v.sqrt() + eps),
    kept: Callable[..., Means] = lambda new, old, hatted: new,
    decay: Callable[..., Tensor] = lambda w, lr, wd: (1 - lr * wd) * w,
) -> dict[str, Callable[..., Any]]:
    """Adam and AdamW, right but for the part that is given."""

    def adamw_step(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
        new = means(m, v, grad, beta1, beta2)
        hatted = hats(*new, t, beta1, beta2)
        return decay(w, lr, weight_decay) - step(*hatted, lr, eps), *kept(new, (m, v), hatted)

    def adam_step(w, grad, m, v, t, lr, beta1, beta2, eps):
        return adamw_step(w, grad, m, v, t, lr, 0.0, beta1, beta2, eps)

    return {"adam_step": adam_step, "adamw_step": adamw_step}


def adagrad(
    gather: Callable[..., Tensor] = lambda v, g: v + g**2,
    step: Callable[..., Tensor] = lambda g, v, lr, eps: lr * g / (v.sqrt() + eps),
    kept: Callable[..., Tensor] = lambda v, eps: v,
) -> dict[str, Callable[..., Any]]:
    """Adagrad, right but for the part that is given."""

    def adagrad_step(w, grad, v, lr, eps):
        v = gather(v, grad)
        return w - step(grad, v, lr, eps), kept(v, eps)

    return {"adagrad_step": adagrad_step}


def test_what_the_mistakes_are_made_from_is_right() -> None:
    for name, function in (adam() | adagrad()).items():
        assert all(judged(name, function, seed).status == "passed" for seed in range(3))


# ------------------------------------------------------------------------------------------------- wrong

SOON = adam(hats=lambda m, v, t, b1, b2: (m / (1 - b1**t), v / (1 - b2**t)) if t < 10 else (m, v))
LATE = adam(hats=lambda m, v, t, b1, b2: (m / (1 - b1**t), v / (1 - b2**t)) if t < 100 else (m, v))
SMALL = adam(decay=lambda w, lr, wd: (1 - lr * wd) * w if wd > 0.05 else w)
CLAMPED = adam(decay=lambda w, lr, wd: max(0.0, 1 - lr * wd) * w)
WRONG = [
    *(("adam_step", made["adam_step"]) for made in (SOON, LATE)),
    *(("adamw_step", made["adamw_step"]) for made in (LATE, SMALL, CLAMPED)),
]


@pytest.mark.parametrize(("name", "function"), WRONG)
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    """The correction is needed in every step, a small λ is one, too, and the formula holds for a large one."""
    assert not [seed for seed in range(4) if judged(name, function, seed).status == "passed"]


# ------------------------------------------------------------------------------------------------- named

MADE = {
    "counts_from_minus_one": adam(hats=lambda m, v, t, b1, b2: (m / (1 - b1 ** (t - 1)), v / (1 - b2 ** (t - 1)))),
    "bracket_to_the_power": adam(hats=lambda m, v, t, b1, b2: (m / (1 - b1) ** t, v / (1 - b2) ** t)),
    "hats_without_brackets": adam(hats=lambda m, v, t, b1, b2: (m / 1 - b1**t, v / 1 - b2**t)),
    "correction_with_the_wrong_beta": adam(hats=lambda m, v, t, b1, b2: (m / (1 - b2**t), v / (1 - b1**t))),
    "one_beta": adam(
        means=lambda m, v, g, b1, b2: (b2 * m + (1 - b2) * g, b2 * v + (1 - b2) * g**2),
        hats=lambda m, v, t, b1, b2: (m / (1 - b2**t), v / (1 - b2**t)),
    ),
    "moments_not_returned": adam(kept=lambda new, old, hatted: old),
    "eps_as_floor": adam(step=lambda m, v, lr, eps: lr * m / torch.clamp(v.sqrt(), min=eps)),
    "eps_ignored": adam(step=lambda m, v, lr, eps: lr * m / v.sqrt()),
    "no_brackets": adam(step=lambda m, v, lr, eps: lr * m / v.sqrt() - eps),
    "beta_times_t": adam(hats=lambda m, v, t, b1, b2: (m / (1 - b1 * t), v / (1 - b2 * t))),
}
NAMED = [
    *(("adam_step", mistake, made["adam_step"]) for mistake, made in MADE.items()),
    *(("adamw_step", mistake, MADE[mistake]["adamw_step"]) for mistake in ("one_beta", "eps_ignored", "no_brackets")),
    ("adamw_step", "decay_without_brackets", adam(decay=lambda w, lr, wd: 1 - lr * wd * w)["adamw_step"]),
    ("adamw_step", "decay_without_w", adam(decay=lambda w, lr, wd: w - lr * wd)["adamw_step"]),
    ("adagrad_step", "eps_ignored", adagrad(step=lambda g, v, lr, eps: lr * g / v.sqrt())["adagrad_step"]),
    ("adagrad_step", "eps_as_floor", adagrad(step=lambda g, v, lr, eps: lr * g / v.sqrt().clamp(eps))["adagrad_step"]),
    ("adagrad_step", "root_kept", adagrad(kept=lambda v, eps: v.sqrt_() + eps)["adagrad_step"]),
    ("adagrad_step", "square_forgotten", adagrad(gather=lambda v, g: v + g)["adagrad_step"]),
]


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    outcome = judged(name, function, 1)
    assert outcome.status == "failed"
    assert outcome.misconception is not None, f"not named: {outcome.sentence}"
    assert outcome.misconception.name == mistake
