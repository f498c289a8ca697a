"""What all augmentations ask of their inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def pictures(x: Tensor, channels: tuple[int, ...] = ()) -> Tensor:
    """The batch itself, once it is known to be one.

    Raises:
        ValueError: not (N, C, H, W), or not as many channels as needed.
    """
    if x.ndim != 4:
        raise ValueError(f"need a batch of pictures (N, C, H, W), got shape {tuple(x.shape)}")
    if channels and x.shape[1] not in channels:
        raise ValueError(f"need {' or '.join(map(str, channels))} channels, got shape {tuple(x.shape)}")
    return x


def floats(x: Tensor, channels: tuple[int, ...] = ()) -> Tensor:
    """A batch of floating-point pictures.

    Raises:
        ValueError: not a batch, or not floating point.
    """
    if not x.is_floating_point():
        raise ValueError(f"need floating-point pictures in [0, 1], got {x.dtype}: divide by 255")
    return pictures(x, channels)


def each(name: str, value: Any, x: Tensor, width: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """A parameter of each picture, on the pictures' device: shape (N,), or (N, width).

    Args:
        name: what to call it in an error.
        value: a tensor of that shape, or a number that is the same for all pictures.
        x: the pictures.
        width: numbers per picture, if there are several.
        dtype: what to convert to.

    Raises:
        ValueError: any other shape.
    """
    there = isinstance(value, Tensor) and value.device == x.device
    given = value if there else torch.as_tensor(value, device=x.device)
    if dtype is not None:
        given = given.to(dtype)
    shape = (len(x),) if width is None else (len(x), width)
    if given.shape == shape:
        return given
    if given.ndim:
        raise ValueError(f"need {name} with one entry per picture, shape {shape}, got {tuple(given.shape)}")
    return given.expand(shape)


def spread(value: Tensor) -> Tensor:
    """(N,) as (N, 1, 1, 1), to be combined with pictures."""
    return value.view(-1, 1, 1, 1)


def device_of(generator: torch.Generator | None) -> torch.device:
    """Where random numbers are drawn."""
    return torch.device("cpu") if generator is None else generator.device


def uniform(
    low: float, high: float, shape: tuple[int, ...], generator: torch.Generator | None, dtype: torch.dtype | None = None
) -> Tensor:
    """Numbers from [low, high), on the generator's device.

    Raises:
        ValueError: low > high.
    """
    if not low <= high:
        raise ValueError(f"need low ≤ high, got {low} and {high}")
    return low + (high - low) * torch.rand(shape, generator=generator, device=device_of(generator), dtype=dtype)
