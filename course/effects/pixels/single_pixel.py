"""How much one number of a picture says about what the picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course.data import UPRIGHT, digits, fruit
from course.effects.effect import Effect, Numbers
from course.effects.picture import Picture, canvas
from course.pixels import nearest_neighbour, to_gray

LEVELS = 9
REMEMBERED, TRAIN, TEST = 800, 1000, 600


class _Found(NamedTuple):
    single: Tensor  # (H, W) test accuracy of each pixel alone
    best: float  # test accuracy of the pixel that is best in training
    together: float  # nearest neighbour on all numbers
    guessing: float  # always the most frequent class


def single_pixels(x: Tensor, y: Tensor, test_x: Tensor, test_y: Tensor) -> tuple[Tensor, Tensor]:
    """The best one can do with one pixel: for each of its levels the class that has it most often in training.

    Pictures are grey, (N, H, W), in [0, 1]; a pixel is read in LEVELS steps. Returns the accuracy of each pixel,
    (H, W), in training and in the test.
    """

    def levels(pictures: Tensor) -> Tensor:
        return (pictures * (LEVELS - 1)).round().long().flatten(1).T  # (H·W, N)

    codes = levels(x)
    counts = torch.zeros(len(codes), int(y.max()) + 1, LEVELS)
    counts = torch.stack([F.one_hot(codes[:, y == k], LEVELS).sum(1) for k in range(counts.shape[1])], 1)
    guess = counts.argmax(1)  # (H·W, LEVELS)
    shares = [(guess.gather(1, levels(a)) == b).float().mean(1) for a, b in ((x, y), (test_x, test_y))]
    return shares[0].view(x.shape[1:]), shares[1].view(x.shape[1:])


def _measure(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> _Found:
    (x, y), (test_x, test_y) = train, test
    grey, test_grey = (to_gray(t) if t.shape[1] == 3 else t[:, 0] for t in (x, test_x))
    in_training, single = single_pixels(grey, y, test_grey, test_y)
    together = (nearest_neighbour(grey, y, test_grey) == test_y).float().mean()
    common = (test_y == y.bincount().argmax()).float().mean()
    return _Found(single, single.flatten()[in_training.argmax()].item(), together.item(), common.item())


@lru_cache(maxsize=2)
def _experiment(seed: int) -> tuple[_Found, _Found]:
    x, y = digits("train")
    kept = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:REMEMBERED]
    orchard = fruit("train", TRAIN, seed=seed, variety=UPRIGHT), fruit("test", TEST, seed=seed, variety=UPRIGHT)
    return _measure((x[kept], y[kept]), digits("test")), _measure(*orchard)


def run(seed: int) -> Numbers:
    """Accuracy of the best single pixel, of all pixels on average, and of all of them together."""
    return {
        f"{name}, {what}": value
        for name, found in zip(("digits", "fruit"), _experiment(seed), strict=True)
        for what, value in (
            ("best pixel", found.best),
            ("mean pixel", found.single.mean().item()),
            ("all pixels", found.together),
        )
    }


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: one pixel names under .35 of the digits and under .5 of the fruit; all together over .9 and more."""
    return all(
        0.15 < r["digits, best pixel"] < 0.35
        and 0.1 < r["digits, mean pixel"] < 0.25
        and r["digits, all pixels"] > 0.9
        and 0.33 < r["fruit, best pixel"] < 0.5
        and 0.3 < r["fruit, mean pixel"] < 0.43
        and r["fruit, all pixels"] > r["fruit, best pixel"]
        for r in rows
    )


def draw(seed: int) -> Picture:
    """For each pixel, how often it alone names the class; beside it, all pixels together."""
    figure, axes = canvas(2, height=3.9)
    measured = _experiment(seed)
    for axis, found, name, classes in zip(axes, measured, ("Digits", "Fruit"), (10, 3), strict=True):
        shown = axis.imshow(100 * found.single, vmin=100 / classes, vmax=100 * max(found.single.max().item(), 0.3))
        bar = figure.colorbar(shown, ax=axis, label="right with this pixel alone / %")
        bar.ax.set_label("<colorbar>")
        axis.set_title(f"{name}: chosen in training {100 * found.best:.0f} %, all {100 * found.together:.0f} %")
        axis.set(xlabel="column", ylabel="row")
        axis.grid(False)
    one, other = measured
    caption = (
        f"In grey, {LEVELS} levels; for each level of a pixel the class that has it most often in training. "
        f"Digits: the pixel that is best in training names {100 * one.best:.1f} %, "
        f"a pixel on average {100 * one.single.mean():.1f} % "
        f"(guessing 10 %), all 64 together, by nearest neighbour, {100 * one.together:.1f} %. Fruit: "
        f"{100 * other.best:.1f} %, {100 * other.single.mean():.1f} % (guessing 33 %), all together "
        f"{100 * other.together:.1f} %."
    )
    alt = (
        "Two maps of pixels, coloured by how often the class can be named from that pixel alone. On digits the middle "
        "is better than the border, but no pixel reaches a third; on fruit, too, the middle is a little better."
    )
    return Picture(figure, alt, caption)


SINGLE_PIXEL = Effect(
    "pixels.single_pixel",
    "What a picture shows is in no single pixel. Used in the best way, the best of the 64 pixels names fewer than 35 % "
    "of the digits, while all together name more than 90 %, even by nearest neighbour. On fruit, where position and "
    "light vary, the best pixel is right less than half of the time, though there are only three classes.",
    run,
    holds,
    draw,
    seconds=1.5,
)
