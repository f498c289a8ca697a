"""Changing colours, not places: RGB shift, hue/saturation/value, channel shuffle. A mask stays as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, uniform


def rgb_shift(x: Tensor, shift: Tensor) -> Tensor:
    """Add a number to each channel of each picture: y[i, k] = clamp(x[i, k] + shift[i, k], 0, 1).

    Args:
        x: pictures (N, 3, H, W), floating point in [0, 1].
        shift: what to add to red, green and blue of each picture, (N, 3).

    Returns:
        Shape and dtype of x, in [0, 1].

    Raises:
        ValueError: shapes do not fit together, or x holds integers.

    Source: lecture, "Data augmentation: RGBShift"; Albumentations' `RGBShift`.
    """
    shift = each("shift", shift, floats(x, (3,)), 3, x.dtype)
    return (x + shift[:, :, None, None]).clamp(0, 1)


def draw_rgb_shifts(n: int, limit: float = 0.1, generator: torch.Generator | None = None) -> Tensor:
    """Shifts for n pictures, each channel uniform in [−limit, limit), independently. (n, 3)."""
    return uniform(-limit, limit, (n, 3), generator)


def hue_saturation_value(x: Tensor, hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Turn the hue, add to saturation and value: h ← (h + hue) mod 360°, s ← clamp(s + saturation), v likewise.

    Hue is an angle: 350° + 20° = 10°. Grey has no hue (h = 0 by convention) and saturation 0, so that adding
    saturation colours it red.

    Args:
        x: pictures (N, 3, H, W), floating point in [0, 1].
        hue: degrees to turn the hue of each picture by, (N,).
        saturation: what to add to the saturation in [0, 1], (N,).
        value: what to add to the value in [0, 1], (N,).

    Returns:
        Shape and dtype of x, in [0, 1].

    Raises:
        ValueError: shapes do not fit together, or x holds integers.

    Source: lecture, "Data augmentation: HueSaturationValue"; Albumentations' `HueSaturationValue`, which counts hue in
    2° and saturation and value in 1/255. With hue alone the same as
    `torchvision.transforms.v2.functional.adjust_hue(x, hue / 360)`; torchvision's saturation is a factor on the
    distance from grey, another thing.
    """
    h, s, v = rgb_to_hsv(x).unbind(1)
    turn, more, lighter = (
        each(name, given, x, dtype=x.dtype)[:, None, None]
        for name, given in (("hue", hue), ("saturation", saturation), ("value", value))
    )
    h = torch.remainder(h + turn, 360)
    return hsv_to_rgb(torch.stack([h, (s + more).clamp(0, 1), (v + lighter).clamp(0, 1)], 1))


def draw_hsv_shifts(
    n: int,
    hue: float = 20.0,
    saturation: float = 0.1,
    value: float = 0.1,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Hue (degrees), saturation and value for n pictures, each uniform in [−limit, limit). Three (n,)."""
    return (
        uniform(-hue, hue, (n,), generator),
        uniform(-saturation, saturation, (n,), generator),
        uniform(-value, value, (n,), generator),
    )


def channel_shuffle(x: Tensor, order: Tensor) -> Tensor:
    """Swap the channels of each picture: y[i, k] = x[i, order[i, k]].

    Args:
        x: pictures (N, C, H, W), any dtype.
        order: for each picture a permutation of 0 … C−1, integer (N, C).

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or a row is not a permutation.

    Source: lecture, "Data augmentation: ChannelShuffle"; `torchvision.transforms.v2.RandomChannelPermutation`, which
    takes one order for all.
    """
    channels = pictures(x).shape[1]
    order = each("order", order, x, channels)
    numbers = torch.arange(channels, device=x.device)
    if order.is_floating_point() or not torch.equal(order.sort(1).values, numbers.expand_as(order).to(order.dtype)):
        raise ValueError(f"each row of order must be a permutation of 0 … {channels - 1}, got {order.tolist()}")
    rows = order + channels * torch.arange(len(x), device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)


def draw_orders(n: int, channels: int = 3, generator: torch.Generator | None = None) -> Tensor:
    """A permutation of the channels for each of n pictures, all equally likely. int64 (n, channels)."""
    return torch.rand(n, channels, generator=generator, device=device_of(generator)).argsort(1)


# ---------------------------------------------------------------------------------------------------- HSV


def rgb_to_hsv(x: Tensor) -> Tensor:
    """Hue in degrees [0, 360), saturation and value in [0, 1].

    With M and m the largest and smallest of red, green, blue: v = M, s = (M − m)/M, and h = 60° · (g − b)/(M − m) where
    red is the largest, 120° + 60° · (b − r)/(M − m) where green is, 240° + 60° · (r − g)/(M − m) where blue is.
    Grey (M = m) has h = s = 0.

    Args:
        x: (N, 3, H, W), floating point in [0, 1].

    Returns:
        (N, 3, H, W): h, s, v.

    Source: Smith, "Color gamut transform pairs" (1978).
    """
    r, g, b = floats(x, (3,)).unbind(1)
    low, high = x.aminmax(dim=1)
    span = high - low
    safe = torch.where(span > 0, span, 1)
    green = torch.where(high == g, 120 + 60 * (b - r) / safe, 240 + 60 * (r - g) / safe)
    h = torch.where(high == r, 60 * (g - b) / safe, green)
    return torch.stack([torch.remainder(h, 360), span / torch.where(high > 0, high, 1), high], 1)


def hsv_to_rgb(x: Tensor) -> Tensor:
    """Back again: f(5), f(3), f(1), where f(n) = v − v s max(0, min(k, 4 − k, 1)), k = (n + h/60°) mod 6.

    Args:
        x: (N, 3, H, W): hue in degrees, saturation and value in [0, 1].

    Returns:
        (N, 3, H, W): red, green, blue in [0, 1].
    """
    h, s, v = floats(x, (3,)).unbind(1)
    offsets = torch.tensor([5, 3, 1], dtype=x.dtype, device=x.device)[:, None, None]
    k = torch.remainder(offsets + (h / 60)[:, None], 6)
    return v[:, None] - (v * s)[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
