"""Hiding a part of each picture. The label stays; whether a mask counts what is hidden is for you to say.

A box is given by its first row and column and by its height and width. It may hang over the edge: what is outside the
picture is cut off.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course.augmentation._checks import each, pictures, spread, uniform

Box = tuple[Tensor, Tensor, Tensor, Tensor]
"""Top, left, height and width, each (N,)."""


def occlude(x: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, fill: Tensor | float = 0.0) -> Tensor:
    """Paint a box into each picture: y[i, :, r, c] = fill where topᵢ ≤ r < topᵢ + heightᵢ and likewise for columns.

    Args:
        x: pictures (N, C, H, W), any dtype.
        top, left: first row and column of each box, integer (N,); negative ones begin outside.
        height, width: size of each box in pixels, integer (N,), ≥ 0.
        fill: one number, one per picture (N,), or whole pictures to see through the hole (N, C, H, W), such as noise.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: shapes do not fit together.

    Source: lecture, "Data augmentation: random occlusion"; `torchvision.transforms.v2.functional.erase`.
    """
    hidden = box_mask((top, left, height, width), x)
    paint = torch.as_tensor(fill, device=x.device).to(x.dtype)
    if paint.ndim < x.ndim:
        paint = spread(each("fill", paint, x))
    return torch.where(hidden, paint, x)


def random_occlusion(
    x: Tensor,
    area: tuple[float, float] = (0.02, 0.33),
    aspect: tuple[float, float] = (0.3, 3.3),
    generator: torch.Generator | None = None,
    fill: Tensor | float = 0.0,
) -> Tensor:
    """Hide a random box of each picture: `occlude` with `draw_boxes`.

    Args:
        x: pictures (N, C, H, W), any dtype.
        area: from which to which share of the picture.
        aspect: from which to which height/width.
        generator: where the randomness comes from.
        fill: what to paint; see `occlude`.

    Source: lecture, "Data augmentation: random occlusion"; Zhong et al., "Random erasing" (2020).
    """
    n, _, H, W = pictures(x).shape
    return occlude(x, *draw_boxes(n, H, W, area, aspect, generator), fill)


def draw_boxes(
    n: int,
    H: int,
    W: int,
    area: tuple[float, float] = (0.02, 0.33),
    aspect: tuple[float, float] = (0.3, 3.3),
    generator: torch.Generator | None = None,
) -> Box:
    """A box for each of n pictures, all of it inside: its area a share of the picture, its place uniform.

    height = √(area · HW · aspect), width = √(area · HW / aspect), rounded; at least 1, at most H or W.

    Args:
        n: how many.
        H, W: height and width of the pictures.
        area: from which to which share of H · W, uniform, in [0, 1].
        aspect: from which to which height/width, uniform in its logarithm, > 0.
        generator: where the randomness comes from.

    Returns:
        Top, left, height, width, int64 (n,) each.

    Raises:
        ValueError: a range that is empty or out of bounds.

    Source: Zhong et al., "Random erasing" (2020), algorithm 1, where a box that does not fit is drawn again; here it
    is cut to the picture's size, so that no loop is needed.
    """
    if not (0 <= area[0] <= area[1] <= 1 and 0 < aspect[0] <= aspect[1]):
        raise ValueError(f"need 0 ≤ area ≤ 1 and 0 < aspect, each (low, high), got {area} and {aspect}")
    share = uniform(*area, (n,), generator) * (H * W)
    low, high = torch.tensor(aspect).log().tolist()
    ratio = uniform(low, high, (n,), generator).exp()
    height = (share * ratio).sqrt().round().clamp(1, H).long()
    width = (share / ratio).sqrt().round().clamp(1, W).long()
    top = (uniform(0, 1, (n,), generator) * (H - height + 1)).long()
    left = (uniform(0, 1, (n,), generator) * (W - width + 1)).long()
    return top, left, height, width


def box_mask(box: Box, x: Tensor) -> Tensor:
    """Where each picture's box is: bool (N, 1, H, W).

    Raises:
        ValueError: shapes do not fit together.
    """
    rows, columns = inside(box, x)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def inside(box: Box, x: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows and which columns of each picture its box covers: bool (N, H) and (N, W)."""
    (top, left), (bottom, right) = edges(box, x)
    return span(top, bottom, x.shape[-2]), span(left, right, x.shape[-1])


def span(first: Tensor, end: Tensor, size: int) -> Tensor:
    """Which of 0 … size − 1 lie in first … end − 1: bool (N, size)."""
    place = torch.arange(size, device=first.device)
    return (place >= first[:, None]) & (place < end[:, None])


def edges(box: Box, x: Tensor) -> Tensor:
    """First row and column of what is inside each picture, and the ones after the last: integer (2, 2, N).

    Raises:
        ValueError: shapes do not fit together, or the numbers are not integers.
    """
    names = ("top", "left", "height", "width")
    top, left, height, width = (each(k, v, pictures(x)) for k, v in zip(names, box, strict=True))
    edge = torch.stack((top, left, top + height, left + width)).view(2, 2, len(x))
    if edge.is_floating_point():
        raise ValueError("need boxes in whole pixels, got floating-point numbers")
    H, W = x.shape[-2:]
    if H == W:  # rows and columns in one go
        return edge.clamp_(0, H)
    edge[:, 0].clamp_(0, H)
    edge[:, 1].clamp_(0, W)
    return edge
