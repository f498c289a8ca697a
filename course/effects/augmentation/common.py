"""Small networks for pictures of 8×8 or 16×16, trained on many changed copies of few pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course.augmentation import draw_crops, draw_degrees, pad_and_crop, rotate
from course.data import Variety, digits, fruit
from course.effects.lanes import Weights, cnn, cnn_weights, mlp, mlp_weights

Change = Callable[[Tensor, torch.Generator], Tensor]
Model = Callable[[Tensor], Tensor]

BATCH = 25


def generator_of(seed: int, purpose: int = 0) -> torch.Generator:
    """Random numbers of their own for each purpose of a run."""
    return torch.Generator().manual_seed(1_000_003 * purpose + seed)


def copies(x: Tensor, y: Tensor, change: Change | None, passes: int, seed: int) -> tuple[Tensor, Tensor]:
    """What a training sees in so many passes: (passes·N) pictures, each pass shuffled and changed anew.

    The order of the pictures depends on the seed alone, so that two changes are compared on the same batches.
    """
    generator = generator_of(seed, 1)
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(passes)])
    seen = x[order]
    return (seen if change is None else change(seen, generator_of(seed, 2))), y[order]


def train(seen: Tensor, targets: Tensor, seed: int, classes: int) -> Model:
    """A network that has seen these pictures once, in this order: Adam, batches of 25, the rate falling to 0.

    Colour pictures of 16×16 get two convolutions and a linear layer, digits a hidden layer of 64. The start depends on
    the seed alone.
    """
    generator = generator_of(seed, 3)
    colour = seen.shape[1] == 3
    weights: Weights = cnn_weights(1, generator, (16, 32)) if colour else mlp_weights(1, (64, 64, classes), generator)
    weights = [w.requires_grad_() for w in weights]

    def scores(x: Tensor) -> Tensor:
        return cnn(weights, x)[0] if colour else mlp(weights, 2 * x.flatten(1) - 1)[0]

    optimizer = torch.optim.Adam(weights, lr=3e-3)
    steps = len(seen) // BATCH
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        rows = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        F.cross_entropy(scores(seen[rows]), targets[rows]).backward()
        optimizer.step()
    return torch.no_grad()(scores)


def right(model: Model, x: Tensor, y: Tensor) -> float:
    """Share of right answers, in percent."""
    return 100 * (model(x).argmax(1) == y).float().mean().item()


@cache
def fruits(split: str, n: int, seed: int, variety: Variety) -> tuple[Tensor, Tensor]:
    """Fruit, 16×16."""
    return fruit(split, n, seed=seed, size=16, variety=variety)


def some_digits(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n digits of the training set, other ones with each seed."""
    x, y = digits("train")
    rows = torch.randperm(len(x), generator=generator_of(seed, 4))[:n]
    return x[rows], y[rows]


def moved(x: Tensor, generator: torch.Generator, by: int = 1) -> Tensor:
    """Each picture moved by up to so many pixels either way: pad and crop."""
    return pad_and_crop(x, *draw_crops(len(x), by, generator), by)


def turned(x: Tensor, generator: torch.Generator, limit: float = 180.0) -> Tensor:
    """Each picture turned by an angle of its own."""
    return rotate(x, draw_degrees(len(x), limit, generator))
