"""The Haar features that AdaBoost finds, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, label
from course.effects.tour.common import face_pictures, gray_photo, parts, show_image
from course.tour.cascade import Features, Windows, adaboost, all_features

SIZE = (25, 25)
ROUNDS = 20
BACKGROUND = ("cat", "coffee", "rocket", "china", "flower")
LONGER = (80, 160, 320)  # photos in these sizes, so that windows show small and large pieces of them
PIECES = 32  # of each photo in each size; one half is known, one half is not


class _Boosted(NamedTuple):
    chosen: Tensor  # indices of the features, (ROUNDS,)
    threshold: float  # of the first one
    rates: Tensor  # (ROUNDS, 2): share of unseen faces and of unseen background that 1, 2, … features have right
    first: tuple[Tensor, Tensor]  # the first feature of unseen faces and background


@cache
def _features() -> Features:
    return all_features(*SIZE)


def _extent(features: Features) -> Tensor:
    """Top row, left column, height and width of the box of each feature, int64, shape (n, 4)."""
    used = features.weights != 0
    spans = [
        (torch.where(used, at, 99).amin(1), torch.where(used, at, 0).amax(1))
        for at in (features.rows, features.columns)
    ]
    (top, bottom), (left, right) = spans
    return torch.stack([top, left, bottom - top, right - left], 1)


def _background(generator: torch.Generator) -> Tensor:
    """Random windows of photos without a face, shape (n, 25, 25), shuffled."""
    found = []
    for picture in (gray_photo(name, size) for name in BACKGROUND for size in LONGER):
        rows, columns = (torch.randint(n - 24, (PIECES,), generator=generator).tolist() for n in picture.shape)
        found += [picture[i : i + 25, j : j + 25] for i, j in zip(rows, columns, strict=True)]
    return torch.stack(found)[torch.randperm(len(found), generator=generator)]


def _boost(known: tuple[Tensor, Tensor], unseen: tuple[Tensor, Tensor]) -> _Boosted:
    """Train on known faces and background, test on unseen ones."""
    face = torch.arange(sum(map(len, known))) < len(known[0])
    x = Windows(torch.cat(known), SIZE).responses(_features())
    chosen, thresholds, signs, votes, _ = adaboost(x, face, lambda total: False, rounds=ROUNDS)
    rates, first = [], []
    for pictures, sign in zip(unseen, (1, -1), strict=True):
        values = Windows(pictures, SIZE).responses(_features()[chosen])
        votes_so_far = (torch.where(values > thresholds, signs, -signs) * votes).cumsum(1)
        rates.append((sign * votes_so_far > 0).float().mean(0))
        first.append(values[:, 0])
    return _Boosted(chosen, thresholds[0].item(), torch.stack(rates, 1), (first[0], first[1]))


def _experiment(seed: int) -> _Boosted:
    """One half trains, the other tests, then the other way round: mean rates, all else of the first half."""
    generator = torch.Generator().manual_seed(seed)
    people, other = face_pictures()[0], _background(generator)
    people = people[torch.randperm(len(people), generator=generator)]
    halves = list(zip(people.chunk(2), other.chunk(2), strict=True))
    first, second = (_boost(*pair) for pair in (halves, halves[::-1]))
    return first._replace(rates=(first.rates + second.rates) / 2)


def _costs(features: Features) -> tuple[Tensor, Tensor]:
    """Pixels that features cover, and entries of the integral image that they need."""
    return _extent(features)[:, 2:].prod(1), (features.weights != 0).sum(1)


def _numbers(found: _Boosted) -> Numbers:
    right = found.rates.mean(1)
    pixels, entries = _costs(_features()[found.chosen])
    return {
        "right, 1 feature": right[0].item(),
        "right, 20 features": right[-1].item(),
        "pixels, smallest chosen": float(pixels.min()),
        "pixels, largest chosen": float(pixels.max()),
        "look-ups, most": float(entries.max()),
        "pixels / look-ups, all chosen": (pixels.sum() / entries.sum()).item(),
    }


def run(seed: int) -> Numbers:
    """How often one feature, and twenty, are right about unseen pictures; and what the features cost."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: one feature is right 75–95 %, twenty more often, over 88 %; at most 9 look-ups."""
    return all(
        0.75 < r["right, 1 feature"] < 0.95
        and 1 >= r["right, 20 features"] > max(0.88, r["right, 1 feature"])
        and r["look-ups, most"] <= 9
        and r["pixels, largest chosen"] > 5 * r["pixels, smallest chosen"] > 0
        and r["pixels / look-ups, all chosen"] > 3
        for r in rows
    )


