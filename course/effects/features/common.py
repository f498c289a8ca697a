"""What several experiments of this section share: data, a linear classifier for any features, and a small network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import FREE, UPRIGHT, fruit
from course.descent import cross_entropy
from course.effects.networks import Pairs, SmallCNN, train_cnn
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION
from course.features import code_histograms, hog, lbp
from course.pixels import to_gray

Feature = Callable[[Tensor], Tensor]

LAMBDAS = (1e-1, 1e-2, 1e-3, 1e-4)
TRAIN, VALIDATION, TEST = 1000, 300, 1000


class Sets(NamedTuple):
    """Pictures and labels to train on, to choose λ with, and to test on."""

    train: Pairs
    validation: Pairs
    test: Pairs


@lru_cache(maxsize=2)
def orchard(seed: int, free: bool = False) -> Sets:
    """Fruit in colour, 32×32, drawn anew for each seed: nearly upright, or turned in any direction."""
    variety = FREE if free else UPRIGHT
    sizes = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return Sets(*(fruit(split, n, seed=seed, variety=variety) for split, n in sizes.items()))


# ------------------------------------------------------------------------------------------------- features


def grey(x: Tensor) -> Tensor:
    """Brightness of pictures (N, C, H, W) in colour or grey: (N, H, W)."""
    return to_gray(x) if x.shape[1] == 3 else x[:, 0]


def patterns(x: Tensor, cell: int | None = 8) -> Tensor:
    """Histograms of the ten uniform local binary patterns, (N, D): of each cell, or of the whole picture (None)."""
    codes = lbp((grey(x) * 255).round().to(torch.uint8), "uniform")
    return code_histograms(codes, 10, cell).flatten(1)


FEATURES: Mapping[str, Feature] = {
    "grey pixels": lambda x: grey(x).flatten(1),
    "colour pixels": lambda x: x.flatten(1),
    "LBP": patterns,
    "HOG": lambda x: hog(grey(x)),
}
COLORS = dict(zip((*FEATURES, "CNN"), (GREY, PINK, GREEN, BLUE, VERMILLION), strict=True))


# --------------------------------------------------------------------------------------------- classifiers


class LinearClassifier:
    """Softmax regression on standardised features: the same method whatever the features are.

    It minimises the mean cross-entropy plus ½λ‖W‖² (L-BFGS, to convergence or 60 steps); of several λ it keeps the one
    with the best accuracy on the validation set. The features are scaled so that one picture's squares add up to about
    1: λ then means the same for 10 features as for 3 000.
    """

    def __init__(self, feature: Feature, train: Pairs, validation: Pairs) -> None:
        self.feature = feature
        x, y = feature(train[0]), train[1]
        self.mean, self.scale = x.mean(0), (x.std(0) + 1e-6) * math.sqrt(x.shape[1])
        self.features, best = x.shape[1], -1.0
        x, held_out = (x - self.mean) / self.scale, self._standardised(validation[0])
        w = torch.zeros(x.shape[1], int(y.max()) + 1)
        b = torch.zeros(w.shape[1])
        for decay in LAMBDAS:
            w, b = _minimise(x, y, w, b, decay)
            share = ((held_out @ w + b).argmax(1) == validation[1]).float().mean().item()
            if share > best:
                best, self.weight, self.bias = share, w, b

    def _standardised(self, x: Tensor) -> Tensor:
        return (self.feature(x) - self.mean) / self.scale

    def __call__(self, x: Tensor) -> Tensor:
        """Scores (N, K) of pictures (N, C, H, W)."""
        return self._standardised(x) @ self.weight + self.bias


def _minimise(x: Tensor, y: Tensor, w: Tensor, b: Tensor, decay: float) -> Pairs:
    """Weights and bias that minimise the objective, starting from (w, b)."""
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [w, b], max_iter=60, tolerance_grad=1e-4, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        optimizer.zero_grad()
        objective = cross_entropy(x @ w + b, y) + decay / 2 * w.square().sum()
        objective.backward()
        return objective.item()

    optimizer.step(closure)
    return w.detach(), b.detach()


# ---------------------------------------------------------------- models that several experiments look at


@lru_cache(maxsize=2)
def linear_models(seed: int, free: bool = False) -> Mapping[str, LinearClassifier]:
    """A linear classifier for each of FEATURES, trained on fruit."""
    sets = orchard(seed, free)
    return {name: LinearClassifier(feature, sets.train, sets.validation) for name, feature in FEATURES.items()}


@lru_cache(maxsize=2)
def fruit_cnn(seed: int, free: bool = False) -> SmallCNN:
    """The small network, trained on the same fruit in colour."""
    return train_cnn(*orchard(seed, free).train, torch.Generator().manual_seed(seed))


def montage(x: Tensor, columns: int, gap: int = 2) -> Tensor:
    """Pictures (N, C, H, W) as one (H', W', 3), `columns` side by side on white, for `imshow`."""
    x = F.pad(x.expand(-1, 3, -1, -1).clamp(0, 1), (0, gap, 0, gap), value=1.0)
    rows = [torch.cat(list(row), -1) for row in x.split(columns)]
    rows = [F.pad(row, (0, rows[0].shape[-1] - row.shape[-1]), value=1.0) for row in rows]
    return torch.cat(rows, -2)[:, :-gap, :-gap].permute(1, 2, 0)
