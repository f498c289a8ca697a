"""The challenge recipe.best_recipe: as good as possible with 300 pictures, each of which may be seen 40 times."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.augmentation import draw_crops, draw_flips, flip, pad_and_crop
from course.data import fruit
from course.exercises.challenge import Challenge, Rejected, share_right
from course.recipe import BUDGET, Budget, Network
from course.regularization import EMA
from course.smoothing import LabelSmoothing

PICTURES, TEST, SIZE = 300, 2000, 16
NORMS = (1, 4, 7, 10)
"""Where a network's body has room for a normalisation."""
KINDS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)
STEPS = ((0.84, 2.0), (0.85, 4.0), (0.86, 6.0), (0.87, 8.0))


@cache
def training_set() -> tuple[Tensor, Tensor]:
    """What everybody trains on: 300 pictures of fruit, 16×16."""
    return fruit("train", PICTURES, size=SIZE)


def prepare(generator: torch.Generator) -> tuple[tuple[Any, ...], Any]:
    """Pictures, labels, a fresh budget and a generator; the budget is kept, with what was paid before from any."""
    x, y = training_set()
    budget = Budget()
    return (x.clone(), y.clone(), budget, generator), (budget, Budget.paid)


def pack(answer: Any, kept: Any) -> dict[str, Any]:
    """The network as its norms and weights, and what was used."""
    budget, paid = kept
    if answer is None:
        raise Rejected("Nothing came back: return the trained network.")
    if not isinstance(answer, Network):
        raise Rejected(
            f"A value of type {type(answer).__name__} came back; return the trained Network "
            "(of an AveragedModel, that is `average.module`)."
        )
    spent = Budget.paid - paid
    if answer.budget is not budget or spent > min(budget.used, BUDGET):
        raise Rejected(
            "There was a second budget, or the counter was changed: give every Network the budget that your function "
            "was handed, and let it count."
        )
    if _altered(answer):
        raise Rejected(
            "The network has been rebuilt: its layers and its forward pass must be those of Network(budget, generator, "
            "norm=…); all but that is free."
        )
    norms = [_described(answer.body[i]) for i in NORMS]
    return {"norms": norms, "weights": dict(answer.state_dict()), "used": budget.used}


def measure(packed: Any, generator: torch.Generator) -> tuple[float, str]:
    """Share of right answers on 2 000 pictures of a set that is drawn for this entry alone."""
    try:
        network, used = _rebuilt(packed)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, StopIteration) as error:
        raise Rejected(
            f"What came back is no network of this challenge ({type(error).__name__}): its tensors need the names and "
            "shapes of Network's. Undo weight_norm and the like (parametrize.remove_parametrizations) before you "
            "return it."
        ) from error
    if not all(t.isfinite().all() for t in network.state_dict().values()):
        raise Rejected("The network's weights are no longer finite numbers: is the learning rate too large?")
    x, y = fruit("test", TEST, size=SIZE, seed=int(torch.randint(1, 2**31 - 1, (), generator=generator)))
    return share_right(network, x, y), f"{used:,} of {BUDGET:,} pictures".replace(",", " ")


def _described(norm: nn.Module) -> dict[str, Any]:
    """A norm as plain data; exactly those that can be built again from it."""
    about: dict[str, Any] = {"kind": type(norm).__name__}
    if type(norm) is nn.Identity:
        return about
    if type(norm) not in KINDS:
        kinds = ", ".join(kind.__name__ for kind in KINDS)
        raise Rejected(f"Between the layers there may be {kinds}, or nothing; there is a {type(norm).__name__}.")
    about |= {"eps": norm.eps, "affine": norm.affine}
    if isinstance(norm, nn.GroupNorm):
        return about | {"groups": norm.num_groups}
    return about | {"track": norm.track_running_stats}


def _rebuilt(packed: Any) -> tuple[Network, int]:
    """The network that was packed."""
    kinds: dict[str, Any] = {kind.__name__: kind for kind in KINDS}
    described = iter(packed["norms"])

    def norm(channels: int) -> nn.Module:
        about = next(described)
        if about["kind"] == "Identity":
            return nn.Identity()
        same: dict[str, Any] = {"eps": float(about["eps"]), "affine": bool(about["affine"])}
        if about["kind"] == "GroupNorm":
            return nn.GroupNorm(int(about["groups"]), channels, **same)
        return kinds[about["kind"]](channels, track_running_stats=bool(about["track"]), **same)

    network = Network(Budget(), None, norm)
    network.load_state_dict(packed["weights"])
    return network, min(int(packed["used"]), BUDGET)


def _altered(network: Network) -> bool:
    """Whether something else than the layers of `Network` answers, or layers that no longer pay."""

    def as_made(own: nn.Module, made: nn.Module) -> bool:
        if not isinstance(made, nn.Conv2d | nn.Linear):
            return isinstance(made, nn.Identity) or isinstance(own, type(made))  # any norm may stand for nn.Identity
        return isinstance(own, type(made)) and own.weight.shape == made.weight.shape and bool(own._forward_pre_hooks)

    own, made = ([*n.body, n.head] for n in (network, Network(Budget())))
    hands = type(network) is not Network or "forward" in vars(network) or len(own) != len(made)
    return hands or not all(map(as_made, own, made))


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


def solution(x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator, batch: int = 15) -> Network:
    """Batch norm, AdamW, a falling rate, flips and crops, smoothed labels, averaged weights."""
    network = Network(budget, generator, norm=nn.BatchNorm2d)
    average, loss = EMA(network, beta=0.98), LabelSmoothing(0.1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, budget.left // batch, eta_min=0.001)
    while budget.left >= batch:
        for i in torch.randperm(len(x), generator=generator).split(batch):
            pictures = flip(x[i], draw_flips(len(i), generator=generator))
            pictures = pad_and_crop(pictures, *draw_crops(len(i), 2, generator), padding=2)
            optimizer.zero_grad()
            loss(network(pictures), y[i]).backward()
            optimizer.step()
            schedule.step()
            average.update(network)
    return average.module  # type: ignore[return-value]


CHALLENGE = Challenge(
    name="recipe.best_recipe",
    title="The challenge: your best recipe",
    signature="best_recipe(x, y, budget, generator)",
    minutes=60,
    difficulty=3,
    idea=(
        "A budget of 12 000 pictures is 40 times through the 300: too few to waste a step, enough to learn them "
        "by heart. Begin with the loop of 03, change one thing at a time, and keep what gains over several seeds, "
        "not what gained once."
    ),
    pseudocode="""
    network with batch norm;  an average of its weights beside it
    while the budget lasts for a batch:
        batch in random order;  flip some of the pictures, pad and crop each at its own place
        one step of an adaptive optimizer on the smoothed loss, at a rate that falls
        average ← a little of the new weights
    return the network with the averaged weights
    """,
    steps=STEPS,
    reference=solution,
    prepare=prepare,
    pack=pack,
    measure=measure,
    # pictures that were not handed out, and weights that were brought along
    forbidden=(
        *("course.data", "course.effects", "torchvision.datasets", "sklearn.datasets", "skimage.data"),
        *("torchvision.models", "timm", "torch.hub", "torch.load", "numpy.load", "numpy.fromfile", "builtins.open"),
    ),
)