def _draw_feature(axes: Axes, feature: Features, title: str) -> None:
    """The mean face with a feature on it: light where pixels count as +, dark where as −."""
    show_image(axes, face_pictures()[0].mean(0), title, vmin=0.1, vmax=0.9)
    corners = torch.zeros(SIZE[0] + 1, SIZE[1] + 1, dtype=torch.float64)
    corners.index_put_((feature.rows[0], feature.columns[0]), feature.weights[0], accumulate=True)
    weights = corners.flip(0, 1).cumsum(0).cumsum(1).flip(0, 1)[1:, 1:]  # of each pixel
    cover = torch.zeros(*SIZE, 4)
    cover[..., :3], cover[..., 3] = (weights > 0)[..., None], 0.75 * (weights != 0)
    axes.imshow(cover)
    top, left, height, width = _extent(feature)[0].tolist()
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fc="none", ec=VERMILLION, lw=1.5))


def _draw_values(axes: Axes, found: _Boosted) -> None:
    """Values of the first feature: faces and background, and the threshold between."""
    low, high = torch.cat(found.first).aminmax()
    bins = torch.linspace(low.item(), high.item(), 21).tolist()
    for values, color in zip(found.first, (BLUE, GREY), strict=True):
        weights = torch.full_like(values, 100 / len(values))
        axes.hist(values, bins, weights=weights, color=color, alpha=0.55, label="faces" if color == BLUE else "others")
    axes.axvline(found.threshold, color=VERMILLION)
    axes.locator_params(axis="x", nbins=4)
    axes.legend(fontsize=9, handlelength=1)
    axes.set(xlabel="value of the first feature", ylabel="share / %", title="Unseen pictures")


def _draw_costs(axes: Axes) -> None:
    pixels, entries = _costs(_features())
    ends = torch.stack([pixels.min(), pixels.max()])
    axes.loglog(ends, ends, "-", color=VERMILLION)
    axes.loglog(pixels, entries, ".", color=BLUE, ms=5)
    label(axes, 7, 170, "adding up\nthe pixels", VERMILLION)
    label(axes, 20, 3.6, "integral image", BLUE)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks((3, 10, 30, 100, 300), labels=["3", "10", "30", "100", "300"])
    axes.minorticks_off()
    axes.set_xlim(6, 800)
    axes.set(xlabel="pixels under a feature", ylabel="numbers to look up", title="Cost of a feature", ylim=(2, 900))


def draw(seed: int) -> Picture:
    """The first features on the mean face; the first one's values; committees; costs."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure = Figure(figsize=(9.6, 5.8), layout="constrained")
    above, below = parts(figure, 2, 1, [1, 1.35])
    names = ("first feature", "second", "third", "fourth", "fifth")
    for k, (axes, name) in enumerate(zip(above.subplots(1, 5), names, strict=True)):
        _draw_feature(axes, _features()[found.chosen[k : k + 1]], name)
    left, middle, right = below.subplots(1, 3)
    _draw_values(left, found)
    middle.plot(range(1, ROUNDS + 1), 100 * found.rates.mean(1), "o-", color=BLUE, ms=4)
    middle.axhline(50, color=GREY, ls=":")
    label(middle, 12, 53, "guessing", GREY)
    middle.set(xlabel="features that vote", ylabel="right / %", title="Unseen pictures", ylim=(45, 102))
    middle.set_xticks((1, 5, 10, 15, 20))
    _draw_costs(right)
    caption = (
        f"50 faces, 240 windows of photos, {len(_features())} features to choose from. One feature has "
        f"{numbers['right, 1 feature']:.0%} of unseen pictures right (mean of faces and background), twenty have "
        f"{numbers['right, 20 features']:.0%}. The twenty cover {numbers['pixels, smallest chosen']:.0f} to "
        f"{numbers['pixels, largest chosen']:.0f} pixels; none needs more than {numbers['look-ups, most']:.0f} entries "
        f"of the integral image, {numbers['pixels / look-ups, all chosen']:.0f} times fewer in all."
    )
    alt = (
        "Above: the mean face with the first five Haar features that AdaBoost chose, each a box with light and dark "
        "parts. Below left: the first feature's values, most faces on one side of its threshold, most background on "
        "the other. Middle: the share of right answers rises, with a dip at the start, as more features vote. Right: the "
        "pixels under a feature go from 8 to over 500; the numbers to look up stay between six and nine."
    )
    return Picture(figure, alt, caption)


HAAR = Effect(
    "tour.haar",
    "One Haar feature with one threshold, the best of thousands, is right about 75 to 95 % of unseen pictures, half "
    "faces and half background. Twenty of them that vote are right more often, over 88 % each time. Thanks to the "
    "integral image a feature costs at most nine look-ups, however many pixels it covers.",
    run,
    holds,
    draw,
    seconds=2.5,
)
