"""A face as a mean face plus a few typical deviations, and what is far from all such faces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, GREY, VERMILLION, Picture, label
from course.effects.tour.common import face_pictures, parts, show_image, split
from course.tour import eigenfaces, reconstruct

COUNTS = (1, 2, 5, 10, 20, 50, 69)
KNOWN, SPLITS = 70, 10


class _Faces(NamedTuple):
    known: Tensor  # mean over the faces of ‖x − x̂‖/‖x − mean‖, shape (SPLITS, counts)
    unseen: Tensor  # likewise, faces that the components were not made of
    absolute: Tensor  # share of pairs of an unseen face and a background whose face is nearer to face space
    relative: Tensor  # likewise, the distance divided by the picture's contrast


def _fit(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Known faces, unseen ones, and the mean face and all components of the known ones."""
    people, _ = face_pictures()
    first, others = split(len(people), KNOWN, torch.Generator().manual_seed(seed))
    return people[first], people[others], *eigenfaces(people[first], KNOWN - 1)


def _distances(x: Tensor, center: Tensor, components: Tensor) -> Tensor:
    """How far each picture (N, h, w) is from its reconstruction with each number of components: (N, counts)."""
    parts = [x - reconstruct(x, center, components[:k])[1] for k in COUNTS]
    return torch.stack([part.flatten(1).norm(dim=1) for part in parts], 1)


def _nearer(faces: Tensor, others: Tensor) -> Tensor:
    """Share of all pairs in which the face has the smaller value; ties count half. (N, c), (M, c) → (c,)."""
    return 0.5 + 0.5 * (others[:, None] - faces).sign().mean((0, 1))


def _one(seed: int) -> list[Tensor]:
    known, unseen, center, components = _fit(seed)
    _, background = face_pictures()
    share, far, contrast = [], [], []
    for x in (known, unseen, background):
        far.append(_distances(x, center, components))
        contrast.append(x.flatten(1).std(1, keepdim=True) + 1e-6)
        share.append((far[-1] / (x - center).flatten(1).norm(dim=1, keepdim=True)).mean(0))
    relative = _nearer(far[1] / contrast[1], far[2] / contrast[2])
    return [share[0], share[1], _nearer(far[1], far[2]), relative]


def _experiment(seed: int) -> _Faces:
    results = [_one(SPLITS * seed + i) for i in range(SPLITS)]
    return _Faces(*(torch.stack(part) for part in zip(*results, strict=True)))


def _numbers(found: _Faces) -> Numbers:
    known, unseen, absolute, relative = (part.mean(0) for part in found)
    at = COUNTS.index
    return {
        "error left, unseen, k = 1": unseen[at(1)].item(),
        "error left, unseen, k = 5": unseen[at(5)].item(),
        "error left, unseen, k = 20": unseen[at(20)].item(),
        "error left, unseen, k = 50": unseen[at(50)].item(),
        "error left, unseen, k = 69": unseen[at(69)].item(),
        "error left, known, k = 69": known[at(69)].item(),
        "pairs right, by contrast, k = 1": relative[at(1)].item(),
        "pairs right, by contrast, k = 50": relative[at(50)].item(),
        "pairs right, distance alone, k = 50": absolute[at(50)].item(),
    }


def run(seed: int) -> Numbers:
    """Ten random splits: what is left of faces after k components, and how often a face is nearer than background."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: errors fall as claimed, known faces come back; faces stand out at k = 1, by contrast, and no more."""
    ks = (1, 5, 20, 50, 69)
    return all(
        all(r[f"error left, unseen, k = {a}"] > r[f"error left, unseen, k = {b}"] for a, b in pairwise(ks))
        and 0.4 < r["error left, unseen, k = 69"] < 0.6
        and 0 <= r["error left, known, k = 69"] < 0.001
        and 1 >= r["pairs right, by contrast, k = 1"] > 0.95
        and r["pairs right, by contrast, k = 50"] < 0.88
        and 0 <= r["pairs right, distance alone, k = 50"] < 0.5
        for r in rows
    )


