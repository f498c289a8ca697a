"""Which operation helps on few pictures of fruit, and which does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import mean

import torch
from torch import Tensor

from course.augmentation import draw_flips, draw_hsv_shifts, flip, hue_saturation_value, random_occlusion
from course.data import Variety
from course.effects.augmentation.common import Change, copies, fruits, generator_of, moved, right, train, turned
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, canvas

TRAIN, TEST, PASSES = 60, 900, 100


def _flipped(x: Tensor, generator: torch.Generator) -> Tensor:
    return flip(x, draw_flips(len(x), 0.5, generator))


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    return moved(x, generator, 2)


def _coloured(x: Tensor, generator: torch.Generator) -> Tensor:
    return hue_saturation_value(x, *draw_hsv_shifts(len(x), 20, 0.2, 0.2, generator))


def _hidden(x: Tensor, generator: torch.Generator) -> Tensor:
    return random_occlusion(x, (0.02, 0.33), (0.3, 3.3), generator)


MOVES: dict[str, Change] = {"flip": _flipped, "pad & crop": _moved, "rotate": turned}
OTHERS: dict[str, Change] = {"colour": _coloured, "occlusion": _hidden}


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Numbers:
    x, y = fruits("train", TRAIN, seed, Variety())
    test = fruits("test", TEST, seed, Variety())
    changes: dict[str, Change | None] = {"none": None, **MOVES, **OTHERS}
    return {k: right(train(*copies(x, y, c, PASSES, seed), seed, 3), *test) for k, c in changes.items()}


def run(seed: int) -> Numbers:
    """Accuracy in percent with each operation."""
    return _experiment(seed)


def holds(rows: Sequence[Numbers]) -> bool:
    """Averages: the moves gain something among them and are 1 ahead of colour and occlusion, which gain less than 3."""

    def gain(names: Iterable[str]) -> float:
        """Mean over runs and operations."""
        return mean(r[name] - r["none"] for r in rows for name in names)

    moves, others = gain(MOVES), gain(OTHERS)
    return moves > 0 and others < 3 and moves - others > 1


def draw(seed: int) -> Picture:
    """Examples of each operation; the accuracy with it."""
    found = _experiment(seed)
    figure, (left, plot) = canvas(2, widths=[0.9, 1.1])
    x, _ = fruits("train", TRAIN, seed, Variety())
    changes = {**MOVES, **OTHERS}
    rows = [x[:5], *(c(x[:5], generator_of(seed, 9)) for c in changes.values())]
    left.imshow(torch.cat([torch.cat([*r], -1) for r in rows], 1).permute(1, 2, 0), interpolation="nearest")
    left.set_yticks([8 + 16 * i for i in range(6)], labels=["none", *changes])
    left.set(xticks=[], title="What the network sees")
    left.grid(False)
    left.spines[:].set_visible(False)
    for i, (name, value) in enumerate(found.items()):
        color = GREY if name == "none" else BLUE if name in MOVES else VERMILLION
        plot.barh(i, value, 0.7, color=color)
        plot.text(value + 0.5, i, f"{value:.1f}", va="center")
    plot.axvline(found["none"], color=GREY, lw=1, ls="--")
    plot.set_yticks(range(6), labels=list(found))
    plot.invert_yaxis()
    plot.set(xlim=(0, 90), xlabel="accuracy on new pictures / %", title=f"{TRAIN} training pictures")
    plot.grid(axis="y", visible=False)
    caption = f"{TRAIN} pictures of fruit, {PASSES} passes. Accuracy: " + ", ".join(
        f"{name} {value:.1f} %" for name, value in found.items()
    )
    alt = (
        "Left: six rows of fruit, as it is, flipped, moved, turned, recoloured, partly hidden. Right: bars of "
        "accuracy; flip, pad and crop, and rotate are mostly ahead of no augmentation, colour and occlusion "
        "nearer to it."
    )
    return Picture(figure, alt, caption + ".")


OPERATIONS = Effect(
    "augmentation.operations",
    "A small network learns from 60 pictures of fruit, one operation at a time. Averaged over seeds and over flip, "
    "pad & crop and rotate, moving the fruit gains something. Changing the colours alone and hiding a part alone gain, "
    "on average over the two, less than 3 points, if anything, and stay more than 1 point behind. Single runs differ.",
    run,
    holds,
    draw,
    seconds=4.0,
)
