"""What several experiments of this section share: the same network trained with several ε at once, and its calibration.

The networks lie side by side as "lanes" (`course.effects.lanes`): equal starts, equal batches, equal wrong labels; what
differs between two lanes is ε alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.lanes import (
    LaneLoss,
    Network,
    Weights,
    cnn,
    cnn_weights,
    flat_digits,
    lane_accuracies,
    lanes,
    mlp,
    mlp_weights,
    small_fruit,
    train,
)
from course.schedules import cosine_decay
from course.smoothing import expected_calibration_error, fit_temperature, wrong_labels

BATCH, ALPHA, BINS = 32, 0.9, 10


class Setting(NamedTuple):
    """What a network is trained on, and how long.

    Attributes:
        data: "digits" (a network with one hidden layer) or "fruit" (16×16, two convolutions).
        n: how many training pictures.
        wrong: the share of wrong labels among them.
        steps: batches of 32.
    """

    data: str
    n: int
    wrong: float
    steps: int

    @property
    def classes(self) -> int:
        """K."""
        return 10 if self.data == "digits" else 3

    def __str__(self) -> str:
        labels = f"{self.wrong:.0%} of the labels wrong" if self.wrong else "clean labels"
        return f"{self.data}, {self.n} pictures, {labels}, {self.steps} steps"


class Calibration(NamedTuple):
    """One number for each ε: measured on the test set, the temperature fitted on the validation set."""

    accuracy: Tensor
    error: Tensor  # expected calibration error
    excess: Tensor  # mean confidence − accuracy: above 0, the network is too sure
    temperature: Tensor
    scaled_error: Tensor  # expected calibration error at that temperature
    scores: Tensor  # (ε, N, K)
    labels: Tensor  # (N,)


def smoothed_losses(eps: Tensor) -> LaneLoss:
    """The loss of lanes, each with an ε of its own: cross-entropy against smoothed labels."""

    def loss(scores: Tensor, y: Tensor) -> Tensor:
        other = eps / (scores.shape[-1] - 1)
        log_p = scores.log_softmax(-1)
        own = log_p[:, torch.arange(len(y)), y]
        return -((1 - eps - other)[:, None] * own + other[:, None] * log_p.sum(-1)).mean(1)

    return loss


def compare(setting: Setting, eps: Sequence[float], seed: int) -> Calibration:
    """Train one network for each ε, all from one start on the same batches; measure them."""
    generator = torch.Generator().manual_seed(seed)
    network, start, parts = _prepared(setting, generator)
    x, y = parts[0]
    kept = torch.randperm(len(x), generator=generator)[: setting.n]
    noisy = wrong_labels(y[kept], setting.classes, setting.wrong, generator)
    rate = 0.1 if setting.data == "digits" else 0.05
    rates = torch.tensor([[cosine_decay(t, rate, setting.steps)] for t in range(setting.steps)]).expand(-1, len(eps))
    weights, _ = train(
        network,
        lanes(start, len(eps)),
        (x[kept], noisy),
        rates,
        BATCH,
        generator,
        ALPHA,
        loss=smoothed_losses(torch.tensor(eps)),
    )
    with torch.no_grad():
        held_out, scores = (network(weights, images) for images, _ in parts[1:])
    return _measured(scores, parts[2][1], fit_temperature(held_out, parts[1][1]))


def _prepared(setting: Setting, generator: torch.Generator) -> tuple[Network, Weights, list[tuple[Tensor, Tensor]]]:
    splits = {"train": 1000, "validation": 300, "test": 1000}
    if setting.data == "digits":
        return mlp, mlp_weights(1, (64, 64, 10), generator), [flat_digits(split) for split in splits]
    return cnn, cnn_weights(1, generator), [small_fruit(split, n) for split, n in splits.items()]


def _measured(scores: Tensor, y: Tensor, temperature: Tensor) -> Calibration:
    p, accuracy = scores.softmax(-1), lane_accuracies(scores, y)
    scaled = (scores / temperature[:, None, None]).softmax(-1)
    return Calibration(
        accuracy,
        expected_calibration_error(p, y, BINS),
        p.amax(-1).mean(-1) - accuracy,
        temperature,
        expected_calibration_error(scaled, y, BINS),
        scores,
        y,
    )
