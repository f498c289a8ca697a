import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import features
from course.tour import local_binary_pattern

seeds = st.integers(0, 2**31 - 1)


def test_by_hand():
    x = torch.tensor([[9, 1, 5], [2, 5, 7], [4, 5, 0]], dtype=torch.uint8)
    # right 7, upper right 5, above 1, upper left 9, left 2, lower left 4, below 5, lower right 0
    assert local_binary_pattern(x)[1, 1] == 0b01001011


@settings(deadline=None)
@given(seeds, st.integers(1, 8), st.integers(1, 8), st.sampled_from([torch.uint8, torch.int64, torch.float32]))
def test_every_bit_is_one_comparison(seed, height, width, dtype):
    x = torch.randint(5, (2, height, width), generator=torch.Generator().manual_seed(seed)).to(dtype)
    codes = local_binary_pattern(x)
    assert codes.dtype == torch.uint8
    for p, (i, j) in enumerate(features.NEIGHBOURS):
        for r in range(height):
            for c in range(width):
                inside = 0 <= r + i < height and 0 <= c + j < width
                other = x[1, r + i, c + j] if inside else torch.zeros((), dtype=dtype)
                assert bool(codes[1, r, c] >> p & 1) == bool(other >= x[1, r, c])


@settings(deadline=None)
@given(seeds)
def test_sides_are_those_of_the_circle(seed):
    x = torch.randint(256, (9, 9), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    sides = 0b01010101
    assert torch.equal(local_binary_pattern(x) & sides, features.lbp(x) & sides)


@settings(deadline=None)
@given(seeds)
def test_any_light_that_keeps_the_order_is_the_same(seed):
    x = torch.rand(8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert torch.equal(local_binary_pattern(x.exp() * 3), local_binary_pattern(x))


def test_one_row_is_no_image():
    with pytest.raises(ValueError, match="image"):
        local_binary_pattern(torch.zeros(4))
