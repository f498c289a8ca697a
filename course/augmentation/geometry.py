"""Moving pixels: flip, pad and crop, rotate, and affine warps in general.

Positions are measured from the middle of the picture, x to the right and y down, in pixels. A warp looks back: for each
pixel of the *result* it says where in the *input* to look. What moves a picture moves its mask: call the function
again with the same parameters, and `mode="nearest"` where there is one, so that class ids are not averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, spread, uniform

Mode = Literal["bilinear", "nearest"]

Row = Sequence[Tensor | float]
"""A row of the matrix of each picture: three entries, (N, 1) each, or the same number for all."""

# --------------------------------------------------------------------------------------------------- flip


def flip(x: Tensor, flipped: Tensor) -> Tensor:
    """Mirror some of the pictures left to right: y[i, :, r, c] = x[i, :, r, W − 1 − c] where flipped[i], else x[i].

    Args:
        x: pictures or masks (N, C, H, W), any dtype.
        flipped: which ones, bool (N,).

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together.

    Source: lecture, "Data augmentation: horizontal flip"; `torchvision.transforms.v2.functional.horizontal_flip`.
    """
    return torch.where(spread(each("flipped", flipped, pictures(x), dtype=torch.bool)), x.flip(-1), x)


def draw_flips(n: int, p: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
    """Which of n pictures to flip: each with probability p, independently. bool (n,).

    Raises:
        ValueError: p outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must lie in [0, 1], got {p}")
    return torch.rand(n, generator=generator, device=device_of(generator)) < p


# ------------------------------------------------------------------------------------------- pad and crop


def pad_and_crop(x: Tensor, top: Tensor, left: Tensor, padding: int) -> Tensor:
    """Add a border of zeros, then cut the old size out of it, for each picture somewhere else.

    y[i, :, r, c] = z[i, :, topᵢ + r, leftᵢ + c], z = x with `padding` zeros on all four sides. topᵢ = leftᵢ = padding
    gives the picture back; less moves it down or right, more up or left.

    Args:
        x: pictures or masks (N, C, H, W), any dtype.
        top: first row of each cut, integer (N,), 0 … 2·padding.
        left: first column, likewise.
        padding: width of the border in pixels, ≥ 0.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or a cut reaches outside the border.

    Source: lecture, "Data augmentation: pad & crop"; `torchvision.transforms.v2.RandomCrop(H, padding=…)`, which cuts
    all pictures of a batch at the same place.
    """
    top, left = each("top", top, pictures(x)), each("left", left, x)
    if top.is_floating_point() or left.is_floating_point() or padding < 0:
        raise ValueError(f"need integer top and left and padding ≥ 0, got {top.dtype}, {left.dtype} and {padding}")
    for place in (top, left):
        if len(x) and not bool(((place >= 0) & (place <= 2 * padding)).all()):
            raise ValueError(f"top and left must lie in 0 … 2·padding = {2 * padding}, got {place.tolist()}")
    n, channels, height, width = x.shape
    rows = top[:, None] + torch.arange(height, device=x.device)
    columns = left[:, None] + torch.arange(width, device=x.device)
    places = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    padded = F.pad(x, (padding,) * 4).flatten(2)
    return padded.gather(2, places.view(n, 1, height * width).expand(n, channels, height * width)).view_as(x)


