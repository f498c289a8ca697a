"""Exercise depth.expected_depth: how many blocks are active on average."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from course import depth
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Three blocks by hand, one block, blocks that always or never survive, then lines and no lines."""

    def any_(n: int) -> torch.Tensor:
        return torch.tensor([draw.uniform(0.05, 0.95) for _ in range(n)])

    n = draw.integer(5, 9)
    return [
        Case("three blocks with p = 1, ½ and ¼", (torch.tensor([1.0, 0.5, 0.25]),), "hand"),
        Case("a single block", (any_(1),)),
        Case("every block always survives", (torch.ones(4),)),
        Case("one of them never survives", (torch.cat([any_(2), torch.zeros(1), any_(2)]),)),
        Case("p falls along a line", (depth.survival_probabilities(n, draw.uniform(0.2, 0.8)),)),
        Case("probabilities that follow no line", (any_(draw.integer(6, 10)),)),
        Case("a deep network", (any_(draw.integer(30, 54)),)),
    ]


def product(p):
    """This is the product, the probability that all blocks survive at once; the expected number is a sum."""
    return p.prod()


def last_times_length(p):
    """This is L·p_L, as if every block survived as rarely as the last; each has a p_ℓ of its own."""
    return len(p) * p[-1]


def without_the_first(p):
    """The first block is left out; all L blocks count."""
    return p[1:].sum()


def without_the_last(p):
    """The last block is left out; all L blocks count."""
    return p[:-1].sum()


def with_the_input(p):
    """This is one too many: the input is no block."""
    return 1 + p.sum()


def mean(p):
    """This is the mean probability; times L it is the expected number of blocks."""
    return p.mean()


def dropped(p):
    """This is how many blocks are left out on average; asked is how many are active."""
    return (1 - p).sum()


def trapezoid(p):
    """This is right only if p falls along a line, L·(p₁ + p_L)/2; sum up the probabilities."""
    return len(p) * (p[0] + p[-1]) / 2


def linear_rule(p):
    """This is the linear rule's formula; it must hold for any probabilities, so sum up those that are given."""
    return len(p) * (1 + p[-1]) / 2 - (1 - p[-1]) / 2


def three_quarters(p):
    """(3L − 1)/4 is right only if p falls along a line to ½; sum up the probabilities."""
    return torch.tensor((3 * len(p) - 1) / 4)


def all_blocks(p):
    """This is the full depth L, which is reached only if every block survives."""
    return torch.tensor(float(len(p)))


def most_likely(p):
    """Each p was rounded to 0 or 1 first; the mean counts a block with p = 0.4 as 0.4."""
    return (p > 0.5).float().sum()


def drawn(p):
    """This is the depth of one network, drawn at random; asked is the mean over all draws, without drawing."""
    return torch.bernoulli(p, generator=torch.Generator().manual_seed(1)).sum()


def until_the_first_gap(p):
    """This counts blocks up to the first that is left out; it passes x on, so those behind it still count."""
    return p.cumprod(0).sum()


def rounded(p):
    """The answer was rounded; a mean need not be a whole number."""
    return p.sum().floor()


def rounded_to_the_nearest(p):  # noqa: D103 - the same mistake
    return p.sum().round()


def by_a_loop(p):  # noqa: D103
    total = 0.0
    for q in p:
        total += q.item()
    return torch.tensor(total)


def as_a_number(p):  # noqa: D103
    return sum(p.tolist())


def over_all_depths(p):  # noqa: D103
    share = torch.ones(1)
    for q in p:
        share = torch.cat([(1 - q) * share, torch.zeros(1)]) + torch.cat([torch.zeros(1), q * share])
    return (share * torch.arange(len(share))).sum()


def mean_times_length(p):  # noqa: D103
    return p.mean() * len(p)


def drive(expected_depth: Callable[..., Any], p: torch.Tensor) -> Any:
    """The answer as a number, whether it came as one or as a tensor with one."""
    answer = expected_depth(p)
    return answer.detach().double().item() if isinstance(answer, torch.Tensor) and answer.numel() == 1 else answer


EXERCISE = Exercise(
    name="depth.expected_depth",
    title="How deep on average?",
    signature="expected_depth(p)",
    points=1,
    minutes=4,
    difficulty=1,
    idea=(
        "A gate is 1 with its probability and 0 otherwise, so on average it counts exactly that much. The mean of "
        "a sum is the sum of the means: nothing else is needed, whatever the probabilities are."
    ),
    pseudocode="""
    expected depth ← p_1 + p_2 + … + p_L
    """,
    reference=depth.expected_depth,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            product,
            last_times_length,
            without_the_first,
            without_the_last,
            with_the_input,
            mean,
            dropped,
            trapezoid,
            linear_rule,
            three_quarters,
            all_blocks,
            most_likely,
            drawn,
            until_the_first_gap,
        ),
        mistake(rounded, rounded_to_the_nearest),
    ),
    alternatives=(by_a_loop, as_a_number, over_all_depths, mean_times_length),
    note="Return one number: a tensor of shape ().",
    forbidden=("course.depth",),
)
