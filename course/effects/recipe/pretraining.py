"""Pretrained on another task, then fine-tuned on few pictures: with one rate, and with one for body and head each."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from course.data import photos, textures
from course.effects.effect import Effect, Numbers
from course.effects.networks import SmallCNN, score, train_cnn
from course.effects.picture import BLUE, GREEN, GREY, VERMILLION, Picture, canvas, label
from course.pixels import to_gray
from course.recipe import finetune_groups
from course.schedules import cosine_decay
from course.training import fit

PRETRAINING, STEPS, PATCHES, PER_CLASS, SIDE = 500, 60, 300, 10, 32
SCRATCH, ONE, BODY = (0.01, 0.03, 0.1), (0.01, 0.03), (0.003, 0.01)
WAYS = ("from scratch", "fine-tuned, one rate", "fine-tuned, two rates")


class _Tuned(nn.Module):
    """A network whose last layer starts anew, and is called head."""

    def __init__(self, start: SmallCNN, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.body = copy.deepcopy(start.layers[:-1])
        self.head = nn.Linear(256, classes)
        nn.init.kaiming_normal_(self.head.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(2 * x - 1))


@cache
def _windows() -> list[Tensor]:
    """All patches of each of the six photos, in grey."""
    return [photo.unfold(0, SIDE, 1).unfold(1, SIDE, 1) for photo in to_gray(photos()[0])]


def _which_photo(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The task to pretrain on, whose labels cost nothing: from which photo does a patch come?"""
    x, y = [], []
    for k, windows in enumerate(_windows()):
        places = torch.randint(len(windows), (2, PATCHES), generator=generator)
        x.append(windows[places[0], places[1]])
        y += [k] * PATCHES
    return torch.cat(x)[:, None], torch.tensor(y)


def _experiment(seed: int) -> list[list[float]]:
    """Accuracy on unseen textures: of each way, at each of its rates."""
    generator = torch.Generator().manual_seed(seed)
    pretrained = train_cnn(*_which_photo(generator), generator, steps=PRETRAINING, first=1.0)
    scratch = SmallCNN(1, 3, generator, first=1.0)
    x, y = textures("train")
    few = torch.cat(
        [
            (y == k).nonzero()[:, 0][torch.randperm(int((y == k).sum()), generator=generator)[:PER_CLASS]]
            for k in range(3)
        ]
    )

    def tuned(start: SmallCNN, body: float, head: float) -> float:
        own = torch.Generator().manual_seed(seed + 1)  # the same new head and the same batches each time
        model = _Tuned(start, 3, own)
        optimizer = torch.optim.SGD(finetune_groups(model, body, head), momentum=0.9)
        fit(
            model,
            (x[few], y[few]),
            optimizer,
            steps=STEPS,
            batch_size=15,
            schedule=lambda t: cosine_decay(t, 1.0, STEPS),
            generator=own,
            progress=False,
            divergence="record",
        )
        return score(model, textures("test"))

    return [
        [tuned(scratch, rate, rate) for rate in SCRATCH],
        [tuned(pretrained, rate, rate) for rate in ONE],
        [tuned(pretrained, rate, 10 * rate) for rate in BODY],
    ]


def _numbers(found: list[list[float]]) -> Numbers:
    best = {way: max(shares) for way, shares in zip(WAYS, found, strict=True)}
    return {
        **best,
        "gain of pretraining": max(best[WAYS[1]], best[WAYS[2]]) - best[WAYS[0]],
        "gain of the second rate": best[WAYS[2]] - best[WAYS[1]],
    }


def run(seed: int) -> Numbers:
    """Each way at its best rate."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Pretraining gains three points in the mean and costs no run more than eight; the second rate changes little."""

    def mean(name: str) -> float:
        return sum(r[name] for r in rows) / len(rows)

    return (
        all(-0.08 < r["gain of pretraining"] < 0.5 and abs(r["gain of the second rate"]) < 0.2 for r in rows)
        and all(0.5 < r[way] <= 1 for r in rows for way in WAYS)
        and mean("gain of pretraining") > 0.03
        and abs(mean("gain of the second rate")) < 0.08
    )


def draw(seed: int) -> Picture:
    """Accuracy against the body's rate."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (axes,) = canvas(1)
    looks = ((VERMILLION, "s--"), (GREEN, "^-."), (BLUE, "o-"))
    for rates, shares, (color, style), way in zip((SCRATCH, ONE, BODY), found, looks, WAYS, strict=True):
        axes.semilogx(rates, [100 * s for s in shares], style, color=color, ms=7, label=way)
    axes.legend(loc="center left", labelcolor="linecolor", handlelength=3)
    axes.set_xlim(0.0007, 0.13)
    axes.axhline(100 / 3, color=GREY, ls=":", lw=1.2)
    label(axes, 0.00085, 36, "guessing", GREY)
    axes.set_xticks(sorted({*SCRATCH, *ONE, *BODY}), labels=[f"{r:g}" for r in sorted({*SCRATCH, *ONE, *BODY})])
    axes.minorticks_off()
    axes.set(xlabel="learning rate of the body", ylabel="right on unseen textures / %", ylim=(30, 100))
    axes.set_title(f"Brick, grass, gravel: {PER_CLASS} pictures of each, {STEPS} steps")
    caption = (
        "Pretrained on another task: from which of six photos does a patch come? Two rates: the head's is ten times "
        "the body's. Best: " + ", ".join(f"{way} {n[way]:.1%}" for way in WAYS) + "."
    )
    alt = (
        "Accuracy on unseen textures against the learning rate of the body. Both fine-tuned curves lie above the one "
        "from scratch; with one rate or with two, the best accuracies are close."
    )
    return Picture(figure, alt, caption)


PRETRAINING_EFFECT = Effect(
    "recipe.pretraining",
    "A network first learns to say from which photo a patch comes, then to name three textures from ten "
    "pictures of each. Each way at its best rate, it is more than three points better than the same network from "
    "scratch in the mean over runs, and in no run more than eight worse. Whether body and head get one rate or two "
    "changes less than eight points in the mean.",
    run,
    holds,
    draw,
    seconds=4.0,
)
