"""The first classifier: nearest neighbour on pixels, on pictures as they are and on slightly changed ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.data import UPRIGHT, digits, fruit
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, VERMILLION, Picture, canvas, label
from course.effects.pixels.common import WAYS, darken, montage, move
from course.pixels import nearest_neighbour

CHANGES = ("as they are", "moved 1 px", "moved 2 px", "light × 0.5", "inverted")
REMEMBERED = 800  # digits of the 1 097 to train on, drawn anew for each seed
TRAIN, TEST = 600, 300  # fruit


class _Found(NamedTuple):
    digits: dict[str, float]
    fruit: dict[str, float]
    digit_views: dict[str, Tensor]
    fruit_views: dict[str, Tensor]


def _views(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Each picture as it is, moved in a direction of its own, in half the light, as a negative."""
    way = torch.randint(len(WAYS), (len(x),), generator=generator)
    return dict(zip(CHANGES, (x, move(x, 1, way), move(x, 2, way), darken(x), 1 - x), strict=True))


@lru_cache(maxsize=2)
def _experiment(seed: int) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    found, shown = [], []
    x, y = digits("train")
    kept = torch.randperm(len(x), generator=generator)[:REMEMBERED]
    orchard = fruit("train", TRAIN, seed=seed, variety=UPRIGHT), fruit("test", TEST, seed=seed, variety=UPRIGHT)
    for (train_x, train_y), (test_x, test_y) in (((x[kept], y[kept]), digits("test")), orchard):
        views = _views(test_x, generator)
        right = {name: nearest_neighbour(train_x, train_y, view) == test_y for name, view in views.items()}
        found.append({name: r.float().mean().item() for name, r in right.items()})
        shown.append({name: view[:3] for name, view in views.items()})
    return _Found(found[0], found[1], shown[0], shown[1])


def run(seed: int) -> Numbers:
    """Accuracy of the nearest neighbour on digits and on fruit, the test pictures changed in different ways."""
    found = _experiment(seed)
    numbers = {f"digits {name}": value for name, value in found.digits.items()}
    return numbers | {f"fruit {name}": value for name, value in found.fruit.items()}


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: digits over .9, then under .75 (1 px), under .3 (2 px), under .1 (inverted); fruit never over .7."""
    return all(
        r["digits as they are"] > 0.9
        and 0.45 < r["digits moved 1 px"] < 0.75
        and r["digits moved 2 px"] < 0.3
        and r["digits light × 0.5"] < r["digits as they are"] - 0.08
        and r["digits inverted"] < 0.1
        and 0.4 < r["fruit as they are"] < 0.7
        and abs(r["fruit moved 2 px"] - r["fruit as they are"]) < 0.12
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Digits and fruit changed in five ways, and how many the nearest neighbour gets right."""
    found = _experiment(seed)
    figure, (left, right) = canvas(widths=[1.05, 1])
    panels = (
        (left, found.digits, found.digit_views, BLUE, 10, "Digits, 8×8"),
        (right, found.fruit, found.fruit_views, VERMILLION, 3, "Fruit, 32×32"),
    )
    for axes, values, views, color, classes, title in panels:
        for i, (name, value) in enumerate(values.items()):
            axes.barh(i, 100 * value, color=color, height=0.55)
            label(axes, 100 * value + 2, i, f"{100 * value:.0f} %", color)
            extent = (-72.0, -6.0, i + 0.33, i - 0.33)
            axes.imshow(montage(views[name], 3), extent=extent, interpolation="nearest", aspect="auto")
        axes.set_yticks(range(len(CHANGES)), labels=CHANGES)
        axes.tick_params(axis="y", length=0, labelleft=axes is left)
        axes.spines["left"].set_visible(False)
        axes.axvline(100 / classes, color="black", ls=":", lw=1)
        axes.set(xlim=(-74, 118), ylim=(len(CHANGES) - 0.5, -0.5), xlabel="right / %", title=title)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.grid(axis="y", visible=False)
    caption = (
        f"Nearest neighbour on pixels; dotted: guessing. {REMEMBERED} remembered digits, 400 mostly by other writers: "
        + ", ".join(f"{name} {100 * v:.1f} %" for name, v in found.digits.items())
        + f". {TRAIN} remembered fruit pictures, {TEST} others: "
        + ", ".join(f"{name} {100 * v:.1f} %" for name, v in found.fruit.items())
        + "."
    )
    alt = (
        "Bars of accuracy for five versions of the test pictures, with samples beside them. Digits: high as they are, "
        "lower when moved by one pixel or darker, near guessing when moved by two pixels, below "
        "guessing when inverted. Fruit: only about half right from the start, little changed by one or two pixels."
    )
    return Picture(figure, alt, caption)


NEAREST = Effect(
    "pixels.nearest",
    "A nearest neighbour on pixels names more than 90 % of the digits, which fill their pictures. Moved "
    "by one pixel, at most 3 in 4 are still right, moved by two fewer than 3 in 10, inverted fewer than 1 in 10. On "
    "fruit before varied backgrounds it is poor from the start, below 70 % of three classes; a pixel more or less "
    "does not matter there.",
    run,
    holds,
    draw,
    seconds=1.5,
)
