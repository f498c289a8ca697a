"""Moving pixels: flip, pad and crop, rotate, and affine warps in general.

Positions are measured from the middle of the picture, x to the right and y down, in pixels. A warp looks back: for each
pixel of the *result* it says where in the *input* to look. What moves a picture moves its mask: call the function
again with the same parameters, and `mode="nearest"` where there is one, so that class ids are not averaged.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from course.augmentation._checks import device_of, each, floats, pictures, spread, uniform

Mode = Literal["bilinear", "nearest"]

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
    cos, sin, zero = theta.cos(), theta.sin(), torch.zeros_like(theta)
    return warp(x, _matrix(cos, -sin, zero, sin, cos, zero), mode)


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
    if mode == "bilinear":
        return _bilinear(floats(x), matrix)
    if mode != "nearest":
        raise ValueError(f"mode must be 'bilinear' or 'nearest', got {mode!r}")
    n, _, height, width = x.shape
    u, v = _places(matrix, height, width)
    # A frame of zeros around the picture: whatever lies outside is clamped onto it, and no mask is needed. Places are
    # whole numbers below 2²⁴ as long as pictures are smaller than 16 megapixels, which float32 holds exactly.
    stride = width + 2
    u, v = u.round_().clamp_(-1, width).add_(stride + 1), v.round_().clamp_(-1, height)
    if (height + 2) * stride >= 2**24:
        u, v = u.double(), v.double()
    place = u.add_(v, alpha=stride).long().view(n, 1, height * width).expand(*x.shape[:2], height * width)
    return F.pad(x, (1, 1, 1, 1)).flatten(2).gather(2, place).view_as(x)


def _bilinear(x: Tensor, matrix: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    u, v = _places(matrix.to(x.dtype), height, width)
    u, v = u.clamp_(-1, width), v.clamp_(-1, height)
    left, top = u.floor(), v.floor()
    right, below = (u - left).view(n, 1, height * width), (v - top).view(n, 1, height * width)
    framed, stride = F.pad(x, (1, 2, 1, 2)).flatten(2), width + 3
    index = (
        (top.long() * stride + left.long() + stride + 1).view(n, 1, height * width).expand(n, channels, height * width)
    )

    def row(offset: int) -> Tensor:
        return torch.lerp(framed.gather(2, index + offset), framed.gather(2, index + offset + 1), right)

    return torch.lerp(row(0), row(stride), below).view_as(x)


def _places(matrix: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Column and row in the input of each pixel of the result, (N, H, W) each, counted from 0."""
    x = torch.arange(width, device=matrix.device) - (width - 1) / 2
    y = torch.arange(height, device=matrix.device) - (height - 1) / 2

    def place(k: int, middle: float) -> Tensor:
        along = matrix[:, k, 0, None] * x + matrix[:, k, 2, None] + middle
        return along[:, None, :] + (matrix[:, k, 1, None] * y)[:, :, None]

    return place(0, (width - 1) / 2), place(1, (height - 1) / 2)


def _matrix(*entries: Tensor) -> Tensor:
    """(N, 2, 3) from its six entries, row by row."""
    return torch.stack(entries, 1).unflatten(1, (2, 3))
