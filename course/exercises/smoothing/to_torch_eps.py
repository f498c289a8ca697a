"""Exercise smoothing.to_torch_eps: the same targets under another library's ε."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import smoothing
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def drive(to_torch_eps: Callable[..., Any], eps: float, K: int) -> Any:
    """The number; a tensor without dimensions is as good as a float."""
    answer = to_torch_eps(eps, K)
    return answer.item() if isinstance(answer, Tensor) and not answer.ndim else answer


def cases(draw: Draw) -> list[Case]:
    """Two and five classes by hand; nothing, everything, few classes, many."""
    k = draw.integer(3, 6)
    return [
        Case("two classes, ε = 0.1", (0.1, 2), "hand"),
        Case("five classes, ε = 0.4", (0.4, 5), "hand"),
        Case("no smoothing", (0.0, k)),
        Case("all classes alike: PyTorch's largest, 1", ((k - 1) / k, k)),
        *(Case(f"{n} classes", (draw.uniform(0.1, 0.45), n)) for n in (2, 3, draw.integer(4, 9), 10)),
        Case("a large ε", (draw.uniform(0.55, 0.65), 3)),
        Case("a thousand classes, as in ImageNet: nearly the same", (draw.uniform(0.3, 0.9), 1000)),
    ]


def inverse(eps, K):
    """This goes the other way, from PyTorch's number to ours; ours is the smaller one: multiply by K/(K−1)."""
    return eps * (K - 1) / K


def identity(eps, K):
    """The number is unchanged; PyTorch's is larger, since part of it goes to the true class: set e/K = ε/(K−1)."""
    return eps


def factor_alone(eps, K):
    """This is a factor without ε; the answer is ε·K/(K−1)."""
    return (K - 1) / K


def other_factor_alone(eps, K):
    """This is the factor K/(K−1) alone; it still has to be multiplied by ε."""
    return K / (K - 1)


def share_of_one_class(eps, K):
    """This is what one other class gets, ε/(K−1); in PyTorch it gets e/K, so multiply by K to find e."""
    return eps / (K - 1)


def shared_by_k(eps, K):
    """ε/K is what PyTorch gives to one class if it is told ε; asked for is the e with e/K = ε/(K−1)."""
    return eps / K


def wrong_neighbour(eps, K):
    """The denominator is K + 1; there are K − 1 other classes."""
    return eps * K / (K + 1)


def times_k(eps, K):
    """Multiplied by K but not divided by K − 1: from e/K = ε/(K−1) follows e = εK/(K−1)."""
    return eps * K


def k_minus_one_twice(eps, K):
    """K − 1 stands in the numerator, too: from e/K = ε/(K−1) follows e = ε·K/(K−1)."""
    return eps * (K - 1)


def kept_for_the_class(eps, K):
    """This is what the true class has, 1 − e in PyTorch's words plus something; asked for is e itself."""
    return 1 - eps * K / (K - 1)


def no_brackets(eps, K):
    """Brackets are missing: eps * K / K - 1 divides by K and then subtracts 1; write eps * K / (K - 1)."""
    return eps * K / K - 1


def cut_off(eps, K):
    """Integer division // cuts off the part after the point; divide with /."""
    return eps * (K // (K - 1))


def added(eps, K):  # noqa: D103
    return eps + eps / (K - 1)


def divided(eps, K):  # noqa: D103
    return eps / (1 - 1 / K)


def as_tensor(eps, K):  # noqa: D103
    return torch.tensor(eps, dtype=torch.float64) * K / (K - 1)


def from_the_class(eps, K):  # noqa: D103
    # 1 − ε = 1 − e + e/K
    return eps / ((K - 1) / K)


def by_search(eps, K):  # noqa: D103
    low, high = 0.0, 1.0 + 1 / (K - 1)
    for _ in range(60):
        e = (low + high) / 2
        p = (1 - e) * F.one_hot(torch.tensor(0), K).double() + e / K
        low, high = (e, high) if p[0] > 1 - eps else (low, e)
    return (low + high) / 2


EXERCISE = Exercise(
    name="smoothing.to_torch_eps",
    title="The same targets in PyTorch",
    signature="to_torch_eps(eps, K)",
    points=1,
    minutes=5,
    difficulty=2,
    idea=(
        "Both conventions give each of the wrong classes the same small number. Write that number down twice, "
        "once in each convention, and solve for the one you want."
    ),
    pseudocode="""
    another class gets:   ε / (K − 1)  in the lecture,   e / K  in PyTorch
    equal, solved for e:  e ← ε · K / (K − 1)
    """,
    reference=smoothing.to_torch_eps,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        inverse,
        identity,
        factor_alone,
        other_factor_alone,
        share_of_one_class,
        shared_by_k,
        wrong_neighbour,
        times_k,
        k_minus_one_twice,
        kept_for_the_class,
        no_brackets,
        cut_off,
    ),
    alternatives=(added, divided, as_tensor, from_the_class, by_search),
    note="Return one number, a float.",
)
