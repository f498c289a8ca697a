"""What several experiments of this section share."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from course.descent import Loss


def softmax_classifier(generator: torch.Generator) -> nn.Module:
    """A linear softmax classifier for the digits: 64 pixels → 10 scores, weights drawn from the generator."""
    linear = nn.utils.skip_init(nn.Linear, 64, 10)
    with torch.no_grad():
        linear.weight.normal_(0, 0.1, generator=generator)
        linear.bias.zero_()
    return nn.Sequential(nn.Flatten(), linear)


def steps_below(values: Tensor, level: float) -> Tensor:
    """After how many steps `values` (steps, …) stays at or below the level; number of steps if it never does."""
    above = ~(values <= level)  # so that nan counts as above
    step = torch.arange(1, len(values) + 1).reshape(-1, *[1] * (values.ndim - 1))
    return torch.where(above, step, 0).amax(0)


def contours(axes: Axes, loss: Loss, x: tuple[float, float], y: tuple[float, float], levels: Any) -> None:
    """Level lines of a loss over the rectangle x × y, in grey."""
    u, v = torch.meshgrid(torch.linspace(*x, 240), torch.linspace(*y, 240), indexing="xy")
    axes.contour(u, v, loss(torch.stack([u, v], -1)), levels=levels, colors="#AAAAAA", linewidths=0.8)
    axes.grid(False)
    axes.set(xlabel="x", ylabel="y", xlim=x, ylim=y)
