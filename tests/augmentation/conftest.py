import pytest
import torch


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(7)


@pytest.fixture
def x(generator):
    """Floating-point pictures, smooth enough that neighbours resemble each other; not square."""
    small = torch.rand(9, 3, 7, 9, generator=generator)
    return torch.nn.functional.interpolate(small, (21, 27), mode="bilinear").contiguous()


@pytest.fixture
def levels(x):
    return (x * 255).round().to(torch.uint8)
