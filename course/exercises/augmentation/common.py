"""Batches to try a function on: small, no two pixels alike."""

from __future__ import annotations

import torch
from torch import Tensor

from course.exercises.exercise import Draw

LIBRARIES = (
    *("torchvision.transforms", "kornia", "albumentations", "cv2", "timm.data", "scipy.ndimage", "skimage.transform"),
    *("PIL.Image", "PIL.ImageOps", "PIL.ImageEnhance", "PIL.ImageChops"),
)
"""What augments pictures by a call: such answers are pointed out in a review."""


_LIMIT = {1: 0.1, 2: 32.9, 3: 36.9, 4: 40.2, 5: 43.1, 6: 45.9, 7: 48.5, 8: 50.9, 16: 68.0, 20: 75.8}
"""χ² of so many things that are equally likely is larger once in 10⁸."""


def far_from_even(times: list[int]) -> bool:
    """Whether things that came up so often cannot have been equally likely; right answers look so once in 10⁸."""
    mean = sum(times) / len(times)
    return mean > 0 and sum((t - mean) ** 2 / mean for t in times) > _LIMIT[len(times)]


def pixels(draw: Draw, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Numbers from [low, high), rounded to three digits so that they read well in a report."""
    return (low + (high - low) * torch.rand(*shape, generator=draw.generator)).mul(1000).round().div(1000)


def one_hot_labels(draw: Draw, n: int, k: int) -> Tensor:
    """One-hot labels (n, k), the first two of different classes."""
    y = draw.labels(n, k)
    if n > 1:
        y[1] = (y[0] + 1) % k
    return torch.eye(k)[y]


def partners(draw: Draw, n: int) -> Tensor:
    """A permutation that is not its own inverse and leaves no place as it was; n ≥ 3."""
    there = torch.randperm(n, generator=draw.generator)
    order = torch.empty_like(there)
    order[there] = there.roll(1)  # one cycle through all
    return order
