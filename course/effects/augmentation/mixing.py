"""Mixup and CutMix: on clean pictures, and where many training labels are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import mean

import torch
from torch import Tensor

from course.augmentation import cutmix, draw_cuts, draw_lambdas, draw_partners, mixup
from course.data import Variety, digits
from course.effects.augmentation.common import copies, fruits, generator_of, right, some_digits, train
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas

WRONG, PASSES = 0.4, 40
WAYS = {"none": GREY, "mixup": BLUE, "CutMix": VERMILLION}
TASKS = ("fruit", "digits, right labels", "digits, 40 % wrong")


def _mixed(x: Tensor, y: Tensor, classes: int, way: str, seed: int) -> tuple[Tensor, Tensor]:
    """The whole training at once; λ is uniform, α = 1."""
    generator, targets = generator_of(seed, 5), torch.eye(classes)[y]
    if way == "none":
        return x, targets
    lam, order = draw_lambdas(len(x), 1.0, generator), draw_partners(len(x), generator)
    if way == "mixup":
        return mixup(x, targets, lam, order)
    height, width = x.shape[2:]
    return cutmix(x, targets, draw_cuts(lam, height, width, generator), order)


def _spoilt(y: Tensor, seed: int) -> Tensor:
    """Labels of which a share was replaced by another digit."""
    generator = generator_of(seed, 6)
    wrong = torch.rand(len(y), generator=generator) < WRONG
    return torch.where(wrong, (y + torch.randint(1, 10, y.shape, generator=generator)) % 10, y)


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Numbers:
    x, y = fruits("train", 150, seed, Variety())
    z, labels = some_digits(500, seed)
    data = {
        "fruit": (x, y, 3, fruits("test", 900, seed, Variety())),
        "digits, right labels": (z, labels, 10, digits("test")),
        "digits, 40 % wrong": (z, _spoilt(labels, seed), 10, digits("test")),
    }
    found: Numbers = {}
    for task, (pictures, ids, classes, test) in data.items():
        seen = copies(pictures, ids, None, PASSES, seed)
        for way in WAYS:
            model = train(*_mixed(*seen, classes, way, seed), seed, classes)
            found[f"{task}: {way}"] = right(model, *test)
    return found


def run(seed: int) -> Numbers:
    """Accuracy in percent for each task and each way of mixing."""
    return _experiment(seed)


def holds(rows: Sequence[Numbers]) -> bool:
    """On average: labels right, mixup changes less than 2.5, CutMix gains 0 to 5 among both tasks; labels wrong, mixup
    gains 1, CutMix 3 and more than mixup."""

    def gain(way: str, *tasks: str) -> float:
        """Mean over runs and tasks."""
        return mean(r[f"{task}: {way}"] - r[f"{task}: none"] for r in rows for task in tasks)

    *clean, wrong = TASKS
    level = all(abs(gain("mixup", task)) < 2.5 for task in clean) and 0 < gain("CutMix", *clean) < 5
    return level and gain("mixup", wrong) > 1 and gain("CutMix", wrong) > max(3, gain("mixup", wrong))


def draw(seed: int) -> Picture:
    """Three bars for each task."""
    found = _experiment(seed)
    figure, (plot,) = canvas(1, height=3.8)
    for i, (way, color) in enumerate(WAYS.items()):
        for j, task in enumerate(TASKS):
            value = found[f"{task}: {way}"]
            plot.bar(j + 0.28 * (i - 1), value, 0.25, color=color, label=way if j == 0 else None)
            plot.text(j + 0.28 * (i - 1), value + 1, f"{value:.1f}", ha="center", fontsize=10)
    plot.set_xticks(range(3), labels=["fruit", "digits,\nlabels right", "digits,\n40 % of the labels wrong"])
    plot.set(ylim=(0, 118), ylabel="accuracy on new pictures / %", title="Mixing pays where labels are wrong")
    plot.set_yticks([0, 25, 50, 75, 100])
    plot.legend(loc="upper left", ncols=3)
    plot.grid(axis="x", visible=False)
    caption = "; ".join(
        f"{task}: " + ", ".join(f"{way} {found[f'{task}: {way}']:.1f} %" for way in WAYS) for task in TASKS
    )
    alt = (
        "Three groups of bars of accuracy without mixing, with mixup and with CutMix. On fruit and on digits with "
        "right labels the three are close. With 40 percent wrong labels mixup is above none, and CutMix mostly above "
        "both."
    )
    return Picture(figure, alt, f"Training: 150 fruits or 500 digits, {PASSES} passes, α = 1. {caption}.")


MIXING = Effect(
    "augmentation.mixing",
    "Small networks learn from 150 pictures of fruit or 500 digits. With right labels, mixup changes the mean accuracy "
    "of either by less than 2.5 points: no gain to speak of; CutMix gains something on average over both, less than 5 "
    "points. With 40 % wrong labels mixup gains more than 1 point on average, CutMix more than 3, and more than mixup.",
    run,
    holds,
    draw,
    seconds=4.5,
)
