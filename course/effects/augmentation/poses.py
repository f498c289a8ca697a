"""Trained on fruit that lies upright, tested on fruit in all directions: with and without turned copies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

from course.data import FREE, UPRIGHT
from course.effects.augmentation.common import copies, fruits, generator_of, right, train, turned
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, Picture, canvas

TRAIN, TEST, PASSES = 300, 600, 30


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Numbers:
    x, y = fruits("train", TRAIN, seed, UPRIGHT)
    tests = {"upright": fruits("test", TEST, seed, UPRIGHT), "all poses": fruits("test", TEST, seed, FREE)}
    found: Numbers = {}
    for name, change in (("as they are", None), ("turned", turned)):
        model = train(*copies(x, y, change, PASSES, seed), seed, 3)
        found |= {f"{name}: {where}": right(model, *test) for where, test in tests.items()}
    return found


def run(seed: int) -> Numbers:
    """Accuracy in percent, trained on pictures as they are and turned, tested upright and in all poses."""
    return _experiment(seed)


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: turning gains 4 points in all poses. On average 8, and it costs less than 2.5 on upright fruit."""
    gains = [r["turned: all poses"] - r["as they are: all poses"] for r in rows]
    upright = [r["turned: upright"] - r["as they are: upright"] for r in rows]
    return min(gains) > 4 and sum(gains) / len(rows) > 8 and sum(upright) / len(rows) > -2.5


def draw(seed: int) -> Picture:
    """Training and test pictures above each other; two bars for each test set."""
    found = _experiment(seed)
    figure, (left, plot) = canvas(2, widths=[1, 1])
    x, _ = fruits("train", TRAIN, seed, UPRIGHT)
    z, _ = fruits("test", TEST, seed, FREE)
    rows = [torch.cat([*row], -1) for row in (x[:6], turned(x[:6], generator_of(seed, 9)), z[:6])]
    left.imshow(torch.cat(rows, 1).permute(1, 2, 0), interpolation="nearest")
    left.set_yticks([8, 24, 40], labels=["training", "turned", "test"])
    left.set(xticks=[], title="Few poses, and all poses")
    left.grid(False)
    left.spines[:].set_visible(False)
    for i, (name, color) in enumerate((("as they are", GREY), ("turned", BLUE))):
        for j, where in enumerate(("upright", "all poses")):
            value = found[f"{name}: {where}"]
            plot.bar(
                j + 0.4 * i - 0.2, value, 0.36, color=color, label=f"trained on pictures {name}" if j == 0 else None
            )
            plot.text(j + 0.4 * i - 0.2, value + 1, f"{value:.0f}", ha="center")
    plot.set_xticks([0, 1], labels=["upright", "all poses"])
    plot.set(ylim=(0, 118), xlabel="test pictures", ylabel="accuracy / %", title=f"{TRAIN} training pictures")
    plot.set_yticks([0, 25, 50, 75, 100])
    plot.legend(loc="upper center", fontsize=9)
    plot.grid(axis="x", visible=False)
    caption = (
        f"Trained on upright fruit as it is: {found['as they are: upright']:.1f} % on upright fruit, "
        f"{found['as they are: all poses']:.1f} % in all poses. Each picture turned by a random angle in each pass: "
        f"{found['turned: upright']:.1f} % and {found['turned: all poses']:.1f} %."
    )
    alt = (
        "Left: three rows of fruit; the training pictures upright, the same turned, and test pictures in all poses. "
        "Right: bars of accuracy. On upright fruit the two networks are close; in all poses the one trained on turned "
        "pictures is clearly ahead."
    )
    return Picture(figure, alt, caption)


POSES = Effect(
    "augmentation.poses",
    "A small network learns from 300 pictures of fruit, all nearly upright, and is tested on fruit in all directions. "
    "Turning each training picture by a random angle in each pass gains more than 4 points in every run, more than 8 "
    "on average. On upright fruit it costs less than 2.5 points on average.",
    run,
    holds,
    draw,
    seconds=3.0,
)
