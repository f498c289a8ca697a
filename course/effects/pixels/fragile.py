"""What happens to a picture's numbers when one moves, darkens or blurs it a little."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course.data import PHOTOS, digits, photos
from course.effects.effect import Effect, Numbers, Prediction
from course.effects.picture import GREY, VERMILLION, Picture
from course.effects.pixels.common import WAYS, blur, darken, move

SIZE, SIDE = 160, 128  # photos are read at 160 pixels, and a window of 128 is looked at
STEPS = (1, 2, 4, 8)
PHOTO_CHANGES = (*(f"moved {k} px" for k in STEPS), "light × 0.8", "blurred")
DIGIT_CHANGES = ("moved 1 px", "moved 2 px", "light × 0.5", "blurred")


class _Changed(NamedTuple):
    share: float  # of the numbers that changed
    ratio: float  # mean distance to itself, over the mean distance to a picture of another class
    lost: float  # share of pictures that come nearer to one of another class than they are to themselves


class _Found(NamedTuple):
    photos: dict[str, _Changed]
    digits: dict[str, _Changed]
    windows: dict[str, Tensor]  # what the window shows of each photo, (6, 3, 128, 128)
    changed: dict[str, Tensor]  # the digits, (400, 1, 8, 8)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances over all numbers of two sets of pictures, (M, N)."""
    return torch.cdist(a.flatten(1), b.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")


def _compare(changed: Tensor, x: Tensor, y: Tensor) -> _Changed:
    """Changed pictures against all as they were; x[i] is what changed[i] was made of."""
    other = y[:, None] != y
    distances, own = _distances(changed, x), (changed - x).flatten(1).norm(dim=1)
    nearest = torch.where(other, distances, torch.inf).amin(1)
    usual = _distances(x, x)[other].mean()
    return _Changed(
        (changed != x).float().mean().item(), (own.mean() / usual).item(), (nearest < own).float().mean().item()
    )


def _photo_windows(generator: torch.Generator) -> dict[str, Tensor]:
    """A window of each photo; what the same window shows when the photo is moved, darker or blurred."""
    whole = (photos(SIZE)[0] * 255).round() / 255
    top, left = (int(t) for t in torch.randint(STEPS[-1], SIZE - SIDE - STEPS[-1], (2,), generator=generator))
    right, down = WAYS[int(torch.randint(len(WAYS), (1,), generator=generator))]

    def window(x: Tensor, by: int = 0) -> Tensor:
        i, j = top - by * down, left - by * right
        return x[:, :, i : i + SIDE, j : j + SIDE]

    views = {"as it is": window(whole)} | {f"moved {k} px": window(whole, k) for k in STEPS}
    return views | {"light × 0.8": darken(window(whole), 0.8), "blurred": window(blur(whole))}


def _changed_digits(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Each digit moved in a direction of its own, darkened, blurred."""
    way = torch.randint(len(WAYS), (len(x),), generator=generator)
    moved = {f"moved {k} px": move(x, k, way) for k in (1, 2)}
    return {"as it is": x, **moved, "light × 0.5": darken(x), "blurred": blur(x)}


@lru_cache(maxsize=2)
def _experiment(seed: int) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    x, y = digits("test")
    windows, changed = _photo_windows(generator), _changed_digits(x, generator)
    whole = windows["as it is"]
    return _Found(
        {name: _compare(windows[name], whole, torch.arange(len(whole))) for name in PHOTO_CHANGES},
        {name: _compare(changed[name], x, y) for name in DIGIT_CHANGES},
        windows,
        changed,
    )


def run(seed: int) -> Numbers:
    """Share of changed numbers; distance to itself against that to another class; pictures nearer to another class."""
    found = _experiment(seed)
    numbers = {f"photos {name}: numbers changed": c.share for name, c in found.photos.items()}
    numbers |= {f"photos {name}: distance": found.photos[name].ratio for name in PHOTO_CHANGES}
    for name, changed in found.digits.items():
        numbers |= {f"digits {name}: distance": changed.ratio, f"digits {name}: nearer to another": changed.lost}
    return numbers


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: most of a photo's numbers change; 4 in 5 digits are lost after 1 px, nearly all after 2."""
    return all(
        all(r[f"photos {name}: numbers changed"] > 0.65 for name in PHOTO_CHANGES)
        and all(r[f"photos moved {k} px: numbers changed"] > 0.75 for k in STEPS)
        and r["photos moved 4 px: distance"] > 0.3
        and 0.8 < r["digits moved 1 px: distance"] < 1 < r["digits moved 2 px: distance"] < 2
        and r["digits moved 1 px: nearer to another"] > 0.8
        and r["digits moved 2 px: nearer to another"] > 0.95
        for r in rows
    )


def draw(seed: int) -> Picture:
    """A photo and a digit as they are, moved, darker, blurred, and another one; the numbers below."""
    found = _experiment(seed)
    x, y = digits("test")
    moved = found.changed["moved 1 px"]
    figure = Figure(figsize=(9.6, 5.5), layout="constrained")
    axes = figure.subplots(2, 5)
    cat = PHOTOS.index("cat")
    seen = [found.windows[name][cat] for name in ("as it is", "moved 4 px", "light × 0.8", "blurred")]
    whole = found.windows["as it is"]
    distance = _distances(seen[1][None], whole)[0]
    distance[cat] = torch.inf
    titles = ("A photo", "moved 4 px", "light × 0.8", "blurred", "Another photo")
    _row(axes[0], [*seen, whole[int(distance.argmin())]], titles)
    i = _lost(moved, x, y, seed)
    seen = [found.changed[name][i] for name in ("as it is", "moved 1 px", "light × 0.5", "blurred")]
    distance = torch.where(y == y[i], torch.inf, _distances(moved[i][None], x)[0])
    j = int(distance.argmin())
    _row(axes[1], [*seen, x[j]], (f"Digit {y[i]}", "moved 1 px", "light × 0.5", "blurred", f"Digit {y[j]}"))
    return Picture(figure, ALT, _caption(found))


def _lost(moved: Tensor, x: Tensor, y: Tensor, seed: int) -> int:
    """A digit that comes nearer to one of another class when moved."""
    other = torch.where(y[:, None] == y, torch.inf, _distances(moved, x)).amin(1)
    candidates = (other < (moved - x).flatten(1).norm(dim=1)).nonzero()[:, 0]
    return int(candidates[(37 * seed + 11) % len(candidates)])


def _row(axes: Sequence[Axes], seen: Sequence[Tensor], titles: Sequence[str]) -> None:
    """Five pictures in a row; below each its distance to the first one, below the last that to the second one."""
    first, second, *_, other = seen
    for axis, x, title in zip(axes, seen, titles, strict=True):
        axis.imshow(x.expand(3, -1, -1).permute(1, 2, 0), interpolation="nearest")
        axis.set_title(title, color="black" if x is first or x is other else VERMILLION)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(True)
        axis.spines[:].set_color(GREY)
        if x is other:
            text = f"distance to the\nmoved one {(x - second).norm():.1f}"
        elif x is first:
            text = f"{x.numel():,} numbers".replace(",", " ")
        else:
            text = f"{100 * (x != first).float().mean():.0f} % changed\ndistance {(x - first).norm():.1f}"
        axis.set_xlabel(text)


def _caption(found: _Found) -> str:
    photo, digit = found.photos, found.digits
    return (
        f"Windows of {SIDE}×{SIDE} pixels of six photos: moved by 1 / 2 / 4 / 8 pixels, "
        + " / ".join(f"{100 * photo[f'moved {k} px'].share:.0f}" for k in STEPS)
        + f" % of the numbers change ({100 * photo['light × 0.8'].share:.0f} % in less light, "
        f"{100 * photo['blurred'].share:.0f} % blurred), and the distance to itself is "
        + " / ".join(f"{100 * photo[f'moved {k} px'].ratio:.0f}" for k in STEPS)
        + " % of that between two photos. 400 digits: moved by 1 pixel, the distance to itself is "
        f"{100 * digit['moved 1 px'].ratio:.0f} % of the mean distance between classes, and "
        f"{100 * digit['moved 1 px'].lost:.0f} % are nearer to some digit of another class than to themselves "
        f"(2 pixels: {100 * digit['moved 2 px'].lost:.0f} %, light × 0.5: {100 * digit['light × 0.5'].lost:.0f} %, "
        f"blurred: {100 * digit['blurred'].lost:.0f} %)."
    )


ALT = (
    "Two rows of pictures. A photo of a cat as it is, moved, a little darker and blurred: all four look alike, yet "
    "most of the numbers have changed; then another photo. A digit as it is, moved by one pixel, darker and "
    "blurred, then a digit of another class: by the numbers, the moved digit is nearer to that one than to itself."
)


def _answer(numbers: Numbers) -> int:
    return bisect((0.1, 0.5), numbers["digits moved 1 px: nearer to another"])


def _told(numbers: Numbers) -> str:
    one, two = (numbers[f"digits moved {n} px: nearer to another"] for n in (1, 2))
    return f"Moved by one pixel, {one:.0%} of the digits; moved by two, {two:.0%}."


PREDICTION = Prediction(
    "Each digit (8×8 pixels) is moved by one pixel. How many are then nearer, number by number, to a digit of another "
    "class than to themselves as they were?",
    ("hardly any: below 10 %", "some: 10 to 50 %", "most: more than half"),
    _answer,
    _told,
)


FRAGILE = Effect(
    "pixels.fragile",
    "Move a photo by one pixel or more, take a fifth of its light away or blur it slightly: it still shows the same, "
    "but at least two thirds of its numbers are others, and after 4 pixels it is a third as far from itself as "
    "another photo is. For small pictures it is worse: moved by one pixel, four out of five digits (8×8) lie nearer to "
    "a digit of another class than to themselves, moved by two nearly all.",
    run,
    holds,
    draw,
    seconds=0.4,
    prediction=PREDICTION,
)
