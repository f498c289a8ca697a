"""What several experiments of this section share: small changes that a person hardly notices."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))
"""Pixels to the right and down: the four directions to move a picture in."""


def move(x: Tensor, by: int, way: Tensor) -> Tensor:
    """Grey or colour pictures (N, C, H, W), each moved by whole pixels in a direction of its own, `way` into WAYS.

    What comes in from outside continues the border in colour pictures, and is black in grey ones, as the digits'
    background is.
    """
    padded = F.pad(x, (by,) * 4, mode="replicate" if x.shape[1] == 3 else "constant")
    height, width = x.shape[-2:]
    rows = by - by * torch.tensor(WAYS)[way, 1][:, None, None] + torch.arange(height)[:, None]
    columns = by - by * torch.tensor(WAYS)[way, 0][:, None, None] + torch.arange(width)
    return padded.movedim(1, -1)[torch.arange(len(x))[:, None, None], rows, columns].movedim(-1, 1)


def darken(x: Tensor, factor: float = 0.5) -> Tensor:
    """Less light, stored in 8 bits like any other picture."""
    return (x * factor * 255).round() / 255


def blur(x: Tensor, side: int = 3) -> Tensor:
    """The mean over squares of side × side pixels (N, C, H, W); at the border, over the part that is inside."""
    mean = F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False)
    return (mean * 255).round() / 255


def montage(x: Tensor, columns: int, gap: int = 1) -> Tensor:
    """Pictures (N, C, H, W) as one (H', W', 3), `columns` side by side on white, for `imshow`."""
    x = F.pad(x.expand(-1, 3, -1, -1).clamp(0, 1), (0, gap, 0, gap), value=1.0)
    rows = [torch.cat(list(row), -1) for row in x.split(columns)]
    rows = [F.pad(row, (0, rows[0].shape[-1] - row.shape[-1]), value=1.0) for row in rows]
    return torch.cat(rows, -2)[:, :-gap, :-gap].permute(1, 2, 0)