def draw_crops(n: int, padding: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Where to cut: top and left for each of n pictures, from 0 … 2·padding with equal probability. Two int64 (n,)."""
    top, left = torch.randint(2 * padding + 1, (2, n), generator=generator, device=device_of(generator))
    return top, left


# ------------------------------------------------------------------------------------------------- rotate


def rotate(x: Tensor, degrees: Tensor, mode: Mode = "bilinear") -> Tensor:
    """Turn each picture about its middle, counter-clockwise for positive angles; the size stays, corners become 0.

    With θ in radians, the pixel at (x, y) looks at (x cos θ − y sin θ, x sin θ + y cos θ) in the input.

    Args:
        x: pictures or masks (N, C, H, W); floating point for "bilinear".
        degrees: angle for each picture, (N,).
        mode: "bilinear" mixes the four pixels around a place, "nearest" takes the nearest one: for masks.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or integers are to be mixed.

    Source: lecture, "Data augmentation: rotate"; `torchvision.transforms.v2.functional.rotate`, which has one angle for
    all. Albumentations and PIL turn the same way.
    """
    theta = each("degrees", degrees, pictures(x)).float() * (math.pi / 180)
    cos, sin = theta.cos()[:, None], theta.sin()[:, None]
    return _warp(x, (cos, -sin, 0.0), (sin, cos, 0.0), mode)


def draw_degrees(n: int, limit: float = 30.0, generator: torch.Generator | None = None) -> Tensor:
    """Angles for n pictures, uniform in [−limit, limit). (n,)."""
    return uniform(-limit, limit, (n,), generator)


# --------------------------------------------------------------------------------------------------- warp


def warp(x: Tensor, matrix: Tensor, mode: Mode = "nearest") -> Tensor:
    """An affine map for each picture: the pixel at (x, y) looks at matrix · (x, y, 1) in the input, 0 outside of it.

    Args:
        x: pictures or masks (N, C, H, W); floating point for "bilinear".
        matrix: (N, 2, 3), from places in the result to places in the input, measured from the middle, in pixels.
        mode: "nearest" or "bilinear", which counts pixels outside the picture as 0.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together, or integers are to be mixed.
    """
    if matrix.shape != (len(pictures(x)), 2, 3):
        raise ValueError(f"need one matrix per picture, shape {(len(x), 2, 3)}, got {tuple(matrix.shape)}")
    entries = matrix.reshape(-1, 6, 1).unbind(1)
    return _warp(x, entries[:3], entries[3:], mode)


def _warp(x: Tensor, across: Row, down: Row, mode: Mode) -> Tensor:
    """`warp` by the two rows of its matrix."""
    if mode == "bilinear":
        return _bilinear(floats(x), across, down)
    if mode != "nearest":
        raise ValueError(f"mode must be 'bilinear' or 'nearest', got {mode!r}")
    return look_up(x, *(place.round_() for place in _places(x, across, down)))


def look_up(x: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Each pixel of the result from another place in the input: y[i, :, r, c] = x[i, :, row, column].

    Args:
        x: pictures or masks (N, C, H, W), any dtype.
        column, row: for each pixel, whole numbers of a floating-point type; outside of the picture there is 0.
            One of them is (N, H, W), the other at least expandable to it. Both are overwritten.

    Returns:
        Shape and dtype of x.
    """
    n, channels, height, width = x.shape
    # A frame of zeros around the picture: whatever lies outside is clamped onto it, and no mask is needed. Places are
    # whole numbers below 2²⁴ as long as pictures are smaller than 16 megapixels, which float32 holds exactly.
    stride = width + 2
    column, row = column.clamp_(-1, width), row.clamp_(-1, height)
    if (height + 2) * stride < 2**24:  # by way of int32: a processor converts several floats to that at once
        place = torch.add(column, row, alpha=stride).add_(stride + 1).int().long()
    else:
        place = torch.add(column.double(), row.double(), alpha=stride).add_(stride + 1).long()
    place = place.view(n, 1, height * width).expand(n, channels, height * width)
    return F.pad(x, (1, 1, 1, 1)).flatten(2).gather(2, place).view_as(x)


def _bilinear(x: Tensor, across: Row, down: Row) -> Tensor:
    n, channels, height, width = x.shape
    u, v = _places(x, across, down)
    u, v = u.clamp_(-1, width), v.clamp_(-1, height)
    left, top = u.floor(), v.floor()
    right, below = (t.to(x.dtype).view(n, 1, height * width) for t in (u - left, v - top))
    framed, stride = F.pad(x, (1, 2, 1, 2)).flatten(2), width + 3
    index = (
        (top.long() * stride + left.long() + stride + 1).view(n, 1, height * width).expand(n, channels, height * width)
    )

    def row(offset: int) -> Tensor:
        return torch.lerp(framed.gather(2, index + offset), framed.gather(2, index + offset + 1), right)

    return torch.lerp(row(0), row(stride), below).view_as(x)


def _places(x: Tensor, across: Row, down: Row) -> list[Tensor]:
    """Column and row in the input of each pixel of the result, (N, H, W) each, counted from 0."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    sizes = x.shape[-1], x.shape[-2]
    column, row = (torch.arange((1 - n) / 2, (n + 1) / 2, dtype=dtype, device=x.device) for n in sizes)
    return [
        (a * column).add_(c).add_((n - 1) / 2).unsqueeze(1) + (b * row).unsqueeze(2)
        for (a, b, c), n in zip((across, down), sizes, strict=True)
    ]
