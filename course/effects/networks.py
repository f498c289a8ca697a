"""One small network and its training: what experiments of several sections share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn

from course.descent import cross_entropy, iterate_batches
from course.schedules import cosine_decay
from course.training import LossFunction, fit

Pairs = tuple[Tensor, Tensor]
Model = Callable[[Tensor], Tensor]
Change = Callable[[Tensor, Tensor, torch.Generator], Pairs]


class SmallCNN(nn.Module):
    """Three convolutions and a linear layer, 27 000 weights: pictures (N, C, 32, 32) in [0, 1] → scores (N, K).

    The weights come from the generator, as He et al. (2015) draw them, except that those of the first layer are `first`
    times as large: from a small start, what they become is what they have learned.
    """

    def __init__(self, channels: int, classes: int, generator: torch.Generator, first: float = 0.1) -> None:
        super().__init__()

        def conv(c: int, o: int, side: int, stride: int) -> nn.Module:
            return nn.utils.skip_init(nn.Conv2d, c, o, side, stride=stride, padding=side // 2)

        self.layers = nn.Sequential(
            *(conv(channels, 16, 7, 2), nn.ReLU()),  # 16×16
            *(conv(16, 32, 3, 2), nn.ReLU()),  # 8×8
            *(conv(32, 64, 3, 1), nn.ReLU(), nn.AvgPool2d(4)),  # 2×2
            *(nn.Flatten(), nn.utils.skip_init(nn.Linear, 256, classes)),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                nn.init.constant_(cast(Tensor, layer.bias), 0)
        with torch.no_grad():
            self.filters.mul_(first)

    @property
    def filters(self) -> Tensor:
        """The weights of the first layer, (16, C, 7, 7)."""
        return cast(Tensor, self.layers[0].weight)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, K)."""
        return self.layers(2 * x - 1)


def train_cnn(
    x: Tensor,
    y: Tensor,
    generator: torch.Generator,
    steps: int = 600,
    first: float = 0.1,
    change: Change | None = None,
    loss: LossFunction = cross_entropy,
) -> SmallCNN:
    """A small network trained end to end: Adam, batches of 25, the rate falling to 0 along half a cosine.

    Args:
        x, y: pictures and class ids.
        generator: of the weights, of the shuffling, and of what `change` draws.
        steps: how many batches.
        first: see `SmallCNN`.
        change: what happens to each batch before the network sees it: (x, y, generator) → (x, y), labels or targets.
        loss: scores and (changed) labels → mean loss.
    """
    model = SmallCNN(x.shape[1], int(y.max()) + 1, generator, first)
    fit(
        model,
        (x, y) if change is None else _changed(x, y, change, generator),
        torch.optim.Adam(model.parameters(), lr=3e-3),
        loss=loss,
        steps=steps,
        batch_size=25,
        schedule=lambda t: cosine_decay(t, 1.0, steps),
        generator=generator,
        progress=False,
    )
    return model


def _changed(x: Tensor, y: Tensor, change: Change, generator: torch.Generator) -> Iterator[Pairs]:
    """Changed batches without end, shuffled anew in each pass."""
    while True:
        for inputs, labels in iterate_batches(x, y, 25, generator):
            yield change(inputs, labels, generator)


@torch.no_grad()
def score(model: Model, pairs: Pairs) -> float:
    """Share of pictures whose largest score is at the right class."""
    x, y = pairs
    return (model(x).argmax(1) == y).float().mean().item()
