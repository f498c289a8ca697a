"""Integral images and Haar features: sums over rectangles at the price of four look-ups (Viola & Jones)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

Box = tuple[int, int, int, int]
"""Top row, left column, height, width, in pixels."""

LAYOUTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "edge-x": ((1, -1),),
    "edge-y": ((1,), (-1,)),
    "line-x": ((1, -2, 1),),
    "line-y": ((1,), (-2,), (1,)),
    "checker": ((1, -1), (-1, 1)),
}
"""The Haar features: how the equal parts of a box are weighted. Each sums to 0, so that flat areas do not respond."""


def integral_image(gray: Tensor) -> Tensor:
    """Sums of everything above and to the left: S[i, j] = Σ_{r<i, c<j} x[r, c]; the first row and column are 0.

    The sum over any box is then S[bottom, right] − S[top, right] − S[bottom, left] + S[top, left].

    Args:
        gray: shape (…, H, W).

    Returns:
        Shape (…, H + 1, W + 1), float64 (int64 for integers): differences of large sums need the digits.

    Raises:
        ValueError: `gray` has fewer than two dimensions.

    Source: Viola & Jones, "Rapid object detection using a boosted cascade of simple features" (2001), section 2.1; the
    same as `cv2.integral`. `skimage.transform.integral_image` leaves out the zeros.
    """
    if gray.ndim < 2:
        raise ValueError(f"need an image (…, H, W), got shape {tuple(gray.shape)}")
    x = gray.double() if gray.is_floating_point() else gray.long()
    return F.pad(x.cumsum(-1).cumsum(-2), (1, 0, 1, 0))


def haar_response(integral: Tensor, box: Box, layout: str = "edge-x") -> Tensor:
    """Weighted sum over the parts of a box: Σ_parts weight · Σ_pixels x; for "edge-x" the left half minus the right.

    Args:
        integral: from `integral_image`, shape (…, H + 1, W + 1).
        box: (top, left, height, width) within H × W; height and width are multiples of the number of parts in that
            direction.
        layout: a key of `LAYOUTS`: "edge-x" (left − right), "edge-y" (top − bottom), "line-x", "line-y" (outside −
            2 · middle), or "checker".

    Returns:
        Shape (…), dtype of `integral`.

    Raises:
        ValueError: unknown layout, the box sticks out, or it cannot be cut into equal parts.

    Source: Viola & Jones (2001), section 2; Papageorgiou, Oren & Poggio (1998). The middle of a line counts twice, as
    in OpenCV.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"there is no layout {layout!r}; use one of {', '.join(LAYOUTS)}")
    (top, left, height, width), weights = box, torch.tensor(LAYOUTS[layout])
    rows, columns = weights.shape
    if min(top, left) < 0 or top + height >= integral.shape[-2] or left + width >= integral.shape[-1]:
        size = f"{integral.shape[-2] - 1}×{integral.shape[-1] - 1}"
        raise ValueError(f"the box {box} does not lie within the image of {size} pixels")
    if min(height, width) < 1 or height % rows or width % columns:
        raise ValueError(f"a box of {height}×{width} pixels cannot be cut into {rows}×{columns} equal parts")
    r = range(top, top + height + 1, height // rows)
    c = range(left, left + width + 1, width // columns)
    sums = [
        integral[..., i1, j1] - integral[..., i0, j1] - integral[..., i1, j0] + integral[..., i0, j0]
        for i0, i1 in pairwise(r)
        for j0, j1 in pairwise(c)
    ]
    return torch.stack(sums, -1) @ weights.flatten().to(integral)
