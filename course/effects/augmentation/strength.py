"""RandAugment from weak to strong: too little and too much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import torch
from torch import Tensor

from course.augmentation import randaugment
from course.data import digits
from course.effects.augmentation.common import copies, generator_of, moved, right, some_digits, train, turned
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, Picture, canvas

TRAIN, PASSES, N = 300, 40, 2
LEVELS = (5, 10, 15, 20, 25, 30)


def _strengthened(x: Tensor, generator: torch.Generator, m: int) -> Tensor:
    return randaugment(x, N, m, generator)


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Numbers:
    x, y = some_digits(TRAIN, seed)
    test, labels = digits("test")
    generator = generator_of(seed, 7)
    varied = turned(moved(test, generator), generator, 20)
    found: Numbers = {}
    for m in (None, *LEVELS):
        change = None if m is None else partial(_strengthened, m=m)
        model = train(*copies(x, y, change, PASSES, seed), seed, 10)
        name = "none" if m is None else f"M = {m}"
        found |= {f"{name}: varied": right(model, varied, labels), f"{name}: plain": right(model, test, labels)}
    return found


def run(seed: int) -> Numbers:
    """Accuracy in percent without RandAugment and with each M, on varied test digits and on plain ones."""
    return _experiment(seed)


def holds(rows: Sequence[Numbers]) -> bool:
    """Varied: M = 15 is ahead of none and of M = 30 in every run, by 6 on average. Plain: M = 30 costs 2 on average."""

    def lead(other: str) -> list[float]:
        return [r["M = 15: varied"] - r[f"{other}: varied"] for r in rows]

    cost = sum(r["none: plain"] - r["M = 30: plain"] for r in rows) / len(rows)
    ahead = [lead(other) for other in ("none", "M = 30")]
    return all(min(gains) > 0 and sum(gains) / len(rows) > 6 for gains in ahead) and cost > 2


def draw(seed: int) -> Picture:
    """Accuracy against M on both test sets; the same digits at three strengths."""
    found = _experiment(seed)
    figure, (left, plot) = canvas(2, widths=[0.9, 1.1])
    x, _ = some_digits(TRAIN, seed)
    rows = [x[:6], *(randaugment(x[:6], N, m, generator_of(seed, 9)) for m in (5, 15, 30))]
    rows = [torch.nn.functional.pad(r, (1, 1, 1, 1), value=0.35) for r in rows]
    left.imshow(torch.cat([torch.cat([*r], -1) for r in rows], 1)[0], cmap="gray", interpolation="nearest")
    left.set_yticks([5 + 10 * i for i in range(4)], labels=["none", "M = 5", "M = 15", "M = 30"])
    left.set(xticks=[], title="What the network sees")
    left.grid(False)
    for where, color in (("plain", GREY), ("varied", BLUE)):
        values = [found[f"M = {m}: {where}"] for m in LEVELS]
        plot.plot(LEVELS, values, "o-", color=color, label=f"{where} test digits")
        plot.axhline(found[f"none: {where}"], color=color, ls="--", lw=1)
    plot.set(ylim=(0, 118), xlabel="strength M", ylabel="accuracy / %", title="Dashed: without RandAugment")
    plot.set_yticks([0, 25, 50, 75, 100])
    plot.legend(loc="upper right", fontsize=9)
    caption = (
        f"{TRAIN} digits, N = {N}. On test digits moved and turned a little: none {found['none: varied']:.1f} %, "
        + ", ".join(f"M = {m} {found[f'M = {m}: varied']:.1f} %" for m in LEVELS)
        + f". On plain ones: none {found['none: plain']:.1f} %, M = 15 {found['M = 15: plain']:.1f} %, "
        f"M = 30 {found['M = 30: plain']:.1f} %."
    )
    alt = (
        "Left: four rows of digits, from unchanged to hardly legible. Right: accuracy against M. On varied test digits "
        "it rises to a top near the middle and falls again; on plain ones it falls slightly."
    )
    return Picture(figure, alt, caption)


STRENGTH = Effect(
    "augmentation.strength",
    "A small fully connected network learns from 300 digits with RandAugment (N = 2) and is tested on digits that are "
    "moved and turned a little. Half strength (M = 15 of 30) is ahead of none and of full strength in every run, "
    "by more than 6 points each on average. On plain test digits full strength costs more than 2 points on average.",
    run,
    holds,
    draw,
    seconds=2.5,
)
