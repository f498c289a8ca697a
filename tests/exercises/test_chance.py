"""What chance does not do: the tests for draws see what is linked, and leave alone what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from course.exercises.chance import linked, linked_signs, repeats


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@pytest.mark.parametrize(("n", "kinds"), [(60, 4), (120, 16), (600, 20), (100, 4000)])
def test_independent_draws_do_not_repeat(n: int, kinds: int) -> None:
    assert not any(repeats(torch.randint(kinds, (n, 1), generator=g)) for g in generators(250))


@pytest.mark.parametrize("n", [61, 260])
def test_a_batch_drawn_by_half_repeats(n: int) -> None:
    for g in generators(20):
        half = torch.randint(16, ((n + 1) // 2, 2), generator=g)
        assert repeats(half.repeat(2, 1)[:n]) == (n + 1) // 2
        assert repeats(half.repeat_interleave(2, 0)[:n]) == 1


def signs(g: torch.Generator) -> Tensor:
    return torch.randint(2, (2, 400, 3), generator=g) * 2 - 1


def test_signs_are_linked_if_neighbours_go_opposite_ways() -> None:
    for g in generators(100):
        drawn = signs(g)
        assert linked_signs(drawn.sum(2), 3) == 0
        drawn[:, 1::2] = -drawn[:, ::2]
        assert linked_signs(drawn.sum(2), 3) == 1


def test_rare_outcomes_are_not_called_linked() -> None:
    """Four of a thousand: where two of them lie, chance has put them far too often for a test that counts on many."""
    assert not any(linked(torch.rand(6, 4000, generator=g) < 0.004, 0.004) for g in generators(100))
    assert linked((torch.arange(1200) % 10 < 3).expand(6, -1), 0.3) == 10
