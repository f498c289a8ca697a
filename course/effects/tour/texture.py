"""Textures in another light: pixels and histograms of greys change, local binary patterns do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course.data import TEXTURES, textures
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, PINK, VERMILLION, Picture, label
from course.effects.tour.common import parts, show_image
from course.features import code_histograms
from course.pixels import nearest_neighbour
from course.tour import local_binary_pattern

KNOWN, UNSEEN = 64, 64  # patches of each texture
LIGHTS = ("the same light", "another light", "another light, 8 bits")


def codes(x: Tensor) -> Tensor:
    """LBP codes of the pixels that have all their neighbours."""
    return local_binary_pattern(x)[..., 1:-1, 1:-1]


def _greys(x: Tensor) -> Tensor:
    """Histogram of 32 shades: 32 bins instead of 256, as a patch has only 1 024 pixels."""
    return code_histograms((255 * x).round().long() // 8, 32)


DESCRIPTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "pixels": lambda x: x.flatten(1).float(),
    "histogram of greys": _greys,
    "histogram of LBP codes": lambda x: code_histograms(codes(x).long(), 256),
}


class _Found(NamedTuple):
    right: Tensor  # (descriptions, lights)
    unchanged: Tensor  # share of LBP codes that other light leaves, then rounded to 8 bits
    patches: tuple[Tensor, ...]  # unseen ones in each light, float64 (n, 32, 32)


def light_curves(n: int, generator: torch.Generator) -> Tensor:
    """n rising curves a + (b − a) vᵞ for v = 0 … 255: γ from ¼ to 4, a from 0 to 0.4, b from 0.6 to 1. (n, 256)."""
    gamma, low, high = torch.rand(3, n, 1, generator=generator, dtype=torch.float64)
    low, high = 0.4 * low, 1 - 0.4 * high
    return low + (high - low) * torch.linspace(0, 1, 256, dtype=torch.float64) ** (4 ** (2 * gamma - 1))


def _some(split: str, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """n random patches of each texture, their grey levels 0 … 255 as integers, (3n, 32, 32); and labels."""
    images, labels = textures(split)
    classes = [(labels == k).nonzero()[:, 0] for k in range(3)]
    rows = torch.cat([r[torch.randperm(len(r), generator=generator)[:n]] for r in classes])
    return (255 * images[rows, 0]).round().long(), labels[rows]


def _experiment(seed: int) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    x, y = _some("train", KNOWN, generator)
    levels, labels = _some("test", UNSEEN, generator)
    curves = light_curves(len(levels), generator)
    other = curves.gather(1, levels.flatten(1)).view(levels.shape)
    lights = (levels.double() / 255, other, (255 * other).round() / 255)
    right = [
        [(nearest_neighbour(d(x.double() / 255), y, d(seen)) == labels).float().mean() for seen in lights]
        for d in DESCRIPTIONS.values()
    ]
    unchanged = [(codes(seen) == codes(levels)).float().mean() for seen in lights[1:]]
    return _Found(torch.tensor(right), torch.stack(unchanged), lights)


def _numbers(found: _Found) -> Numbers:
    right = {
        f"right, {name}, {light}": found.right[i, j].item()
        for i, name in enumerate(DESCRIPTIONS)
        for j, light in enumerate(LIGHTS)
    }
    return right | {
        "codes unchanged": found.unchanged[0].item(),
        "codes unchanged, 8 bits": found.unchanged[1].item(),
    }


def run(seed: int) -> Numbers:
    """Nearest neighbours on three descriptions, the unseen patches in three lights; and how many codes stay."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: exactly the same codes and answers in any light; over 85 % even in 8 bits; others below that."""
    lbp, greys, pixels = "right, histogram of LBP codes, ", "right, histogram of greys, ", "right, pixels, "
    return all(
        r["codes unchanged"] == 1
        and r["codes unchanged, 8 bits"] < 0.9
        and 1 >= r[lbp + LIGHTS[1]] == r[lbp + LIGHTS[0]] > 0.93
        and 1 >= r[lbp + LIGHTS[2]] > 0.85
        and 0.55 < r[greys + LIGHTS[0]] < 0.75
        and r[greys + LIGHTS[1]] < 0.55
        and 0.2 < r[pixels + LIGHTS[1]] < 0.5
        and 0.35 < r[pixels + LIGHTS[0]] < 0.5
        for r in rows
    )


def _gallery(figure: Figure, found: _Found) -> None:
    """A patch of each texture as it was and in another light, and its codes in both."""
    axes = figure.subplots(3, 4)
    for k, name in enumerate(TEXTURES):
        before, after = (part[k * UNSEEN] for part in found.patches[:2])
        for j, (image, title) in enumerate(
            (
                (before, name),
                (after, "other light"),
                (codes(before) / 255.0, "codes"),
                (codes(after) / 255.0, "codes, other light"),
            )
        ):
            show_image(axes[k, j], image, title if k == 0 or j == 0 else "")


def draw(seed: int) -> Picture:
    """Patches and their codes in two lights; how often each description finds the texture."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = parts(figure, 1, 2, [1.2, 1])
    _gallery(left, found)
    axes = right.subplots()
    looks = ((VERMILLION, "s--", (0.02, 38)), (PINK, "^-.", (0.55, 58)), (BLUE, "o-", (0.02, 92)))
    for name, share, (color, style, spot) in zip(DESCRIPTIONS, found.right, looks, strict=True):
        axes.plot(range(3), 100 * share, style, color=color, ms=8)
        label(axes, *spot, name, color)
    axes.axhline(100 / 3, color=GREY, ls=":")
    label(axes, 1.6, 28, "guessing", GREY)
    axes.set(ylim=(20, 103), ylabel="right / %", title="Nearest neighbour on …")
    axes.set_xticks(range(3), labels=[light.replace(", ", ",\n") for light in LIGHTS])
    lbp = [f"{numbers[f'right, histogram of LBP codes, {light}']:.1%}" for light in LIGHTS]
    caption = (
        f"{3 * UNSEEN} unseen patches, {3 * KNOWN} known ones, a light of its own for each unseen patch. Right in the "
        f"same and in another light: pixels {found.right[0, 0]:.0%} and {found.right[0, 1]:.0%}, greys "
        f"{found.right[1, 0]:.0%} and {found.right[1, 1]:.0%}, LBP {lbp[0]} and {lbp[1]}: not one code changes. "
        f"Rounded to 8 bits again, {1 - found.unchanged[1]:.0%} of the codes change, as neighbouring greys become "
        f"equal; LBP then has {lbp[2]}."
    )
    alt = (
        "Left: patches of brick, grass and gravel as they were and in another light, which makes them much darker or "
        "brighter, beside pictures of their LBP codes, which are the same in both lights. Right: the share of textures "
        "found. In the same light, LBP is best, then the histogram of greys, then the pixels; in another light LBP "
        "stays where it was, both others fall to about guessing."
    )
    return Picture(figure, alt, caption)


TEXTURE = Effect(
    "tour.texture",
    "Any change of light that keeps darker darker leaves every LBP code as it is. So nearest neighbours on histograms "
    "of LBP codes tell brick, grass and gravel apart exactly as before, in over 93 %, while histograms of greys, right "
    "in about two thirds in the same light, fall below 55 %. Pixels are right in less than half in any light. A camera "
    "that rounds to 8 bits makes some greys equal and so changes over a tenth of the codes; over 85 % are right still.",
    run,
    holds,
    draw,
    seconds=0.1,
)
