"""What the ablation adds, one after the other: each is a setting of one and the same training run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course.augmentation import draw_crops, draw_flips, flip, pad_and_crop
from course.regularization import ema_update
from course.smoothing import LabelSmoothing


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


def flip_and_crop(x: Tensor, generator: torch.Generator, padding: int = 2) -> Tensor:
    """Each picture mirrored or not, and shifted by up to `padding` pixels."""
    x = flip(x, draw_flips(len(x), generator=generator))
    return pad_and_crop(x, *draw_crops(len(x), padding, generator), padding)


def smoothed_losses(scores: Tensor, y: Tensor, eps: float = 0.1) -> Tensor:
    """Cross-entropy of each lane with 1 − ε at the class and ε/(K − 1) elsewhere, (L,)."""
    loss = LabelSmoothing(eps)
    return torch.stack([loss(lane, y) for lane in scores])


class Average:
    """Θ̄ ← βΘ̄ + (1 − β)Θ after each step; `watch` of `course.effects.lanes.train`."""

    def __init__(self, beta: float = 0.98) -> None:
        self.beta, self.weights = beta, list[Tensor]()

    @torch.no_grad()
    def __call__(self, step: int, weights: list[Tensor]) -> None:
        """Take in the weights of this step; the first ones are where the average starts."""
        self.weights = ema_update(self.weights or weights, weights, self.beta)
