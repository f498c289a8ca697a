"""The same linear classifier on pixels, on LBP and on HOG, and a small network that learns its features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

from course.data import FRUIT
from course.effects.effect import Effect, Numbers
from course.effects.features.common import (
    COLORS,
    FEATURES,
    TEST,
    TRAIN,
    fruit_cnn,
    grey,
    linear_models,
    montage,
    orchard,
)
from course.effects.networks import score, train_cnn
from course.effects.picture import Picture, canvas, label

NAMES = (*FEATURES, "CNN, grey", "CNN, colour")


@lru_cache(maxsize=2)
def _experiment(seed: int) -> Numbers:
    """Accuracy on the test pictures, each method trained on the same pictures."""
    sets = orchard(seed)
    found = {name: score(model, sets.test) for name, model in linear_models(seed).items()}
    (x, y), (test_x, test_y) = sets.train, sets.test
    model = train_cnn(grey(x)[:, None], y, torch.Generator().manual_seed(seed))
    found["CNN, grey"] = score(model, (grey(test_x)[:, None], test_y))
    found["CNN, colour"] = score(fruit_cnn(seed), sets.test)
    return found


def run(seed: int) -> Numbers:
    """Test accuracy of each method."""
    return dict(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: HOG 8 points above grey pixels, the grey CNN above HOG, the colour CNN 3 above all linear ones."""
    return all(
        r["grey pixels"] > 0.45
        and r["HOG"] > r["grey pixels"] + 0.08
        and r["CNN, grey"] > r["HOG"] + 0.02
        and r["CNN, colour"] > max(r[name] for name in FEATURES) + 0.03
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Some of the pictures; the accuracy of each method."""
    found = _experiment(seed)
    (x, y), _, _ = orchard(seed)
    figure, (left, right) = canvas(widths=[0.62, 1])
    rows = torch.cat([(y == k).nonzero()[:5, 0] for k in range(3)])
    left.imshow(montage(x[rows], 5), interpolation="nearest")
    left.set_title("Some of the training pictures")
    left.set_yticks([16, 50, 84], labels=FRUIT)
    left.set_xticks([])
    left.grid(False)
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    models = linear_models(seed)
    for i, name in enumerate(NAMES):
        color = COLORS[name.split(",")[0]]
        right.barh(i, 100 * found[name], color=color, height=0.62)
        label(right, 100 * found[name] + 1, i, f"{100 * found[name]:.1f} %", color)
    counts = [f"{name}\n{models[name].features:,} numbers".replace(",", " ") for name in FEATURES]
    right.set_yticks(range(len(NAMES)), labels=[*counts, "CNN, grey\nlearned", "CNN, colour\nlearned"])
    right.axvline(100 / 3, color="black", ls=":", lw=1)
    right.text(35, -0.62, "guessing", fontsize=9, va="center")
    right.set(xlim=(0, 105), ylim=(len(NAMES) - 0.5, -0.95), xlabel="accuracy on new pictures / %")
    right.set_title("A linear classifier on features, and a CNN")
    right.grid(axis="y", visible=False)
    caption = (
        f"Fruit drawn nearly upright, 32×32, {TRAIN} pictures to train, {TEST} to test, the same for all: "
        + ", ".join(f"{name} {100 * found[name]:.1f} %" for name in NAMES)
        + ". HOG sees no colour; the grey CNN starts from the same grey pictures. The networks were trained for "
        "15 epochs, without augmentation."
    )
    alt = (
        "Left: small pictures of bananas, apples and oranges on varied backgrounds. Right: bars of accuracy. A linear "
        "classifier on grey pixels is lowest; on LBP it is a little better, on colour pixels and HOG clearly; a "
        "convolutional network that learns its features is best, also from grey pictures alone."
    )
    return Picture(figure, alt, caption)


LADDER = Effect(
    "features.ladder",
    "On fruit that stands nearly upright, one and the same linear classifier does better on HOG (324 numbers) than on "
    "the 1 024 grey pixels HOG is computed from. A small network that learns its features does better still from the "
    "same grey pictures, and in colour it beats the linear classifier on every feature here, colour pixels included.",
    run,
    holds,
    draw,
    seconds=7.5,
)
