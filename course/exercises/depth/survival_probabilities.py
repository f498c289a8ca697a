"""Exercise depth.survival_probabilities: the deeper a block, the more often it is left out."""

from __future__ import annotations

import torch

from course import depth
from course.exercises.exercise import Case, Draw, Exercise, mistakes


def cases(draw: Draw) -> list[Case]:
    """Four blocks by hand, a single one, p_L = 1 and p_L = 0, then networks of several sizes."""
    return [
        Case("four blocks, the last survives with ½", (4, 0.5), "hand"),
        Case("a single block", (1, draw.uniform(0.2, 0.8))),
        Case("every block always survives", (draw.integer(3, 6), 1.0)),
        Case("the last block never survives", (5, 0.0)),
        Case("two blocks", (2, draw.uniform(0.1, 0.4))),
        Case("a small network", (draw.integer(6, 9), draw.uniform(0.3, 0.9))),
        Case("a deep network", (draw.integer(30, 54), draw.uniform(0.2, 0.7))),
    ]


def starts_at_one(L, p_last):
    """The first block has p₁ = 1: off by one. It is the input (ℓ = 0) that always survives; p₁ = 1 − (1 − p_L)/L."""
    return torch.linspace(1, p_last, L) if L > 1 else torch.tensor([1.0])


def one_too_early(L, p_last):
    """ℓ counts from 0 here, so p₁ = 1 and the last block has more than p_L; let ℓ run from 1 to L."""
    return 1 - torch.arange(L) / L * (1 - p_last)


def constant(L, p_last):
    """All blocks have p_L; p must fall from nearly 1 at the first block to p_L at the last."""
    return torch.full((L,), float(p_last))


def reversed_order(L, p_last):
    """The order is reversed: the first block survives most often, the last one with p_L."""
    return 1 - torch.arange(L, 0, -1) / L * (1 - p_last)


def drop_probabilities(L, p_last):
    """These are the probabilities to be dropped; return those to survive, 1 minus them."""
    return torch.arange(1, L + 1) / L * (1 - p_last)


def last_dropped_with_p(L, p_last):
    """p_last was taken as the last block's probability to be dropped; it is the one to survive."""
    return 1 - torch.arange(1, L + 1) / L * p_last


def with_the_input(L, p_last):
    """There is one number too many: p₀ = 1 belongs to the input, which is no block; return p₁ … p_L."""
    return 1 - torch.arange(L + 1) / L * (1 - p_last)


def geometric(L, p_last):
    """p falls by the same factor from block to block; it must fall by the same amount, along a line."""
    return float(p_last) ** (torch.arange(1, L + 1) / L)


def from_zero(L, p_last):
    """p grows from 0 to p_L; it must fall from 1 to p_L."""
    return torch.arange(1, L + 1) / L * p_last


def down_to_zero(L, p_last):
    """The line ends too low: it falls by p_L in all; it must fall by 1 − p_L, and end at p_L."""
    return 1 - torch.arange(1, L + 1) / L


def one_more_step(L, p_last):
    """The line is too flat: it reaches p_L only after L + 1 steps; the L-th block itself has p_L."""
    return 1 - torch.arange(1, L + 1) / (L + 1) * (1 - p_last)


def one_step_less(L, p_last):
    """The steps are too large, by L − 1 instead of L, so that the last block gets less than p_L."""
    return 1 - torch.arange(1, L + 1) / max(L - 1, 1) * (1 - p_last)


def last_only(L, p_last):
    """Only p_L came back; return the probabilities of all L blocks."""
    return torch.tensor([float(p_last)])


def no_brackets(L, p_last):
    """The brackets are missing: 1 − ℓ/L·1 − p_L is another number; multiply ℓ/L by (1 − p_L)."""
    return 1 - torch.arange(1, L + 1) / L * 1 - p_last


def drawn_gates(L, p_last):
    """These are gates, 0 or 1; return the probabilities with which they are drawn."""
    return torch.bernoulli(1 - torch.arange(1, L + 1) / L * (1 - p_last), generator=torch.Generator().manual_seed(0))


def multiplied_up(L, p_last):
    """These are products, the probability that all blocks up to ℓ survive; each block has a p_ℓ of its own."""
    return (1 - torch.arange(1, L + 1) / L * (1 - p_last)).cumprod(0)


def by_linspace(L, p_last):  # noqa: D103
    return torch.linspace(1, p_last, L + 1)[1:]


def by_a_loop(L, p_last):  # noqa: D103
    return torch.tensor([1 - (i + 1) * (1 - p_last) / L for i in range(L)])


def between(L, p_last):  # noqa: D103
    share = torch.arange(1, L + 1, dtype=torch.float64) / L
    return torch.lerp(torch.ones(L, dtype=torch.float64), torch.full((L,), float(p_last), dtype=torch.float64), share)


EXERCISE = Exercise(
    name="depth.survival_probabilities",
    title="Survival falls along a line",
    signature="survival_probabilities(L, p_last)",
    points=1,
    minutes=5,
    difficulty=1,
    idea=(
        "A straight line over the numbers of the blocks, which start at 1: the value 1 belongs to the input, "
        "number 0, and that is no block. The last block must get exactly p_L."
    ),
    pseudocode="""
    for ℓ = 1 … L:
        p_ℓ ← 1 − (ℓ / L) · (1 − p_L)
    """,
    reference=depth.survival_probabilities,
    cases=cases,
    misconceptions=mistakes(
        starts_at_one,
        one_too_early,
        constant,
        reversed_order,
        drop_probabilities,
        last_dropped_with_p,
        with_the_input,
        geometric,
        from_zero,
        down_to_zero,
        one_more_step,
        one_step_less,
        last_only,
        no_brackets,
        drawn_gates,
        multiplied_up,
    ),
    alternatives=(by_linspace, by_a_loop, between),
    note="Return a tensor of L numbers, p₁ … p_L.",
    forbidden=("course.depth",),
)
