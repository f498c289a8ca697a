"""Local binary patterns as first defined: a pixel against its eight neighbours (Ojala, Pietikäinen & Harwood)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course.features import NEIGHBOURS


def local_binary_pattern(gray: Tensor) -> Tensor:
    """Eight comparisons as the bits of one number: Σ_p 2ᵖ [g_p ≥ g_c] over the 3×3 neighbours g_p of each pixel g_c.

    p = 0 is the neighbour to the right; counting goes on counter-clockwise (p = 1 upper right, p = 2 above, …). Outside
    the image there are zeros. `course.features.lbp` takes points on a circle instead, whose diagonals are interpolated.

    Args:
        gray: shape (…, H, W), any dtype with an order.

    Returns:
        uint8, shape (…, H, W).

    Raises:
        ValueError: `gray` has fewer than two dimensions.

    Source: Ojala, Pietikäinen & Harwood, "A comparative study of texture measures with classification based on featured
    distributions" (1996).
    """
    if gray.ndim < 2:
        raise ValueError(f"need an image (…, H, W), got shape {tuple(gray.shape)}")
    height, width = gray.shape[-2:]
    padded = F.pad(gray, (1, 1, 1, 1))
    codes = torch.zeros(gray.shape, dtype=torch.uint8, device=gray.device)
    for p, (i, j) in enumerate(NEIGHBOURS):
        neighbour = padded[..., 1 + i : 1 + i + height, 1 + j : 1 + j + width]
        codes |= (neighbour >= gray).to(torch.uint8) << p
    return codes
