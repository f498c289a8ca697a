"""The challenge recipe.best_recipe: as good as possible with 300 pictures, each of which may be seen 40 times."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.data import fruit
from course.exercises.challenge import Challenge, Rejected, share_right
from course.recipe import Budget, Network
from course.schedules import cosine_decay

PICTURES, TEST, SIZE = 300, 2000, 16
STEPS = ((0.84, 2.0), (0.86, 4.0), (0.88, 6.0), (0.9, 8.0))


@cache
def training_set() -> tuple[Tensor, Tensor]:
    """What everybody trains on: 300 pictures of fruit, 16×16."""
    return fruit("train", PICTURES, size=SIZE)


def prepare(generator: torch.Generator) -> tuple[tuple[Any, ...], Any]:
    """Pictures, labels, a fresh budget and a generator; the budget is kept, with what was paid before from any."""
    x, y = training_set()
    budget = Budget()
    return (x.clone(), y.clone(), budget, generator), (budget, Budget.paid)


def measure(answer: Any, kept: Any, generator: torch.Generator) -> tuple[float, str]:
    """Share of right answers on 2 000 pictures of a set that is drawn for this entry alone."""
    budget, paid = kept
    if answer is None:
        raise Rejected("Nothing came back: return the trained network.")
    if not isinstance(answer, Network):
        raise Rejected(
            f"A value of type {type(answer).__name__} came back; return the trained Network "
            "(of an AveragedModel, that is `average.module`)."
        )
    if answer.budget is not budget or Budget.paid - paid > budget.used:
        raise Rejected("There was a second budget: give every Network the budget that your function was handed.")
    if not all(t.isfinite().all() for t in answer.state_dict().values()):
        raise Rejected("The network's weights are no longer finite numbers: is the learning rate too large?")
    x, y = fruit("test", TEST, size=SIZE, seed=int(torch.randint(1, 2**31 - 1, (), generator=generator)))
    return share_right(answer, x, y), f"{budget.used:,} of {budget.pictures:,} pictures".replace(",", " ")


def baseline(x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator) -> Network:
    """Plain SGD at a constant rate: what there is to beat."""
    network = Network(budget, generator)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    while budget.left >= 30:
        for i in torch.randperm(len(x), generator=generator).split(30):
            optimizer.zero_grad()
            F.cross_entropy(network(x[i]), y[i]).backward()
            optimizer.step()
    return network


def solution(x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator) -> Network:
    """Batch norm, AdamW, a falling rate, flips and crops, smoothed labels, averaged weights."""
    network = Network(budget, generator, norm=nn.BatchNorm2d)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    steps = budget.left // 30
    places = torch.arange(SIZE)
    while budget.left >= 30:
        for i in torch.randperm(len(x), generator=generator).split(30):
            flipped = torch.rand(len(i), generator=generator) < 0.5
            pictures = F.pad(
                torch.where(flipped[:, None, None, None], x[i].flip(3), x[i]), (2, 2, 2, 2), mode="reflect"
            )
            down, right = torch.randint(5, (2, len(i), 1), generator=generator)
            rows, columns = (down + places)[:, None, :, None], (right + places)[:, None, None, :]
            n, c = torch.arange(len(i))[:, None, None, None], torch.arange(3)[None, :, None, None]
            optimizer.param_groups[0]["lr"] = 0.01 * (0.3 + 0.7 * cosine_decay(budget.used // 30, 1.0, steps))
            optimizer.zero_grad()
            F.cross_entropy(network(pictures[n, c, rows, columns]), y[i], label_smoothing=0.1).backward()
            optimizer.step()
            average.update_parameters(network)
    return average.module  # type: ignore[return-value]


CHALLENGE = Challenge(
    name="recipe.best_recipe",
    title="The challenge: your best recipe",
    signature="best_recipe(x, y, budget, generator)",
    minutes=60,
    difficulty=3,
    steps=STEPS,
    reference=solution,
    prepare=prepare,
    measure=measure,
)
