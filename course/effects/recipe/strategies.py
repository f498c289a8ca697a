"""What the ablation adds, one after the other: each is a setting of one and the same training run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Setting:
    """Which strategies are on."""

    momentum: bool = False
    schedule: bool = False
    norm: bool = False
    augment: bool = False
    smooth: bool = False
    average: bool = False


LADDER: tuple[tuple[str, Setting], ...] = (
    ("plain SGD", Setting()),
    ("+ momentum", Setting(momentum=True)),
    ("+ batch norm", Setting(momentum=True, norm=True)),
    ("+ flip & crop", Setting(momentum=True, norm=True, augment=True)),
    ("+ label smoothing", Setting(momentum=True, norm=True, augment=True, smooth=True)),
    ("+ average of weights", Setting(momentum=True, norm=True, augment=True, smooth=True, average=True)),
    ("+ falling rate", Setting(True, True, True, True, True, True)),
)


def flip_and_crop(x: Tensor, generator: torch.Generator, margin: int = 2) -> Tensor:
    """Each picture mirrored or not, and shifted by up to `margin` pixels, reflected at the edge."""
    n, c, height, width = x.shape
    x = torch.where((torch.rand(n, generator=generator) < 0.5)[:, None, None, None], x.flip(3), x)
    x = F.pad(x, (margin,) * 4, mode="reflect")
    down, right = torch.randint(2 * margin + 1, (2, n, 1), generator=generator)
    rows = (down + torch.arange(height))[:, None, :, None]
    columns = (right + torch.arange(width))[:, None, None, :]
    return x[torch.arange(n)[:, None, None, None], torch.arange(c)[None, :, None, None], rows, columns]


def smoothed_losses(scores: Tensor, y: Tensor, eps: float = 0.1) -> Tensor:
    """Cross-entropy of each lane with 1 − ε at the class and ε/(K − 1) elsewhere, (L,)."""
    classes = scores.shape[-1]
    target = torch.full((len(y), classes), eps / (classes - 1))
    target[torch.arange(len(y)), y] = 1 - eps
    return -(target * scores.log_softmax(-1)).sum(-1).mean(1)


class Average:
    """Θ̄ ← βΘ̄ + (1 − β)Θ after each step; `watch` of `course.effects.lanes.train`."""

    def __init__(self, beta: float = 0.98) -> None:
        self.beta, self.weights = beta, list[Tensor]()

    @torch.no_grad()
    def __call__(self, step: int, weights: list[Tensor]) -> None:
        """Take in the weights of this step."""
        if not step:
            self.weights = [w.detach().clone() for w in weights]
        for mean, w in zip(self.weights, weights, strict=True):
            mean.lerp_(w, 1 - self.beta)
