"""What several experiments of this section share: few digits, some of them with wrong labels."""

from __future__ import annotations

import torch
from torch import Tensor

from course.effects.lanes import flat_digits

CLASSES = 10


def some_digits(n: int, wrong: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` of the training digits as vectors; the share `wrong` of them has the label of another class."""
    x, y = flat_digits("train")
    chosen = torch.randperm(len(x), generator=generator)[:n]
    labels = y[chosen].clone()
    bad = torch.randperm(n, generator=generator)[: round(wrong * n)]
    labels[bad] = (labels[bad] + torch.randint(1, CLASSES, (len(bad),), generator=generator)) % CLASSES
    return x[chosen], labels
