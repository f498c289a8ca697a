"""A designed invariance: HOG does not see how bright the light is, pixels see hardly anything else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.features.common import COLORS, FEATURES, fruit_cnn, linear_models, montage, orchard
from course.effects.networks import Model, score
from course.effects.picture import Picture, canvas, label

FACTORS = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1)
DARK = 0.3
NAMES = ("grey pixels", "colour pixels", "HOG", "CNN")


def darken(x: Tensor, factor: float) -> Tensor:
    """The picture in less light, stored in 8 bits like any other."""
    return (x * factor * 255).round() / 255


class _Found(NamedTuple):
    accuracy: dict[str, list[float]]  # for each factor, trained on pictures as they are
    moved: dict[str, float]  # distance of a darkened picture to itself, over that between two pictures


def _moved(name: str, x: Tensor) -> float:
    feature = FEATURES[name]
    here, dark = feature(x), feature(darken(x, DARK))
    return ((here - dark).norm(dim=1).mean() / (here - here.roll(1, 0)).norm(dim=1).mean()).item()


@lru_cache(maxsize=2)
def _experiment(seed: int) -> _Found:
    x, y = orchard(seed).test
    models: dict[str, Model] = {**linear_models(seed), "CNN": fruit_cnn(seed)}
    accuracy = {name: [score(models[name], (darken(x, f), y)) for f in FACTORS] for name in NAMES}
    return _Found(accuracy, {name: _moved(name, x) for name in NAMES[:3]})


def run(seed: int) -> Numbers:
    """Accuracy in full and in little light; how far darkening moves the features."""
    found = _experiment(seed)
    i = FACTORS.index(DARK)
    numbers = {f"{name}, bright": values[0] for name, values in found.accuracy.items()}
    numbers |= {f"{name}, × {DARK}": values[i] for name, values in found.accuracy.items()}
    return numbers | {f"{name} moved": value for name, value in found.moved.items()}


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: HOG loses under 3 points, pixels and the CNN over 6; HOG moves a fifth of the way, pixels half."""
    return all(
        abs(r["HOG, bright"] - r[f"HOG, × {DARK}"]) < 0.03
        and all(r[f"{n}, × {DARK}"] < r[f"{n}, bright"] - 0.06 for n in ("grey pixels", "colour pixels", "CNN"))
        and r["HOG moved"] < 0.2
        and min(r["grey pixels moved"], r["colour pixels moved"]) > 0.5
        for r in rows
    )


def draw(seed: int) -> Picture:
    """The same pictures in less and less light; accuracy against the light."""
    found = _experiment(seed)
    figure, (left, right) = canvas(widths=[0.75, 1])
    x, y = orchard(seed).test
    some = torch.cat([x[(y == k).nonzero()[:1, 0]] for k in range(3)])
    shown = FACTORS[::2]
    left.imshow(montage(torch.cat([darken(some, f) for f in shown]), 3), interpolation="nearest")
    left.set_yticks([16 + 34 * i for i in range(len(shown))], labels=[f"× {f:g}" for f in shown])
    left.set_xticks([])
    left.set_title("Test pictures")
    left.grid(False)
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    for name, values in found.accuracy.items():
        right.semilogx(FACTORS, [100 * v for v in values], "o-", color=COLORS[name], ms=6)
    at = -1e9
    for name, values in sorted(found.accuracy.items(), key=lambda item: item[1][-1]):
        at = max(100 * values[-1], at + 4)
        label(right, 0.092, at, name, COLORS[name])
    right.set(xlim=(1.1, 0.045), xlabel="light", ylabel="accuracy / %", title="Trained in full light")
    right.set_xticks(FACTORS, labels=[f"{f:g}" for f in FACTORS])
    right.minorticks_off()
    i = FACTORS.index(DARK)
    caption = (
        f"Fruit, trained as it is, tested darker. At {DARK:g} of the light: "
        + ", ".join(f"{name} {100 * v[0]:.1f} → {100 * v[i]:.1f} %" for name, v in found.accuracy.items())
        + ". How far a darkened picture is from itself, as a multiple of its distance to another picture: "
        + ", ".join(f"{name} {v:.2f}" for name, v in found.moved.items())
        + "; what is left in HOG comes from rounding to 8 bits."
    )
    alt = (
        "Left: three fruit pictures, darker from row to row. Right: accuracy against the light, which falls from 1 to "
        "0.1. The line of HOG stays level; those of pixels and of the CNN fall."
    )
    return Picture(figure, alt, caption)


LIGHTING = Effect(
    "features.lighting",
    f"Trained in full light and tested with {DARK:g} of it, the classifier on HOG loses less than 3 points, those on "
    "pixels and the network more than 6 each. Darkening moves a picture's pixels more than half as far as exchanging "
    "it for another picture, its HOG vector less than a fifth: HOG divides by the contrast around. Nobody told the "
    "network that light does not matter, and its training pictures did not show it.",
    run,
    holds,
    draw,
    seconds=4.5,
)