def _gallery(figure: Figure, seed: int) -> None:
    """Above: the mean face and the first components. Below: an unseen face from more and more of them."""
    _, unseen, center, components = _fit(SPLITS * seed)
    axes = figure.subplots(2, 8)
    show_image(axes[0, 0], center, "mean face")
    for k in range(7):
        size = components[k].abs().max()
        show_image(axes[0, k + 1], components[k], f"eigenface {k + 1}", vmin=-size, vmax=size)
    for j, k in enumerate((0, 1, 2, 5, 20, 50, 69)):
        image = reconstruct(unseen[:1], center, components[:k])[1][0] if k else center
        show_image(axes[1, j], image, f"k = {k}" + ("" if k else " (mean)"))
    show_image(axes[1, 7], unseen[0], "unseen face")


def draw(seed: int) -> Picture:
    """Components, reconstructions, and both distances against the number of components."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    above, below = parts(figure, 2, 1, [1, 1.3])
    _gallery(above, seed)
    left, right = below.subplots(1, 2)
    for part, color, style, name, x, y in (
        (found.known, GREY, "s--", "the 70 known faces", 1.1, 32),
        (found.unseen, BLUE, "o-", "30 unseen faces", 12, 78),
    ):
        left.plot(COUNTS, 100 * part.mean(0), style, color=color, ms=5)
        label(left, x, y, name, color)
    left.set(ylabel="mean error left / %", title="What k numbers miss", ylim=(-3, 105))
    for part, color, style, name, x, y in (
        (found.relative, BLUE, "o-", "distance / contrast", 4, 99),
        (found.absolute, VERMILLION, "s--", "distance alone", 3, 60),
    ):
        right.plot(COUNTS, 100 * part.mean(0), style, color=color, ms=5)
        label(right, x, y, name, color)
    right.axhline(50, color=GREY, ls=":")
    label(right, 1, 46, "guessing", GREY)
    right.set(ylabel="pairs in which the face is nearer / %", title="Face or background?", ylim=(25, 103))
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(COUNTS[:-1], labels=[str(k) for k in COUNTS[:-1]])
        axes.minorticks_off()
        axes.set_xlabel("components k")
    caption = (
        f"Mean over {SPLITS} random splits. Of an unseen face's distance from the mean, "
        f"{numbers['error left, unseen, k = 5']:.0%} is left with 5 components, "
        f"{numbers['error left, unseen, k = 50']:.0%} with 50 and {numbers['error left, unseen, k = 69']:.0%} with all "
        f"69, which give back the known faces exactly. Relative to its contrast a face is nearer to face space than a "
        f"background in {numbers['pairs right, by contrast, k = 1']:.1%} of all pairs with one component, in "
        f"{numbers['pairs right, by contrast, k = 50']:.0%} with 50. The distance alone, with 50: "
        f"{numbers['pairs right, distance alone, k = 50']:.0%}."
    )
    alt = (
        "Above: the mean of 70 small grey faces, seven eigenfaces (light from the side, light and dark hair …), and an "
        "unseen face rebuilt from 0 to 69 of them, ever more like the original but never the same. Below left: the "
        "error falls with the number of components, to zero for known faces, to about half for unseen ones. Below "
        "right: how often a face is nearer to face space than a background falls with the number of components; with "
        "the plain distance it soon lies below guessing."
    )
    return Picture(figure, alt, caption)


EIGENFACES = Effect(
    "tour.eigenfaces",
    "The more eigenfaces, the closer the rebuilt face: on faces that nobody has seen before the error falls with "
    "every k tried, but half of it stays, while the 70 known faces come back exactly from 69 numbers. The distance "
    "from face space tells faces from background in over 95 % of the pairs with one component, if it is divided by "
    "the picture's contrast. More components make that worse: they rebuild flat background better still, and the "
    "plain distance is then worse than guessing.",
    run,
    holds,
    draw,
    seconds=0.4,
)
