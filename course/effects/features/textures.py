"""Where a designed feature wins: brick, grass or gravel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from course.data import TEXTURES, textures
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.features.common import COLORS, FEATURES, Feature, LinearClassifier, montage, patterns
from course.effects.networks import Pairs, score, train_cnn
from course.effects.picture import Picture, canvas, label

SIZES, HELD_OUT, SIDE, STEPS = (30, 120, 480), 300, 32, 250
METHODS: dict[str, Feature] = {
    "grey pixels": FEATURES["grey pixels"],
    "HOG": FEATURES["HOG"],
    "LBP": lambda x: patterns(x, cell=None),
}


def _patches(split: str, n: int, generator: torch.Generator) -> Pairs:
    """n patches 32×32, as many of each surface, cut at random places from that split's part of the photos."""
    x, y = textures(split, size=128)
    places = [_cut(x[y == k, 0], n // 3, generator) for k in range(3)]
    return torch.cat(places)[:, None], torch.arange(3).repeat_interleave(n // 3)


def _cut(x: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n random windows of the pictures (M, H, W)."""
    picture = torch.randint(len(x), (n, 1, 1), generator=generator)
    top, left = torch.randint(x.shape[-1] - SIDE + 1, (2, n, 1, 1), generator=generator)
    steps = torch.arange(SIDE)
    return x[picture, top + steps[:, None], left + steps]


@lru_cache(maxsize=2)
def _experiment(seed: int) -> dict[str, list[float]]:
    """Test accuracy of each method for each number of training pictures."""
    generator = torch.Generator().manual_seed(seed)
    held_out, test = (_patches(split, HELD_OUT, generator) for split in ("validation", "test"))
    found: dict[str, list[float]] = {name: [] for name in (*METHODS, "CNN")}
    for n in SIZES:
        train = _patches("train", n, generator)
        for name, feature in METHODS.items():
            found[name].append(score(LinearClassifier(feature, train, held_out), test))
        found["CNN"].append(score(train_cnn(*train, generator, STEPS, first=1.0), test))
    return found


def run(seed: int) -> Numbers:
    """Test accuracy of each method at each number of training pictures."""
    found = _experiment(seed)
    return {f"{name}, N = {n}": value for name in found for n, value in zip(SIZES, found[name], strict=True)}


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: LBP beats all others at each N, the CNN by 5 points at N = 30; HOG beats pixels at N ≥ 120."""
    least, *more = SIZES
    return all(
        all(r[f"LBP, N = {n}"] > max(r[f"{name}, N = {n}"] for name in ("grey pixels", "HOG", "CNN")) for n in SIZES)
        and r[f"LBP, N = {least}"] > r[f"CNN, N = {least}"] + 0.05
        and r[f"CNN, N = {more[-1]}"] > r[f"CNN, N = {least}"] + 0.02
        and all(r[f"HOG, N = {n}"] > r[f"grey pixels, N = {n}"] + 0.05 for n in more)
        for r in rows
    )


def draw(seed: int) -> Picture:
    """Some patches; accuracy against the number of training pictures."""
    found = _experiment(seed)
    figure, (left, right) = canvas(widths=[0.62, 1])
    x, _ = _patches("train", 15, torch.Generator().manual_seed(seed))
    left.imshow(montage(x, 5), interpolation="nearest")
    left.set_title("Some of the patches")
    left.set_yticks([16, 50, 84], labels=TEXTURES)
    left.set_xticks([])
    left.grid(False)
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    at = -1e9
    for name, values in sorted(found.items(), key=lambda item: item[1][-1]):
        right.semilogx(SIZES, [100 * v for v in values], "o-", color=COLORS[name], ms=7)
        at = max(100 * values[-1], at + 4)
        label(right, SIZES[-1] * 1.13, at, name + (", 10 numbers" if name == "LBP" else ""), COLORS[name])
    right.set(xlabel="training pictures N", ylabel="accuracy / %", title="Learned or designed?", xlim=(26, 1900))
    right.set_xticks(SIZES, labels=[str(n) for n in SIZES])
    right.minorticks_off()
    caption = (
        "Patches 32×32 of three surfaces, trained on the left half of each photo, tested on the right quarter. "
        + "; ".join(f"{name} " + " / ".join(f"{100 * v:.0f}" for v in values) for name, values in found.items())
        + f" % at N = {' / '.join(map(str, SIZES))}. LBP: how often each of ten patterns occurs in the patch."
    )
    alt = (
        "Left: patches of brick, grass and gravel. Right: accuracy against the number of training pictures. A linear "
        "classifier on ten LBP numbers is near 100 percent from 30 pictures on; the CNN climbs towards it with more "
        "pictures; HOG lies below, pixels far below."
    )
    return Picture(figure, alt, caption)


_METHODS = ("CNN", "HOG", "LBP", "grey pixels")


def _answer(numbers: Numbers) -> int:
    return max(range(len(_METHODS)), key=lambda i: numbers[f"{_METHODS[i]}, N = 30"])


def _told(numbers: Numbers) -> str:
    shares = ", ".join(f"{method} {numbers[f'{method}, N = 30']:.0%}" for method in _METHODS)
    return f"Right with 30 training pictures: {shares}. The network learns its features, the others were designed."


PREDICTION = Prediction(
    "Brick, grass or gravel? There are only 30 pictures to learn from. Which does best on new ones?",
    (
        "a small network, which learns its own features",
        "a linear classifier on HOG",
        "a linear classifier on ten numbers: how often each local binary pattern occurs",
        "a linear classifier on the pixels",
    ),
    _answer,
    _told,
)


TEXTURE = Effect(
    "features.textures",
    "Learning does not always win. To tell brick, grass and gravel apart, ten numbers designed for it (how often each "
    "uniform local binary pattern occurs) and a linear classifier beat pixels, HOG and a small network at every number "
    "of training pictures from 30 to 480. With 30 pictures the network is more than 5 points behind, with more it "
    "comes closer.",
    run,
    holds,
    draw,
    seconds=3.5,
    prediction=PREDICTION,
)
